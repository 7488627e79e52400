#include "descent/Target/Cpu/CpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace descent;

static constexpr char x86[] = "x86_64-unknown-linux-gnu", arm[] = "aarch64-unknown-linux-gnu";

// What a processor is asked for is all that LLVM may use for its `cpu`. From the best to the least: a machine's own
// target is the first that it can run.
static constexpr CpuTarget targets[] = {
    {"cpu:avx512bf16", x86, "x86-64-v4", "+avx512bf16,+avx512vbmi", "znver4",
     "avx2,fma,f16c,bmi,bmi2,lzcnt,movbe,avx512f,avx512cd,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16", 512,
     /*hasFma=*/true,
     /*multipliesPairs=*/true},
    {"cpu:avx512", x86, "x86-64-v4", "", "znver4",
     "avx2,fma,f16c,bmi,bmi2,lzcnt,movbe,avx512f,avx512cd,avx512bw,avx512dq,avx512vl", 512, /*hasFma=*/true,
     /*multipliesPairs=*/false},
    {"cpu:avx2", x86, "x86-64-v3", "", "znver3", "avx2,fma,f16c,bmi,bmi2,lzcnt,movbe", 256, /*hasFma=*/true,
     /*multipliesPairs=*/false},
    {"cpu:sse4", x86, "x86-64-v2", "", "x86-64-v2", "sse4.2,popcnt", 128, /*hasFma=*/false,
     /*multipliesPairs=*/false},
    {"cpu:neon", arm, "generic", "", "generic", "neon", 128, /*hasFma=*/true, /*multipliesPairs=*/false},
};

llvm::ArrayRef<CpuTarget> descent::getCpuTargets() { return targets; }

bool descent::runsOnThisArchitecture(const CpuTarget &target) {
  return llvm::Triple(target.triple).getArch() == llvm::Triple(llvm::sys::getProcessTriple()).getArch();
}

static bool runsHere(const CpuTarget &target) {
  static const llvm::StringMap<bool> present = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<llvm::StringRef> wanted;
  target.features.split(wanted, ',');
  return runsOnThisArchitecture(target) &&
         llvm::all_of(wanted, [&](llvm::StringRef feature) { return present.lookup(feature); });
}

std::optional<CpuTarget> descent::findCpuTarget(llvm::StringRef name) {
  for (const CpuTarget &target : targets)
    if (name == "cpu:native" ? runsHere(target) : target.name == name)
      return target;
  return std::nullopt;
}

llvm::SmallVector<CpuTarget> descent::findCpuTargets(llvm::StringRef names) {
  if (names == "cpu")
    return llvm::to_vector(llvm::make_filter_range(targets, runsOnThisArchitecture));
  llvm::SmallVector<llvm::StringRef> wanted;
  names.split(wanted, '+');
  llvm::SmallVector<CpuTarget> found;
  for (llvm::StringRef name : wanted) {
    std::optional<CpuTarget> target = findCpuTarget(name.starts_with("cpu:") ? name.str() : ("cpu:" + name).str());
    if (!target || target->triple != (found.empty() ? *target : found.front()).triple)
      return {};
    found.push_back(*target);
  }
  llvm::SmallVector<CpuTarget> sorted;
  for (const CpuTarget &target : targets)
    if (llvm::any_of(found, [&](const CpuTarget &one) { return one.name == target.name; }))
      sorted.push_back(target);
  return sorted;
}
