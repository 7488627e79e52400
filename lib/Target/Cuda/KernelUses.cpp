#include "KernelUses.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace descent;

using Uses = std::map<std::string, KernelUse>;

static int64_t toNumber(StringRef digits) {
  int64_t number = 0;
  digits.getAsInteger(10, number);
  return number;
}

/// "  12 bytes NAME": the number before the words, 0 if the line has none.
static int64_t findNumber(StringRef line, StringRef words) {
  SmallVector<StringRef> groups;
  return llvm::Regex(("([0-9]+) " + words).str()).match(line, &groups) ? toNumber(groups[1]) : 0;
}

/// The log tells of functions by turns: a line that names one, then lines about it.
static void readLog(StringRef log, Uses &uses) {
  llvm::Regex entry("Compiling entry function '([^']+)'"), properties("Function properties for (.+)$");
  SmallVector<StringRef> groups;
  KernelUse *kernel = nullptr, elsewhere;
  StringRef line;
  while (!log.empty()) {
    std::tie(line, log) = log.split('\n');
    if (entry.match(line, &groups)) {
      kernel = &uses[groups[1].str()];
      kernel->name = groups[1].str();
    } else if (properties.match(line, &groups)) {
      // Functions that kernels call have stacks too; the kernel's own counts what it needs for them.
      auto known = uses.find(groups[1].trim().str());
      kernel = known == uses.end() ? &elsewhere : &known->second;
    } else if (!kernel) {
      continue;
    } else if (line.contains("spill stores")) {
      kernel->stackBytes = findNumber(line, "bytes stack frame");
      kernel->spillBytes = findNumber(line, "bytes spill stores") + findNumber(line, "bytes spill loads");
    } else if (line.contains("Used ")) {
      kernel->registers = findNumber(line.substr(line.find("Used ")), "registers");
      kernel->workgroupBytes = findNumber(line, "bytes smem");
    }
  }
}

/// Those lines name the kernel at their end, or no kernel at all.
static void readWarnings(StringRef log, Uses &uses) {
  llvm::Regex code("\\((C75[0-9][0-9])\\)");
  StringRef line;
  while (!log.empty()) {
    std::tie(line, log) = log.split('\n');
    if (!code.match(line))
      continue;
    for (auto &[name, use] : uses)
      if (!line.contains("'") || line.contains(("'" + name + "'")))
        use.warnings.push_back(line.trim().str());
  }
}

static bool isWide(StringRef access) {
  static const std::pair<StringRef, StringRef> forms[] = {{".v4.", "32 "}, {".v2.", "64 "}, {".v8.", "16 "}};
  StringRef mnemonic = access.take_until([](char c) { return c == '['; }).take_front(48);
  return llvm::any_of(forms, [&](auto form) {
    size_t at = mnemonic.find(form.first);
    return at != StringRef::npos && mnemonic.substr(at + 5).starts_with(form.second);
  });
}

/// Accesses of 16 bytes in global memory and instructions for tensor cores, by the kernel whose text they stand in.
static void countOperations(StringRef ptx, Uses &uses) {
  KernelUse *kernel = nullptr;
  StringRef line;
  while (!ptx.empty()) {
    std::tie(line, ptx) = ptx.split('\n');
    line = line.trim();
    if (size_t at = line.find(".entry "); at != StringRef::npos) {
      auto known = uses.find(line.substr(at + 7).take_until([](char c) { return c == '('; }).str());
      kernel = known == uses.end() ? nullptr : &known->second;
    }
    if (!kernel)
      continue;
    kernel->warpProducts += line.starts_with("mma.sync");
    kernel->groupProducts += line.starts_with("wgmma.mma_async");
    if (isWide(line)) {
      kernel->wideLoads += line.contains("ld.global");
      kernel->wideStores += line.contains("st.global");
    }
  }
}

/// An instruction of all these chips has 16 bytes.
static void countInstructions(StringRef cubin, Uses &uses) {
  auto object = llvm::object::ELF64LEFile::create(cubin);
  if (!object)
    return llvm::consumeError(object.takeError());
  auto sections = object->sections();
  if (!sections)
    return llvm::consumeError(sections.takeError());
  for (const auto &section : *sections) {
    auto name = object->getSectionName(section);
    if (!name) {
      llvm::consumeError(name.takeError());
      continue;
    }
    StringRef kernel = *name;
    if (kernel.consume_front(".text.") && uses.count(kernel.str()))
      uses[kernel.str()].instructions = section.sh_size / 16;
  }
}

std::vector<KernelUse> descent::readKernelUses(StringRef chip, StringRef ptx, StringRef log, StringRef cubin) {
  Uses uses;
  readLog(log, uses);
  readWarnings(log, uses);
  countOperations(ptx, uses);
  countInstructions(cubin, uses);
  std::vector<KernelUse> sorted;
  for (auto &[name, use] : uses) {
    use.chip = chip;
    sorted.push_back(std::move(use));
  }
  return sorted;
}
