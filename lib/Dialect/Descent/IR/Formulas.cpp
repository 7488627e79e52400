// The primitives that norms are written in.
#include "descent/Dialect/Descent/IR/Formulas.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace descent;
using namespace descent::formula;

static RankedTensorType tensorOf(Value x) { return cast<RankedTensorType>(x.getType()); }

Value formula::constant(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
}

Value formula::constantLike(ImplicitLocOpBuilder &b, double value, Value like) {
  return broadcastLike(b, constant(b, value), like);
}

Value formula::broadcastLike(ImplicitLocOpBuilder &b, Value value, Value like) {
  if (value.getType() == like.getType())
    return value;
  return BroadcastOp::create(b, tensorOf(like), value);
}

Value formula::add(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::AddFOp::create(b, x, y); }
Value formula::multiply(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::MulFOp::create(b, x, y); }
Value formula::divide(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::DivFOp::create(b, x, y); }
Value formula::negate(ImplicitLocOpBuilder &b, Value x) { return arith::NegFOp::create(b, x); }

Value formula::reciprocal(ImplicitLocOpBuilder &b, Value x) {
  Value one = isa<RankedTensorType>(x.getType()) ? constantLike(b, 1.0, x) : constant(b, 1.0);
  return divide(b, one, x);
}

Value formula::scale(ImplicitLocOpBuilder &b, Value x, Value factor) {
  return multiply(b, x, broadcastLike(b, factor, x));
}

static Value compare(ImplicitLocOpBuilder &b, arith::CmpFPredicate predicate, Value x, Value y) {
  return arith::CmpFOp::create(b, predicate, x, y);
}

/// A constant of x's type, be it a number or a tensor.
static Value constantOf(ImplicitLocOpBuilder &b, double value, Value x) {
  return isa<RankedTensorType>(x.getType()) ? constantLike(b, value, x) : constant(b, value);
}

Value formula::sign(ImplicitLocOpBuilder &b, Value x) {
  Value zero = constantOf(b, 0.0, x), one = constantOf(b, 1.0, x), minus = constantOf(b, -1.0, x);
  Value down = arith::SelectOp::create(b, compare(b, arith::CmpFPredicate::OLT, x, zero), minus, x);
  return arith::SelectOp::create(b, compare(b, arith::CmpFPredicate::OGT, x, zero), one, down);
}

Value formula::clamp(ImplicitLocOpBuilder &b, Value x, Value radius) {
  Value high = broadcastLike(b, radius, x), low = broadcastLike(b, negate(b, radius), x);
  return arith::MaximumFOp::create(b, arith::MinimumFOp::create(b, x, high), low);
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

Value formula::reduce(ImplicitLocOpBuilder &b, ReduceKind kind, Value x, Along along) {
  Type result = b.getF64Type();
  if (along != Along::All) {
    SmallVector<Side, 2> sides = *getSides(tensorOf(x));
    result = getTensorType(b.getContext(), {sides[along == Along::Rows ? 0 : 1]}, b.getF64Type());
  }
  return ReduceOp::create(b, result, kind, x);
}

Value formula::sumAbs(ImplicitLocOpBuilder &b, Value x, Along along) {
  return reduce(b, ReduceKind::Sum, math::AbsFOp::create(b, x), along);
}

Value formula::largestOf(ImplicitLocOpBuilder &b, Value x, Along along) {
  // Of no entries the maximum is -inf.
  Value largest = reduce(b, ReduceKind::Max, x, along);
  return arith::MaximumFOp::create(b, largest, constantOf(b, 0.0, largest));
}

Value formula::maxAbs(ImplicitLocOpBuilder &b, Value x, Along along) {
  return largestOf(b, math::AbsFOp::create(b, x), along);
}

Value formula::norm2(ImplicitLocOpBuilder &b, Value x, Along along) {
  return math::SqrtOp::create(b, reduce(b, ReduceKind::SumSquares, x, along));
}

Value formula::normP(ImplicitLocOpBuilder &b, Value x, int64_t p, Along along) {
  return p == 1 ? sumAbs(b, x, along) : p == 2 ? norm2(b, x, along) : maxAbs(b, x, along);
}

//===----------------------------------------------------------------------===//
// Oracles and projections
//===----------------------------------------------------------------------===//

Value formula::lmoOfL2(ImplicitLocOpBuilder &b, Value x, Along along) {
  // Divides the entries: the reciprocal of a tiny norm would overflow in f32.
  Value norm = norm2(b, x, along);
  Value isZero = compare(b, arith::CmpFPredicate::OEQ, norm, constantOf(b, 0.0, norm));
  Value one = constantOf(b, 1.0, norm), minus = negate(b, norm);
  Value divisor = arith::SelectOp::create(b, isZero, one, minus);
  return divide(b, x, broadcastLike(b, divisor, x));
}

Value formula::lmoOfL1(ImplicitLocOpBuilder &b, Value x, Along along) {
  Value maximum = maxAbs(b, x, along);
  // Unordered, so that all entries are among the largest where one is NaN.
  Value largest = broadcastLike(b, maximum, x);
  Value isLargest = compare(b, arith::CmpFPredicate::UEQ, math::AbsFOp::create(b, x), largest);
  Value zero = constantLike(b, 0.0, x);
  Value ones = arith::SelectOp::create(b, isLargest, constantLike(b, 1.0, x), zero);
  Value count = reduce(b, ReduceKind::Sum, ones, along);
  Value isNan = compare(b, arith::CmpFPredicate::UNO, maximum, maximum);
  count = arith::SelectOp::create(b, isNan, maximum, count);
  Value direction = negate(b, sign(b, x));
  Value share = divide(b, direction, broadcastLike(b, count, x));
  return arith::SelectOp::create(b, isLargest, share, zero);
}

Value formula::projectL2(ImplicitLocOpBuilder &b, Value x, Value radius, Along along) {
  Value norm = norm2(b, x, along);
  Value limit = isa<RankedTensorType>(norm.getType()) ? broadcastLike(b, radius, norm) : radius;
  Value one = constantOf(b, 1.0, norm);
  Value inside = compare(b, arith::CmpFPredicate::OLE, norm, limit);
  return scale(b, x, arith::SelectOp::create(b, inside, one, divide(b, limit, norm)));
}

Value formula::orthogonalize(ImplicitLocOpBuilder &b, Value x, NewtonSchulzAttr method) {
  return OrthogonalizeOp::create(b, x.getType(), method, x);
}

Value formula::nuclearNorm(ImplicitLocOpBuilder &b, Value x, NewtonSchulzAttr method) {
  return InnerOp::create(b, x, orthogonalize(b, x, method));
}
