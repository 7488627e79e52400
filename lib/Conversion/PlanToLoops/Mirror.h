// Copies what lies below the diagonal to the other side.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_MIRROR_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_MIRROR_H

#include "EntryLoops.h"

namespace descent::plan {

/// matrix[j, i] = matrix[i, j] for the block's entries below the diagonal (i > j). The block begins on or below the
/// diagonal, at multiples of `length`. The function is created beside `beside`, once a module.
void createMirror(mlir::ImplicitLocOpBuilder &b, mlir::Operation *beside, mlir::Value matrix, EntryBlock block,
                  int64_t length);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_MIRROR_H
