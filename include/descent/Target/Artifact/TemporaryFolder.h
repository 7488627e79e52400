// Files for programs that compilation runs: linkers, assemblers.
#ifndef DESCENT_TARGET_ARTIFACT_TEMPORARYFOLDER_H
#define DESCENT_TARGET_ARTIFACT_TEMPORARYFOLDER_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/SmallString.h"

namespace descent {

/// A folder of files that goes when this does. Errors go to the location's context.
class TemporaryFolder {
public:
  explicit TemporaryFolder(mlir::Location location) : location(location) {}
  TemporaryFolder(const TemporaryFolder &) = delete;
  ~TemporaryFolder();

  mlir::LogicalResult create();
  std::string path(llvm::StringRef name) const { return (folder + "/" + name).str(); }
  mlir::LogicalResult write(llvm::StringRef name, llvm::StringRef bytes);
  /// Appends what a program wrote.
  mlir::LogicalResult read(llvm::StringRef name, llvm::SmallVectorImpl<char> &bytes);
  /// Runs a program with arguments, of which it is the first, and returns what it printed. If it fails, that is in the
  /// error: "<work> with '<program>' failed".
  mlir::FailureOr<std::string> run(llvm::StringRef work, llvm::ArrayRef<llvm::StringRef> arguments);
  mlir::Location getLoc() const { return location; }

private:
  mlir::Location location;
  llvm::SmallString<128> folder;
};

} // namespace descent

#endif // DESCENT_TARGET_ARTIFACT_TEMPORARYFOLDER_H
