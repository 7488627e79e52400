#include "SimulatorCalls.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace descent;

LLVM::LLVMFuncOp SimulatorCalls::declare(StringRef name, Type result, TypeRange arguments) {
  if (auto known = symbols.lookup<LLVM::LLVMFuncOp>(name))
    return known;
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  auto type = LLVM::LLVMFunctionType::get(result, llvm::to_vector(arguments));
  auto function = LLVM::LLVMFuncOp::create(b, module.getLoc(), name, type);
  symbols.insert(function);
  return function;
}

/// "muon.mlir:12:3": the first place in a file.
static std::string describe(Location location) {
  std::string place = "an unknown place";
  location->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file)
      return WalkResult::advance();
    place = llvm::formatv("{0}:{1}:{2}", file.getFilename().strref(), file.getLine(), file.getColumn());
    return WalkResult::interrupt();
  });
  return place;
}

LLVM::GlobalOp SimulatorCalls::createText(Operation *op) {
  LLVM::GlobalOp &global = texts[op];
  if (global)
    return global;
  // Operations that a compiler made of one line are counted: "vector.store #2 at muon.mlir:12:3".
  StringRef name = op->getName().getStringRef();
  std::string place = describe(op->getLoc());
  auto kernel = op->getParentOfType<FunctionOpInterface>();
  unsigned times = ++timesSeen[(kernel.getName() + name + place).str()];
  std::string number = times > 1 ? llvm::formatv(" #{0}", times).str() : "";
  std::string text = llvm::formatv("{0}{1} at {2}", name, number, place).str() + '\0';
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), text.size());
  global = LLVM::GlobalOp::create(b, op->getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal, kText,
                                  b.getStringAttr(text));
  symbols.insert(global);
  return global;
}

Value SimulatorCalls::createPlace(ImplicitLocOpBuilder &b, Operation *op) {
  return LLVM::AddressOfOp::create(b, createText(op));
}

Value SimulatorCalls::create(ImplicitLocOpBuilder &b, StringRef function, Type result, ValueRange arguments) {
  Type type = result ? result : Type(LLVM::LLVMVoidType::get(b.getContext()));
  auto call = LLVM::CallOp::create(b, declare(function, type, arguments.getTypes()), arguments);
  return result ? call.getResult() : Value();
}

Value SimulatorCalls::create(ImplicitLocOpBuilder &b, StringRef function, Type result, Value thread, Operation *op,
                             ValueRange arguments) {
  SmallVector<Value> all = {thread, createPlace(b, op)};
  llvm::append_range(all, arguments);
  return create(b, function, result, all);
}
