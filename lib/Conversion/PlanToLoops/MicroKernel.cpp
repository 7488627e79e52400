// One micro-kernel for each number of rows: sums stay in registers, a panel of the right factor passes in vectors, the
// left factor is read where it lies, an entry (or a pair) at a time. Functions of their own keep live ranges short.
#include "MicroKernel.h"

#include "IndexBuilder.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace descent::plan;

MemRefType descent::plan::getViewType(MLIRContext *context, Type elementType) {
  auto layout = StridedLayoutAttr::get(context, ShapedType::kDynamic, {ShapedType::kDynamic, 1});
  return MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic}, elementType, layout);
}

Value descent::plan::createView(ImplicitLocOpBuilder &b, Value memref, Value row, Value col, Value rows, Value cols) {
  OpFoldResult one = b.getIndexAttr(1);
  return memref::SubViewOp::create(b, memref, ArrayRef<OpFoldResult>{row, col}, ArrayRef<OpFoldResult>{rows, cols},
                                   ArrayRef<OpFoldResult>{one, one});
}

Value descent::plan::createPanelView(ImplicitLocOpBuilder &b, Value panels, const ProductBlocking &size, Value col,
                                     Value firstCol, Value inner) {
  IndexBuilder i(b);
  Value stride = memref::ExtractStridedMetadataOp::create(b, panels).getStrides()[0];
  Value offset = i.add(i.mul(i.sub(col, firstCol), stride), i.mul(inner, size.panel));
  Value lanes = i.constant(size.panel * size.group);
  Value rows = i.div(i.dim(panels, 1), size.group);
  Type elementType = cast<MemRefType>(panels.getType()).getElementType();
  OpFoldResult one = b.getIndexAttr(1);
  return memref::ReinterpretCastOp::create(b, getViewType(b.getContext(), elementType), panels, OpFoldResult(offset),
                                           ArrayRef<OpFoldResult>{rows, lanes}, ArrayRef<OpFoldResult>{lanes, one});
}

namespace {
/// Emits the functions for one type of panels.
class MicroKernels {
public:
  MicroKernels(ImplicitLocOpBuilder &b, Operation *beside, const ProductBlocking &size, const PanelProduct &operands)
      : b(b), index(b), beside(beside), size(size), accumulators(VectorType::get({size.length}, size.accumulator)),
        factor(cast<MemRefType>(operands.panel.getType()).getElementType()) {
    for (Value value :
         {operands.left, operands.panel, operands.sums, operands.rows, operands.cols, operands.inner, operands.isFirst})
      types.push_back(value.getType());
  }

  /// Goes through the rows, as many at a time as the larger micro-kernel has; the smaller one ends them. What is no
  /// wider than one vector has a micro-kernel of its own.
  func::FuncOp getOrCreateLoop();

private:
  func::FuncOp getOrCreate(const llvm::Twine &suffix, llvm::function_ref<void()> emitBody);
  func::FuncOp getOrCreateMicroKernel(int64_t rows, int64_t vectors);
  void emitLoop();
  void emitCall(Value row, int64_t mostRows, int64_t vectors);
  void emitMicroKernel(int64_t rows);
  SmallVector<Value> emitStep(Value step, ArrayRef<Value> leftRows, ValueRange sums, bool isHalf);
  Value loadLeft(Value row, Value step, bool isHalf);
  Value multiplyAdd(Value left, Value right, Value sum);

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  Operation *beside;
  const ProductBlocking &size;
  VectorType accumulators;
  Type factor;
  SmallVector<Type> types;
  PanelProduct operand; // of the function at hand
  int64_t vectors = 2;  // of columns, likewise
};
} // namespace

func::FuncOp MicroKernels::getOrCreate(const llvm::Twine &suffix, llvm::function_ref<void()> emitBody) {
  std::string name;
  llvm::raw_string_ostream(name) << "multiply_" << factor << suffix;
  if (auto known = SymbolTable::lookupSymbolIn(SymbolTable::getNearestSymbolTable(beside), name))
    return cast<func::FuncOp>(known);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(beside);
  auto function = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  function.setPrivate();
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  PanelProduct outer = operand;
  Value *places[] = {&operand.left, &operand.panel, &operand.sums,   &operand.rows,
                     &operand.cols, &operand.inner, &operand.isFirst};
  for (auto [place, argument] : llvm::zip(places, entry->getArguments()))
    *place = argument;
  emitBody();
  func::ReturnOp::create(b);
  operand = outer;
  return function;
}

func::FuncOp MicroKernels::getOrCreateLoop() {
  return getOrCreate("", [&] { emitLoop(); });
}

func::FuncOp MicroKernels::getOrCreateMicroKernel(int64_t rows, int64_t numVectors) {
  vectors = numVectors;
  return getOrCreate("_" + llvm::Twine(rows) + "x" + llvm::Twine(vectors), [&] { emitMicroKernel(rows); });
}

void MicroKernels::emitCall(Value row, int64_t mostRows, int64_t numVectors) {
  Value rows = index.min(index.sub(operand.rows, row), mostRows), zero = index.constant(0);
  Value left = createView(b, operand.left, row, zero, rows, operand.inner);
  Value sums = createView(b, operand.sums, row, zero, rows, index.constant(size.panel));
  func::CallOp::create(b, getOrCreateMicroKernel(mostRows, numVectors),
                       ValueRange{left, operand.panel, sums, rows, operand.cols, operand.inner, operand.isFirst});
}

void MicroKernels::emitLoop() {
  Value zero = index.constant(0);
  Value isWide = index.compare(arith::CmpIPredicate::sgt, operand.cols, index.constant(size.length));
  auto emitWide = [&] {
    // Rows that the smaller kernel can end are left to it.
    Value whole = index.mul(index.div(index.add(operand.rows, size.rows - size.fewRows - 1), size.rows), size.rows);
    index.forRange(zero, whole, size.rows, [&](Value row) { emitCall(row, size.rows, 2); });
    Value isLeft = index.compare(arith::CmpIPredicate::slt, whole, operand.rows);
    index.ifTrue(isLeft, [&] { emitCall(whole, size.fewRows, 2); });
    scf::YieldOp::create(b);
  };
  auto emitNarrow = [&] {
    index.forRange(zero, operand.rows, size.rows, [&](Value row) { emitCall(row, size.rows, 1); });
    scf::YieldOp::create(b);
  };
  scf::IfOp::create(
      b, isWide, [&](OpBuilder &, Location) { emitWide(); }, [&](OpBuilder &, Location) { emitNarrow(); });
}

/// The entry (or pair) of a row in all lanes. With `isHalf` the pair's second entry does not exist: it is zero.
Value MicroKernels::loadLeft(Value row, Value step, bool isHalf) {
  auto lanes = VectorType::get({size.length * size.group}, factor);
  if (size.group == 1)
    return vector::BroadcastOp::create(b, lanes, memref::LoadOp::create(b, operand.left, ValueRange{row, step}));
  Value col = index.mul(step, size.group);
  Value pair;
  if (isHalf) {
    Value bits = memref::LoadOp::create(b, operand.left, ValueRange{row, col});
    pair = arith::ExtUIOp::create(b, b.getI32Type(), arith::BitcastOp::create(b, b.getI16Type(), bits));
  } else {
    Value entries = vector::LoadOp::create(b, VectorType::get({2}, factor), operand.left, ValueRange{row, col});
    Value bits = vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), entries);
    pair = vector::ExtractOp::create(b, bits, ArrayRef<int64_t>{0});
  }
  Value pairs = vector::BroadcastOp::create(b, VectorType::get({size.length}, b.getI32Type()), pair);
  return vector::BitCastOp::create(b, lanes, pairs);
}

/// Pairs are multiplied and added as a target can: a contraction of the pair.
Value MicroKernels::multiplyAdd(Value left, Value right, Value sum) {
  if (size.group == 1)
    return vector::FMAOp::create(b, left, right, sum);
  auto pairs = VectorType::get({size.length, size.group}, factor);
  AffineExpr lane = b.getAffineDimExpr(0), entry = b.getAffineDimExpr(1);
  SmallVector<AffineMap> maps = {AffineMap::get(2, 0, {lane, entry}, b.getContext()),
                                 AffineMap::get(2, 0, {lane, entry}, b.getContext()), AffineMap::get(2, 0, lane)};
  SmallVector<Attribute> iterators = {vector::IteratorTypeAttr::get(b.getContext(), vector::IteratorType::parallel),
                                      vector::IteratorTypeAttr::get(b.getContext(), vector::IteratorType::reduction)};
  Value lefts = vector::ShapeCastOp::create(b, pairs, left), rights = vector::ShapeCastOp::create(b, pairs, right);
  return vector::ContractionOp::create(b, lefts, rights, sum, b.getAffineMapArrayAttr(maps), b.getArrayAttr(iterators));
}

SmallVector<Value> MicroKernels::emitStep(Value step, ArrayRef<Value> leftRows, ValueRange sums, bool isHalf) {
  int64_t lanes = size.length * size.group;
  SmallVector<Value> right, next;
  for (int64_t half = 0; half < vectors; ++half)
    right.push_back(vector::LoadOp::create(b, VectorType::get({lanes}, factor), operand.panel,
                                           ValueRange{step, index.constant(half * lanes)}));
  for (auto [i, row] : llvm::enumerate(leftRows)) {
    Value left = loadLeft(row, step, isHalf);
    for (int64_t half = 0; half < vectors; ++half)
      next.push_back(multiplyAdd(left, right[half], sums[vectors * i + half]));
  }
  return next;
}

void MicroKernels::emitMicroKernel(int64_t rows) {
  SmallVector<Value> leftRows, places, sums;
  Value last = index.sub(operand.rows, 1);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(accumulators));
  for (int64_t i = 0; i < rows; ++i) {
    // Rows that do not exist are copies of the last one; what comes of them is never read.
    leftRows.push_back(i == 0 ? index.constant(0) : index.min(last, i));
    for (int64_t half = 0; half < vectors; ++half) {
      Value sofar = loadEntries(b, operand.sums, {index.constant(i), index.constant(half * size.length)}, size.length,
                                size.accumulator, Value());
      sums.push_back(arith::SelectOp::create(b, operand.isFirst, zero, sofar));
    }
  }
  auto loop = scf::ForOp::create(b, index.constant(0), index.div(operand.inner, size.group), index.constant(1), sums,
                                 [&](OpBuilder &, Location, Value step, ValueRange values) {
                                   scf::YieldOp::create(b, emitStep(step, leftRows, values, false));
                                 });
  sums.assign(loop.getResults().begin(), loop.getResults().end());
  if (size.group > 1) {
    Value isOdd = index.compare(arith::CmpIPredicate::ne, index.rem(operand.inner, size.group), index.constant(0));
    auto end = scf::IfOp::create(
        b, isOdd,
        [&](OpBuilder &, Location) {
          Value step = index.div(operand.inner, size.group);
          scf::YieldOp::create(b, emitStep(step, leftRows, sums, true));
        },
        [&](OpBuilder &, Location) { scf::YieldOp::create(b, sums); });
    sums.assign(end.getResults().begin(), end.getResults().end());
  }
  for (auto [i, sum] : llvm::enumerate(sums))
    storeEntries(b, sum, operand.sums, {index.constant(i / vectors), index.constant(i % vectors * size.length)},
                 Value());
}

void descent::plan::createPanelProduct(ImplicitLocOpBuilder &b, Operation *beside, const ProductBlocking &size,
                                       const PanelProduct &operands) {
  MicroKernels kernels(b, beside, size, operands);
  func::CallOp::create(b, kernels.getOrCreateLoop(),
                       ValueRange{operands.left, operands.panel, operands.sums, operands.rows, operands.cols,
                                  operands.inner, operands.isFirst});
}
