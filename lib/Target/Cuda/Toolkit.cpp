#include "Toolkit.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace descent;

static constexpr StringRef usualFolder = "/usr/local/cuda";

/// The folder above that of the program in PATH, which may be a link to it.
static std::string findFolderOfPath() {
  llvm::ErrorOr<std::string> program = llvm::sys::findProgramByName("ptxas");
  SmallString<256> real;
  if (!program || llvm::sys::fs::real_path(*program, real))
    return "";
  return llvm::sys::path::parent_path(llvm::sys::path::parent_path(real)).str();
}

CudaToolkit::CudaToolkit(Location location, StringRef folder) : location(location), isGiven(!folder.empty()) {
  if (isGiven) {
    folders.push_back(folder.str());
    return;
  }
  for (StringRef variable : {"CUDA_HOME", "CUDA_ROOT", "CUDA_PATH"})
    if (std::optional<std::string> value = llvm::sys::Process::GetEnv(variable); value && !value->empty())
      folders.push_back(*value);
  if (std::string found = findFolderOfPath(); !found.empty())
    folders.push_back(found);
  folders.push_back(usualFolder.str());
}

LogicalResult CudaToolkit::refuse(StringRef what) const {
  return emitError(location) << "found no " << what << " in " << llvm::join(folders, ", ")
                             << "; name CUDA's folder with --cuda or in CUDA_HOME";
}

FailureOr<std::string> CudaToolkit::findProgram(StringRef name) const {
  for (StringRef folder : folders) {
    SmallString<256> path(folder);
    llvm::sys::path::append(path, "bin", name);
    if (llvm::sys::fs::can_execute(path))
      return path.str().str();
  }
  llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(name);
  if (!isGiven && found)
    return *found;
  return refuse(name);
}

FailureOr<std::string> CudaToolkit::findLibdevice() const {
  for (StringRef folder : folders) {
    SmallString<256> path(folder);
    llvm::sys::path::append(path, "nvvm", "libdevice", "libdevice.10.bc");
    if (llvm::sys::fs::exists(path))
      return path.str().str();
  }
  return refuse("nvvm/libdevice/libdevice.10.bc, which the rule's functions need,");
}
