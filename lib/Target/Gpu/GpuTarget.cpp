#include "descent/Target/Gpu/GpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace descent;

// Sizes are those of the CUDA programming guide's table of compute capabilities; multiprocessors those of A100, H100
// and B200. A thousand threads with four vectors each on their way keep more bytes in flight than memory delivers in
// the time that one takes. The simulator has the kernels that all chips run, or those of one that has its own.
static constexpr GpuTarget targets[] = {
    {"cuda:sm_100a", "sm_100a", "+ptx86", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024,
     /*registers=*/65536, /*maxThreads=*/2048, /*workgroupBytes=*/232448, /*multiprocessors=*/148},
    {"cuda:sm_90a", "sm_90a", "+ptx80", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024,
     /*registers=*/65536, /*maxThreads=*/2048, /*workgroupBytes=*/232448, /*multiprocessors=*/132, GpuProducts::Wgmma},
    {"cuda:sm_80", "sm_80", "+ptx70", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024,
     /*registers=*/65536, /*maxThreads=*/2048, /*workgroupBytes=*/166912, /*multiprocessors=*/108},
    {"simulator", "", "", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024, /*registers=*/65536,
     /*maxThreads=*/2048, /*workgroupBytes=*/166912, /*multiprocessors=*/4},
    {"simulator:sm_90a", "", "", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024, /*registers=*/65536,
     /*maxThreads=*/2048, /*workgroupBytes=*/232448, /*multiprocessors=*/4, GpuProducts::Wgmma},
};

llvm::ArrayRef<GpuTarget> descent::getGpuTargets() { return targets; }

unsigned GpuTarget::getResidentBlocks(unsigned blockThreads, unsigned threadRegisters, unsigned blockBytes) const {
  unsigned blocks = std::min(maxThreads / blockThreads, registers / (threadRegisters * blockThreads));
  return std::max(blockBytes ? std::min(blocks, workgroupBytes / blockBytes) : blocks, 1u);
}

unsigned GpuTarget::getCapability() const {
  unsigned capability = 0;
  chip.drop_front(std::min(chip.find_first_of("0123456789"), chip.size())).consumeInteger(10, capability);
  return capability;
}

bool descent::isGpuTarget(llvm::StringRef name) {
  auto [kind, chips] = name.split(':');
  return kind == "cuda" || kind == "simulator";
}

std::optional<GpuTarget> descent::findGpuTarget(llvm::StringRef name) {
  for (const GpuTarget &target : targets)
    if (target.name == name)
      return target;
  return std::nullopt;
}

llvm::SmallVector<GpuTarget> descent::findGpuTargets(llvm::StringRef names) {
  llvm::SmallVector<llvm::StringRef> wanted;
  names.split(wanted, ',');
  for (llvm::StringRef name : wanted) {
    std::optional<GpuTarget> target = findGpuTarget(name);
    if (!target)
      target = findGpuTarget(("cuda:" + name).str());
    bool isAlone = wanted.size() == 1 || (target && !target->chip.empty());
    if (names != "cuda" && !(target && isAlone))
      return {};
  }
  auto isWanted = [&](const GpuTarget &target) {
    return (names == "cuda" && !target.chip.empty()) || llvm::is_contained(wanted, target.name) ||
           llvm::is_contained(wanted, target.chip);
  };
  return llvm::to_vector(llvm::make_filter_range(targets, isWanted));
}
