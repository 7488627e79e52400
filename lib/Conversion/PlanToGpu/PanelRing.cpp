#include "PanelRing.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace descent::plan;

enum Barrier : int64_t { Full, Empty };

PanelRing::PanelRing(ImplicitLocOpBuilder &b, const RingShape &shape) : shape(shape), b(b), index(b) {
  Attribute workgroup = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), MemRefLayoutAttrInterface(), workgroup);
  memory.bytes = gpu::DynamicSharedMemoryOp::create(b, type);
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memory.bytes);
  Value aligned = index.roundUp(address, RingShape::alignment);
  memory.begin = index.sub(aligned, address);
  base = arith::IndexCastOp::create(b, b.getI64Type(), aligned);
}

Value PanelRing::getPointer(Value address) {
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 3), address);
}

Value PanelRing::getBarrier(Value stage, int64_t which) {
  Value offset = arith::ExtUIOp::create(b, b.getI64Type(), arith::MulIOp::create(b, stage, constant(8)));
  int64_t first = shape.barriersOffset() + which * shape.stages * 8;
  Value begin = arith::ConstantOp::create(b, b.getI64IntegerAttr(first));
  return getPointer(arith::AddIOp::create(b, base, arith::AddIOp::create(b, offset, begin)));
}

/// A stage is full with the loader's word and all bytes, and empty with the word of each warp that multiplies.
void PanelRing::initialize() {
  for (int64_t stage = 0; stage < shape.stages; ++stage) {
    NVVM::MBarrierInitOp::create(b, getBarrier(constant(stage), Full), constant(1), Value());
    NVVM::MBarrierInitOp::create(b, getBarrier(constant(stage), Empty),
                                 constant(RingShape::multipliers / GpuShape::warp), Value());
  }
  NVVM::FenceMbarrierInitOp::create(b);
}

PanelRing::Stage PanelRing::at(Value number) {
  Value stages = constant(shape.stages), turn = arith::DivUIOp::create(b, number, stages);
  return {arith::RemUIOp::create(b, number, stages), arith::AndIOp::create(b, turn, constant(1))};
}

void PanelRing::wait(Value barrier, Value phase) {
  constexpr int64_t nanoseconds = 10000000; // the device may sleep so long before it looks again
  NVVM::MBarrierTryWaitParityOp::create(b, barrier, phase, constant(nanoseconds));
}

void PanelRing::waitUntilFull(Stage stage) { wait(getBarrier(stage.index, Full), stage.phase); }

/// At first all stages are empty: that is as if a phase had gone before.
void PanelRing::waitUntilEmpty(Stage stage) {
  wait(getBarrier(stage.index, Empty), arith::XOrIOp::create(b, stage.phase, constant(1)));
}

void PanelRing::expectBytes(Stage stage) {
  NVVM::MBarrierArriveExpectTxOp::create(b, Type(), getBarrier(stage.index, Full), constant(shape.stageBytes()),
                                         NVVM::MemScopeKind::CTA, /*relaxed=*/false, Value());
}

void PanelRing::arriveEmpty(Stage stage) {
  NVVM::MBarrierArriveOp::create(b, b.getI64Type(), getBarrier(stage.index, Empty), Value());
}

Value PanelRing::getAddress(Stage stage, int64_t offset) {
  Value bytes = arith::MulIOp::create(b, stage.index, constant(shape.stageBytes()));
  Value place = arith::AddIOp::create(b, bytes, constant(offset));
  return arith::AddIOp::create(b, base, arith::ExtUIOp::create(b, b.getI64Type(), place));
}
