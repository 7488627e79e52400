// Rearranges a right factor into panels: two vectors of columns wide, one index (or pair) of the inner extent after the
// other. What a panel has beyond the factor's last column is zero.
#include "MicroKernel.h"
#include "descent/Conversion/Kernels/IndexBuilder.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace descent::plan;

namespace {
/// What to pack: columns and inner indices of a factor, into panels that begin with that of column `firstCol`.
struct PackedBlock {
  Value source, panels, firstCol;
  Value colBegin, colEnd, innerBegin, innerEnd;
};

class PackLoops {
public:
  PackLoops(ImplicitLocOpBuilder &b, PackedBlock block, bool transposed, const ProductBlocking &size)
      : b(b), index(b), block(block), size(size), type(cast<MemRefType>(block.panels.getType()).getElementType()) {
    outer = index.dim(block.source, transposed ? 0 : 1);
    inner = index.dim(block.source, transposed ? 1 : 0);
  }

  void emitRows();
  void emitTransposed();

private:
  struct Place {
    Value row, col;
  };
  void emitPanelStep(Value col, Value step, bool isHalf);
  void emitSquare(Value col, int64_t half, Value begin);
  SmallVector<Value> loadUpTo(ArrayRef<Place> places, Value end, VectorType bits);
  void store(Value bits, Value col, Value step, int64_t half);

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  PackedBlock block;
  const ProductBlocking &size;
  Type type;
  Value outer, inner;
};
} // namespace

/// Entries from each place on, zero from the column `end` on, as the bits that move: processors without arithmetic on
/// 16 bits pass no such vectors on. The last place reaches furthest: the loads have masks only where it does not fit.
SmallVector<Value> PackLoops::loadUpTo(ArrayRef<Place> places, Value end, VectorType bits) {
  int64_t length = bits.getNumElements() * bits.getElementTypeBitWidth() / type.getIntOrFloatBitWidth();
  Value fits = index.compare(arith::CmpIPredicate::sle, index.add(places.back().col, length), end);
  auto yieldLoads = [&](bool masked) {
    SmallVector<Value> loads;
    for (Place place : places) {
      Value mask = masked ? createMask(b, index.sub(end, place.col), length) : Value();
      Value entries = loadEntries(b, block.source, {place.row, place.col}, length, type, mask);
      loads.push_back(bits == entries.getType() ? entries : vector::BitCastOp::create(b, bits, entries).getResult());
    }
    scf::YieldOp::create(b, loads);
  };
  auto choice = scf::IfOp::create(
      b, fits, [&](OpBuilder &, Location) { yieldLoads(false); }, [&](OpBuilder &, Location) { yieldLoads(true); });
  return choice.getResults();
}

/// Half of a panel's columns.
void PackLoops::store(Value bits, Value col, Value step, int64_t half) {
  int64_t lanes = size.length * size.group;
  auto entries = VectorType::get({lanes}, type);
  if (bits.getType() != entries)
    bits = vector::BitCastOp::create(b, entries, bits);
  Value panel = createPanelView(b, block.panels, size, col, block.firstCol, index.constant(0));
  storeEntries(b, bits, panel, {step, index.constant(half * lanes)}, Value());
}

/// With `isHalf` the pair's second row does not exist: it is zero, lest what lies there be multiplied by zero.
void PackLoops::emitPanelStep(Value col, Value step, bool isHalf) {
  auto bits = VectorType::get({size.length}, size.group == 1 ? type : b.getI16Type());
  SmallVector<Place> places;
  for (int64_t half = 0; half < 2; ++half)
    for (int64_t row = 0; row < (isHalf ? 1 : size.group); ++row)
      places.push_back({index.add(index.mul(step, size.group), row), index.add(col, half * size.length)});
  SmallVector<Value> rows = loadUpTo(places, outer, bits);
  for (int64_t half = 0; half < 2; ++half) {
    Value first = rows[half * rows.size() / 2];
    if (size.group > 1) {
      Value second = isHalf ? arith::ConstantOp::create(b, b.getZeroAttr(bits)).getResult() : rows[2 * half + 1];
      first = vector::InterleaveOp::create(b, first, second);
    }
    store(first, col, step, half);
  }
}

/// Several panels of a row at a time: longer runs of memory.
void PackLoops::emitRows() {
  auto emitStep = [&](Value step, bool isHalf) {
    index.forRange(block.colBegin, block.colEnd, size.panel, [&](Value col) { emitPanelStep(col, step, isHalf); });
  };
  Value begin = index.div(block.innerBegin, size.group), end = index.div(block.innerEnd, size.group);
  index.forRange(begin, end, 1, [&](Value step) { emitStep(step, false); });
  if (size.group == 1)
    return;
  Value isOdd = index.compare(arith::CmpIPredicate::ne, index.rem(block.innerEnd, size.group), index.constant(0));
  index.ifTrue(isOdd, [&] { emitStep(end, true); });
}

/// Squares of vectors go through registers; a pair is one lane. Rows of the factor that do not exist are copies of its
/// last one.
void PackLoops::emitSquare(Value col, int64_t half, Value begin) {
  auto bits = VectorType::get({size.length}, size.group == 1 ? type : b.getI32Type());
  Value last = index.sub(outer, 1);
  SmallVector<Place> places;
  for (int64_t i = 0; i < size.length; ++i)
    places.push_back({index.min(index.add(col, half * size.length + i), last), begin});
  Value step = index.div(begin, size.group);
  for (auto [i, row] : llvm::enumerate(transpose(b, loadUpTo(places, inner, bits))))
    store(row, col, index.add(step, i), half);
}

void PackLoops::emitTransposed() {
  index.forRange(block.colBegin, block.colEnd, size.panel, [&](Value col) {
    index.forRange(block.innerBegin, block.innerEnd, size.inner, [&](Value begin) {
      for (int64_t half = 0; half < 2; ++half)
        emitSquare(col, half, begin);
    });
  });
}

func::FuncOp descent::plan::createPackKernel(ImplicitLocOpBuilder &b, PackOp stage, unsigned vectorBits) {
  ProductBlocking size(vectorBits, stage.getTarget().getType().getElementType());
  Kernel kernel = createKernel(b, stage, KernelShape());
  PackedBlock block = {kernel.buffer(stage.getSource()),
                       kernel.buffer(stage.getTarget()),
                       createIndex(b, 0),
                       kernel.rowBegin,
                       kernel.rowEnd,
                       kernel.colBegin,
                       kernel.colEnd};
  PackLoops loops(b, block, stage.getTransposed(), size);
  if (stage.getTransposed())
    loops.emitTransposed();
  else
    loops.emitRows();
  func::ReturnOp::create(b);
  int64_t outer = size.packAlong, inner = size.packAcross;
  if (stage.getTransposed())
    std::swap(outer, inner);
  stage->setAttr("plan.tile", b.getDenseI64ArrayAttr({inner, inner * outer, outer, size.panel, size.inner}));
  return kernel.function;
}

/// The function for one type of panels: (factor, panels, columns).
static func::FuncOp getOrCreateCopy(ImplicitLocOpBuilder &b, Operation *beside, const ProductBlocking &size,
                                    TypeRange types) {
  std::string name;
  llvm::raw_string_ostream(name) << "copy_" << size.accumulator;
  if (auto known = SymbolTable::lookupSymbolIn(SymbolTable::getNearestSymbolTable(beside), name))
    return cast<func::FuncOp>(known);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(beside);
  auto function = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  function.setPrivate();
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto arguments = entry->getArguments();
  Value rows = memref::DimOp::create(b, arguments[0], createIndex(b, 0));
  PackedBlock block = {arguments[0], arguments[1], arguments[2], arguments[2], arguments[3], createIndex(b, 0), rows};
  PackLoops(b, block, /*transposed=*/false, size).emitRows();
  func::ReturnOp::create(b);
  return function;
}

void descent::plan::createPanelCopies(ImplicitLocOpBuilder &b, Operation *beside, const ProductBlocking &size,
                                      Value factor, Value panels, Value colBegin, Value colEnd) {
  SmallVector<Value> operands = {factor, panels, colBegin, colEnd};
  func::CallOp::create(b, getOrCreateCopy(b, beside, size, TypeRange(operands)), operands);
}
