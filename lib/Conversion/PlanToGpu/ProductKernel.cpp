// Matrix products. A block goes through the inner extent panel by panel: while its threads multiply what lies in the
// block's memory, they load the next panels into registers. Then the sums take the panels' place, some rows at a time,
// and the epilogue's loops make the result of them, as a sweep would.
#include "ProductKernel.h"

#include "ProductEpilogue.h"
#include "ProductPanel.h"
#include "WgmmaKernel.h"

using namespace mlir;
using namespace descent::plan;

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
  Value getPanelView(int64_t offset, const PanelShape &panel) {
    return memory.getView(b, offset, {2, panel.rows(), panel.stride()}, panel.type);
  }
  int64_t getMemoryBytes();
  Panels createPanels();
  SmallVector<Value> accumulate();
  SmallVector<Value> emitSteps(Panels &panels, Value steps, ValueRange zeros);
  void storePanels(Panels &panels, ValueRange lhs, ValueRange rhs, Value buffer);

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  ProductOp product;
  GpuKernel &kernel;
  const ProductShape &shape;
  std::unique_ptr<ProductCore> core;
  BlockMemory memory; // for panels, then sums, then mirror images
};
} // namespace

/// Of the two panels of a factor.
static int64_t getBytes(const PanelShape &panel) { return 2 * panel.rows() * panel.stride() * panel.bytes(); }

int64_t ProductTile::getMemoryBytes() {
  return std::max(getBytes(shape.lhs) + getBytes(shape.rhs), ProductEpilogue::getMemoryBytes(product, shape.sums));
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

FailureOr<SmallVector<Value>> ProductTile::emit() {
  Value bytes = kernel.addWorkgroupBuffer(b, MemRefType::get({getMemoryBytes()}, b.getI8Type()));
  memory = {bytes, index.constant(0)};
  SmallVector<Value> sums = accumulate();
  return ProductEpilogue(b, product, kernel, shape.sums, memory).emit([&](Value part, Value memref) {
    core->storeSums(sums, part, memref);
  });
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Whether tensor cores multiply what the product reads.
static bool suitsTensorCores(ProductOp product) {
  Type type = product.getLhs().getType().getElementType();
  return isa<BFloat16Type, Float16Type>(type) && type == product.getRhs().getType().getElementType() &&
         product.getAccumulatorType().isF32();
}

static ProductShape getProductShape(ProductOp product, bool usesTensorCores) {
  Type sum = product.getAccumulatorType(), factor = product.getLhs().getType().getElementType();
  int64_t side = sum.isF64() ? 64 : 128, gap = 16 / (sum.getIntOrFloatBitWidth() / 8);
  ProductShape shape = {usesTensorCores, 128, side, side, {64, side, gap, sum}, {}, {}};
  if (usesTensorCores) {
    shape.lhs = {side, 32, /*innerFirst=*/false, factor};
    shape.rhs = {side, 32, !product.getTransposed(), factor};
  } else {
    shape.lhs = shape.rhs = {side, 8, /*innerFirst=*/true, sum};
  }
  return shape;
}

/// The one place that chooses between kernels.
FailureOr<gpu::GPUFuncOp> descent::plan::createProductKernel(ImplicitLocOpBuilder &b, ProductOp product,
                                                             GpuShape device) {
  bool usesTensorCores = device.products != GpuProducts::Fma && suitsTensorCores(product);
  if (usesTensorCores && device.products == GpuProducts::Wgmma && suitsWgmma(product))
    return createWgmmaKernel(b, product, device);
  ProductShape shape = getProductShape(product, usesTensorCores);
  ProductEpilogue::describeTile(product, shape.rows, shape.cols);
  device.threads = ProductShape::threads;
  auto function = createTileKernel(b, product, device,
                                   [&](GpuKernel &kernel) { return ProductTile(b, product, kernel, shape).emit(); });
  if (succeeded(function))
    (*function)->setAttr("plan.registers", b.getI64IntegerAttr(shape.registers));
  return function;
}
