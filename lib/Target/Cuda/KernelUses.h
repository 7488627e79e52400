// What the assembler and its output tell of kernels.
#ifndef DESCENT_LIB_TARGET_CUDA_KERNELUSES_H
#define DESCENT_LIB_TARGET_CUDA_KERNELUSES_H

#include "descent/Target/Cuda/Cuda.h"

namespace descent {

/// The kernels of an assembled file, sorted by name. `log` is what `ptxas -v` printed.
std::vector<KernelUse> readKernelUses(llvm::StringRef chip, llvm::StringRef ptx, llvm::StringRef log,
                                      llvm::StringRef cubin);

} // namespace descent

#endif // DESCENT_LIB_TARGET_CUDA_KERNELUSES_H
