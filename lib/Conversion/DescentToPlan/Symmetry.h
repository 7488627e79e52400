// Which square matrices of a rule are known to be symmetric.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_SYMMETRY_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_SYMMETRY_H

#include "mlir/IR/Value.h"

namespace descent {

/// Whether the matrix equals its transpose whatever the rule is given: results of symmetric products, identities,
/// numbers in every entry, and what follows from such matrices entry by entry.
bool isSymmetric(mlir::Value matrix);

} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_SYMMETRY_H
