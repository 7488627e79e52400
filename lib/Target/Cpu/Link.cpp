// Links objects, in a temporary folder.
#include "descent/Target/Artifact/TemporaryFolder.h"
#include "descent/Target/Cpu/Cpu.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace descent;

static std::string findRuntimeLibrary(const CpuOptions &options) {
  if (!options.runtimeLibrary.empty())
    return options.runtimeLibrary;
  static int anchor;
  std::string program = llvm::sys::fs::getMainExecutable(nullptr, &anchor);
  SmallString<256> beside(llvm::sys::path::parent_path(llvm::sys::path::parent_path(program)));
  llvm::sys::path::append(beside, "lib", "libdescent_runtime.a");
  return llvm::sys::fs::exists(beside) ? std::string(beside) : std::string(DESCENT_RUNTIME_LIBRARY);
}

/// The runtime, and what else is asked for beside it.
static SmallVector<std::string> findLibraries(const CpuOptions &options) {
  SmallVector<std::string> libraries = {findRuntimeLibrary(options)};
  for (const std::string &name : options.moreLibraries) {
    SmallString<256> library(llvm::sys::path::parent_path(libraries.front()));
    llvm::sys::path::append(library, "lib" + name + ".a");
    libraries.push_back(library.str().str());
  }
  return libraries;
}

static std::string findLinker(const CpuOptions &options) {
  if (!options.linker.empty())
    return options.linker;
  if (llvm::sys::fs::can_execute(DESCENT_C_COMPILER))
    return DESCENT_C_COMPILER;
  return llvm::sys::findProgramByName("cc").get();
}

namespace {
/// A temporary folder with the objects that are to be linked.
class LinkFolder : public TemporaryFolder {
public:
  using TemporaryFolder::TemporaryFolder;
  LogicalResult fill(const ObjectFiles &objects);
  /// Runs the linker with these arguments and the objects, and appends what it writes.
  LogicalResult link(const CpuOptions &options, ArrayRef<StringRef> arguments, SmallVectorImpl<char> &bytes);

private:
  SmallVector<std::string> files;
};
} // namespace

LogicalResult LinkFolder::fill(const ObjectFiles &objects) {
  if (failed(create()))
    return failure();
  for (const auto &[i, object] : llvm::enumerate(objects)) {
    std::string name = "kernels" + std::to_string(i) + ".o";
    files.push_back(path(name));
    if (failed(write(name, StringRef(object.data(), object.size()))))
      return failure();
  }
  return success();
}

LogicalResult LinkFolder::link(const CpuOptions &options, ArrayRef<StringRef> arguments, SmallVectorImpl<char> &bytes) {
  std::string linker = findLinker(options), output = path("output");
  if (linker.empty())
    return emitError(getLoc(), "found no C compiler to link with; write an object file (.o) for one target instead");
  SmallVector<StringRef> all = {linker, "-o", output};
  all.append(arguments.begin(), arguments.end());
  all.append(files.begin(), files.end());
  return success(succeeded(run("linking", all)) && succeeded(read("output", bytes)));
}

LogicalResult descent::mergeObjects(Location location, const CpuOptions &options, const ObjectFiles &objects,
                                    SmallVectorImpl<char> &bytes) {
  LinkFolder folder(location);
  return success(succeeded(folder.fill(objects)) && succeeded(folder.link(options, {"-r", "-nostdlib"}, bytes)));
}

LogicalResult descent::linkSharedObject(Location location, StringRef name, const CpuOptions &options,
                                        const ObjectFiles &objects, SmallVectorImpl<char> &bytes) {
  if (!runsOnThisArchitecture(options.paths.front()))
    return emitError(location, "cannot link a shared object for ")
           << options.paths.front().name << " on this machine; write an object file (.o) and link it there";
  LinkFolder folder(location);
  std::string exports = ("{ global: " + name + "_*; local: *; };\n").str();
  if (failed(folder.fill(objects)) || failed(folder.write("exports.map", exports)))
    return failure();
  std::string script = "-Wl,--version-script=" + folder.path("exports.map");
  SmallVector<std::string> libraries = findLibraries(options);
  SmallVector<StringRef> arguments = {"-shared", "-fPIC", "-Wl,--whole-archive"};
  llvm::append_range(arguments, libraries);
  arguments.append({"-Wl,--no-whole-archive", "-Wl,-Bsymbolic", "-Wl,-z,defs", script, "-lm", "-pthread"});
  return folder.link(options, arguments, bytes);
}
