// The kernels of a module, each body once.
#ifndef DESCENT_CONVERSION_KERNELS_KERNELLIBRARY_H
#define DESCENT_CONVERSION_KERNELS_KERNELLIBRARY_H

#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringMap.h"

namespace descent::plan {

/// Finds kernels that do the same, so that equal stages share one.
class KernelLibrary {
public:
  /// `module` is the symbol table that the kernels lie in.
  explicit KernelLibrary(mlir::Operation *module) : symbols(module) {}

  /// Names a new kernel, or erases it for the one with the same body; returns the name of the one that stays. Kernels
  /// have the same name before.
  mlir::StringAttr add(mlir::FunctionOpInterface kernel, llvm::StringRef name);

private:
  mlir::SymbolTable symbols;
  llvm::StringMap<mlir::StringAttr> byText;
};

} // namespace descent::plan

#endif // DESCENT_CONVERSION_KERNELS_KERNELLIBRARY_H
