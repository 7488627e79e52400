// Products that a library of matrix products can do in place of a kernel.
#ifndef DESCENT_DIALECT_PLAN_ANALYSIS_LIBRARYPRODUCTS_H
#define DESCENT_DIALECT_PLAN_ANALYSIS_LIBRARYPRODUCTS_H

#include "descent/Dialect/Plan/IR/Plan.h"

namespace descent::plan {

/// `result = alpha * product + beta * added`, rounded once when it is stored.
struct LibraryProduct {
  mlir::Value added; // null if there is none
  mlir::Value result;
  double alpha, beta;
};

/// The product in this form, if it has it: both factors have one floating-point type; the epilogue multiplies the sum
/// and at most one matrix by constants and adds them; it writes one matrix, of the type of the factors or of the sums,
/// and reduces nothing; what is added has the type and the extents of what is written. All of these matrices are
/// scratch: libraries know neither layers without a gradient nor steps that are skipped, and may write nothing else
/// then. Constants may come from work on numbers that yields them.
std::optional<LibraryProduct> getLibraryProduct(ProductOp product);

} // namespace descent::plan

#endif // DESCENT_DIALECT_PLAN_ANALYSIS_LIBRARYPRODUCTS_H
