#include "SimulatorCalls.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace descent;

LLVM::LLVMFuncOp SimulatorCalls::declare(StringRef name, Type result, TypeRange arguments) {
  if (auto known = SymbolTable::lookupSymbolIn(module, name))
    return cast<LLVM::LLVMFuncOp>(known);
  OpBuilder b = OpBuilder::atBlockBegin(&module->getRegion(0).front());
  SmallVector<Type> types(arguments);
  return LLVM::LLVMFuncOp::create(b, module->getLoc(), name, LLVM::LLVMFunctionType::get(result, types));
}

/// "vector.store at muon.mlir:12:3".
static std::string describe(Operation *op) {
  std::string place = "an unknown place";
  op->getLoc()->walk([&](Location location) {
    auto file = dyn_cast<FileLineColLoc>(location);
    if (!file)
      return WalkResult::advance();
    place = llvm::formatv("{0}:{1}:{2}", file.getFilename().strref(), file.getLine(), file.getColumn());
    return WalkResult::interrupt();
  });
  return (op->getName().getStringRef() + " at " + place).str();
}

Value SimulatorCalls::createText(ImplicitLocOpBuilder &b, Operation *op) {
  std::string text = describe(op);
  LLVM::GlobalOp &global = texts[text];
  if (!global) {
    OpBuilder atBegin = OpBuilder::atBlockBegin(&module->getRegion(0).front());
    std::string zeroTerminated = text + '\0';
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), zeroTerminated.size());
    std::string name = llvm::formatv("descent_sim_text_{0}", texts.size());
    global = LLVM::GlobalOp::create(atBegin, op->getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                                    atBegin.getStringAttr(zeroTerminated));
  }
  return LLVM::AddressOfOp::create(b, global);
}

Value SimulatorCalls::create(ImplicitLocOpBuilder &b, StringRef function, Type result, Operation *op,
                             ValueRange arguments) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value self = LLVM::CallOp::create(b, declare(kSelf, pointer, {}), ValueRange()).getResult();
  SmallVector<Value> all = {self, createText(b, op)};
  llvm::append_range(all, arguments);
  Type type = result ? result : Type(LLVM::LLVMVoidType::get(b.getContext()));
  auto call = LLVM::CallOp::create(b, declare(function, type, ValueRange(all).getTypes()), all);
  return result ? call.getResult() : Value();
}
