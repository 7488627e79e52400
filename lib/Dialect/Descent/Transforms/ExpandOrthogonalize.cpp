#include "descent/Dialect/Descent/IR/Formulas.h"
#include "descent/Dialect/Descent/Transforms/Passes.h"

namespace descent {
#define GEN_PASS_DEF_EXPANDORTHOGONALIZE
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// `x` with entries of `element`.
static Value convert(ImplicitLocOpBuilder &b, Value x, FloatType element) {
  auto type = cast<RankedTensorType>(x.getType());
  auto from = cast<FloatType>(type.getElementType());
  if (from == element)
    return x;
  if (from.getWidth() > element.getWidth())
    return arith::TruncFOp::create(b, type.clone(element), x);
  return arith::ExtFOp::create(b, type.clone(element), x);
}

/// The sides of a tensor exchanged or repeated.
static RankedTensorType squareType(Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  Side side = getSides(type)->front();
  return getTensorType(x.getContext(), {side, side}, Float64Type::get(x.getContext()));
}

/// 1 / (scale |x| + epsilon) or 1 / max(scale |x|, epsilon); 0 when the divisor is.
static Value emitDivisor(ImplicitLocOpBuilder &b, Value x, NewtonSchulzAttr method) {
  Value norm = formula::norm2(b, x, formula::Along::All);
  Value size = formula::multiply(b, norm, formula::constant(b, method.getScale()));
  Value epsilon = formula::constant(b, method.getEpsilon());
  Value divisor = method.getNormalize() == NormalizeKind::Add ? formula::add(b, size, epsilon)
                                                              : arith::MaximumFOp::create(b, size, epsilon).getResult();
  if (method.getEpsilon() != 0.0)
    return divisor;
  Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, divisor, formula::constant(b, 0.0));
  return arith::SelectOp::create(b, isZero, formula::constant(b, 1.0), divisor);
}

/// a Y + (b A + c A A) Y with A = Y Y^T, each of which is rounded to `element`.
static Value emitStep(ImplicitLocOpBuilder &b, Value y, NewtonSchulzAttr::Step step, FloatType element) {
  FloatType real = b.getF64Type();
  auto times = [&](double factor, Value x) { return formula::scale(b, x, formula::constant(b, factor)); };
  RankedTensorType square = squareType(y);
  Value gram = ProductOp::create(b, square, y, y, /*transposed=*/true, /*symmetric=*/true);
  Value a = convert(b, gram, element);
  Value gramSquared = ProductOp::create(b, square, a, a, /*transposed=*/false, /*symmetric=*/true);
  Value first = times(step.b, convert(b, a, real)), second = times(step.c, gramSquared);
  Value polynomial = formula::add(b, first, second);
  Value extended = convert(b, y, real);
  Value product = ProductOp::create(b, extended.getType(), convert(b, polynomial, element), y, /*transposed=*/false,
                                    /*symmetric=*/false);
  return convert(b, formula::add(b, times(step.a, extended), product), element);
}

static void expand(OrthogonalizeOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  NewtonSchulzAttr method = op.getMethod();
  FloatType real = b.getF64Type(), element = method.getCompute() ? method.getCompute() : real;
  // The norm is that of the rounded matrix, as in the published code.
  Value x = convert(b, convert(b, op.getOperand(), element), real);
  Value divisor = emitDivisor(b, x, method);
  Value divisors = formula::broadcastLike(b, divisor, x);
  Value normalized = convert(b, formula::divide(b, x, divisors), element);
  Value y = OrientOp::create(b, getTensorType(b.getContext(), {Side::Short, Side::Long}, element), normalized);
  for (int64_t step = 0; step < method.getSteps(); ++step)
    y = emitStep(b, y, method.getStep(step), element);
  Value polar = OrientOp::create(b, getParameterType(element), y);
  op.getResult().replaceAllUsesWith(convert(b, polar, real));
  op.erase();
}

namespace {
struct ExpandOrthogonalize : descent::impl::ExpandOrthogonalizeBase<ExpandOrthogonalize> {
  void runOnOperation() override { getOperation()->walk(expand); }
};
} // namespace
