#include "WgmmaCore.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace descent::plan;

WgmmaCore::WgmmaCore(ImplicitLocOpBuilder &b, const GpuKernel &kernel, PanelRing &ring, Value group)
    : b(b), index(b), ring(ring), group(group) {
  SmallVector<Type> sums(groupRows * ring.shape.cols / RingShape::group, b.getF32Type());
  sumsType = LLVM::LLVMStructType::getLiteral(b.getContext(), sums);
  warp = index.div(index.rem(kernel.thread, RingShape::group), GpuShape::warp);
  lane = index.rem(kernel.thread, GpuShape::warp);
}

/// Where the tensor cores find a factor's slice: PTX's matrix descriptor of swizzled rows of 128 bytes. All sizes are
/// in units of 16 bytes: the address in bits 0-13, the distance of boxes that stand side by side in bits 16-29, that of
/// eight rows in bits 32-45; bit 62 is for this swizzle.
Value WgmmaCore::createDescriptor(Value address, bool innerFirst) {
  constexpr int64_t unit = 16;
  int64_t boxBytes = innerFirst ? RingShape::depth * RingShape::rowBytes : unit;
  int64_t fixed = boxBytes / unit << 16 | RingShape::alignment / unit << 32 | int64_t(1) << 62;
  auto constant = [&](int64_t value) -> Value { return arith::ConstantOp::create(b, b.getI64IntegerAttr(value)); };
  Value units = arith::ShRUIOp::create(b, address, constant(4));
  Value place = arith::AndIOp::create(b, units, constant((1 << 14) - 1));
  return arith::OrIOp::create(b, place, constant(fixed));
}

/// Slices of 16 of the stage's panels: 32 bytes along rows, or 16 rows.
Value WgmmaCore::multiply(PanelRing::Stage stage, Value sums) {
  const RingShape &shape = ring.shape;
  Value lhs = ring.getAddress(stage, 0), rhs = ring.getAddress(stage, shape.lhsBytes());
  Value offset = index.mul(group, groupRows * RingShape::rowBytes);
  lhs = arith::AddIOp::create(b, lhs, arith::IndexCastOp::create(b, b.getI64Type(), offset));
  auto type = shape.type.isF16() ? NVVM::WGMMATypes::f16 : NVVM::WGMMATypes::bf16;
  auto instruction = NVVM::MMAShapeAttr::get(b.getContext(), groupRows, shape.cols, depth);
  auto rhsLayout = shape.innerFirst ? NVVM::MMALayout::row : NVVM::MMALayout::col;
  auto advance = [&](Value address, int64_t bytes) -> Value {
    return arith::AddIOp::create(b, address, arith::ConstantOp::create(b, b.getI64IntegerAttr(bytes)));
  };
  NVVM::WgmmaFenceAlignedOp::create(b);
  for (int64_t inner = 0; inner < RingShape::depth; inner += depth) {
    Value left = createDescriptor(advance(lhs, inner * 2), false);
    Value right =
        createDescriptor(advance(rhs, inner * (shape.innerFirst ? RingShape::rowBytes : 2)), shape.innerFirst);
    sums = NVVM::WgmmaMmaAsyncOp::create(b, sumsType, sums, left, right, instruction, type, type, NVVM::WGMMATypes::f32,
                                         NVVM::WGMMAScaleOut::one, NVVM::WGMMAScaleIn::one, NVVM::WGMMAScaleIn::one,
                                         NVVM::MMALayout::row, rhsLayout, NVVM::MMAIntOverflowAttr());
  }
  NVVM::WgmmaGroupSyncAlignedOp::create(b);
  return sums;
}

/// The warp no longer reads the panels of that number.
void WgmmaCore::release(Value number, Value condition) {
  Value isFirst = index.compare(arith::CmpIPredicate::eq, lane, index.constant(0));
  index.ifTrue(arith::AndIOp::create(b, condition, isFirst), [&] { ring.arriveEmpty(ring.at(number)); });
}

/// While one step's products are under way, the next ones are asked for: so a panel is released a step later. Nothing
/// touches the sums until all are done.
Value WgmmaCore::accumulate(Value first, Value steps) {
  Value zero = index.constant(0), zeros = LLVM::ZeroOp::create(b, sumsType);
  Value before = arith::SubIOp::create(b, first, arith::ConstantOp::create(b, b.getI32IntegerAttr(1)));
  auto add = [&](Value number, Value step) -> Value {
    return arith::AddIOp::create(b, number, arith::IndexCastOp::create(b, b.getI32Type(), step));
  };
  auto loop = scf::ForOp::create(b, zero, steps, index.constant(1), zeros,
                                 [&](OpBuilder &, Location, Value step, ValueRange sofar) {
                                   PanelRing::Stage stage = ring.at(add(first, step));
                                   ring.waitUntilFull(stage);
                                   Value sums = multiply(stage, sofar.front());
                                   NVVM::WgmmaWaitGroupSyncOp::create(b, uint64_t(1));
                                   release(add(before, step), index.compare(arith::CmpIPredicate::sgt, step, zero));
                                   scf::YieldOp::create(b, sums);
                                 });
  NVVM::WgmmaWaitGroupSyncOp::create(b, uint64_t(0));
  release(add(before, steps), index.compare(arith::CmpIPredicate::sgt, steps, zero));
  return loop.getResult(0);
}

void WgmmaCore::storeSums(Value sums, Value part, int64_t partRows, Value memory) {
  Value warpRow = index.add(index.mul(group, groupRows), index.mul(warp, warpRows));
  Value isPart = index.compare(arith::CmpIPredicate::eq, index.div(warpRow, partRows), part);
  index.ifTrue(isPart, [&] {
    Value row = index.add(index.rem(warpRow, partRows), index.div(lane, 4)), col = index.mul(index.rem(lane, 4), 2);
    auto pair = VectorType::get({2}, b.getF32Type());
    for (int64_t i = 0, count = sumsType.getBody().size(); i < count; i += 2) {
      Value left = LLVM::ExtractValueOp::create(b, sums, ArrayRef<int64_t>{i});
      Value right = LLVM::ExtractValueOp::create(b, sums, ArrayRef<int64_t>{i + 1});
      Value entries = vector::FromElementsOp::create(b, pair, ValueRange{left, right});
      SmallVector<Value> place = {index.add(row, i / 2 % 2 * 8), index.add(col, i / 4 * 8)};
      auto store = vector::StoreOp::create(b, entries, memory, place);
      store.setAlignment(8);
    }
  });
}
