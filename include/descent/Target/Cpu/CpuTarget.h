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
  llvm::StringRef more;     // of LLVM: features beyond those of `cpu`, as "+a,+b"
  llvm::StringRef tune;     // of LLVM: what they are scheduled for
  llvm::StringRef features; // what a processor must have, as the step driver checks it
  unsigned vectorBits;
  bool hasFma;          // multiplies and adds with one rounding
  bool multipliesPairs; // adds products of pairs of bf16 to f32

  /// The name without its kind, which symbols end in: "avx2".
  llvm::StringRef getSuffix() const { return name.substr(name.find(':') + 1); }
};

/// All of them; those of one architecture together, the best first.
llvm::ArrayRef<CpuTarget> getCpuTargets();

/// Whether a machine of this kind could run it, in another model at least.
bool runsOnThisArchitecture(const CpuTarget &target);

/// The target of that name; `cpu:native` is the best that this machine can run. Nothing if there is none.
std::optional<CpuTarget> findCpuTarget(llvm::StringRef name);

/// The targets that `names` asks for, the best first: one as above, several joined by `+` (`cpu:avx2+avx512`), or
/// `cpu`, all of this machine's architecture. None if a name is unknown or the architectures differ.
llvm::SmallVector<CpuTarget> findCpuTargets(llvm::StringRef names);

} // namespace descent

#endif // DESCENT_TARGET_CPU_CPUTARGET_H
