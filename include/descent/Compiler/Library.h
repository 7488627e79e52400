// The library of rules that the compiler carries.
#ifndef DESCENT_COMPILER_LIBRARY_H
#define DESCENT_COMPILER_LIBRARY_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

namespace descent {

/// A file of lib/Optimizers: one rule of the same name, below a comment with its source.
struct LibraryRule {
  llvm::StringRef name, text;
};

llvm::ArrayRef<LibraryRule> getLibraryRules();

/// The rule of that name, or null.
const LibraryRule *findLibraryRule(llvm::StringRef name);

/// Prints every rule with its source, states and hyperparameters.
void listLibrary(mlir::MLIRContext &context, llvm::raw_ostream &out);

} // namespace descent

#endif // DESCENT_COMPILER_LIBRARY_H
