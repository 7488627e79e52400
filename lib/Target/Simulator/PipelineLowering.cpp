#include "PipelineLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace descent;

using Lowered = std::optional<LogicalResult>;

static LogicalResult refuse(Operation *op, StringRef what) {
  return op->emitOpError("has ") << what << ", which the simulator does not know";
}

LogicalResult PipelineLowering::callTest(Operation *op, StringRef function, ValueRange arguments) {
  Value found = calls.create(b, function, b.getI32Type(), self, op, arguments);
  Value isTrue = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, found, constantI32(0));
  op->getResult(0).replaceAllUsesWith(isTrue);
  return success();
}

//===----------------------------------------------------------------------===//
// Barriers of some threads, and what a warp does
//===----------------------------------------------------------------------===//

LogicalResult PipelineLowering::lowerNamedBarrier(NVVM::BarrierOp barrier) {
  if (barrier.getReductionOp())
    return refuse(barrier, "a reduction");
  if (!barrier.getBarrierId() && !barrier.getNumberOfThreads())
    return call(barrier, "descent_sim_barrier", {});
  if (!barrier.getNumberOfThreads())
    return refuse(barrier, "a number, but no number of threads");
  Value number = barrier.getBarrierId() ? barrier.getBarrierId() : constantI32(0);
  return call(barrier, "descent_sim_named_barrier", {number, barrier.getNumberOfThreads()});
}

Lowered PipelineLowering::lowerBarrier(Operation *op) {
  return llvm::TypeSwitch<Operation *, Lowered>(op)
      .Case([&](NVVM::BarrierOp barrier) { return lowerNamedBarrier(barrier); })
      .Case([&](NVVM::BarrierArriveOp arrive) {
        Value number = arrive.getBarrierId() ? arrive.getBarrierId() : constantI32(0);
        return call(op, "descent_sim_named_arrive", {number, arrive.getNumberOfThreads()});
      })
      .Case([&](NVVM::ElectSyncOp elect) {
        return elect.getMembermask() ? refuse(op, "a mask of lanes") : callTest(op, "descent_sim_elect", {});
      })
      .Default([](Operation *) { return Lowered(); });
}

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

/// What the simulator does not know of any operation on an mbarrier.
template <typename Op> static LogicalResult checkScope(Op op) {
  if (op.getScope() != NVVM::MemScopeKind::CTA)
    return refuse(op, "a scope beyond the block");
  return op.getRelaxed() ? refuse(op, "relaxed semantics") : success();
}

LogicalResult PipelineLowering::lowerArrival(Operation *op, Value address, Value count, Value bytes) {
  if (bytes)
    (void)call(op, "descent_sim_mbarrier_expect", {address, bytes});
  count = count ? count : constantI32(1);
  Value phase = calls.create(b, "descent_sim_mbarrier_arrive", b.getI64Type(), self, op, {address, count});
  if (op->getNumResults() > 0)
    op->getResult(0).replaceAllUsesWith(phase);
  return success();
}

LogicalResult PipelineLowering::lowerTest(Operation *op, Value address, Value phase) {
  bool isState = phase.getType().isInteger(64);
  return callTest(op, isState ? "descent_sim_mbarrier_test_state" : "descent_sim_mbarrier_test", {address, phase});
}

Lowered PipelineLowering::lowerMbarrier(Operation *op) {
  return llvm::TypeSwitch<Operation *, Lowered>(op)
      .Case([&](NVVM::MBarrierInitOp init) {
        return init.getPredicate() ? refuse(op, "a predicate")
                                   : call(op, "descent_sim_mbarrier_init", {init.getAddr(), init.getCount()});
      })
      .Case([&](NVVM::MBarrierInvalOp inval) { return call(op, "descent_sim_mbarrier_invalidate", {inval.getAddr()}); })
      .Case([&](NVVM::MBarrierExpectTxOp expect) {
        if (expect.getScope() != NVVM::MemScopeKind::CTA)
          return refuse(op, "a scope beyond the block");
        return call(op, "descent_sim_mbarrier_expect", {expect.getAddr(), expect.getTxcount()});
      })
      .Case([&](NVVM::MBarrierArriveOp arrive) {
        if (failed(checkScope(arrive)))
          return failure();
        return lowerArrival(op, arrive.getAddr(), arrive.getCount(), {});
      })
      .Case([&](NVVM::MBarrierArriveExpectTxOp arrive) {
        if (failed(checkScope(arrive)))
          return failure();
        return arrive.getPredicate() ? refuse(op, "a predicate")
                                     : lowerArrival(op, arrive.getAddr(), {}, arrive.getTxcount());
      })
      .Case([&](NVVM::MBarrierTryWaitParityOp wait) {
        return call(op, "descent_sim_mbarrier_wait", {wait.getAddr(), wait.getPhase()});
      })
      .Case<NVVM::MBarrierTestWaitOp, NVVM::MBarrierTryWaitOp>([&](auto test) {
        return failed(checkScope(test)) ? failure() : lowerTest(op, test.getAddr(), test.getStateOrPhase());
      })
      .Default([](Operation *) { return Lowered(); });
}

Lowered PipelineLowering::lowerFence(Operation *op) {
  return llvm::TypeSwitch<Operation *, Lowered>(op)
      .Case([&](NVVM::FenceMbarrierInitOp) { return call(op, "descent_sim_fence_mbarriers", {}); })
      .Case([&](NVVM::FenceProxyOp fence) {
        NVVM::ProxyKind kind = fence.getKind();
        if (kind != NVVM::ProxyKind::async && kind != NVVM::ProxyKind::async_shared)
          return refuse(op, "a proxy other than async and async.shared");
        return call(op, "descent_sim_fence_asynchronous", {});
      })
      .Case([&](NVVM::FenceProxyAcquireOp fence) { return call(op, "descent_sim_fence_map", {fence.getAddr()}); })
      .Default([](Operation *) { return Lowered(); });
}

//===----------------------------------------------------------------------===//
// Bulk copies
//===----------------------------------------------------------------------===//

static LogicalResult checkCopy(NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp copy) {
  if (copy.getMulticastMask() || copy.getGroup())
    return refuse(copy, "more than one block to copy to");
  if (copy.getMode() != NVVM::TMALoadMode::TILE || copy.getCoordinates().size() != 2)
    return refuse(copy, "a mode other than tiles of two dimensions");
  return copy.getPredicate() ? refuse(copy, "a predicate") : success();
}

static LogicalResult checkStore(NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp store) {
  if (store.getMode() != NVVM::TMAStoreMode::TILE || store.getCoordinates().size() != 2)
    return refuse(store, "a mode other than tiles of two dimensions");
  return store.getPredicate() ? refuse(store, "a predicate") : success();
}

Lowered PipelineLowering::lowerCopy(Operation *op) {
  return llvm::TypeSwitch<Operation *, Lowered>(op)
      .Case([&](NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp copy) {
        if (failed(checkCopy(copy)))
          return failure();
        return call(op, "descent_sim_copy_box",
                    {copy.getDstMem(), copy.getTmaDescriptor(), copy.getMbar(), copy.getCoordinates()[0],
                     copy.getCoordinates()[1]});
      })
      .Case([&](NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp store) {
        if (failed(checkStore(store)))
          return failure();
        return call(
            op, "descent_sim_store_box",
            {store.getTmaDescriptor(), store.getSrcMem(), store.getCoordinates()[0], store.getCoordinates()[1]});
      })
      .Case([&](NVVM::CpAsyncBulkCommitGroupOp) { return call(op, "descent_sim_commit_stores", {}); })
      .Case([&](NVVM::CpAsyncBulkWaitGroupOp wait) {
        bool isRead = wait.getRead().value_or(false);
        return call(op, "descent_sim_wait_stores", {constantI32(wait.getGroup()), constantI32(isRead)});
      })
      .Case([&](NVVM::PrefetchOp) { return success(); }) // what it brings nearer is where it was
      .Default([](Operation *) { return Lowered(); });
}

//===----------------------------------------------------------------------===//
// Products of a warpgroup
//===----------------------------------------------------------------------===//

/// Bits of what the runtime is told of a product: see Pipelines.h.
enum ProductFlags : int32_t {
  FactorsF16 = 1,
  LeftRows = 2,
  RightCols = 4,
  NegatedLeft = 8,
  NegatedRight = 16,
  FreshSum = 32
};

/// PTX knows the layouts as transposed or not: the left factor is K-major in rows, the right one in columns.
static int32_t getFlags(NVVM::WgmmaMmaAsyncOp product) {
  int32_t flags = product.getTypeA() == NVVM::WGMMATypes::f16 ? FactorsF16 : 0;
  flags |= product.getLayoutA() == NVVM::MMALayout::col ? LeftRows : 0;
  flags |= product.getLayoutB() == NVVM::MMALayout::row ? RightCols : 0;
  flags |= product.getScaleA() == NVVM::WGMMAScaleIn::neg ? NegatedLeft : 0;
  flags |= product.getScaleB() == NVVM::WGMMAScaleIn::neg ? NegatedRight : 0;
  flags |= product.getScaleD() == NVVM::WGMMAScaleOut::zero ? FreshSum : 0;
  return flags;
}

LogicalResult PipelineLowering::lowerProduct(NVVM::WgmmaMmaAsyncOp product) {
  NVVM::WGMMATypes type = product.getTypeA();
  auto shape = product.getShape();
  auto sum = cast<LLVM::LLVMStructType>(product.getResults().getType());
  bool known = (type == NVVM::WGMMATypes::bf16 || type == NVVM::WGMMATypes::f16) && type == product.getTypeB() &&
               product.getTypeD() == NVVM::WGMMATypes::f32 && shape.getM() == 64 && shape.getK() == 16 &&
               int64_t(sum.getBody().size()) * 2 == shape.getN();
  if (!known)
    return product.emitOpError("is no product that the simulator knows: m64nNk16 of bf16 or f16, to f32");
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value words = createWords(sum.getBody().size());
  auto getWord = [&](int64_t i) {
    return LLVM::GEPOp::create(b, pointer, b.getI32Type(), words, ArrayRef<LLVM::GEPArg>{int32_t(i)});
  };
  for (int64_t i = 0, count = sum.getBody().size(); i < count; ++i)
    LLVM::StoreOp::create(b, LLVM::ExtractValueOp::create(b, product.getInouts(), i), getWord(i));
  (void)call(product, "descent_sim_warpgroup_product",
             {words, product.getDescriptorA(), product.getDescriptorB(), constantI32(shape.getN()),
              constantI32(getFlags(product))});
  Value result = LLVM::PoisonOp::create(b, sum);
  for (auto [i, field] : llvm::enumerate(sum.getBody()))
    result = LLVM::InsertValueOp::create(b, result, LLVM::LoadOp::create(b, field, getWord(i)), int64_t(i));
  product.getResults().replaceAllUsesWith(result);
  return success();
}

Lowered PipelineLowering::lowerWarpgroup(Operation *op) {
  return llvm::TypeSwitch<Operation *, Lowered>(op)
      .Case([&](NVVM::WgmmaFenceAlignedOp) { return call(op, "descent_sim_fence_registers", {}); })
      .Case([&](NVVM::WgmmaGroupSyncAlignedOp) { return call(op, "descent_sim_commit_products", {}); })
      .Case([&](NVVM::WgmmaWaitGroupSyncOp wait) {
        return call(op, "descent_sim_wait_products", {constantI64(wait.getGroup())});
      })
      .Case([&](NVVM::WgmmaMmaAsyncOp product) { return lowerProduct(product); })
      .Case([&](NVVM::SetMaxRegisterOp set) {
        bool isIncrease = set.getAction() == NVVM::SetMaxRegisterAction::increase;
        return call(op, "descent_sim_set_registers",
                    {constantI32(set.getRegCount()), constantI32(isIncrease), constantI32(registers)});
      })
      .Default([](Operation *) { return Lowered(); });
}

Lowered PipelineLowering::lower(Operation *op) {
  if (isa<NVVM::ClusterArriveOp, NVVM::ClusterArriveRelaxedOp, NVVM::ClusterWaitOp, NVVM::MapaOp>(op))
    return op->emitOpError("is of a cluster: the simulator runs block by block");
  for (auto member : {&PipelineLowering::lowerBarrier, &PipelineLowering::lowerMbarrier, &PipelineLowering::lowerFence,
                      &PipelineLowering::lowerCopy, &PipelineLowering::lowerWarpgroup})
    if (Lowered lowered = (this->*member)(op))
      return lowered;
  return std::nullopt;
}
