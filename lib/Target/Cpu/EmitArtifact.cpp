// From a program to the tables and functions that its users link.
#include "descent/Target/Artifact/ArtifactTables.h"
#include "descent/Target/Cpu/CpuTarget.h"
#include "descent/Target/Cpu/Passes.h"

namespace descent {
#define GEN_PASS_DEF_CPUEMITARTIFACT
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;
using namespace descent::plan;

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
    PathTables path = {{own->name, own->features}, ""};
    if (own + 1 != all.end())
      path.next = tables.declare(getTableName(own[1]));
    if (own != all.begin()) {
      // What all paths have in common is asked of the first.
      tables.addHidden(getTableName(*own), emitArtifactTables(tables, layout, path));
      symbols.erase(program);
      return success();
    }
    path.manifest = describe(layout, all);
    FlatSymbolRefAttr artifact = tables.add("artifact", emitArtifactTables(tables, layout, path));
    bool isLibrary = program->hasAttr("plan.library");
    symbols.erase(program);
    emitEntryPoints(getOperation(), name, artifact, isLibrary);
    return success();
  }
};
} // namespace
