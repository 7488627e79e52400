// The functions between the step driver and the kernels.
#include "descent/Dialect/Plan/IR/Plan.h"
#include "descent/Runtime/artifact.h"
#include "descent/Target/Cpu/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"

namespace descent {
#define GEN_PASS_DEF_CPUBINDKERNELS
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent::plan;

namespace {
/// Emits the entry of one kernel: (buffers, slots, operands, tile, scratch).
class EntryBuilder {
public:
  /// `stage` is any stage with this kernel: what all of them have in common is read off it.
  EntryBuilder(ImplicitLocOpBuilder &b, Operation *stage, func::FuncOp kernel)
      : b(b), stage(stage), kernel(kernel), pointer(LLVM::LLVMPointerType::get(b.getContext())), i64(b.getI64Type()) {}

  LLVM::LLVMFuncOp emit(StringRef name);

private:
  Value constant(int64_t value) { return LLVM::ConstantOp::create(b, i64, value); }
  Value field(Value base, int64_t bytes) {
    return LLVM::GEPOp::create(b, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
  }
  Value element(Type type, Value base, Value index) {
    return LLVM::GEPOp::create(b, pointer, type, base, ArrayRef<LLVM::GEPArg>{index});
  }
  Value loadInteger(Value base, int64_t bytes) { return LLVM::LoadOp::create(b, i64, field(base, bytes)); }
  Value nextOperand();
  /// The buffer or the slot that the stage's next operand names.
  Value nextBuffer() {
    return element(LLVM::LLVMArrayType::get(b.getI8Type(), sizeof(descent_buffer)), buffers, nextOperand());
  }
  Value nextSlot() { return element(b.getF64Type(), slots, nextOperand()); }
  Value createMemRef(MemRefType type, Value data, ValueRange sizes, ValueRange strides);
  SmallVector<Value> createArguments();
  void storeResults(ValueRange results);

  ImplicitLocOpBuilder &b;
  Operation *stage;
  func::FuncOp kernel;
  Type pointer, i64;
  Value buffers, slots, operands, tile, scratch;
  int64_t numTaken = 0; // operands
};
} // namespace

Value EntryBuilder::nextOperand() {
  Value index = LLVM::LoadOp::create(b, b.getI32Type(), field(operands, numTaken++ * sizeof(uint32_t)));
  return LLVM::ZExtOp::create(b, i64, index);
}

/// A memref of MLIR's own convention, which the conversion to LLVM then takes apart.
Value EntryBuilder::createMemRef(MemRefType type, Value data, ValueRange sizes, ValueRange strides) {
  Type extents = LLVM::LLVMArrayType::get(i64, sizes.size());
  auto descriptor = LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer, pointer, i64, extents, extents});
  Value value = LLVM::PoisonOp::create(b, descriptor);
  auto insert = [&](Value field, ArrayRef<int64_t> place) {
    value = LLVM::InsertValueOp::create(b, value, field, place);
  };
  insert(data, {0});
  insert(data, {1});
  insert(constant(0), {2});
  for (auto [i, size, stride] : llvm::enumerate(sizes, strides)) {
    insert(size, {3, int64_t(i)});
    insert(stride, {4, int64_t(i)});
  }
  return UnrealizedConversionCastOp::create(b, type, value).getResult(0);
}

/// Bytes of a kernel's private memory, in whole lines of the cache.
static int64_t getBytes(MemRefType memory) {
  return llvm::alignTo(memory.getNumElements() * memory.getElementTypeBitWidth() / 8, 64);
}

SmallVector<Value> EntryBuilder::createArguments() {
  SmallVector<Value> arguments;
  for (size_t i = 0, count = getDistinctBuffers(stage).size(); i < count; ++i) {
    auto type = cast<MemRefType>(kernel.getArgumentTypes()[i]);
    Value buffer = nextBuffer();
    Value data = LLVM::LoadOp::create(b, pointer, field(buffer, offsetof(descent_buffer, data)));
    Value rows = loadInteger(buffer, offsetof(descent_buffer, rows));
    Value cols = loadInteger(buffer, offsetof(descent_buffer, cols));
    Value stride = loadInteger(buffer, offsetof(descent_buffer, row_stride));
    arguments.push_back(createMemRef(type, data, {rows, cols}, {stride, constant(1)}));
  }
  for (size_t i = 0, count = getScalarOperands(stage).size(); i < count; ++i)
    arguments.push_back(LLVM::LoadOp::create(b, b.getF64Type(), nextSlot()));
  // The bounds of the tile, its block numbers and the domain's rows, in the order of descent_tile; then memory.
  int64_t place = 0, scratchBytes = 0;
  for (Type type : kernel.getArgumentTypes().drop_front(arguments.size())) {
    if (auto memref = dyn_cast<MemRefType>(type)) {
      Value memory = field(scratch, scratchBytes);
      arguments.push_back(createMemRef(memref, memory, constant(memref.getNumElements()), constant(1)));
      scratchBytes += getBytes(memref);
      continue;
    }
    arguments.push_back(arith::IndexCastOp::create(b, type, loadInteger(tile, place)));
    place += sizeof(int64_t);
  }
  return arguments;
}

/// A stage with a grid has a place for each tile's result, the others have slots.
void EntryBuilder::storeResults(ValueRange results) {
  if (!isa<StageOpInterface>(stage)) {
    for (Value result : results)
      LLVM::StoreOp::create(b, result, nextSlot());
    return;
  }
  for (Value result : results) {
    Value data = LLVM::LoadOp::create(b, pointer, field(nextBuffer(), offsetof(descent_buffer, data)));
    LLVM::StoreOp::create(b, result, element(b.getF64Type(), data, loadInteger(tile, offsetof(descent_tile, index))));
  }
}

LLVM::LLVMFuncOp EntryBuilder::emit(StringRef name) {
  SmallVector<Type> types(5, pointer);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types);
  auto entry = LLVM::LLVMFuncOp::create(b, name, type, LLVM::Linkage::Internal, /*dsoLocal=*/true);
  Block *block = entry.addEntryBlock(b);
  b.setInsertionPointToStart(block);
  Value *arguments[] = {&buffers, &slots, &operands, &tile, &scratch};
  for (auto [place, argument] : llvm::zip(arguments, block->getArguments()))
    *place = argument;
  SmallVector<Value> values = createArguments();
  storeResults(func::CallOp::create(b, kernel, values).getResults());
  LLVM::ReturnOp::create(b, ValueRange());
  return entry;
}

/// The bytes of a kernel's private memory: its arguments of a fixed size.
static int64_t getScratchBytes(func::FuncOp kernel) {
  int64_t bytes = 0;
  for (Type type : kernel.getArgumentTypes())
    if (auto memref = dyn_cast<MemRefType>(type); memref && memref.hasStaticShape())
      bytes += getBytes(memref);
  return bytes;
}

namespace {
struct CpuBindKernels : descent::impl::CpuBindKernelsBase<CpuBindKernels> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    entries.clear();
    // LLVM drops a function whose only callers have taken it in, if no other file can call it.
    auto internal = LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal);
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPrivate() && !function.isExternal())
        function->setAttr("llvm.linkage", internal);
    WalkResult result = getOperation().walk([&](TrackOp track) {
      for (Operation *stage : getStages(track))
        if (failed(bind(stage, symbols)))
          return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  LogicalResult bind(Operation *stage, SymbolTable &symbols) {
    auto symbol = stage->getAttrOfType<FlatSymbolRefAttr>("kernel");
    auto kernel = symbol ? symbols.lookup<func::FuncOp>(symbol.getAttr()) : func::FuncOp();
    if (!kernel)
      return stage->emitOpError("has no kernel; run convert-plan-to-loops first");
    ImplicitLocOpBuilder b(stage->getLoc(), getOperation().getBody(), getOperation().getBody()->end());
    FlatSymbolRefAttr &entry = entries[kernel];
    if (!entry) {
      LLVM::LLVMFuncOp function = EntryBuilder(b, stage, kernel).emit((kernel.getSymName() + "_entry").str());
      function->remove();
      symbols.insert(function);
      entry = FlatSymbolRefAttr::get(function.getNameAttr());
    }
    if (int64_t bytes = getScratchBytes(kernel))
      stage->setAttr("plan.scratch_bytes", b.getI64IntegerAttr(bytes));
    stage->setAttr("kernel", entry);
    return success();
  }

  llvm::DenseMap<Operation *, FlatSymbolRefAttr> entries; // of kernels
};
} // namespace
