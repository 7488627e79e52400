#include "descent/Target/Gpu/GpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace descent;

// By the data sheets of A100 (80 GB, SXM), H100 (SXM) and B200 (HGX).
static constexpr GpuPeaks a100 = {2.04, 9.7, 19.5, 312}, h100 = {3.35, 34, 67, 989}, b200 = {8, 37, 75, 2250},
                          none = {};

// Sizes are those of the CUDA programming guide's table of compute capabilities; multiprocessors those of A100, H100
// and B200. A thousand threads with four vectors each on their way keep more bytes in flight than memory delivers in
// the time that one takes. The simulator has the kernels that all chips run, or those of one that has its own.
static constexpr GpuTarget targets[] = {
    {"cuda:sm_100a", "sm_100a", "+ptx86", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024,
     /*registers=*/65536, /*maxThreads=*/2048, /*workgroupBytes=*/232448, /*multiprocessors=*/148, b200},
    {"cuda:sm_90a", "sm_90a", "+ptx86", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024,
     /*registers=*/65536, /*maxThreads=*/2048, /*workgroupBytes=*/232448, /*multiprocessors=*/132, h100,
     GpuProducts::Wgmma},
    {"cuda:sm_80", "sm_80", "+ptx70", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024,
     /*registers=*/65536, /*maxThreads=*/2048, /*workgroupBytes=*/166912, /*multiprocessors=*/108, a100},
    {"simulator", "", "", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024, /*registers=*/65536,
     /*maxThreads=*/2048, /*workgroupBytes=*/166912, /*multiprocessors=*/4, none},
    {"simulator:sm_90a", "", "", /*vectorBytes=*/16, /*threads=*/256, /*residentThreads=*/1024, /*registers=*/65536,
     /*maxThreads=*/2048, /*workgroupBytes=*/232448, /*multiprocessors=*/4, none, GpuProducts::Wgmma},
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

// Shares of the peaks as published kernels reach them: 0.9 of the bandwidth for a softmax (QuACK, H100), 0.72 of tensor
// cores for products in bf16 of 4096^2 (cuBLAS, H100); the last one for multiply-adds too. An operation by itself is
// half a multiply-add; a division or root is some ten of them and waits for a unit that has an eighth of the rate. A
// launch that waits for the one before takes three microseconds, whatever it does, which the layers of a model share: a
// dozen of them, as in a small transformer.
static constexpr double bandwidthShare = 0.9, productShare = 0.72, slowFlops = 16, launch = 3000.0 / 12;

plan::CostRates GpuTarget::getRates() const {
  if (peaks.terabytes == 0)
    return {};
  auto perFlop = [](double teraflops) { return 1e-3 / teraflops; };
  double entryFlop = 2 * perFlop(peaks.f32);
  return {1e-3 / (bandwidthShare * peaks.terabytes),
          entryFlop,
          slowFlops * entryFlop,
          perFlop(productShare * peaks.f64),
          perFlop(productShare * peaks.f32),
          perFlop(productShare * peaks.narrow),
          launch};
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
