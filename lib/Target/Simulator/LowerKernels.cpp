// Kernels as functions that fibers run.
#include "PipelineLowering.h"

#include "descent/Target/Simulator/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

namespace descent {
#define GEN_PASS_DEF_SIMULATORLOWERKERNELS
#include "descent/Target/Simulator/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// Fields of the runtime's descent_sim_thread, in order; all have 8 bytes.
enum class ThreadField { Thread, Threads, Block, Blocks, Dynamic, DynamicBytes };

static constexpr int32_t warpThreads = 32;

static int64_t getBytes(MemRefType type) {
  return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

namespace {
/// Turns one kernel into a function that stands beside it.
class KernelLowering {
public:
  KernelLowering(gpu::GPUFuncOp kernel, SimulatorCalls &calls)
      : kernel(kernel), calls(calls), b(kernel.getLoc(), kernel) {
    pointer = LLVM::LLVMPointerType::get(b.getContext());
    if (auto budget = kernel->getAttrOfType<IntegerAttr>("plan.registers"))
      registers = budget.getInt();
  }

  LogicalResult lower();

private:
  void moveBody();
  void loadArguments(unsigned count, Value arguments);
  void placeBuffers(unsigned first, unsigned workgroup);
  void allowConstants(gpu::GPUModuleOp module);
  LogicalResult lowerOperation(Operation *op);
  Value createPlace(Operation *op);
  Value createNumber(gpu::Dimension dimension, ThreadField field, int64_t otherwise);
  void lowerShuffle(gpu::ShuffleOp shuffle);
  LogicalResult lowerProduct(NVVM::MmaOp product);
  LogicalResult lowerMatrices(NVVM::LdMatrixOp load);
  Value loadStruct(Type type, Value words, int64_t first);
  void lowerDynamicMemory(gpu::DynamicSharedMemoryOp op);

  Value loadField(ThreadField field, Type type);
  Value loadIndex(ThreadField field) { return toIndex(loadField(field, b.getI64Type())); }
  Value toIndex(Value integer) { return arith::IndexCastOp::create(b, b.getIndexType(), integer); }
  Value constantI64(int64_t value) { return LLVM::ConstantOp::create(b, b.getI64Type(), value); }
  Value constantI32(int64_t value) { return LLVM::ConstantOp::create(b, b.getI32Type(), value); }
  Value constantIndex(int64_t value) { return arith::ConstantIndexOp::create(b, value); }
  /// Memory of a thread's stack for some words, that does not grow in loops.
  Value createWords(int64_t count);
  Value getWord(Value words, int64_t index);
  Type getDescriptor(MemRefType type);
  Value createMemRef(MemRefType type, Value data, Value size = {});

  gpu::GPUFuncOp kernel;
  SimulatorCalls &calls;
  ImplicitLocOpBuilder b;
  Type pointer;
  func::FuncOp function;
  Value self;
  int64_t registers = 0; // of a thread, as the kernel says
};
} // namespace

Value KernelLowering::loadField(ThreadField field, Type type) {
  Value place = LLVM::GEPOp::create(b, pointer, b.getI64Type(), self, ArrayRef<LLVM::GEPArg>{int32_t(field)});
  return LLVM::LoadOp::create(b, type, place);
}

Value KernelLowering::createWords(int64_t count) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(b, pointer, b.getI32Type(), constantI64(count), /*alignment=*/8);
}

Value KernelLowering::getWord(Value words, int64_t index) {
  return LLVM::GEPOp::create(b, pointer, b.getI32Type(), words, ArrayRef<LLVM::GEPArg>{int32_t(index)});
}

/// A word, or a struct of words, from the `first` one on.
Value KernelLowering::loadStruct(Type type, Value words, int64_t first) {
  auto fields = dyn_cast<LLVM::LLVMStructType>(type);
  if (!fields)
    return LLVM::LoadOp::create(b, type, getWord(words, first));
  Value all = LLVM::PoisonOp::create(b, type);
  for (auto [index, field] : llvm::enumerate(fields.getBody())) {
    Value word = LLVM::LoadOp::create(b, field, getWord(words, first + index));
    all = LLVM::InsertValueOp::create(b, all, word, int64_t(index));
  }
  return all;
}

/// MLIR's own struct for a memref: allocated, aligned, offset, sizes, strides.
Type KernelLowering::getDescriptor(MemRefType type) {
  Type i64 = b.getI64Type(), numbers = LLVM::LLVMArrayType::get(i64, type.getRank());
  SmallVector<Type> fields = {pointer, pointer, i64};
  if (type.getRank() > 0)
    fields.append({numbers, numbers});
  return LLVM::LLVMStructType::getLiteral(b.getContext(), fields);
}

/// `size` is that of the first dimension if the type does not give it.
Value KernelLowering::createMemRef(MemRefType type, Value data, Value size) {
  Value value = LLVM::PoisonOp::create(b, getDescriptor(type));
  auto insert = [&](Value field, ArrayRef<int64_t> place) {
    value = LLVM::InsertValueOp::create(b, value, field, place);
  };
  insert(data, {0});
  insert(data, {1});
  insert(constantI64(0), {2});
  int64_t stride = 1;
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    insert(type.isDynamicDim(i) ? size : constantI64(type.getDimSize(i)), {3, i});
    insert(constantI64(stride), {4, i});
    stride *= type.isDynamicDim(i) ? 1 : type.getDimSize(i);
  }
  return UnrealizedConversionCastOp::create(b, type, value).getResult(0);
}

//===----------------------------------------------------------------------===//
// The function and its memory
//===----------------------------------------------------------------------===//

/// `void <kernel>_simulated(thread, arguments)`
void KernelLowering::moveBody() {
  unsigned count = kernel.getNumArguments(), workgroup = kernel.getNumWorkgroupAttributions();
  std::string name = (kernel.getName() + "_simulated").str();
  function = func::FuncOp::create(b, name, b.getFunctionType({pointer, pointer}, {}));
  function.getBody().takeBody(kernel.getBody());
  Block &entry = function.getBody().front();
  self = entry.insertArgument(0u, pointer, kernel.getLoc());
  Value arguments = entry.insertArgument(1u, pointer, kernel.getLoc());
  b.setInsertionPointToStart(&entry);
  loadArguments(count, arguments);
  placeBuffers(2 + count, workgroup);
  allowConstants(kernel->getParentOfType<gpu::GPUModuleOp>());
  entry.eraseArguments(2, entry.getNumArguments() - 2);
}

void KernelLowering::loadArguments(unsigned count, Value arguments) {
  Block &entry = function.getBody().front();
  for (unsigned i = 0; i < count; ++i) {
    Value argument = entry.getArgument(2 + i);
    Type type = argument.getType();
    auto memref = dyn_cast<MemRefType>(type);
    Value place = LLVM::GEPOp::create(b, pointer, pointer, arguments, ArrayRef<LLVM::GEPArg>{int32_t(i)});
    Value address = LLVM::LoadOp::create(b, pointer, place);
    Value value = LLVM::LoadOp::create(b,
                                       memref           ? getDescriptor(memref)
                                       : type.isIndex() ? b.getI64Type()
                                                        : type,
                                       address);
    if (memref)
      value = UnrealizedConversionCastOp::create(b, type, value).getResult(0);
    argument.replaceAllUsesWith(type.isIndex() ? toIndex(value) : value);
  }
}

/// Workgroup memory is the block's, private memory the thread's stack.
void KernelLowering::placeBuffers(unsigned first, unsigned workgroup) {
  Block &entry = function.getBody().front();
  for (unsigned i = first; i < entry.getNumArguments(); ++i) {
    auto type = cast<MemRefType>(entry.getArgument(i).getType());
    if (i >= first + workgroup) {
      entry.getArgument(i).replaceAllUsesWith(memref::AllocaOp::create(b, type));
      continue;
    }
    Value data =
        calls.create(b, "descent_sim_workgroup", pointer, {self, constantI64(i - first), constantI64(getBytes(type))});
    entry.getArgument(i).replaceAllUsesWith(createMemRef(type, data));
  }
}

/// Every kernel may read the constants of its module.
void KernelLowering::allowConstants(gpu::GPUModuleOp module) {
  auto allow = [&](Value address, int64_t bytes) {
    calls.create(b, "descent_sim_constant", {}, {self, address, constantI64(bytes)});
  };
  for (auto global : module.getOps<memref::GlobalOp>()) {
    MemRefType type = global.getType();
    Value memref = memref::GetGlobalOp::create(b, type, global.getName());
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
    address = arith::IndexCastOp::create(b, b.getI64Type(), address);
    allow(LLVM::IntToPtrOp::create(b, pointer, address), getBytes(type));
  }
  for (auto global : llvm::make_early_inc_range(module.getOps<LLVM::GlobalOp>()))
    if (!SimulatorCalls::isText(global))
      allow(LLVM::AddressOfOp::create(b, global),
            DataLayout(module).getTypeSize(global.getGlobalType()).getFixedValue());
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// Grids and blocks have one dimension: in the others, numbers are 0 and sizes 1.
Value KernelLowering::createNumber(gpu::Dimension dimension, ThreadField field, int64_t otherwise) {
  return dimension == gpu::Dimension::x ? loadIndex(field) : constantIndex(otherwise);
}

/// The runtime takes values of 64 bits.
void KernelLowering::lowerShuffle(gpu::ShuffleOp shuffle) {
  Type type = shuffle.getValue().getType(), i64 = b.getI64Type();
  unsigned bits = type.getIntOrFloatBitWidth();
  Type integer = b.getIntegerType(bits);
  Value value = shuffle.getValue();
  if (type != integer)
    value = arith::BitcastOp::create(b, integer, value);
  if (bits < 64)
    value = arith::ExtUIOp::create(b, i64, value);
  Value valid = createWords(1);
  value =
      calls.create(b, "descent_sim_shuffle", i64, self, shuffle,
                   {value, shuffle.getOffset(), shuffle.getWidth(), constantI32(int32_t(shuffle.getMode())), valid});
  if (bits < 64)
    value = arith::TruncIOp::create(b, integer, value);
  if (type != integer)
    value = arith::BitcastOp::create(b, type, value);
  Value isValid = LLVM::LoadOp::create(b, b.getI32Type(), valid);
  isValid = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, isValid, constantI32(0));
  shuffle.getShuffleResult().replaceAllUsesWith(value);
  shuffle.getValid().replaceAllUsesWith(isValid);
}

/// Of bf16 and f16, to f32: registers of 32 bits go to the runtime, and sums come back in place.
LogicalResult KernelLowering::lowerProduct(NVVM::MmaOp product) {
  auto shape = product.getShape();
  auto type = product.getMultiplicandAPtxType();
  bool known = shape.getM() == 16 && shape.getN() == 8 && (shape.getK() == 8 || shape.getK() == 16) && type &&
               (*type == NVVM::MMATypes::bf16 || *type == NVVM::MMATypes::f16) &&
               type == product.getMultiplicandBPtxType() && product.getOperandC().size() == 4;
  if (!known)
    return product.emitOpError("is no product that the simulator knows: m16n8k8 or m16n8k16 of bf16 or f16, to f32");
  int64_t count = 3 * (shape.getK() / 8);
  Value words = createWords(count + 4);
  for (auto [index, operand] : llvm::enumerate(product.getOperands()))
    LLVM::StoreOp::create(b, operand, getWord(words, index));
  calls.create(b, "descent_sim_product", {}, self, product,
               {words, constantI32(shape.getK()), constantI32(*type == NVVM::MMATypes::f16)});
  product.replaceAllUsesWith(loadStruct(product.getType(), words, count));
  return success();
}

LogicalResult KernelLowering::lowerMatrices(NVVM::LdMatrixOp load) {
  if (load.getEltType() != NVVM::LdStMatrixEltType::B16 || load.getShape().getM() != 8 || load.getShape().getN() != 8)
    return load.emitOpError("loads no matrices that the simulator knows: 8 x 8 of 16 bits");
  Value words = createWords(load.getNum());
  bool isTransposed = load.getLayout() == NVVM::MMALayout::col;
  calls.create(b, "descent_sim_load_matrices", {}, self, load,
               {load.getPtr(), words, constantI32(load.getNum()), constantI32(isTransposed)});
  load.replaceAllUsesWith(loadStruct(load.getType(), words, 0));
  return success();
}

void KernelLowering::lowerDynamicMemory(gpu::DynamicSharedMemoryOp op) {
  Value memory = createMemRef(op.getType(), loadField(ThreadField::Dynamic, pointer),
                              loadField(ThreadField::DynamicBytes, b.getI64Type()));
  op.replaceAllUsesWith(memory);
}

/// What an operation says of the thread's place; null for all other operations.
Value KernelLowering::createPlace(Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](gpu::ThreadIdOp id) { return createNumber(id.getDimension(), ThreadField::Thread, 0); })
      .Case([&](gpu::BlockDimOp dim) { return createNumber(dim.getDimension(), ThreadField::Threads, 1); })
      .Case([&](gpu::BlockIdOp id) { return createNumber(id.getDimension(), ThreadField::Block, 0); })
      .Case([&](gpu::GridDimOp dim) { return createNumber(dim.getDimension(), ThreadField::Blocks, 1); })
      .Case([&](gpu::LaneIdOp) -> Value {
        return arith::RemUIOp::create(b, loadIndex(ThreadField::Thread), constantIndex(warpThreads));
      })
      .Case([&](gpu::SubgroupIdOp) -> Value {
        return arith::DivUIOp::create(b, loadIndex(ThreadField::Thread), constantIndex(warpThreads));
      })
      .Case([&](gpu::SubgroupSizeOp) { return constantIndex(warpThreads); })
      .Default([](Operation *) { return Value(); });
}

/// Replaces the operation, which is then erased, or leaves it if it may stay.
LogicalResult KernelLowering::lowerOperation(Operation *op) {
  b.setInsertionPoint(op);
  b.setLoc(op->getLoc());
  auto createStack = [&](int64_t count) { return createWords(count); };
  PipelineLowering pipelines(b, calls, self, registers, createStack);
  auto meet = [&](StringRef name) { calls.create(b, name, {}, self, op, {}); };
  auto replace = [&](Value value) { op->getResult(0).replaceAllUsesWith(value); };
  bool stays = false;
  LogicalResult result = success();
  if (Value place = createPlace(op))
    replace(place);
  else
    llvm::TypeSwitch<Operation *>(op)
        .Case<gpu::BarrierOp, NVVM::Barrier0Op>([&](Operation *) { meet("descent_sim_barrier"); })
        .Case([&](NVVM::SyncWarpOp) { meet("descent_sim_warp_barrier"); })
        .Case([&](gpu::ShuffleOp shuffle) { lowerShuffle(shuffle); })
        .Case([&](NVVM::MmaOp product) { result = lowerProduct(product); })
        .Case([&](NVVM::LdMatrixOp load) { result = lowerMatrices(load); })
        .Case([&](gpu::DynamicSharedMemoryOp memory) { lowerDynamicMemory(memory); })
        .Case([&](gpu::ReturnOp) { func::ReturnOp::create(b); })
        .Case([&](LLVM::AddrSpaceCastOp cast) { replace(cast.getArg()); })
        .Case([&](memref::MemorySpaceCastOp cast) { replace(cast.getSource()); })
        .Case([&](LLVM::CallOp call) {
          stays = call.getCallee() != SimulatorCalls::kSelf;
          if (!stays)
            replace(self);
        })
        .Default([&](Operation *op) {
          std::optional<LogicalResult> lowered = pipelines.lower(op);
          result = lowered.value_or(success());
          stays = !lowered;
          if (!lowered && isa_and_nonnull<gpu::GPUDialect, NVVM::NVVMDialect>(op->getDialect()))
            result = op->emitOpError("is nothing that the simulator knows");
        });
  if (succeeded(result) && !stays)
    op->erase();
  return result;
}

/// The memory spaces of a device are all the processor's memory.
static void eraseSpaces(Operation *op) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](MemRefType type) -> std::optional<Type> {
    MemRefType plain = MemRefType::Builder(type).setMemorySpace(Attribute());
    return plain;
  });
  replacer.addReplacement(
      [](LLVM::LLVMPointerType type) -> std::optional<Type> { return LLVM::LLVMPointerType::get(type.getContext()); });
  replacer.recursivelyReplaceElementsIn(op, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
}

LogicalResult KernelLowering::lower() {
  moveBody();
  checkUsesOfSums(function, calls, self);
  SmallVector<Operation *> operations;
  function.getBody().walk([&](Operation *op) { operations.push_back(op); });
  for (Operation *op : operations)
    if (failed(lowerOperation(op)))
      return failure();
  eraseSpaces(function);
  kernel.erase();
  return success();
}

namespace {
struct SimulatorLowerKernels : descent::impl::SimulatorLowerKernelsBase<SimulatorLowerKernels> {
  void runOnOperation() override {
    for (auto module : llvm::make_early_inc_range(getOperation().getOps<gpu::GPUModuleOp>()))
      if (failed(lowerModule(module)))
        return signalPassFailure();
    getOperation()->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  }

  LogicalResult lowerModule(gpu::GPUModuleOp module) {
    SimulatorCalls calls(module);
    for (auto kernel : llvm::make_early_inc_range(module.getOps<gpu::GPUFuncOp>()))
      if (failed(KernelLowering(kernel, calls).lower()))
        return failure();
    if (Operation *self = SymbolTable::lookupSymbolIn(module, SimulatorCalls::kSelf))
      self->erase();
    return moveOut(module);
  }

  /// Constants, declarations, and kernels that are functions by now.
  static bool isKnown(Operation &op) {
    if (auto declared = dyn_cast<LLVM::LLVMFuncOp>(op))
      return declared.isExternal();
    if (auto global = dyn_cast<LLVM::GlobalOp>(op))
      return global.getConstant();
    if (auto global = dyn_cast<memref::GlobalOp>(op))
      return global.getConstant();
    return isa<func::FuncOp>(op);
  }

  /// They become the whole module's, under other names if there are such already.
  LogicalResult moveOut(gpu::GPUModuleOp module) {
    SymbolTable inside(module), outside(getOperation());
    SymbolTable *others[] = {&outside};
    for (Operation &op : llvm::make_early_inc_range(*module.getBody())) {
      if (!isKnown(op))
        return op.emitOpError("is neither a kernel nor a constant, as the simulator wants; workgroup memory is a "
                              "kernel's 'workgroup' attribution");
      StringAttr name = SymbolTable::getSymbolName(&op);
      if (outside.lookup(name) && isa<LLVM::LLVMFuncOp>(op)) {
        op.erase();
        continue;
      }
      if (outside.lookup(name) && failed(inside.renameToUnique(&op, others)))
        return failure();
      eraseSpaces(&op);
      if (auto global = dyn_cast<LLVM::GlobalOp>(op))
        global.setAddrSpace(0);
      op.remove();
      outside.insert(&op);
    }
    module.erase();
    return success();
  }
};
} // namespace
