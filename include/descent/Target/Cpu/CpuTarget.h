// Facts about the processors that kernels are compiled for.
#ifndef DESCENT_TARGET_CPU_CPUTARGET_H
#define DESCENT_TARGET_CPU_CPUTARGET_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"

namespace descent {

/// One kind of processor. Adding one is a record in CpuTarget.cpp.
struct CpuTarget {
  llvm::StringRef name;     // as users write it
  llvm::StringRef triple;   // of LLVM
  llvm::StringRef cpu;      // of LLVM: what the kernels may use
  llvm::StringRef tune;     // of LLVM: what they are scheduled for
  llvm::StringRef features; // what a processor must have, as the step driver checks it
  unsigned vectorBits;
};

llvm::ArrayRef<CpuTarget> getCpuTargets();

/// The target of that name; `cpu:native` (or `cpu`) is the largest that this machine can run. Nothing if there is none.
std::optional<CpuTarget> findCpuTarget(llvm::StringRef name);

} // namespace descent

#endif // DESCENT_TARGET_CPU_CPUTARGET_H
