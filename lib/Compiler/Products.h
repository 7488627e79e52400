// The program of a library of products.
#ifndef DESCENT_LIB_COMPILER_PRODUCTS_H
#define DESCENT_LIB_COMPILER_PRODUCTS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace descent {

/// A `plan.program` with a track for each kind of product that products.h names.
mlir::OwningOpRef<mlir::ModuleOp> createProducts(mlir::MLIRContext &context, llvm::StringRef name);

} // namespace descent

#endif // DESCENT_LIB_COMPILER_PRODUCTS_H
