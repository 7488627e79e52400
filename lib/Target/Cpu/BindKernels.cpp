// The functions between the step driver and the kernels.
#include "descent/Runtime/artifact.h"
#include "descent/Target/Artifact/ProgramLayout.h"
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
/// Emits the entry of one stage: (buffers, slots, tile, scratch).
class EntryBuilder {
public:
  EntryBuilder(ImplicitLocOpBuilder &b, const TrackLayout &layout, Operation *stage, func::FuncOp kernel)
      : b(b), layout(layout), stage(stage), kernel(kernel), pointer(LLVM::LLVMPointerType::get(b.getContext())),
        i64(b.getI64Type()) {}

  LLVM::LLVMFuncOp emit(StringRef name);

private:
  Value constant(int64_t value) { return LLVM::ConstantOp::create(b, i64, value); }
  Value field(Value base, int64_t bytes) {
    return LLVM::GEPOp::create(b, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
  }
  Value loadInteger(Value base, int64_t bytes) { return LLVM::LoadOp::create(b, i64, field(base, bytes)); }
  Value bufferField(Value buffer, size_t offset, Type type) {
    return LLVM::LoadOp::create(b, type, field(buffers, layout.getBuffer(buffer) * sizeof(descent_buffer) + offset));
  }
  Value createMemRef(MemRefType type, Value data, ValueRange sizes, ValueRange strides);
  SmallVector<Value> createArguments();
  void storeResults(ValueRange results);

  ImplicitLocOpBuilder &b;
  const TrackLayout &layout;
  Operation *stage;
  func::FuncOp kernel;
  Type pointer, i64;
  Value buffers, slots, tile, scratch;
};
} // namespace

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

SmallVector<Value> EntryBuilder::createArguments() {
  SmallVector<Value> arguments;
  for (Value buffer : getDistinctBuffers(stage)) {
    auto type = cast<MemRefType>(kernel.getArgumentTypes()[arguments.size()]);
    Value data = bufferField(buffer, offsetof(descent_buffer, data), pointer);
    Value rows = bufferField(buffer, offsetof(descent_buffer, rows), i64);
    Value cols = bufferField(buffer, offsetof(descent_buffer, cols), i64);
    Value stride = bufferField(buffer, offsetof(descent_buffer, row_stride), i64);
    arguments.push_back(createMemRef(type, data, {rows, cols}, {stride, constant(1)}));
  }
  for (Value scalar : getScalarOperands(stage))
    arguments.push_back(LLVM::LoadOp::create(b, b.getF64Type(), field(slots, layout.getSlot(scalar) * sizeof(double))));
  // The bounds of the tile and its block numbers, in the order of descent_tile.
  int64_t place = 0;
  for (Type type : kernel.getArgumentTypes().drop_front(arguments.size())) {
    if (auto memref = dyn_cast<MemRefType>(type)) {
      arguments.push_back(createMemRef(memref, scratch, constant(memref.getNumElements()), constant(1)));
      continue;
    }
    arguments.push_back(arith::IndexCastOp::create(b, type, loadInteger(tile, place)));
    place += sizeof(int64_t);
  }
  return arguments;
}

void EntryBuilder::storeResults(ValueRange results) {
  auto next = results.begin();
  if (auto op = dyn_cast<StageOpInterface>(stage)) {
    for (Value partials : op.getStagePartials()) {
      if (cast<BufferType>(partials.getType()).getCols() != Extent::Tiles)
        continue;
      Value data = bufferField(partials, offsetof(descent_buffer, data), pointer);
      Value index = loadInteger(tile, offsetof(descent_tile, index));
      Value place = LLVM::GEPOp::create(b, pointer, b.getF64Type(), data, ArrayRef<LLVM::GEPArg>{index});
      LLVM::StoreOp::create(b, *next++, place);
    }
    return;
  }
  for (Value number : stage->getResults())
    LLVM::StoreOp::create(b, *next++, field(slots, layout.getSlot(number) * sizeof(double)));
}

LLVM::LLVMFuncOp EntryBuilder::emit(StringRef name) {
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, pointer, pointer, pointer});
  auto entry = LLVM::LLVMFuncOp::create(b, name, type, LLVM::Linkage::Internal, /*dsoLocal=*/true);
  Block *block = entry.addEntryBlock(b);
  b.setInsertionPointToStart(block);
  Value *arguments[] = {&buffers, &slots, &tile, &scratch};
  for (auto [place, argument] : llvm::zip(arguments, block->getArguments()))
    *place = argument;
  auto call = func::CallOp::create(b, kernel, createArguments());
  storeResults(call.getResults());
  LLVM::ReturnOp::create(b, ValueRange());
  return entry;
}

namespace {
struct CpuBindKernels : descent::impl::CpuBindKernelsBase<CpuBindKernels> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    bound.clear();
    // LLVM drops a function whose only callers have taken it in, if no other file can call it.
    auto internal = LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal);
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPrivate() && !function.isExternal())
        function->setAttr("llvm.linkage", internal);
    for (ProgramOp program : getOperation().getOps<ProgramOp>())
      if (failed(bind(ProgramLayout(program), symbols)))
        return signalPassFailure();
  }

  LogicalResult bind(const ProgramLayout &program, SymbolTable &symbols) {
    for (const TrackLayout &layout : program.tracks)
      for (Operation *stage : layout.stages)
        if (failed(bind(layout, stage, symbols)))
          return failure();
    return success();
  }

  LogicalResult bind(const TrackLayout &layout, Operation *stage, SymbolTable &symbols) {
    auto symbol = stage->getAttrOfType<FlatSymbolRefAttr>("kernel");
    auto kernel = symbol ? symbols.lookup<func::FuncOp>(symbol.getAttr()) : func::FuncOp();
    if (!kernel)
      return stage->emitOpError("has no kernel; run convert-plan-to-loops first");
    ImplicitLocOpBuilder b(stage->getLoc(), getOperation().getBody(), getOperation().getBody()->end());
    std::string name = (TrackOp(layout.track).getSymName() + "_" + llvm::Twine(layout.getStage(stage)) + "_" +
                        stage->getName().stripDialect() + "_entry")
                           .str();
    // A kernel of several stages stays one function.
    if (!bound.insert(kernel).second)
      kernel->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    LLVM::LLVMFuncOp entry = EntryBuilder(b, layout, stage, kernel).emit(name);
    entry->remove();
    symbols.insert(entry);
    if (auto memref =
            dyn_cast_or_null<MemRefType>(kernel.getNumArguments() ? kernel.getArgumentTypes().back() : Type());
        memref && memref.hasStaticShape())
      stage->setAttr("plan.scratch_bytes",
                     b.getI64IntegerAttr(memref.getNumElements() * memref.getElementTypeBitWidth() / 8));
    stage->setAttr("kernel", FlatSymbolRefAttr::get(entry.getNameAttr()));
    return success();
  }

  llvm::SmallPtrSet<Operation *, 16> bound;
};
} // namespace
