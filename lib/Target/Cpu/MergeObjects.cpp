// Code paths are compiled to objects of their own, at the same time; users link one.
#include "descent/Target/Cpu/Cpu.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Object/ELF.h"

using namespace mlir;
using namespace descent;
using namespace llvm::ELF;

using Elf = llvm::object::ELF64LE;
using File = llvm::object::ELFFile<Elf>;

namespace {
/// Copies sections and symbols, and renumbers what refers to them.
class ObjectMerger {
public:
  llvm::Error add(StringRef object);
  void write(SmallVectorImpl<char> &bytes);

private:
  /// Sections and symbols of the file at hand, under their new numbers.
  struct Renumbering {
    SmallVector<uint32_t> sections;
    SmallVector<std::pair<bool, uint32_t>> symbols; // whether local, and the place among those
  };
  /// Relocations name symbols, whose numbers are known when all local ones are.
  struct Relocations {
    size_t begin, count; // in `contents`
    SmallVector<std::pair<bool, uint32_t>> symbols;
  };

  llvm::Error addSections(const File &file, Renumbering &numbers);
  llvm::Error addSymbols(const File &file, Renumbering &numbers);
  llvm::Error addSymbol(const Elf::Sym &symbol, StringRef name, Renumbering &numbers);
  void renumberRelocations();
  size_t append(StringRef bytes, size_t alignment);
  uint32_t addName(StringRef name);
  template <typename T> static StringRef bytesOf(ArrayRef<T> values) {
    return StringRef(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
  }

  Elf::Ehdr fileHeader = {};
  SmallVector<Elf::Shdr, 0> headers{1}; // the first is no section
  SmallVector<char, 0> contents = SmallVector<char, 0>(sizeof(Elf::Ehdr), 0);
  SmallVector<Elf::Sym, 0> locals{1}, globals; // the first is no symbol
  llvm::StringMap<uint32_t> globalsByName;
  SmallVector<Relocations, 0> relocations;
  std::string names = std::string(1, '\0');
};
} // namespace

static llvm::Error refuse(const Twine &reason) { return llvm::createStringError(reason); }

size_t ObjectMerger::append(StringRef bytes, size_t alignment) {
  contents.resize(llvm::alignTo(contents.size(), std::max<size_t>(alignment, 1)));
  size_t begin = contents.size();
  llvm::append_range(contents, bytes);
  return begin;
}

uint32_t ObjectMerger::addName(StringRef name) {
  uint32_t place = names.size();
  names.append(name).push_back('\0');
  return place;
}

/// All but the tables of symbols and names, which are made anew.
llvm::Error ObjectMerger::addSections(const File &file, Renumbering &numbers) {
  auto sections = file.sections();
  if (!sections)
    return sections.takeError();
  for (const Elf::Shdr &section : *sections) {
    bool isCopied = !llvm::is_contained({SHT_NULL, SHT_SYMTAB, SHT_STRTAB, SHT_LLVM_ADDRSIG}, section.sh_type);
    numbers.sections.push_back(isCopied ? headers.size() : 0);
    if (section.sh_type == SHT_GROUP || section.sh_type == SHT_REL || section.sh_type == SHT_SYMTAB_SHNDX)
      return refuse("a section of type " + Twine(section.sh_type));
    if (!isCopied)
      continue;
    auto name = file.getSectionName(section);
    auto bytes = file.getSectionContents(section);
    if (!name || !bytes)
      return llvm::joinErrors(name.takeError(), bytes.takeError());
    Elf::Shdr &copy = headers.emplace_back(section);
    copy.sh_name = addName(*name);
    copy.sh_offset =
        append(section.sh_type == SHT_NOBITS ? StringRef() : llvm::toStringRef(*bytes), section.sh_addralign);
  }
  for (auto [section, number] : llvm::zip(*sections, numbers.sections)) {
    if (section.sh_type != SHT_RELA)
      continue;
    headers[number].sh_info = numbers.sections[section.sh_info];
    relocations.push_back({size_t(headers[number].sh_offset), size_t(section.sh_size / sizeof(Elf::Rela)), {}});
  }
  return llvm::Error::success();
}

llvm::Error ObjectMerger::addSymbol(const Elf::Sym &symbol, StringRef name, Renumbering &numbers) {
  Elf::Sym copy = symbol;
  copy.st_name = addName(name);
  if (symbol.st_shndx < SHN_LORESERVE)
    copy.st_shndx = numbers.sections[symbol.st_shndx];
  if (symbol.getBinding() == STB_LOCAL) {
    numbers.symbols.push_back({true, locals.size()});
    locals.push_back(copy);
    return llvm::Error::success();
  }
  auto [known, isNew] = globalsByName.try_emplace(name, globals.size());
  numbers.symbols.push_back({false, known->second});
  if (isNew)
    globals.push_back(copy);
  else if (globals[known->second].st_shndx == SHN_UNDEF)
    globals[known->second] = copy;
  else if (symbol.st_shndx != SHN_UNDEF)
    return refuse("two symbols '" + name + "'");
  return llvm::Error::success();
}

llvm::Error ObjectMerger::addSymbols(const File &file, Renumbering &numbers) {
  numbers.symbols.push_back({true, 0});
  auto sections = file.sections();
  if (!sections)
    return sections.takeError();
  const auto *table = llvm::find_if(*sections, [](const Elf::Shdr &section) { return section.sh_type == SHT_SYMTAB; });
  if (table == sections->end())
    return llvm::Error::success();
  auto symbols = file.symbols(table);
  auto texts = file.getStringTableForSymtab(*table);
  if (!symbols || !texts)
    return llvm::joinErrors(symbols.takeError(), texts.takeError());
  for (const Elf::Sym &symbol : symbols->drop_front()) {
    auto name = symbol.getName(*texts);
    if (!name)
      return name.takeError();
    if (llvm::Error error = addSymbol(symbol, *name, numbers))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error ObjectMerger::add(StringRef object) {
  auto file = File::create(object);
  if (!file)
    return file.takeError();
  fileHeader = file->getHeader();
  Renumbering numbers;
  size_t first = relocations.size();
  if (llvm::Error error = addSections(*file, numbers))
    return error;
  if (llvm::Error error = addSymbols(*file, numbers))
    return error;
  for (Relocations &one : llvm::drop_begin(relocations, first))
    one.symbols = numbers.symbols;
  return llvm::Error::success();
}

void ObjectMerger::renumberRelocations() {
  for (const Relocations &those : relocations)
    for (auto &one : MutableArrayRef(reinterpret_cast<Elf::Rela *>(contents.data() + those.begin), those.count)) {
      auto [isLocal, place] = those.symbols[one.getSymbol(/*isMips64EL=*/false)];
      one.setSymbol(isLocal ? place : locals.size() + place, /*IsMips64EL=*/false);
    }
}

void ObjectMerger::write(SmallVectorImpl<char> &bytes) {
  renumberRelocations();
  uint32_t symbolTable = headers.size(), nameTable = symbolTable + 1;
  for (Elf::Shdr &header : headers)
    if (header.sh_type == SHT_RELA)
      header.sh_link = symbolTable;
  uint32_t symbolName = addName(".symtab"), nameName = addName(".strtab");
  Elf::Shdr symbols = {}, texts = {};
  symbols.sh_name = symbolName;
  symbols.sh_type = SHT_SYMTAB;
  symbols.sh_offset = append(bytesOf(ArrayRef(locals)), alignof(uint64_t));
  append(bytesOf(ArrayRef(globals)), 1);
  symbols.sh_size = (locals.size() + globals.size()) * sizeof(Elf::Sym);
  symbols.sh_link = nameTable;
  symbols.sh_info = locals.size();
  symbols.sh_addralign = alignof(uint64_t);
  symbols.sh_entsize = sizeof(Elf::Sym);
  texts.sh_name = nameName;
  texts.sh_type = SHT_STRTAB;
  texts.sh_offset = append(names, 1);
  texts.sh_size = names.size();
  texts.sh_addralign = 1;
  headers.append({symbols, texts});
  fileHeader.e_shoff = append(bytesOf(ArrayRef(headers)), alignof(uint64_t));
  fileHeader.e_shnum = headers.size();
  fileHeader.e_shstrndx = nameTable;
  std::memcpy(contents.data(), &fileHeader, sizeof(fileHeader));
  llvm::append_range(bytes, contents);
}

LogicalResult descent::mergeObjects(Location location, ArrayRef<SmallVector<char, 0>> objects,
                                    SmallVectorImpl<char> &bytes) {
  ObjectMerger merger;
  for (const SmallVector<char, 0> &object : objects)
    if (llvm::Error error = merger.add(StringRef(object.data(), object.size())))
      return emitError(location, "cannot merge objects: ") << llvm::toString(std::move(error));
  merger.write(bytes);
  return success();
}
