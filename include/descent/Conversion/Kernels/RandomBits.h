// The generator of random numbers: a hash of a counter.
#ifndef DESCENT_CONVERSION_KERNELS_RANDOMBITS_H
#define DESCENT_CONVERSION_KERNELS_RANDOMBITS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace descent::plan {

/// The bits that `plan.random` gives the entries at `place`, `place + 1`, ..., as a vector of i32.
mlir::Value createRandomBits(mlir::ImplicitLocOpBuilder &b, mlir::Value key, int64_t stream, mlir::Value place,
                             int64_t length);

} // namespace descent::plan

#endif // DESCENT_CONVERSION_KERNELS_RANDOMBITS_H
