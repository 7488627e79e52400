// Integer arithmetic on an f32 whose first half of 16 bits is a bf16. Scalars, for regions of stages.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_SPLITTING_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_SPLITTING_H

#include "mlir/IR/Builders.h"

namespace descent {

/// x to bf16, as an f32: to nearest, ties away from zero, so that a tie leaves one remainder only. A NaN stays one.
mlir::Value createRoundedPart(mlir::OpBuilder &builder, mlir::Value x);

/// bits(x) - bits(rounded part of x), from -0x8000 to 0x7fff, as an i32; 0 for a NaN.
mlir::Value createRemainderPart(mlir::OpBuilder &builder, mlir::Value x);

/// x to bf16, as an f32: up in magnitude when the upper half of `random` and the lower half of x's bits have a carry.
/// NaN and infinities stay what they are.
mlir::Value createStochasticPart(mlir::OpBuilder &builder, mlir::Value x, mlir::Value random);

/// The f32 of which these are the parts.
mlir::Value createJoined(mlir::OpBuilder &builder, mlir::Value rounded, mlir::Value remainder);

} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_SPLITTING_H
