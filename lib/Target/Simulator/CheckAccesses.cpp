// Calls of the simulator before accesses to memory.
#include "SimulatorCalls.h"

#include "descent/Target/Simulator/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"

namespace descent {
#define GEN_PASS_DEF_SIMULATORCHECKACCESSES
#include "descent/Target/Simulator/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

namespace {
/// Bits of what the runtime is told of an access: see Simulator.h.
enum AccessKind : int32_t { Store = 1, Workgroup = 2, Global = 4 };

/// An access: where, how much, and what it does.
struct Access {
  Value base; // a memref or a pointer
  SmallVector<Value> indices;
  Type type; // of what is accessed
  int64_t alignment;
  bool isStore;
};

/// Checks the accesses of one kernel.
class AccessChecker {
public:
  AccessChecker(gpu::GPUFuncOp kernel, SimulatorCalls &calls)
      : kernel(kernel), calls(calls), b(kernel.getLoc(), kernel) {}
  LogicalResult check();

private:
  void emitCalls(Operation *op, const Access &access);
  Value createAddress(Operation *op, const Access &access);
  void checkIndices(Operation *op, const Access &access, ArrayRef<Value> sizes, ArrayRef<Value> strides);
  void call(StringRef function, Operation *op, ValueRange arguments) {
    calls.create(b, function, {}, self, op, arguments);
  }
  Value toI64(Value index) { return arith::IndexCastOp::create(b, b.getI64Type(), index); }
  Value constantI32(int64_t value) { return LLVM::ConstantOp::create(b, b.getI32Type(), value); }
  Value constantI64(int64_t value) { return LLVM::ConstantOp::create(b, b.getI64Type(), value); }

  gpu::GPUFuncOp kernel;
  SimulatorCalls &calls;
  ImplicitLocOpBuilder b;
  Value self;
};
} // namespace

static int64_t getBytes(Type type) {
  if (isa<LLVM::LLVMPointerType>(type))
    return 8;
  auto vector = dyn_cast<VectorType>(type);
  int64_t count = vector ? vector.getNumElements() : 1;
  return count * llvm::divideCeil(getElementTypeOrSelf(type).getIntOrFloatBitWidth(), 8);
}

//===----------------------------------------------------------------------===//
// Which accesses there are
//===----------------------------------------------------------------------===//

/// `nontemporal` and so on do not matter. Without an alignment of its own, an entry has that of its type.
template <typename Op> static Access ofMemRef(Op op, Value memref, Type type, bool isStore) {
  int64_t natural = getBytes(cast<MemRefType>(memref.getType()).getElementType()), own = op.getAlignment().value_or(0);
  return {memref, llvm::to_vector(op.getIndices()), type, own ? own : natural, isStore};
}

template <typename Op> static Access ofPointer(Op op, Type type, bool isStore) {
  int64_t natural = llvm::PowerOf2Ceil(getBytes(type)), own = op.getAlignment().value_or(0);
  return {op.getAddr(), {}, type, own ? own : natural, isStore};
}

static bool isKnownToTouchNothing(Operation *op) {
  if (isMemoryEffectFree(op) || op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
      op->hasTrait<OpTrait::IsTerminator>())
    return true;
  // The lowering of kernels knows or refuses the device's own operations.
  StringRef dialect = op->getName().getDialectNamespace();
  return isa<memref::AllocaOp, LLVM::AllocaOp>(op) || dialect == "gpu" || dialect == "nvvm";
}

/// Fails on an operation with an access that is not known.
static FailureOr<std::optional<Access>> findAccess(Operation *op) {
  using Result = FailureOr<std::optional<Access>>;
  auto known = [](Access access) -> Result { return std::optional<Access>(std::move(access)); };
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](memref::LoadOp load) { return known(ofMemRef(load, load.getMemRef(), load.getType(), false)); })
      .Case([&](memref::StoreOp store) {
        return known(ofMemRef(store, store.getMemRef(), store.getValue().getType(), true));
      })
      .Case([&](vector::LoadOp load) { return known(ofMemRef(load, load.getBase(), load.getVectorType(), false)); })
      .Case([&](vector::StoreOp store) { return known(ofMemRef(store, store.getBase(), store.getVectorType(), true)); })
      .Case([&](LLVM::LoadOp load) { return known(ofPointer(load, load.getType(), false)); })
      .Case([&](LLVM::StoreOp store) { return known(ofPointer(store, store.getValue().getType(), true)); })
      .Default([](Operation *op) -> Result {
        if (isKnownToTouchNothing(op))
          return std::optional<Access>();
        return op->emitOpError("accesses memory in a way that the simulator does not know; load and store with "
                               "'memref', 'vector' or 'llvm' operations");
      });
}

//===----------------------------------------------------------------------===//
// Which memory they are of
//===----------------------------------------------------------------------===//

/// What a view or a cast is of.
static Value getRoot(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    auto view = dyn_cast<ViewLikeOpInterface>(op);
    if (!view)
      break;
    memref = view.getViewSource();
  }
  return memref;
}

/// A thread's own memory: nobody else sees it.
static bool isPrivate(Value base, gpu::GPUFuncOp kernel) {
  Value root = getRoot(base);
  return isa_and_nonnull<memref::AllocaOp, LLVM::AllocaOp>(root.getDefiningOp()) ||
         llvm::is_contained(kernel.getPrivateAttributions(), root);
}

static int32_t getSpaceKind(Type type) {
  Attribute space;
  if (auto memref = dyn_cast<MemRefType>(type))
    space = memref.getMemorySpace();
  else
    space =
        IntegerAttr::get(IntegerType::get(type.getContext(), 64), cast<LLVM::LLVMPointerType>(type).getAddressSpace());
  int64_t number = 0;
  if (auto named = dyn_cast_or_null<gpu::AddressSpaceAttr>(space))
    number = named.getValue() == gpu::AddressSpace::Workgroup ? 3 : named.getValue() == gpu::AddressSpace::Global;
  else if (auto integer = dyn_cast_or_null<IntegerAttr>(space))
    number = integer.getInt();
  return number == 3 ? Workgroup : number == 1 ? Global : 0;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// Dimensions of a size that the type gives are checked one by one. Of buffers, whose sizes are known at run time only,
/// the last two are checked together, since rows without gaps between them may be taken for one.
void AccessChecker::checkIndices(Operation *op, const Access &access, ArrayRef<Value> sizes, ArrayRef<Value> strides) {
  auto type = cast<MemRefType>(access.base.getType());
  auto vector = dyn_cast<VectorType>(access.type);
  int64_t length = vector && !isa<VectorType>(type.getElementType()) ? vector.getNumElements() : 1;
  int64_t rank = type.getRank(), checked = rank;
  if (rank >= 2 && type.isDynamicDim(rank - 1)) {
    checked = rank - 2;
    auto index = [&](int64_t dimension) { return toI64(access.indices[dimension]); };
    auto size = [&](int64_t dimension) { return toI64(sizes[dimension]); };
    call("descent_sim_entry", op,
         {index(rank - 2), size(rank - 2), toI64(strides[rank - 2]), index(rank - 1), constantI64(length),
          size(rank - 1)});
  }
  for (int64_t i = 0; i < checked; ++i)
    call("descent_sim_index", op,
         {constantI32(i), toI64(access.indices[i]), constantI64(i + 1 == rank ? length : 1), toI64(sizes[i])});
}

/// The address of a memref's first accessed entry, whose indices are checked first.
Value AccessChecker::createAddress(Operation *op, const Access &access) {
  auto type = cast<MemRefType>(access.base.getType());
  auto metadata = memref::ExtractStridedMetadataOp::create(b, access.base);
  SmallVector<Value> sizes = llvm::to_vector(ValueRange(metadata.getSizes()));
  SmallVector<Value> strides = llvm::to_vector(ValueRange(metadata.getStrides()));
  checkIndices(op, access, sizes, strides);
  Value place = metadata.getOffset();
  for (auto [index, stride] : llvm::zip(access.indices, strides))
    place = arith::AddIOp::create(b, place, arith::MulIOp::create(b, index, stride));
  Value bytes = arith::ConstantIndexOp::create(b, getBytes(type.getElementType()));
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, access.base);
  Value address = arith::AddIOp::create(b, base, arith::MulIOp::create(b, place, bytes));
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), toI64(address));
}

void AccessChecker::emitCalls(Operation *op, const Access &access) {
  b.setInsertionPoint(op);
  b.setLoc(op->getLoc());
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value address = access.base;
  if (isa<MemRefType>(access.base.getType()))
    address = createAddress(op, access);
  else if (address.getType() != pointer)
    address = LLVM::AddrSpaceCastOp::create(b, pointer, address);
  if (isPrivate(access.base, kernel))
    return;
  int32_t kind = getSpaceKind(access.base.getType()) | (access.isStore ? Store : 0);
  call("descent_sim_access", op,
       {address, constantI64(getBytes(access.type)), constantI32(access.alignment), constantI32(kind)});
}

LogicalResult AccessChecker::check() {
  SmallVector<std::pair<Operation *, Access>> accesses;
  WalkResult result = kernel.getBody().walk([&](Operation *op) {
    FailureOr<std::optional<Access>> access = findAccess(op);
    if (failed(access))
      return WalkResult::interrupt();
    if (*access)
      accesses.push_back({op, std::move(**access)});
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  b.setInsertionPointToStart(&kernel.getBody().front());
  self = calls.create(b, SimulatorCalls::kSelf, LLVM::LLVMPointerType::get(b.getContext()), {});
  for (auto &[op, access] : accesses)
    emitCalls(op, access);
  return success();
}

namespace {
struct SimulatorCheckAccesses : descent::impl::SimulatorCheckAccessesBase<SimulatorCheckAccesses> {
  void runOnOperation() override {
    for (auto module : getOperation().getOps<gpu::GPUModuleOp>()) {
      SimulatorCalls calls(module);
      for (auto kernel : module.getOps<gpu::GPUFuncOp>())
        if (failed(AccessChecker(kernel, calls).check()))
          return signalPassFailure();
    }
  }
};
} // namespace
