#include "PanelLoader.h"

#include "descent/Runtime/device.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace descent::plan;

static constexpr unsigned numFactors = 2;

PanelLoader::PanelLoader(ImplicitLocOpBuilder &b, GpuKernel &kernel, PanelRing &ring)
    : b(b), index(b), kernel(kernel), ring(ring) {}

bool PanelLoader::canLoad(ProductOp product) {
  return llvm::all_of(ArrayRef<Value>{product.getLhs(), product.getRhs()},
                      [](Value factor) { return isa_and_nonnull<ScratchOp>(factor.getDefiningOp()); });
}

ArrayAttr PanelLoader::getMaps(MLIRContext *context, const RingShape &shape) {
  Builder b(context);
  auto map = [&](int64_t factor, int64_t boxRows) -> Attribute {
    return b.getDenseI64ArrayAttr({factor, boxRows, RingShape::boxCols, RingShape::rowBytes});
  };
  return b.getArrayAttr({map(0, RingShape::rows), map(1, shape.rhsBoxRows())});
}

PanelLoader::Factor PanelLoader::createFactor(unsigned number) {
  const RingShape &shape = ring.shape;
  Type map = LLVM::LLVMArrayType::get(b.getI8Type(), DESCENT_MAP_BYTES);
  Value place = index.add(index.mul(kernel.layer, numFactors), number);
  Value row = arith::IndexCastOp::create(b, b.getI64Type(), place);
  Value pointer = LLVM::GEPOp::create(b, kernel.maps.getType(), map, kernel.maps, ArrayRef<LLVM::GEPArg>{row});
  if (number == 0)
    return {pointer, kernel.rowBegin, /*runsAlongInner=*/true, 0, 1, shape.lhsBytes()};
  int64_t boxBytes = shape.rhsBoxRows() * RingShape::rowBytes;
  return {pointer, kernel.colBegin, !shape.innerFirst, shape.lhsBytes(), shape.rhsBytes() / boxBytes, boxBytes};
}

/// The host has written the maps by other means than those by which the copy engine reads them.
void PanelLoader::enterLayer() {
  for (unsigned number = 0; number < numFactors; ++number)
    NVVM::FenceProxyAcquireOp::create(b, NVVM::MemScopeKind::SYS, createFactor(number).map,
                                      constant(DESCENT_MAP_BYTES));
}

void PanelLoader::requestBoxes(const Factor &factor, PanelRing::Stage stage, Value inner) {
  for (int64_t i = 0; i < factor.boxes; ++i) {
    Value outer = index.add(factor.outerBegin, i * RingShape::boxCols);
    Value col = factor.runsAlongInner ? inner : outer, row = factor.runsAlongInner ? outer : inner;
    Value to = ring.getPointer(ring.getAddress(stage, factor.offset + i * factor.boxBytes));
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        b, to, factor.map, ValueRange{toI32(col), toI32(row)}, ring.getFullBarrier(stage), ValueRange(), Value(),
        Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/true, NVVM::CTAGroupKindAttr(), Value());
  }
}

void PanelLoader::loadTile(Value first, Value steps) {
  Factor lhs = createFactor(0), rhs = createFactor(1);
  index.forRange(index.constant(0), steps, 1, [&](Value step) {
    PanelRing::Stage stage = ring.at(arith::AddIOp::create(b, first, toI32(step)));
    Value inner = index.mul(step, RingShape::depth);
    ring.waitUntilEmpty(stage);
    ring.expectBytes(stage);
    requestBoxes(lhs, stage, inner);
    requestBoxes(rhs, stage, inner);
  });
}
