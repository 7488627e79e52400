// Matrix products. A block goes through the inner extent panel by panel: while its threads multiply what lies in the
// block's memory, they load the next panels into registers. Then the sums take the panels' place, some rows at a time,
// and the epilogue's loops make the result of them, as a sweep would.
#include "ProductKernel.h"

#include "ProductMirror.h"
#include "ProductPanel.h"
#include "ThreadEntries.h"

using namespace mlir;
using namespace descent::plan;

/// A reduction of rows or columns wants all tiles.
static bool isTriangle(ProductOp product) {
  return product.getSymmetric() && llvm::all_of(product.getPartials(), [](Value buffer) {
           return cast<BufferType>(buffer.getType()).getCols() == Extent::Tiles;
         });
}

namespace {
class ProductTile {
public:
  ProductTile(ImplicitLocOpBuilder &b, ProductOp product, GpuKernel &kernel, const ProductShape &shape)
      : b(b), index(b), product(product), kernel(kernel), shape(shape), core(createCore()) {}

  FailureOr<SmallVector<Value>> emit();

private:
  struct Panels {
    ProductPanel lhs, rhs;
  };

  std::unique_ptr<ProductCore> createCore() {
    return shape.usesTensorCores ? createMmaCore(b, shape, kernel.thread) : createFmaCore(b, shape, kernel.thread);
  }
  Value getView(int64_t offset, ArrayRef<int64_t> extents, Type type);
  Value getPanelView(int64_t offset, const PanelShape &panel) {
    return getView(offset, {2, panel.rows(), panel.stride()}, panel.type);
  }
  int64_t getMemoryBytes();
  Panels createPanels();
  SmallVector<Value> accumulate();
  SmallVector<Value> emitSteps(Panels &panels, Value steps, ValueRange zeros);
  void storePanels(Panels &panels, ValueRange lhs, ValueRange rhs, Value buffer);
  FailureOr<SmallVector<Value>> emitEpilogue(ValueRange sums);
  void weigh(MutableArrayRef<Value> results);
  void emitMirrors();

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  ProductOp product;
  GpuKernel &kernel;
  const ProductShape &shape;
  std::unique_ptr<ProductCore> core;
  Value memory; // bytes of the block's, for panels, then sums, then mirror images
};
} // namespace

/// Of the two panels of a factor.
static int64_t getBytes(const PanelShape &panel) { return 2 * panel.rows() * panel.stride() * panel.bytes(); }

static int64_t getBytes(Type type) { return type.getIntOrFloatBitWidth() / 8; }

int64_t ProductTile::getMemoryBytes() {
  int64_t sums = shape.partRows * shape.sumsStride() * getBytes(shape.accumulator);
  int64_t bytes = std::max(getBytes(shape.lhs) + getBytes(shape.rhs), sums);
  for (Value written : product.getWrites())
    bytes = std::max(bytes, ProductMirror::entries * getBytes(cast<BufferType>(written.getType()).getMemoryType()));
  return bytes;
}

Value ProductTile::getView(int64_t offset, ArrayRef<int64_t> extents, Type type) {
  Attribute space = cast<MemRefType>(memory.getType()).getMemorySpace();
  auto view = MemRefType::get(extents, type, MemRefLayoutAttrInterface(), space);
  return memref::ViewOp::create(b, view, memory, index.constant(offset), ValueRange());
}

ProductTile::Panels ProductTile::createPanels() {
  Value lhs = kernel.buffer(product.getLhs()), rhs = kernel.buffer(product.getRhs());
  Value lhsMemory = getPanelView(0, shape.lhs), rhsMemory = getPanelView(getBytes(shape.lhs), shape.rhs);
  return {ProductPanel(b, kernel, shape.lhs, lhs, 1, kernel.rowBegin, lhsMemory),
          ProductPanel(b, kernel, shape.rhs, rhs, product.getTransposed() ? 1 : 0, kernel.colBegin, rhsMemory)};
}

/// An empty sum is zero: then there is nothing to load.
SmallVector<Value> ProductTile::accumulate() {
  Panels panels = createPanels();
  SmallVector<Value> zeros = core->createZeros();
  Value inner = index.dim(kernel.buffer(product.getLhs()), 1), none = index.constant(0);
  auto sums = scf::IfOp::create(
      b, index.compare(arith::CmpIPredicate::sgt, inner, none),
      [&](OpBuilder &, Location) {
        storePanels(panels, panels.lhs.load(none), panels.rhs.load(none), none);
        scf::YieldOp::create(b, emitSteps(panels, index.ceilDiv(inner, shape.lhs.depth), zeros));
      },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, zeros); });
  return sums.getResults();
}

/// While one panel of each factor is multiplied, the next ones are on their way; the last step loads its own once more.
SmallVector<Value> ProductTile::emitSteps(Panels &panels, Value steps, ValueRange zeros) {
  auto loop = scf::ForOp::create(
      b, index.constant(0), steps, index.constant(1), zeros, [&](OpBuilder &, Location, Value step, ValueRange sofar) {
        Value next = index.add(step, 1), last = index.sub(steps, 1);
        Value begin = index.mul(index.min(next, last), shape.lhs.depth);
        SmallVector<Value> lhs = panels.lhs.load(begin), rhs = panels.rhs.load(begin);
        SmallVector<Value> sums = core->multiply(panels.lhs.memory, panels.rhs.memory, index.rem(step, 2), sofar);
        storePanels(panels, lhs, rhs, index.rem(next, 2));
        scf::YieldOp::create(b, sums);
      });
  return loop.getResults();
}

void ProductTile::storePanels(Panels &panels, ValueRange lhs, ValueRange rhs, Value buffer) {
  panels.lhs.store(lhs, buffer);
  panels.rhs.store(rhs, buffer);
  gpu::BarrierOp::create(b);
}

FailureOr<SmallVector<Value>> ProductTile::emitEpilogue(ValueRange sums) {
  kernel.reload();
  ThreadEntries epilogue(b, cast<StageOpInterface>(product.getOperation()), kernel);
  if (failed(epilogue.begin()))
    return failure();
  Value part = getView(0, {shape.partRows, shape.sumsStride()}, shape.accumulator);
  Value rows = index.sub(kernel.rowEnd, kernel.rowBegin), parts = index.ceilDiv(rows, shape.partRows);
  auto loop = scf::ForOp::create(b, index.constant(0), parts, index.constant(1), epilogue.getInitial(),
                                 [&](OpBuilder &, Location, Value number, ValueRange carried) {
                                   core->storeSums(sums, number, part);
                                   gpu::BarrierOp::create(b);
                                   Value begin = index.add(kernel.rowBegin, index.mul(number, shape.partRows));
                                   Value end = index.min(index.add(begin, shape.partRows), kernel.rowEnd);
                                   epilogue.setSource(part, begin);
                                   SmallVector<Value> reduced = epilogue.emitRows(begin, end, carried);
                                   gpu::BarrierOp::create(b); // before the memory is used again
                                   scf::YieldOp::create(b, reduced);
                                 });
  return epilogue.finishTile(loop.getResults());
}

/// Off the diagonal a tile stands for its mirror image too.
void ProductTile::weigh(MutableArrayRef<Value> results) {
  Value isDiagonal = index.compare(arith::CmpIPredicate::eq, kernel.rowBlock, kernel.colBlock);
  Value once = arith::ConstantOp::create(b, b.getF64FloatAttr(1)),
        twice = arith::ConstantOp::create(b, b.getF64FloatAttr(2));
  for (auto [result, kind] : llvm::zip(results, product.getReductions().getAsRange<CombineKindAttr>()))
    if (kind.getValue() == CombineKind::Sum)
      result = arith::MulFOp::create(b, result, index.select(isDiagonal, once, twice));
}

void ProductTile::emitMirrors() {
  for (Value written : llvm::SetVector<Value>(product.getWrites().begin(), product.getWrites().end())) {
    Value matrix = kernel.buffer(written);
    Value square = getView(0, {ProductMirror::entries}, cast<MemRefType>(matrix.getType()).getElementType());
    ProductMirror::emit(b, kernel, matrix, square);
  }
}

FailureOr<SmallVector<Value>> ProductTile::emit() {
  memory = kernel.addWorkgroupBuffer(b, MemRefType::get({getMemoryBytes()}, b.getI8Type()));
  FailureOr<SmallVector<Value>> results = emitEpilogue(accumulate());
  if (succeeded(results) && isTriangle(product)) {
    weigh(*results);
    emitMirrors();
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

ProductShape descent::plan::getProductShape(ProductOp product, GpuShape device) {
  Type accumulator = product.getAccumulatorType(), lhs = product.getLhs().getType().getElementType();
  bool isNarrow = isa<BFloat16Type, Float16Type>(lhs) && lhs == product.getRhs().getType().getElementType();
  if (device.products != GpuProducts::Fma && isNarrow && accumulator.isF32())
    return {true, 128, 128, 128, 64, accumulator, {128, 32, false, lhs}, {128, 32, !product.getTransposed(), lhs}};
  int64_t side = accumulator.isF64() ? 64 : 128;
  PanelShape panel = {side, 8, /*innerFirst=*/true, accumulator};
  return {false, 128, side, side, 64, accumulator, panel, panel};
}

FailureOr<gpu::GPUFuncOp> descent::plan::createProductKernel(ImplicitLocOpBuilder &b, ProductOp product,
                                                             GpuShape device) {
  ProductShape shape = getProductShape(product, device);
  product->setAttr("plan.tile",
                   b.getDenseI64ArrayAttr({shape.cols, shape.rows * shape.cols, shape.rows, shape.rows, shape.cols}));
  if (isTriangle(product))
    product->setAttr("plan.triangle", b.getUnitAttr());
  auto function = createTileKernel(b, product, {ProductShape::threads, device.vectorBytes},
                                   [&](GpuKernel &kernel) { return ProductTile(b, product, kernel, shape).emit(); });
  if (succeeded(function))
    (*function)->setAttr("plan.registers", b.getI64IntegerAttr(shape.registers));
  return function;
}
