// Compiles plans to kernels of NVIDIA's devices.
#ifndef DESCENT_TARGET_CUDA_CUDA_H
#define DESCENT_TARGET_CUDA_CUDA_H

#include "descent/Target/Gpu/GpuTarget.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

#include <string>

namespace descent {

struct CudaPipelineOptions : mlir::PassPipelineOptions<CudaPipelineOptions> {
  Option<std::string> target{*this, "target", llvm::cl::desc("the chip that the kernels are for"),
                             llvm::cl::init("cuda:sm_80")};
};

/// kernels in `gpu.func` -> the LLVM and NVVM dialects alone, in the same `gpu.module`s.
void buildKernelsToNvvmPipeline(mlir::OpPassManager &passes, const GpuTarget &target);

/// Registers the passes of CUDA, and `plan-to-cuda`: a plan's kernels, and the above.
void registerCudaPipelines();

/// What the conversion to NVVM, and the translation of its result to LLVM, need of a context.
void registerCudaTranslations(mlir::DialectRegistry &registry);

struct CudaOptions {
  llvm::SmallVector<GpuTarget> chips;
  /// CUDA's toolkit; empty: CUDA_HOME, CUDA_ROOT or CUDA_PATH, the one whose programs PATH has, or /usr/local/cuda.
  std::string toolkit;
};

/// What a kernel takes on one chip, as the assembler and its output tell.
struct KernelUse {
  std::string name;
  llvm::StringRef chip;
  int64_t registers = 0; // of a thread
  int64_t budget = 0;    // of them, as the kernel or the target says
  int64_t limit = 0;     // what it got, which is more if it would have spilled
  int64_t stackBytes = 0, spillBytes = 0;
  int64_t workgroupBytes = 0; // declared, and asked for at a launch
  int64_t instructions = 0;
  int64_t warpProducts = 0, groupProducts = 0; // instructions for tensor cores, of one warp and of four
  int64_t wideLoads = 0, wideStores = 0;       // of 16 bytes, in global memory
  std::vector<std::string> warnings;           // of performance, such as "C7510 ..."
};

using Bytes = llvm::SmallVector<char, 0>;

/// Everything a module with kernels becomes.
struct CudaImage {
  Bytes bytes;
  std::vector<KernelUse> kernels; // of all chips
};

/// Appends the kernels of the module's programs in PTX, for the only chip. The module is left as it is.
mlir::LogicalResult emitPtx(mlir::ModuleOp module, const CudaOptions &options, Bytes &ptx);

/// The same, assembled. A kernel that its registers do not suffice for gets more of them, rather than spill.
mlir::LogicalResult emitCubin(mlir::ModuleOp module, const CudaOptions &options, CudaImage &image);

/// The same for all chips in one file, with PTX for chips that are newer than those.
mlir::LogicalResult emitFatbin(mlir::ModuleOp module, const CudaOptions &options, CudaImage &image);

} // namespace descent

#endif // DESCENT_TARGET_CUDA_CUDA_H
