// The functions that an artifact exports.
#include "descent/Target/Artifact/ArtifactTables.h"

using namespace mlir;
using namespace descent;

namespace {
/// An exported function `<program>_<name>` that calls `descent_rt_<name>` with the tables and its own arguments:
/// p is a pointer, i an int32_t, l an int64_t, v nothing.
struct EntryPoint {
  StringRef name, arguments;
  char result;
};
} // namespace

static constexpr EntryPoint entryPoints[] = {
    {"manifest", "", 'p'},          {"signature", "", 'p'},
    {"fingerprint", "", 'l'},       {"check_signature", "pp", 'i'},
    {"hyper_defaults", "plp", 'i'}, {"state_bytes", "pip", 'l'},
    {"states_count", "plp", 'l'},   {"states_bytes", "plp", 'l'},
    {"states_place", "plppp", 'i'}, {"states_init", "plp", 'i'},
    {"plan_create", "plppp", 'i'},  {"plan_rebind", "pplp", 'i'},
    {"plan_target", "p", 'p'},      {"plan_workspace_bytes", "p", 'l'},
    {"plan_destroy", "p", 'v'},     {"step", "pppp", 'i'},
};

/// Of a program that is a library of products.
static constexpr EntryPoint libraryEntryPoints[] = {
    {"product_bytes", "pp", 'l'},
    {"product_run", "pp", 'i'},
    {"workers_create", "l", 'p'},
    {"workers_destroy", "p", 'v'},
};

static Type getType(MLIRContext *context, char code) {
  switch (code) {
  case 'p':
    return LLVM::LLVMPointerType::get(context);
  case 'i':
    return IntegerType::get(context, 32);
  case 'l':
    return IntegerType::get(context, 64);
  default:
    return LLVM::LLVMVoidType::get(context);
  }
}

static void emitEntryPoint(ImplicitLocOpBuilder &b, ModuleOp module, StringRef program, FlatSymbolRefAttr artifact,
                           const EntryPoint &point) {
  MLIRContext *context = b.getContext();
  SmallVector<Type> types = {LLVM::LLVMPointerType::get(context)};
  for (char code : point.arguments)
    types.push_back(getType(context, code));
  Type result = getType(context, point.result);
  b.setInsertionPointToEnd(module.getBody());
  std::string driverName = ("descent_rt_" + point.name).str();
  auto driver = module.lookupSymbol<LLVM::LLVMFuncOp>(driverName);
  if (!driver)
    driver = LLVM::LLVMFuncOp::create(b, driverName, LLVM::LLVMFunctionType::get(result, types));
  auto function = LLVM::LLVMFuncOp::create(b, (program + "_" + point.name).str(),
                                           LLVM::LLVMFunctionType::get(result, ArrayRef<Type>(types).drop_front()));
  b.setInsertionPointToStart(function.addEntryBlock(b));
  SmallVector<Value> arguments = {LLVM::AddressOfOp::create(b, types.front(), artifact)};
  llvm::append_range(arguments, function.getArguments());
  LLVM::ReturnOp::create(b, LLVM::CallOp::create(b, driver, arguments).getResults());
}

void descent::emitEntryPoints(ModuleOp module, StringRef name, FlatSymbolRefAttr artifact, bool isLibrary) {
  ImplicitLocOpBuilder b(module.getLoc(), module.getContext());
  for (const EntryPoint &point : isLibrary ? ArrayRef(libraryEntryPoints) : ArrayRef(entryPoints))
    emitEntryPoint(b, module, name, artifact, point);
}
