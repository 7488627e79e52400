// The primitives that norms are written in: each emits arith, math and descent operations.
#ifndef DESCENT_DIALECT_DESCENT_IR_FORMULAS_H
#define DESCENT_DIALECT_DESCENT_IR_FORMULAS_H

#include "descent/Dialect/Descent/IR/Descent.h"

namespace descent::formula {
using mlir::ImplicitLocOpBuilder;
using mlir::Value;

/// What a reduction runs along: the whole tensor, every row, or every column.
enum class Along { All, Rows, Columns };

/// In place of p: the largest absolute entry.
inline constexpr int64_t kInfinity = 0;

/// An f64, or a tensor like `like` with `value` in every entry.
Value constant(ImplicitLocOpBuilder &b, double value);
Value constantLike(ImplicitLocOpBuilder &b, double value, Value like);
/// `value` (f64, or one a row or column) for every entry of `like`.
Value broadcastLike(ImplicitLocOpBuilder &b, Value value, Value like);

/// Of two numbers, or entry by entry.
Value add(ImplicitLocOpBuilder &b, Value x, Value y);
Value multiply(ImplicitLocOpBuilder &b, Value x, Value y);
Value divide(ImplicitLocOpBuilder &b, Value x, Value y);
Value negate(ImplicitLocOpBuilder &b, Value x);
Value reciprocal(ImplicitLocOpBuilder &b, Value x);
/// `x` times a number, or times one a row or column.
Value scale(ImplicitLocOpBuilder &b, Value x, Value factor);
/// 1, -1 or the entry itself where it is 0 or NaN.
Value sign(ImplicitLocOpBuilder &b, Value x);
/// Every entry moved into [-radius, radius].
Value clamp(ImplicitLocOpBuilder &b, Value x, Value radius);

/// f64 when the whole of `x` is reduced, otherwise the result of a reduction along rows or columns.
Value reduce(ImplicitLocOpBuilder &b, ReduceKind kind, Value x, Along along = Along::All);
Value sumAbs(ImplicitLocOpBuilder &b, Value x, Along along = Along::All);
Value maxAbs(ImplicitLocOpBuilder &b, Value x, Along along = Along::All);
Value norm2(ImplicitLocOpBuilder &b, Value x, Along along);
/// The largest of numbers that are not negative; 0 of none.
Value largestOf(ImplicitLocOpBuilder &b, Value x, Along along = Along::All);
/// The lp norm for p = 1, 2 or kInfinity.
Value normP(ImplicitLocOpBuilder &b, Value x, int64_t p, Along along);

/// -x / |x|, along rows or columns when told; 0 where the norm is 0.
Value lmoOfL2(ImplicitLocOpBuilder &b, Value x, Along along);
/// -sign(x) / n at the n largest absolute entries, 0 elsewhere.
Value lmoOfL1(ImplicitLocOpBuilder &b, Value x, Along along);
/// x min(1, radius / |x|).
Value projectL2(ImplicitLocOpBuilder &b, Value x, Value radius, Along along);

Value orthogonalize(ImplicitLocOpBuilder &b, Value x, NewtonSchulzAttr method);
/// <x, polar(x)>.
Value nuclearNorm(ImplicitLocOpBuilder &b, Value x, NewtonSchulzAttr method);
} // namespace descent::formula

#endif // DESCENT_DIALECT_DESCENT_IR_FORMULAS_H
