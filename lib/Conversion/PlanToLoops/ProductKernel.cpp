// Matrix products. A tile passes the panels of its columns one by one: rows of the left factor times the panel leave
// their sums in the kernel's private memory, and while they are in the first-level cache the epilogue's loops make the
// result of them. Sums of a long inner extent, and epilogues that reduce, wait until the tile is complete. Of a factor
// that is not packed, the tile reads panels where they lie, or copies them into its private memory first.
#include "EntryLoops.h"
#include "MicroKernel.h"
#include "Mirror.h"
#include "descent/Conversion/Kernels/IndexBuilder.h"

#include <numeric>

using namespace mlir;
using namespace descent::plan;

/// A reduction of rows or columns wants all tiles.
static bool reducesRowsOrCols(ProductOp stage) {
  return llvm::any_of(stage.getPartials(),
                      [](Value buffer) { return cast<BufferType>(buffer.getType()).getCols() != Extent::Tiles; });
}

namespace {
class ProductLoops {
public:
  ProductLoops(ImplicitLocOpBuilder &b, ProductOp stage, unsigned vectorBits)
      : b(b), index(b), stage(stage), vectorBits(vectorBits),
        size(vectorBits, stage.getPacked().getType().getElementType()),
        widens(stage.getLhs().getType().getElementType() != stage.getPacked().getType().getElementType()),
        mayBeUnpacked(size.group == 1 && !stage.getTransposed() &&
                      stage.getRhs().getType().getElementType() == size.accumulator),
        isTriangle(stage.getSymmetric() && !reducesRowsOrCols(stage)),
        wantsTile(!stage.getPartials().empty() || readsOriented(stage)) {}

  FailureOr<func::FuncOp> emit();

private:
  LogicalResult emitBody();
  void setUp();
  void setUpPanels();
  void copyPanels();
  void emitInnerBlock(Value block);
  void emitPanel(Value col, Value width);
  Value getPanel(Value col, Value width);
  void widenLeft();
  EntryBlock getTile() { return {kernel.rowBegin, kernel.rowEnd, kernel.colBegin, kernel.colEnd}; }
  Value getTileWeight();
  void describeTile();
  int64_t getSquareSide() const { return std::lcm(std::lcm(size.rows, size.panel), size.length); }

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  ProductOp stage;
  unsigned vectorBits;
  ProductBlocking size;
  bool widens; // the left factor is stored narrower than it is multiplied
  bool mayBeUnpacked;
  bool isTriangle; // the grid leaves out what lies above the diagonal
  bool wantsTile;  // the epilogue reduces, or transposes what it reads for a tile
  Kernel kernel;
  EntryLoops *epilogue = nullptr;
  Value lhs, rhs, panels;
  Value inner, blocks, blockSize;
  Value isPacked;            // whether there are panels; if not:
  Value firstCopied, copies; // the tile's first column that is copied, and where to
  Value rowSteps;            // how often a single row takes several panels at once
  Value waits;               // whether sums of the whole tile are kept
  Value sums, left;
  Value innerBegin, innerEnd, isFirst, isLast;
};
} // namespace

void ProductLoops::setUp() {
  lhs = kernel.buffer(stage.getLhs());
  rhs = kernel.buffer(stage.getRhs());
  panels = kernel.buffer(stage.getPacked());
  inner = index.dim(lhs, 1);
  // An empty sum is zero: there is at least one block.
  blocks = index.max(index.ceilDiv(inner, size.innerBlock), 1);
  blockSize = index.roundUp(index.ceilDiv(inner, blocks), size.inner);
  Value isSplit = index.compare(arith::CmpIPredicate::sgt, blocks, index.constant(1));
  waits = wantsTile ? arith::ConstantOp::create(b, b.getBoolAttr(true)).getResult() : isSplit;
  Value tileCols = index.roundUp(index.sub(kernel.colEnd, kernel.colBegin), size.panel);
  Value stride = index.select(waits, tileCols, index.constant(size.panel));
  OpFoldResult one = b.getIndexAttr(1), rows = index.constant(size.tileRows + size.rows);
  MemRefType view = getViewType(b.getContext(), size.accumulator);
  sums = memref::ReinterpretCastOp::create(b, view, kernel.scratch, b.getIndexAttr(0),
                                           ArrayRef<OpFoldResult>{rows, stride}, ArrayRef<OpFoldResult>{stride, one});
  OpFoldResult leftStride = index.constant(size.leftStride());
  if (widens)
    left = memref::ReinterpretCastOp::create(b, view, kernel.scratch, b.getIndexAttr(size.sums()),
                                             ArrayRef<OpFoldResult>{rows, leftStride},
                                             ArrayRef<OpFoldResult>{leftStride, one});
  if (mayBeUnpacked)
    setUpPanels();
}

void ProductLoops::setUpPanels() {
  isPacked = index.compare(arith::CmpIPredicate::ugt, index.dim(panels, 0), index.constant(0));
  Value cols = index.dim(rhs, 1), rows = index.sub(kernel.rowEnd, kernel.rowBegin);
  Value hasRows = index.compare(arith::CmpIPredicate::sgt, rows, index.constant(size.rowsInPlace));
  Value isLarge = index.compare(arith::CmpIPredicate::sgt, index.mul(inner, cols), index.constant(size.entriesInPlace));
  Value whole = index.mul(index.div(cols, size.panel), size.panel);
  firstCopied = index.select(arith::AndIOp::create(b, hasRows, isLarge), kernel.colBegin, whole);
  firstCopied = index.select(isPacked, kernel.colEnd, index.max(firstCopied, kernel.colBegin));
  Value isRow = index.compare(arith::CmpIPredicate::eq, rows, index.constant(1));
  Value inPlace = index.sub(index.min(firstCopied, kernel.colEnd), kernel.colBegin), none = index.constant(0);
  rowSteps = index.select(isPacked, none, index.select(isRow, index.div(inPlace, size.rowCols), none));
  OpFoldResult one = b.getIndexAttr(1), stride = b.getIndexAttr(size.copyStride());
  int64_t offset = size.sums() + (widens ? size.left() : 0);
  Value memory = memref::ReinterpretCastOp::create(
      b, kernel.scratch, b.getIndexAttr(offset),
      ArrayRef<OpFoldResult>{b.getIndexAttr(size.tileCols), b.getIndexAttr(size.innerBlock)},
      ArrayRef<OpFoldResult>{stride, one}, ArrayRef<NamedAttribute>());
  copies = memref::CastOp::create(b, getViewType(b.getContext(), size.accumulator), memory);
}

/// What this block has of the panels that are not read in place.
void ProductLoops::copyPanels() {
  Value isThere = index.compare(arith::CmpIPredicate::slt, firstCopied, kernel.colEnd);
  index.ifTrue(isThere, [&] {
    Value zero = index.constant(0), rows = index.sub(innerEnd, innerBegin);
    Value factor = createView(b, rhs, innerBegin, zero, rows, index.dim(rhs, 1));
    createPanelCopies(b, kernel.function, size, factor, copies, firstCopied, kernel.colEnd);
  });
}

/// Rows of the left factor for this block, in the type of accumulation.
void ProductLoops::widenLeft() {
  index.forRange(kernel.rowBegin, kernel.rowEnd, 1, [&](Value row) {
    index.forRange(innerBegin, innerEnd, size.length, [&](Value from) {
      Value mask = createMask(b, index.sub(innerEnd, from), size.length);
      Value entries = loadEntries(b, lhs, {row, from}, size.length, size.accumulator, mask);
      storeEntries(b, entries, left, {index.sub(row, kernel.rowBegin), index.sub(from, innerBegin)}, Value());
    });
  });
}

/// The packed panel, its copy, or the factor itself.
Value ProductLoops::getPanel(Value col, Value width) {
  Value zero = index.constant(0), packed = createPanelView(b, panels, size, col, zero, innerBegin);
  if (!mayBeUnpacked)
    return packed;
  Value copied = createPanelView(b, copies, size, col, firstCopied, zero);
  Value inPlace = createView(b, rhs, innerBegin, col, index.sub(innerEnd, innerBegin), width);
  Value isCopied = index.compare(arith::CmpIPredicate::sge, col, firstCopied);
  return index.select(isPacked, packed, index.select(isCopied, copied, inPlace));
}

void ProductLoops::emitPanel(Value col, Value width) {
  // The mirror covers what lies above the diagonal; a reduction wants it too.
  Value rowBegin = isTriangle && !wantsTile ? index.max(kernel.rowBegin, col) : kernel.rowBegin;
  Value rows = index.sub(kernel.rowEnd, rowBegin), inners = index.sub(innerEnd, innerBegin);
  Value tileRow = index.sub(rowBegin, kernel.rowBegin), zero = index.constant(0);
  Value sumsCol = index.select(waits, index.sub(col, kernel.colBegin), zero);
  PanelProduct operands;
  operands.left = widens ? createView(b, left, tileRow, zero, rows, inners)
                         : createView(b, lhs, rowBegin, innerBegin, rows, inners);
  operands.panel = getPanel(col, width);
  operands.sums = createView(b, sums, tileRow, sumsCol, rows, width);
  operands.rows = rows;
  operands.cols = index.min(index.sub(kernel.colEnd, col), width);
  operands.inner = inners;
  operands.isFirst = isFirst;
  createPanelProduct(b, kernel.function, size, operands);
  if (wantsTile)
    return;
  index.ifTrue(isLast, [&] {
    epilogue->setSource(operands.sums, rowBegin, col);
    epilogue->emitBlock({rowBegin, kernel.rowEnd, col, index.min(index.add(col, width), kernel.colEnd)});
  });
}

void ProductLoops::emitInnerBlock(Value block) {
  innerBegin = index.min(index.mul(block, blockSize), inner);
  innerEnd = index.min(index.add(innerBegin, blockSize), inner);
  isFirst = index.compare(arith::CmpIPredicate::eq, block, index.constant(0));
  isLast = index.compare(arith::CmpIPredicate::eq, index.add(block, 1), blocks);
  if (widens)
    widenLeft();
  if (!mayBeUnpacked)
    return index.forRange(kernel.colBegin, kernel.colEnd, size.panel,
                          [&](Value col) { emitPanel(col, index.constant(size.panel)); });
  copyPanels();
  Value narrowBegin = index.add(kernel.colBegin, index.mul(rowSteps, size.rowCols));
  Value steps = index.add(rowSteps, index.ceilDiv(index.sub(kernel.colEnd, narrowBegin), size.panel));
  index.forRange(index.constant(0), steps, 1, [&](Value step) {
    Value isWide = index.compare(arith::CmpIPredicate::slt, step, rowSteps);
    Value wide = index.add(kernel.colBegin, index.mul(step, size.rowCols));
    Value narrow = index.add(narrowBegin, index.mul(index.sub(step, rowSteps), size.panel));
    emitPanel(index.select(isWide, wide, narrow),
              index.select(isWide, index.constant(size.rowCols), index.constant(size.panel)));
  });
}

/// Off the diagonal a tile stands for its mirror image too.
Value ProductLoops::getTileWeight() {
  Value isDiagonal = index.compare(arith::CmpIPredicate::eq, kernel.rowBlock, kernel.colBlock);
  Value once = arith::ConstantOp::create(b, b.getF64FloatAttr(1)),
        twice = arith::ConstantOp::create(b, b.getF64FloatAttr(2));
  return arith::SelectOp::create(b, isDiagonal, once, twice);
}

LogicalResult ProductLoops::emitBody() {
  EntryLoops loops(b, stage, kernel, vectorBits);
  epilogue = &loops;
  if (isTriangle)
    loops.setWeight(getTileWeight());
  if (failed(loops.emitShared()))
    return failure();
  setUp();
  index.forRange(index.constant(0), blocks, 1, [&](Value block) { emitInnerBlock(block); });
  SmallVector<Value> results;
  if (wantsTile) {
    loops.setSource(sums, kernel.rowBegin, kernel.colBegin);
    results = loops.emitBlock(getTile());
  }
  if (isTriangle)
    for (Value written : stage.getWrites())
      createMirror(b, kernel.function, kernel.buffer(written), getTile(), size.length);
  func::ReturnOp::create(b, results);
  return success();
}

void ProductLoops::describeTile() {
  int64_t cols = size.tileCols, rows = size.tileRows, multiple = size.rows;
  if (isTriangle) {
    cols = rows;
    multiple = getSquareSide();
    stage->setAttr("plan.triangle", b.getUnitAttr());
  }
  stage->setAttr("plan.tile", b.getDenseI64ArrayAttr({cols, rows * cols, rows, multiple, size.panel}));
}

FailureOr<func::FuncOp> ProductLoops::emit() {
  auto isTile = [](Value buffer) { return cast<BufferType>(buffer.getType()).getCols() == Extent::Tiles; };
  KernelShape shape;
  shape.scratch = MemRefType::get({size.sums() + (widens ? size.left() : 0) + (mayBeUnpacked ? size.copies() : 0)},
                                  size.accumulator);
  shape.results = llvm::count_if(stage.getPartials(), isTile);
  kernel = createKernel(b, stage, shape);
  if (failed(emitBody())) {
    kernel.function.erase();
    return failure();
  }
  describeTile();
  return kernel.function;
}

FailureOr<func::FuncOp> descent::plan::createProductKernel(ImplicitLocOpBuilder &b, ProductOp stage,
                                                           unsigned vectorBits) {
  if (!stage.getPacked())
    return stage.emitOpError("reads no packed factor; run plan-pack-factors first");
  return ProductLoops(b, stage, vectorBits).emit();
}
