// Links objects, in a temporary folder.
#include "descent/Target/Cpu/Cpu.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace descent;

static LogicalResult writeFile(Location location, StringRef path, StringRef bytes) {
  llvm::Error error = llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << bytes;
    return llvm::Error::success();
  });
  if (!error)
    return success();
  // The reason alone: some errors name the temporary file, some nothing.
  std::string reason = llvm::errorToErrorCode(std::move(error)).message();
  return emitError(location, "cannot write '") << path << "': " << reason;
}

static std::string findRuntimeLibrary(const CpuOptions &options) {
  if (!options.runtimeLibrary.empty())
    return options.runtimeLibrary;
  static int anchor;
  std::string program = llvm::sys::fs::getMainExecutable(nullptr, &anchor);
  SmallString<256> beside(llvm::sys::path::parent_path(llvm::sys::path::parent_path(program)));
  llvm::sys::path::append(beside, "lib", "libdescent_runtime.a");
  return llvm::sys::fs::exists(beside) ? std::string(beside) : std::string(DESCENT_RUNTIME_LIBRARY);
}

static std::string findLinker(const CpuOptions &options) {
  if (!options.linker.empty())
    return options.linker;
  if (llvm::sys::fs::can_execute(DESCENT_C_COMPILER))
    return DESCENT_C_COMPILER;
  return llvm::sys::findProgramByName("cc").get();
}

/// Runs the linker; what it prints becomes the diagnostic.
static LogicalResult runLinker(Location location, StringRef linker, ArrayRef<StringRef> arguments, StringRef log) {
  std::string problem;
  std::optional<StringRef> redirects[] = {std::nullopt, log, log};
  int code = llvm::sys::ExecuteAndWait(linker, arguments, std::nullopt, redirects, 0, 0, &problem);
  if (code == 0)
    return success();
  auto text = llvm::MemoryBuffer::getFile(log);
  return emitError(location, "linking with '")
         << linker << "' failed: " << problem << (text ? (*text)->getBuffer() : "");
}

namespace {
/// A temporary folder with the objects that are to be linked.
class LinkFolder {
public:
  explicit LinkFolder(Location location) : location(location) {}
  ~LinkFolder() {
    if (!folder.empty())
      llvm::sys::fs::remove_directories(folder);
  }
  LogicalResult fill(const ObjectFiles &objects);
  LogicalResult add(StringRef name, StringRef bytes) { return writeFile(location, path(name), bytes); }
  std::string path(StringRef name) const { return (folder + "/" + name).str(); }
  /// Runs the linker with these arguments and the objects, and appends what it writes.
  LogicalResult link(const CpuOptions &options, ArrayRef<StringRef> arguments, SmallVectorImpl<char> &bytes);

private:
  Location location;
  SmallString<128> folder;
  SmallVector<std::string> files;
};
} // namespace

LogicalResult LinkFolder::fill(const ObjectFiles &objects) {
  if (std::error_code code = llvm::sys::fs::createUniqueDirectory("descent", folder))
    return emitError(location, "cannot create a temporary folder: ") << code.message();
  for (const auto &[i, object] : llvm::enumerate(objects)) {
    files.push_back(path("kernels" + std::to_string(i) + ".o"));
    if (failed(writeFile(location, files.back(), StringRef(object.data(), object.size()))))
      return failure();
  }
  return success();
}

LogicalResult LinkFolder::link(const CpuOptions &options, ArrayRef<StringRef> arguments, SmallVectorImpl<char> &bytes) {
  std::string linker = findLinker(options), output = path("output");
  if (linker.empty())
    return emitError(location, "found no C compiler to link with; write an object file (.o) for one target instead");
  SmallVector<StringRef> all = {linker, "-o", output};
  all.append(arguments.begin(), arguments.end());
  all.append(files.begin(), files.end());
  if (failed(runLinker(location, linker, all, path("log"))))
    return failure();
  auto linked = llvm::MemoryBuffer::getFile(output);
  if (!linked)
    return emitError(location, "cannot read what the linker wrote: ") << linked.getError().message();
  bytes.append((*linked)->getBufferStart(), (*linked)->getBufferEnd());
  return success();
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
  if (failed(folder.fill(objects)) || failed(folder.add("exports.map", exports)))
    return failure();
  std::string runtime = findRuntimeLibrary(options), script = "-Wl,--version-script=" + folder.path("exports.map");
  StringRef arguments[] = {"-shared",
                           "-fPIC",
                           "-Wl,--whole-archive",
                           runtime,
                           "-Wl,--no-whole-archive",
                           "-Wl,-Bsymbolic",
                           "-Wl,-z,defs",
                           script,
                           "-lm",
                           "-pthread"};
  return folder.link(options, arguments, bytes);
}
