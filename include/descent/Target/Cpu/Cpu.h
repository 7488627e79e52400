// Compiles plans to machine code for CPUs.
#ifndef DESCENT_TARGET_CPU_CPU_H
#define DESCENT_TARGET_CPU_CPU_H

#include "descent/Target/Cpu/CpuTarget.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace descent {

struct CpuPipelineOptions : mlir::PassPipelineOptions<CpuPipelineOptions> {
  Option<std::string> target{*this, "target", llvm::cl::desc("the processors that the kernels are for"),
                             llvm::cl::init("cpu:native")};
  Option<unsigned> vectorBits{*this, "vector-bits", llvm::cl::desc("bits of a vector register; 0: the target's"),
                              llvm::cl::init(0)};
};

/// plan -> plan whose products read packed factors, in as little scratch.
void buildCpuPlanPipeline(mlir::OpPassManager &passes, const CpuTarget &target);
/// The same, and then plan -> plan with a kernel of loops and vectors for every stage.
void buildPlanToLoopsPipeline(mlir::OpPassManager &passes, const CpuTarget &target);
/// plan with kernels -> tables and functions; no program is left. `paths` are the targets of the whole artifact.
void buildCpuArtifactPipeline(mlir::OpPassManager &passes, const CpuTarget &target, llvm::ArrayRef<CpuTarget> paths);
/// loops, vectors and memrefs -> the LLVM dialect alone.
void buildLoopsToLLVMPipeline(mlir::OpPassManager &passes, const CpuTarget &target);

/// Registers the CPU's passes, and `plan-to-cpu`: all of the above.
void registerCpuPipelines();

/// What the translation of the pipelines' result to LLVM needs of a context.
void registerCpuTranslations(mlir::DialectRegistry &registry);

enum class CpuOutput { LLVMIR, Assembly, Object };

struct CpuOptions {
  /// The code paths of the artifact, the best first; all of one architecture.
  llvm::SmallVector<CpuTarget> paths;
  /// A C compiler for linking shared objects; empty: the one that built Descent, or `cc`.
  std::string linker;
  /// libdescent_runtime.a; empty: the one beside this program, or the one built with it.
  std::string runtimeLibrary;
  /// What a shared object is linked with besides, from the same folder: "descent_simulator".
  llvm::SmallVector<std::string> moreLibraries;
};

/// Lowers the module's programs down to the LLVM dialect for one of the paths, in place.
mlir::LogicalResult lowerPlanToLLVM(mlir::ModuleOp module, const CpuTarget &target, llvm::ArrayRef<CpuTarget> paths);

/// Compiles the module's programs for all paths and appends the output's bytes. The module is left as it is. Errors go
/// to its context.
mlir::LogicalResult emitCpuCode(mlir::ModuleOp module, const CpuOptions &options, CpuOutput output,
                                llvm::SmallVectorImpl<char> &bytes);

/// Compiles a module of the LLVM dialect alone for one kind of processor, and appends the output's bytes.
mlir::LogicalResult emitHostCode(mlir::ModuleOp lowered, const CpuTarget &target, CpuOutput output,
                                 llvm::SmallVectorImpl<char> &bytes);

using ObjectFiles = llvm::SmallVector<llvm::SmallVector<char, 0>, 0>;

/// The same as objects for a linker, one a path: machine code is then made by as many threads.
mlir::LogicalResult emitCpuObjects(mlir::ModuleOp module, const CpuOptions &options, ObjectFiles &objects);

/// Makes one object of several, and appends its bytes.
mlir::LogicalResult mergeObjects(mlir::Location location, const CpuOptions &options, const ObjectFiles &objects,
                                 llvm::SmallVectorImpl<char> &bytes);

/// Links objects and the step driver to a shared object that exports `<name>_*` only, and appends its bytes.
mlir::LogicalResult linkSharedObject(mlir::Location location, llvm::StringRef name, const CpuOptions &options,
                                     const ObjectFiles &objects, llvm::SmallVectorImpl<char> &bytes);

} // namespace descent

#endif // DESCENT_TARGET_CPU_CPU_H
