// Kernels as LLVM holds them, for one chip.
#ifndef DESCENT_LIB_TARGET_CUDA_EMITPTX_H
#define DESCENT_LIB_TARGET_CUDA_EMITPTX_H

#include "Toolkit.h"

#include "descent/Target/Cuda/Cuda.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace descent {

class CompiledKernels {
public:
  /// Lowers the module's plans, or the kernels that it holds, to optimized LLVM IR. The module is left as it is.
  mlir::LogicalResult compile(mlir::ModuleOp module, const GpuTarget &target, const CudaToolkit &toolkit);

  /// The kernels in PTX. Can be asked for again with other limits.
  mlir::LogicalResult emitPtx(Bytes &ptx);

  /// How many registers a thread of each kernel may have.
  llvm::StringMap<int64_t> getLimits() const;
  /// The threads of a block.
  int64_t getThreads(llvm::StringRef kernel) const;
  /// Of workgroup memory, beyond what the kernel declares.
  int64_t getDynamicBytes(llvm::StringRef kernel) const { return dynamicBytes.lookup(kernel); }
  void setLimit(llvm::StringRef kernel, int64_t registers);

private:
  mlir::LogicalResult linkLibdevice(const CudaToolkit &toolkit);
  mlir::LogicalResult checkCalls(mlir::Location location);
  void optimize();

  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
  llvm::StringMap<int64_t> dynamicBytes;
};

} // namespace descent

#endif // DESCENT_LIB_TARGET_CUDA_EMITPTX_H
