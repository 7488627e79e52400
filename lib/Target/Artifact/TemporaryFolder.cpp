#include "descent/Target/Artifact/TemporaryFolder.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace descent;

TemporaryFolder::~TemporaryFolder() {
  if (!folder.empty())
    llvm::sys::fs::remove_directories(folder);
}

LogicalResult TemporaryFolder::create() {
  if (std::error_code code = llvm::sys::fs::createUniqueDirectory("descent", folder))
    return emitError(location, "cannot create a temporary folder: ") << code.message();
  return success();
}

LogicalResult TemporaryFolder::write(StringRef name, StringRef bytes) {
  llvm::Error error = llvm::writeToOutput(path(name), [&](llvm::raw_ostream &os) {
    os << bytes;
    return llvm::Error::success();
  });
  if (!error)
    return success();
  // The reason alone: some errors name the temporary file, some nothing.
  std::string reason = llvm::errorToErrorCode(std::move(error)).message();
  return emitError(location, "cannot write '") << path(name) << "': " << reason;
}

LogicalResult TemporaryFolder::read(StringRef name, SmallVectorImpl<char> &bytes) {
  auto file = llvm::MemoryBuffer::getFile(path(name));
  if (!file)
    return emitError(location, "cannot read '") << path(name) << "': " << file.getError().message();
  bytes.append((*file)->getBufferStart(), (*file)->getBufferEnd());
  return success();
}

FailureOr<std::string> TemporaryFolder::run(StringRef work, ArrayRef<StringRef> arguments) {
  std::string problem, log = path("log");
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(log), StringRef(log)};
  int code = llvm::sys::ExecuteAndWait(arguments.front(), arguments, std::nullopt, redirects, 0, 0, &problem);
  auto text = llvm::MemoryBuffer::getFile(log);
  std::string printed = text ? (*text)->getBuffer().str() : "";
  if (code == 0)
    return printed;
  return emitError(location) << work << " with '" << arguments.front() << "' failed: " << problem << printed;
}
