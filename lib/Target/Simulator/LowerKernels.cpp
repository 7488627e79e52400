// Kernels as functions that fibers run.
#include "SimulatorCalls.h"

#include "descent/Target/Simulator/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "llvm/ADT/TypeSwitch.h"

namespace descent {
#define GEN_PASS_DEF_SIMULATORLOWERKERNELS
#include "descent/Target/Simulator/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// Fields of the runtime's descent_sim_thread, in order.
enum ThreadField { Thread, Threads, Block, Blocks, Workgroup };

namespace {
/// Turns one kernel into a function.
class KernelLowering {
public:
  KernelLowering(ModuleOp module, gpu::GPUFuncOp kernel)
      : module(module), kernel(kernel), calls(module), b(kernel.getLoc(), module.getBodyRegion()) {}

  LogicalResult lower();

private:
  void moveBody();
  void placeMemory();
  LogicalResult lowerOperation(Operation *op);
  void readField(Operation *op, gpu::Dimension dimension, ThreadField field, int64_t otherwise);
  Value loadField(ThreadField field, Type type);
  void lowerShuffle(gpu::ShuffleOp shuffle);
  void eraseSpaces();
  void emitEntry();

  ModuleOp module;
  gpu::GPUFuncOp kernel;
  SimulatorCalls calls;
  ImplicitLocOpBuilder b;
  func::FuncOp function;
  Value self;
};
} // namespace

Value KernelLowering::loadField(ThreadField field, Type type) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value place = LLVM::GEPOp::create(b, pointer, b.getI64Type(), self, ArrayRef<LLVM::GEPArg>{int32_t(field)});
  return LLVM::LoadOp::create(b, type, place);
}

void KernelLowering::moveBody() {
  b.setInsertionPointToEnd(module.getBody());
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Type> types = {pointer};
  llvm::append_range(types, kernel.getArgumentTypes());
  function = func::FuncOp::create(b, (kernel.getName() + "_body").str(), b.getFunctionType(types, {}));
  function.setPrivate();
  function.getBody().takeBody(kernel.getBody());
  self = function.getBody().front().insertArgument(0u, pointer, kernel.getLoc());
}

/// Workgroup memory lies in the block's, one buffer after the other; private memory on the stack.
void KernelLowering::placeMemory() {
  Block &entry = function.getBody().front();
  b.setInsertionPointToStart(&entry);
  unsigned first = 1 + kernel.getFunctionType().getNumInputs(), shared = kernel.getNumWorkgroupAttributions();
  int64_t offset = 0;
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  for (unsigned i = first; i < entry.getNumArguments(); ++i) {
    auto given = cast<MemRefType>(entry.getArgument(i).getType());
    auto type = MemRefType::get(given.getShape(), given.getElementType());
    if (i >= first + shared) {
      entry.getArgument(i).replaceAllUsesWith(memref::AllocaOp::create(b, type));
      continue;
    }
    Value base = loadField(Workgroup, pointer);
    Value data = LLVM::GEPOp::create(b, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{int32_t(offset)});
    offset += llvm::alignTo(type.getNumElements() * type.getElementTypeBitWidth() / 8, 16);
    Value descriptor = LLVM::PoisonOp::create(b, LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer, pointer}));
    (void)descriptor;
    entry.getArgument(i).replaceAllUsesWith(createMemRef(type, data));
  }
  entry.eraseArguments(first, entry.getNumArguments() - first);
  function->setAttr("descent.workgroup_bytes", b.getI64IntegerAttr(offset));
}
