#include "Outputs.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace descent;

LogicalResult Outputs::refuse(StringRef path, std::error_code code) {
  return emitError(loc) << "cannot write '" << path << "': " << code.message();
}

LogicalResult Outputs::add(StringRef path, StringRef bytes) {
  if (llvm::sys::fs::is_directory(path))
    return refuse(path, std::make_error_code(std::errc::is_a_directory));
  SmallString<128> temporary;
  int descriptor;
  if (std::error_code code =
          llvm::sys::fs::createUniqueFile(path + ".%%%%%%", descriptor, temporary, llvm::sys::fs::OF_None, 0644))
    return refuse(path, code);
  files.push_back({temporary.str().str(), path.str()});
  llvm::raw_fd_ostream out(descriptor, /*shouldClose=*/true);
  out << bytes;
  out.close();
  std::error_code code = out.error();
  out.clear_error();
  return code ? refuse(path, code) : success();
}

LogicalResult Outputs::commit() {
  for (File &file : files) {
    if (std::error_code code = llvm::sys::fs::rename(file.temporary, file.path))
      return refuse(file.path, code);
    file.temporary.clear();
  }
  return success();
}

Outputs::~Outputs() {
  for (const File &file : files)
    if (!file.temporary.empty())
      llvm::sys::fs::remove(file.temporary);
}

std::string descent::beside(StringRef output, StringRef extension) {
  SmallString<128> path(output);
  llvm::sys::path::replace_extension(path, extension);
  return path.str().str();
}

LogicalResult descent::writeIR(ModuleOp module, StringRef path) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out);
  out << "\n";
  Outputs outputs(UnknownLoc::get(module.getContext()));
  return success(succeeded(outputs.add(path, text)) && succeeded(outputs.commit()));
}
