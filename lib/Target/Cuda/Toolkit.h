// Where CUDA's programs and libraries are.
#ifndef DESCENT_LIB_TARGET_CUDA_TOOLKIT_H
#define DESCENT_LIB_TARGET_CUDA_TOOLKIT_H

#include "mlir/IR/Diagnostics.h"

#include <string>

namespace descent {

/// The toolkit of a folder, or the one that CudaOptions describes. Each part is looked for when it is needed, as
/// nothing of it is needed for PTX of most rules.
class CudaToolkit {
public:
  CudaToolkit(mlir::Location location, llvm::StringRef folder);

  /// The path of a program such as "ptxas". An error says where it was looked for.
  mlir::FailureOr<std::string> findProgram(llvm::StringRef name) const;
  /// The device's library of functions, as bitcode.
  mlir::FailureOr<std::string> findLibdevice() const;
  mlir::Location getLoc() const { return location; }

private:
  llvm::LogicalResult refuse(llvm::StringRef what) const;

  mlir::Location location;
  bool isGiven;
  llvm::SmallVector<std::string> folders;
};

} // namespace descent

#endif // DESCENT_LIB_TARGET_CUDA_TOOLKIT_H
