#include "descent/Target/Cpu/CpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace descent;

// From the largest to the smallest: a machine's own target is the first that it can run.
static constexpr CpuTarget targets[] = {
    {"cpu:avx512", "x86_64-unknown-linux-gnu", "x86-64-v4", "znver4",
     "avx2,fma,f16c,bmi2,avx512f,avx512cd,avx512bw,avx512dq,avx512vl", 512},
    {"cpu:avx2", "x86_64-unknown-linux-gnu", "x86-64-v3", "znver3", "avx2,fma,f16c,bmi2", 256},
};

llvm::ArrayRef<CpuTarget> descent::getCpuTargets() { return targets; }

static bool runsHere(const CpuTarget &target) {
  llvm::StringMap<bool> present = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<llvm::StringRef> wanted;
  target.features.split(wanted, ',');
  return llvm::all_of(wanted, [&](llvm::StringRef feature) { return present.lookup(feature); });
}

std::optional<CpuTarget> descent::findCpuTarget(llvm::StringRef name) {
  bool isNative = name == "cpu" || name == "cpu:native";
  for (const CpuTarget &target : targets)
    if (isNative ? runsHere(target) : target.name == name)
      return target;
  return std::nullopt;
}
