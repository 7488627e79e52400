// One micro-kernel for each number of rows and columns: sums stay in registers, a panel of the right factor passes in
// vectors, the left factor is read where it lies, an entry (or a pair) at a time. Functions of their own keep live
// ranges short.
#include "MicroKernel.h"

#include "descent/Conversion/Kernels/IndexBuilder.h"

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
  auto metadata = memref::ExtractStridedMetadataOp::create(b, panels);
  Value offset = i.add(i.mul(i.sub(col, firstCol), metadata.getStrides()[0]), i.mul(inner, size.panel));
  offset = i.add(metadata.getOffset(), offset);
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
      : b(b), index(b), beside(beside), size(size),
        factor(cast<MemRefType>(operands.panel.getType()).getElementType()) {
    for (Value value :
         {operands.left, operands.panel, operands.sums, operands.rows, operands.cols, operands.inner, operands.isFirst})
      types.push_back(value.getType());
  }

  /// Goes through the rows with the narrowest micro-kernels that have the columns wanted.
  func::FuncOp getOrCreateLoop();

private:
  func::FuncOp getOrCreate(const llvm::Twine &suffix, llvm::function_ref<void()> emitBody);
  func::FuncOp getOrCreateMicroKernel(int64_t rows, int64_t cols);
  void emitWidths(ArrayRef<int64_t> widths);
  /// Goes through the rows for so many columns: whole vectors, then a half of one. What exceeds a panel has one row.
  void emitWidth(int64_t cols);
  void emitCall(Value row, int64_t mostRows, int64_t col, int64_t cols);
  void emitMicroKernel(int64_t rows, int64_t cols);
  SmallVector<Value> emitStep(Value step, ArrayRef<Value> leftRows, ValueRange sums, bool isHalf);
  Value loadLeft(Value row, Value step, bool isHalf);
  Value multiplyAdd(Value left, Value right, Value sum);

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  Operation *beside;
  const ProductBlocking &size;
  Type factor;
  SmallVector<Type> types;
  PanelProduct operand;    // of the function at hand
  VectorType accumulators; // likewise: each of a row
  int64_t vectors = 0;     // and how many
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
  return getOrCreate("", [&] {
    SmallVector<int64_t> widths(size.widths);
    if (size.group == 1)
      widths.push_back(size.rowCols);
    emitWidths(widths);
  });
}

func::FuncOp MicroKernels::getOrCreateMicroKernel(int64_t rows, int64_t cols) {
  return getOrCreate("_" + llvm::Twine(rows) + "x" + llvm::Twine(cols), [&] { emitMicroKernel(rows, cols); });
}

void MicroKernels::emitCall(Value row, int64_t mostRows, int64_t col, int64_t cols) {
  Value rows = index.min(index.sub(operand.rows, row), mostRows), zero = index.constant(0);
  Value left = createView(b, operand.left, row, zero, rows, operand.inner);
  Value panel = createView(b, operand.panel, zero, index.constant(col * size.group), operand.inner,
                           index.constant(cols * size.group));
  Value sums = createView(b, operand.sums, row, index.constant(col), rows, index.constant(cols));
  func::CallOp::create(b, getOrCreateMicroKernel(mostRows, cols),
                       ValueRange{left, panel, sums, rows, operand.cols, operand.inner, operand.isFirst});
}

void MicroKernels::emitWidths(ArrayRef<int64_t> widths) {
  if (widths.size() == 1)
    return emitWidth(widths.front());
  Value fits = index.compare(arith::CmpIPredicate::sle, operand.cols, index.constant(widths.front()));
  auto emitNarrow = [&](OpBuilder &, Location) {
    emitWidth(widths.front());
    scf::YieldOp::create(b);
  };
  auto emitWider = [&](OpBuilder &, Location) {
    emitWidths(widths.drop_front());
    scf::YieldOp::create(b);
  };
  scf::IfOp::create(b, fits, emitNarrow, emitWider);
}

void MicroKernels::emitWidth(int64_t cols) {
  Value zero = index.constant(0), whole = operand.rows;
  if (cols > size.panel)
    return emitCall(zero, 1, 0, cols);
  if (cols == size.panel) // Rows that the smaller kernel can end are left to it.
    whole = index.mul(index.div(index.add(operand.rows, size.rows - size.fewRows - 1), size.rows), size.rows);
  index.forRange(zero, whole, size.rows, [&](Value row) {
    int64_t side = cols % size.length;
    if (side < cols)
      emitCall(row, size.rows, 0, cols - side);
    if (side > 0)
      emitCall(row, size.rows, cols - side, side);
  });
  if (cols < size.panel)
    return;
  Value isLeft = index.compare(arith::CmpIPredicate::slt, whole, operand.rows);
  index.ifTrue(isLeft, [&] { emitCall(whole, size.fewRows, 0, cols); });
}

/// The entry (or pair) of a row in all lanes. With `isHalf` the pair's second entry does not exist: it is zero.
Value MicroKernels::loadLeft(Value row, Value step, bool isHalf) {
  int64_t length = accumulators.getNumElements();
  auto lanes = VectorType::get({length * size.group}, factor);
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
  Value pairs = vector::BroadcastOp::create(b, VectorType::get({length}, b.getI32Type()), pair);
  return vector::BitCastOp::create(b, lanes, pairs);
}

/// Pairs are multiplied and added as a target can: a contraction of the pair.
Value MicroKernels::multiplyAdd(Value left, Value right, Value sum) {
  if (size.group == 1)
    return vector::FMAOp::create(b, left, right, sum);
  auto pairs = VectorType::get({accumulators.getNumElements(), size.group}, factor);
  AffineExpr lane = b.getAffineDimExpr(0), entry = b.getAffineDimExpr(1);
  SmallVector<AffineMap> maps = {AffineMap::get(2, 0, {lane, entry}, b.getContext()),
                                 AffineMap::get(2, 0, {lane, entry}, b.getContext()), AffineMap::get(2, 0, lane)};
  SmallVector<Attribute> iterators = {vector::IteratorTypeAttr::get(b.getContext(), vector::IteratorType::parallel),
                                      vector::IteratorTypeAttr::get(b.getContext(), vector::IteratorType::reduction)};
  Value lefts = vector::ShapeCastOp::create(b, pairs, left), rights = vector::ShapeCastOp::create(b, pairs, right);
  return vector::ContractionOp::create(b, lefts, rights, sum, b.getAffineMapArrayAttr(maps), b.getArrayAttr(iterators));
}

SmallVector<Value> MicroKernels::emitStep(Value step, ArrayRef<Value> leftRows, ValueRange sums, bool isHalf) {
  int64_t lanes = accumulators.getNumElements() * size.group;
  SmallVector<Value> right, next;
  for (int64_t i = 0; i < vectors; ++i)
    right.push_back(vector::LoadOp::create(b, VectorType::get({lanes}, factor), operand.panel,
                                           ValueRange{step, index.constant(i * lanes)}));
  for (Value row : leftRows) {
    Value left = loadLeft(row, step, isHalf);
    for (Value vector : right)
      next.push_back(multiplyAdd(left, vector, sums[next.size()]));
  }
  return next;
}

void MicroKernels::emitMicroKernel(int64_t rows, int64_t cols) {
  int64_t lanes = std::min(cols, size.length);
  accumulators = VectorType::get({lanes}, size.accumulator);
  vectors = cols / lanes;
  SmallVector<Value> leftRows, sums;
  Value last = index.sub(operand.rows, 1);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(accumulators));
  for (int64_t i = 0; i < rows; ++i) {
    // Rows that do not exist are copies of the last one; what comes of them is never read.
    leftRows.push_back(i == 0 ? index.constant(0) : index.min(last, i));
    for (int64_t j = 0; j < vectors; ++j) {
      Value sofar = loadEntries(b, operand.sums, {index.constant(i), index.constant(j * lanes)}, lanes,
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
    storeEntries(b, sum, operand.sums, {index.constant(i / vectors), index.constant(i % vectors * lanes)}, Value());
}

void descent::plan::createPanelProduct(ImplicitLocOpBuilder &b, Operation *beside, const ProductBlocking &size,
                                       const PanelProduct &operands) {
  MicroKernels kernels(b, beside, size, operands);
  func::CallOp::create(b, kernels.getOrCreateLoop(),
                       ValueRange{operands.left, operands.panel, operands.sums, operands.rows, operands.cols,
                                  operands.inner, operands.isFirst});
}
