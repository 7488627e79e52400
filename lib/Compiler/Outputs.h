// The files of one compilation.
#ifndef DESCENT_COMPILER_OUTPUTS_H
#define DESCENT_COMPILER_OUTPUTS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"

namespace descent {

/// Writes several files or none: each goes to a temporary file beside its place, and all are moved there at the end. An
/// earlier compilation's files stay as they are unless everything succeeds.
class Outputs {
public:
  explicit Outputs(mlir::Location loc) : loc(loc) {}
  Outputs(const Outputs &) = delete;
  ~Outputs();

  /// Emits an error that names `path` when it cannot be written.
  llvm::LogicalResult add(llvm::StringRef path, llvm::StringRef bytes);
  llvm::LogicalResult commit();

private:
  llvm::LogicalResult refuse(llvm::StringRef path, std::error_code code);

  struct File {
    std::string temporary, path;
  };
  mlir::Location loc;
  llvm::SmallVector<File> files;
};

/// The path of a file beside an output, with another extension: "json".
std::string beside(llvm::StringRef output, llvm::StringRef extension);

/// Writes one text file.
llvm::LogicalResult writeIR(mlir::ModuleOp module, llvm::StringRef path);

} // namespace descent

#endif // DESCENT_COMPILER_OUTPUTS_H
