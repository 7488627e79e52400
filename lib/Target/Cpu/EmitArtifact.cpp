// From a program to the tables and functions that its users link.
#include "ArtifactTables.h"

#include "descent/Target/Artifact/Artifact.h"
#include "descent/Target/Cpu/Passes.h"

namespace descent {
#define GEN_PASS_DEF_CPUEMITARTIFACT
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;
using namespace descent::plan;

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

static std::string getTableName(const CpuTarget &path) { return ("artifact_" + path.getSuffix()).str(); }

static std::string describe(const ProgramLayout &layout, ArrayRef<CpuTarget> paths) {
  SmallVector<CodePath> described;
  for (const CpuTarget &path : paths)
    described.push_back({path.name, path.features});
  return emitManifest(layout, described);
}

namespace {
struct CpuEmitArtifact : descent::impl::CpuEmitArtifactBase<CpuEmitArtifact> {
  using CpuEmitArtifactBase::CpuEmitArtifactBase;

  void runOnOperation() override {
    SmallVector<CpuTarget> all;
    if (failed(findPaths(all)))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    for (ProgramOp program : llvm::make_early_inc_range(getOperation().getOps<ProgramOp>()))
      if (failed(emit(program, all, symbols)))
        return signalPassFailure();
  }

  /// The targets of all paths; of this module's, `target`, alone if there are no others.
  LogicalResult findPaths(SmallVectorImpl<CpuTarget> &all) {
    SmallVector<std::string> names(paths.begin(), paths.end());
    if (names.empty())
      names.push_back(target);
    for (StringRef name : names) {
      std::optional<CpuTarget> found = findCpuTarget(name);
      if (!found)
        return emitError(getOperation().getLoc(), "there is no target '") << name << "' that this machine knows";
      all.push_back(*found);
    }
    if (!llvm::is_contained(names, target))
      return emitError(getOperation().getLoc(), "the target '") << target << "' is not among the artifact's paths";
    return success();
  }

  LogicalResult emit(ProgramOp program, ArrayRef<CpuTarget> all, SymbolTable &symbols) {
    ProgramLayout layout(program);
    for (const TrackLayout &track : layout.tracks)
      for (Operation *stage : track.stages) {
        auto kernel = stage->getAttrOfType<FlatSymbolRefAttr>("kernel");
        if (!kernel || !symbols.lookup<LLVM::LLVMFuncOp>(kernel.getAttr()))
          return stage->emitOpError("has no entry; run cpu-bind-kernels first");
      }
    // The program's symbol gives way to its functions'.
    std::string name = program.getSymName().str();
    ImplicitLocOpBuilder b(program.getLoc(), getOperation().getBody(), getOperation().getBody()->end());
    ConstantTables tables(b, symbols, name + "_");
    const auto *own =
        llvm::find_if(all, [&](const CpuTarget &path) { return path.name == findCpuTarget(target)->name; });
    Constant next = own + 1 == all.end() ? Constant::null() : tables.declare(getTableName(own[1]));
    if (own != all.begin()) {
      // What all paths have in common is asked of the first.
      tables.addHidden(getTableName(*own), emitArtifactTables(tables, layout, *own, "", next));
      symbols.erase(program);
      return success();
    }
    FlatSymbolRefAttr artifact =
        tables.add("artifact", emitArtifactTables(tables, layout, *own, describe(layout, all), next));
    bool isLibrary = program->hasAttr("plan.library");
    symbols.erase(program);
    for (const EntryPoint &point : isLibrary ? ArrayRef(libraryEntryPoints) : ArrayRef(entryPoints))
      emitEntryPoint(b, getOperation(), name, artifact, point);
    return success();
  }
};
} // namespace
