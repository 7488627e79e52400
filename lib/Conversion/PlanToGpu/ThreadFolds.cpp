#include "ThreadFolds.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace descent::plan;

/// The number of the thread whose place in the warp differs in the bits of `offset`.
static Value shuffle(ImplicitLocOpBuilder &b, Value number, int32_t offset) {
  Value distance = arith::ConstantOp::create(b, b.getI32IntegerAttr(offset));
  Value width = arith::ConstantOp::create(b, b.getI32IntegerAttr(GpuShape::warp));
  return gpu::ShuffleOp::create(b, number, distance, width, gpu::ShuffleMode::XOR).getShuffleResult();
}

/// Over the lanes of a warp, `lanes` of them at a time.
static Value foldWarp(ImplicitLocOpBuilder &b, CombineKind kind, Value number, Value lanes) {
  IndexBuilder index(b);
  for (int32_t offset = GpuShape::warp / 2; offset > 0; offset /= 2) {
    Value folded = createFold(b, kind, number, shuffle(b, number, offset));
    Value takesPart = index.compare(arith::CmpIPredicate::ugt, lanes, index.constant(offset));
    number = arith::SelectOp::create(b, takesPart, folded, number);
  }
  return number;
}

/// One number a warp lies in the block's memory; each thread folds those of its group.
static Value foldWarps(ImplicitLocOpBuilder &b, GpuKernel &kernel, CombineKind kind, Value number, Value lanes) {
  IndexBuilder index(b);
  Value memory = kernel.getFoldMemory(b, MemRefType::get({kernel.shape.threads / GpuShape::warp}, b.getF64Type()));
  Value place = index.rem(kernel.thread, GpuShape::warp);
  index.ifTrue(index.compare(arith::CmpIPredicate::eq, place, index.constant(0)),
               [&] { memref::StoreOp::create(b, number, memory, index.div(kernel.thread, GpuShape::warp)); });
  kernel.createBarrier(b);
  Value group = arith::AndIOp::create(b, kernel.thread, index.sub(index.constant(0), lanes));
  Value first = index.div(group, GpuShape::warp), end = index.add(first, index.div(lanes, GpuShape::warp));
  Value identity = createIdentity(b, kind, b.getF64Type());
  auto loop = scf::ForOp::create(b, first, end, index.constant(1), identity,
                                 [&](OpBuilder &, Location, Value warp, ValueRange sofar) {
                                   Value part = memref::LoadOp::create(b, memory, warp);
                                   scf::YieldOp::create(b, createFold(b, kind, sofar.front(), part));
                                 });
  kernel.createBarrier(b); // before the memory is used again
  return loop.getResult(0);
}

Value descent::plan::foldThreads(ImplicitLocOpBuilder &b, GpuKernel &kernel, CombineKind kind, Value number,
                                 Value lanes) {
  IndexBuilder index(b);
  number = foldWarp(b, kind, number, lanes);
  Value isWide = index.compare(arith::CmpIPredicate::ugt, lanes, index.constant(GpuShape::warp));
  auto across = [&](OpBuilder &, Location) { scf::YieldOp::create(b, foldWarps(b, kernel, kind, number, lanes)); };
  auto within = [&](OpBuilder &, Location) { scf::YieldOp::create(b, number); };
  return scf::IfOp::create(b, isWide, across, within).getResult(0);
}

Value descent::plan::foldGroups(ImplicitLocOpBuilder &b, GpuKernel &kernel, CombineKind kind, Value vector,
                                Value lanes) {
  IndexBuilder index(b);
  auto type = cast<VectorType>(vector.getType());
  Value threads = index.constant(kernel.shape.threads), zero = index.constant(0);
  auto fold = [&](OpBuilder &, Location) {
    Value memory =
        kernel.getFoldMemory(b, MemRefType::get({kernel.shape.threads, type.getNumElements()}, b.getF64Type()));
    vector::StoreOp::create(b, vector, memory, ValueRange{kernel.thread, zero});
    kernel.createBarrier(b);
    // Beyond the first group there is nothing to do.
    Value isFirst = index.compare(arith::CmpIPredicate::ult, kernel.thread, lanes);
    Value end = index.select(isFirst, threads, zero);
    auto loop = scf::ForOp::create(b, index.add(kernel.thread, lanes), end, lanes, vector,
                                   [&](OpBuilder &, Location, Value thread, ValueRange sofar) {
                                     Value other = vector::LoadOp::create(b, type, memory, ValueRange{thread, zero});
                                     scf::YieldOp::create(b, createFold(b, kind, sofar.front(), other));
                                   });
    kernel.createBarrier(b); // before the memory is used again
    scf::YieldOp::create(b, loop.getResults());
  };
  auto keep = [&](OpBuilder &, Location) { scf::YieldOp::create(b, vector); };
  return scf::IfOp::create(b, index.compare(arith::CmpIPredicate::ult, lanes, threads), fold, keep).getResult(0);
}

Value descent::plan::createFirst(ImplicitLocOpBuilder &b, GpuKernel &kernel, Value number, int64_t lanes) {
  IndexBuilder index(b);
  Value lane = index.rem(kernel.thread, GpuShape::warp), first = index.sub(lane, index.rem(kernel.thread, lanes));
  Value source = arith::IndexCastOp::create(b, b.getI32Type(), first);
  Value width = arith::ConstantOp::create(b, b.getI32IntegerAttr(GpuShape::warp));
  return gpu::ShuffleOp::create(b, number, source, width, gpu::ShuffleMode::IDX).getShuffleResult();
}

Value descent::plan::createLargest(ImplicitLocOpBuilder &b, Value number, int64_t lanes) {
  for (int32_t offset = lanes / 2; offset > 0; offset /= 2)
    number = arith::MaxUIOp::create(b, number, shuffle(b, number, offset));
  return number;
}
