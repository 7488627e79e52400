// Calls of the simulator before accesses to memory.
#include "SimulatorCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace descent {
#define GEN_PASS_DEF_SIMULATORCHECKACCESSES
#include "descent/Target/Simulator/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

namespace {
/// An access: where, how much, and what it does.
struct Access {
  Value memref, pointer; // one of them
  SmallVector<Value> indices;
  Type type; // of what is accessed
  bool isStore;
};

class AccessChecker {
public:
  explicit AccessChecker(SimulatorCalls &calls) : calls(calls) {}
  LogicalResult check(gpu::GPUFuncOp kernel);

private:
  FailureOr<std::optional<Access>> classify(Operation *op);
  void emitCall(Operation *op, const Access &access);
  Value createAddress(ImplicitLocOpBuilder &b, const Access &access);

  SimulatorCalls &calls;
};
} // namespace

static bool isWorkgroup(Type type) {
  auto space = dyn_cast_or_null<gpu::AddressSpaceAttr>(cast<MemRefType>(type).getMemorySpace());
  return space && space.getValue() == gpu::AddressSpace::Workgroup;
}

/// A thread's own memory: nobody else sees it, and the stack is not the plan's.
static bool isPrivate(Value memref) {
  Value root = memref;
  if (root.getDefiningOp<memref::AllocaOp>())
    return true;
  auto argument = dyn_cast<BlockArgument>(root);
  auto kernel = argument ? dyn_cast<gpu::GPUFuncOp>(argument.getOwner()->getParentOp()) : gpu::GPUFuncOp();
  return kernel && llvm::is_contained(kernel.getPrivateAttributions(), argument);
}

FailureOr<std::optional<Access>> AccessChecker::classify(Operation *op) {
  using Result = FailureOr<std::optional<Access>>;
  auto ofMemRef = [](Value memref, ValueRange indices, Type type, bool isStore) -> Result {
    if (isPrivate(memref))
      return std::optional<Access>();
    return std::optional<Access>(Access{memref, Value(), llvm::to_vector(indices), type, isStore});
  };
  auto ofPointer = [](Value pointer, Type type, bool isStore) -> Result {
    return std::optional<Access>(Access{Value(), pointer, {}, type, isStore});
  };
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](memref::LoadOp load) { return ofMemRef(load.getMemRef(), load.getIndices(), load.getType(), false); })
      .Case([&](memref::StoreOp store) {
        return ofMemRef(store.getMemRef(), store.getIndices(), store.getValue().getType(), true);
      })
      .Case(
          [&](vector::LoadOp load) { return ofMemRef(load.getBase(), load.getIndices(), load.getVectorType(), false); })
      .Case([&](vector::StoreOp store) {
        return ofMemRef(store.getBase(), store.getIndices(), store.getVectorType(), true);
      })
      .Case([&](LLVM::LoadOp load) { return ofPointer(load.getAddr(), load.getType(), false); })
      .Case([&](LLVM::StoreOp store) { return ofPointer(store.getAddr(), store.getValue().getType(), true); })
      .Case<memref::AllocaOp, gpu::BarrierOp>([](Operation *) -> Result { return std::optional<Access>(); })
      .Default([](Operation *op) -> Result {
        auto effects = dyn_cast<MemoryEffectOpInterface>(op);
        bool isKnown = isMemoryEffectFree(op) || op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
                       isa<gpu::GPUDialect>(op->getDialect()) || (effects && effects.hasNoEffect());
        if (isKnown)
          return std::optional<Access>();
        return op->emitOpError("accesses memory in a way that the simulator does not know");
      });
}

static int64_t getBytes(Type type) {
  if (isa<LLVM::LLVMPointerType>(type))
    return 8;
  auto vector = dyn_cast<VectorType>(type);
  int64_t count = vector ? vector.getNumElements() : 1;
  return count * llvm::divideCeil(getElementTypeOrSelf(type).getIntOrFloatBitWidth(), 8);
}

Value AccessChecker::createAddress(ImplicitLocOpBuilder &b, const Access &access) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  if (access.pointer) {
    auto own = cast<LLVM::LLVMPointerType>(access.pointer.getType());
    return own == pointer ? access.pointer : LLVM::AddrSpaceCastOp::create(b, pointer, access.pointer).getResult();
  }
  auto type = cast<MemRefType>(access.memref.getType());
  auto metadata = memref::ExtractStridedMetadataOp::create(b, access.memref);
  Value place = metadata.getOffset();
  for (auto [index, stride] : llvm::zip(access.indices, metadata.getStrides()))
    place = arith::AddIOp::create(b, place, arith::MulIOp::create(b, index, stride));
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, access.memref);
  Value bytes = arith::ConstantIndexOp::create(b, getBytes(type.getElementType()));
  Value address = arith::AddIOp::create(b, base, arith::MulIOp::create(b, place, bytes));
  return LLVM::IntToPtrOp::create(b, pointer, arith::IndexCastOp::create(b, b.getI64Type(), address));
}

void AccessChecker::emitCall(Operation *op, const Access &access) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  int32_t kind = access.isStore ? 1 : 0;
  if (access.memref && isWorkgroup(access.memref.getType()))
    kind |= 2;
  Value address = createAddress(b, access);
  Value bytes = LLVM::ConstantOp::create(b, b.getI64Type(), getBytes(access.type));
  calls.create(b, "descent_sim_access", {}, op, {address, bytes, LLVM::ConstantOp::create(b, b.getI32Type(), kind)});
}

LogicalResult AccessChecker::check(gpu::GPUFuncOp kernel) {
  SmallVector<std::pair<Operation *, Access>> accesses;
  WalkResult result = kernel.walk([&](Operation *op) {
    FailureOr<std::optional<Access>> access = classify(op);
    if (failed(access))
      return WalkResult::interrupt();
    if (*access)
      accesses.push_back({op, **access});
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  for (auto &[op, access] : accesses)
    emitCall(op, access);
  return success();
}

namespace {
struct SimulatorCheckAccesses : descent::impl::SimulatorCheckAccessesBase<SimulatorCheckAccesses> {
  void runOnOperation() override {
    for (auto module : getOperation().getOps<gpu::GPUModuleOp>()) {
      SimulatorCalls calls(module);
      for (auto kernel : module.getOps<gpu::GPUFuncOp>())
        if (failed(AccessChecker(calls).check(kernel)))
          return signalPassFailure();
    }
  }
};
} // namespace
