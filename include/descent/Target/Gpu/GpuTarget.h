// Facts about the devices that kernels are compiled for.
#ifndef DESCENT_TARGET_GPU_GPUTARGET_H
#define DESCENT_TARGET_GPU_GPUTARGET_H

#include "descent/Conversion/GpuKernels.h"
#include "descent/Dialect/Plan/Analysis/CostRates.h"

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"

namespace descent {

/// What a device does in a second at most, by its data sheet.
struct GpuPeaks {
  double terabytes;        // from and to memory
  double f64, f32, narrow; // TFLOP/s: multiply-adds count as two; `narrow`: tensor cores in 16 bits, without sparsity
};

/// One kind of device. Adding one is a record in GpuTarget.cpp.
struct GpuTarget {
  llvm::StringRef name;     // as users write it: "cuda:sm_90a", "simulator", "simulator:sm_90a"
  llvm::StringRef chip;     // of LLVM and the assembler: "sm_90a"; none for the simulator
  llvm::StringRef features; // of LLVM: the oldest language of kernels that knows the chip, as "+ptx80"
  unsigned vectorBytes;     // that a thread accesses at once
  unsigned threads;         // of a block of most kernels
  unsigned residentThreads; // of a multiprocessor, so that enough of them wait for memory at once
  unsigned registers;       // of a multiprocessor, 32 bits each
  unsigned maxThreads;      // that a multiprocessor holds
  unsigned workgroupBytes;  // of memory that a block's threads share, at most
  unsigned multiprocessors; // that costs are estimated for
  GpuPeaks peaks;           // none for the simulator
  GpuProducts products = GpuProducts::Mma;

  /// The registers of a thread in kernels that wait for memory; a kernel that computes says what it needs.
  unsigned getRegisterBudget() const { return registers / residentThreads; }
  /// The most registers of a thread, so that a multiprocessor still holds a block of so many.
  unsigned getMostRegisters(unsigned blockThreads) const { return registers / blockThreads / 8 * 8; }
  /// How many blocks a multiprocessor holds of a kernel with so many threads a block, registers a thread and bytes of
  /// workgroup memory a block.
  unsigned getResidentBlocks(unsigned blockThreads, unsigned threadRegisters, unsigned blockBytes) const;
  /// By what plans for the device are compared. The simulator's are compared as those of a processor, which it runs on.
  plan::CostRates getRates() const;
  /// The compute capability: 90 for 9.0; 0 for the simulator.
  unsigned getCapability() const;
  /// Whether the chip's kernels run on later ones too, once assembled there: not if they may use what only it has.
  bool isForward() const { return !chip.empty() && !chip.ends_with("a"); }
};

/// All of them; those of one kind together, the newest first.
llvm::ArrayRef<GpuTarget> getGpuTargets();

/// Whether the name asks for a device at all: "cuda", "simulator", or one of these and chips.
bool isGpuTarget(llvm::StringRef name);

/// The target of that name. Nothing if there is none.
std::optional<GpuTarget> findGpuTarget(llvm::StringRef name);

/// The targets that `names` asks for, as they stand in the table: one as above, several chips joined by commas
/// (`cuda:sm_80,sm_90a`), or `cuda`, all chips. None if a name is unknown.
llvm::SmallVector<GpuTarget> findGpuTargets(llvm::StringRef names);

} // namespace descent

#endif // DESCENT_TARGET_GPU_GPUTARGET_H
