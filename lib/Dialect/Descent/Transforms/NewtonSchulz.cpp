#include "NewtonSchulz.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace descent;

static RankedTensorType typeOf(Value x) { return cast<RankedTensorType>(x.getType()); }

/// `x` with entries of `element`.
static Value convert(ImplicitLocOpBuilder &b, Value x, FloatType element) {
  auto from = cast<FloatType>(typeOf(x).getElementType());
  if (from == element)
    return x;
  if (from.getWidth() > element.getWidth())
    return arith::TruncFOp::create(b, typeOf(x).clone(element), x);
  return arith::ExtFOp::create(b, typeOf(x).clone(element), x);
}

NewtonSchulz::NewtonSchulz(ImplicitLocOpBuilder &b, NewtonSchulzAttr method, Value x)
    : b(b), method(method), real(b.getF64Type()), element(method.getCompute() ? method.getCompute() : real) {
  // The norm is that of the rounded matrix, as in the published code.
  Value normalized = normalize(extend(round(x)));
  RankedTensorType wide = getTensorType(b.getContext(), {Side::Short, Side::Long}, element);
  start = OrientOp::create(b, wide, normalized);
  if (method.getPrecondition() == Precondition::Aol)
    start = preconditionRows(start);
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

Value NewtonSchulz::round(Value x) { return convert(b, x, element); }
Value NewtonSchulz::extend(Value x) { return convert(b, x, real); }
Value NewtonSchulz::times(double factor, Value x) { return formula::scale(b, x, formula::constant(b, factor)); }

/// 1 where `x` is 0, unless an epsilon keeps it from that.
static Value avoidZero(ImplicitLocOpBuilder &b, Value x, double epsilon) {
  if (epsilon != 0.0)
    return x;
  Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, formula::constant(b, 0.0));
  return arith::SelectOp::create(b, isZero, formula::constant(b, 1.0), x);
}

/// x / (scale |x| + epsilon) or x / max(scale |x|, epsilon)
Value NewtonSchulz::normalize(Value x) {
  Value norm = formula::norm2(b, x, formula::Along::All);
  Value size = formula::multiply(b, norm, formula::constant(b, method.getScale()));
  Value epsilon = formula::constant(b, method.getEpsilon());
  Value sum = method.getNormalize() == NormalizeKind::Add ? formula::add(b, size, epsilon)
                                                          : arith::MaximumFOp::create(b, size, epsilon).getResult();
  divisor = avoidZero(b, sum, method.getEpsilon());
  return round(formula::divide(b, x, formula::broadcastLike(b, divisor, x)));
}

/// Y_i / sqrt(sum_j |A_ij|) with A = Y Y^T: by Gershgorin no singular value exceeds 1. The sums are those of a matrix
/// whose norm is 1, so that none overflows.
Value NewtonSchulz::preconditionRows(Value y) {
  Value sums = formula::sumAbs(b, extend(emitGramMatrix(y)), formula::Along::Rows);
  // Its root is a number in f32, so that rows of zeros stay zero.
  Value floors = formula::broadcastLike(b, formula::constant(b, 1e-30), sums);
  Value divisors = math::SqrtOp::create(b, arith::MaximumFOp::create(b, sums, floors));
  Value wide = extend(y);
  return round(formula::divide(b, wide, formula::broadcastLike(b, divisors, wide)));
}

/// lhs rhs, or lhs rhs^T; symmetric if it is square, as all of its factors are polynomials of one matrix.
Value NewtonSchulz::multiply(Value lhs, Value rhs, bool transposed) {
  Side rows = getSides(typeOf(lhs))->front(), cols = (*getSides(typeOf(rhs)))[transposed ? 0 : 1];
  return ProductOp::create(b, getTensorType(b.getContext(), {rows, cols}, real), lhs, rhs, transposed, rows == cols);
}

/// lhs rhs + factor addend
Value NewtonSchulz::multiplyAndAdd(Value lhs, Value rhs, double factor, Value addend) {
  Value product = multiply(lhs, rhs), scaled = times(factor, extend(addend));
  return round(formula::add(b, scaled, product));
}

/// x + factor I
Value NewtonSchulz::addIdentity(Value x, double factor) {
  Value scaled = times(factor, IdentityOp::create(b, x.getType()));
  return formula::add(b, x, scaled);
}

/// Y Y^T
Value NewtonSchulz::emitGramMatrix(Value y) { return round(multiply(y, y, /*transposed=*/true)); }

/// b A + c A A
Value NewtonSchulz::emitPolynomial(Value gram, Step step) {
  Value square = multiply(gram, gram);
  Value first = times(step.b, extend(gram)), second = times(step.c, square);
  return formula::add(b, first, second);
}

//===----------------------------------------------------------------------===//
// The plain form
//===----------------------------------------------------------------------===//

/// Y <- a Y + (b A + c A A) Y with A = Y Y^T
Value NewtonSchulz::emitStep(Value y, Step step) {
  Value polynomial = round(emitPolynomial(emitGramMatrix(y), step));
  return multiplyAndAdd(polynomial, y, step.a, y);
}

Value NewtonSchulz::emitPlain() {
  Value y = start;
  for (int64_t index = 0; index < method.getSteps(); ++index)
    y = emitStep(y, method.getStep(index));
  return y;
}

//===----------------------------------------------------------------------===//
// The Gram form
//===----------------------------------------------------------------------===//

/// The polynomial Q of R = Y Y^T by which a block multiplies Y. With p = a I + Z and Z = b R + c R R: Q <- Q p for
/// every step, and R <- p R p for every step but the last. Q is kept with its diagonal: without the a I, which p nearly
/// cancels, its entries would be large.
Value NewtonSchulz::emitFactor(Value gram, NewtonSchulzAttr::Block block) {
  Value factor;
  for (int64_t index = block.begin; index < block.end; ++index) {
    Step step = method.getStep(index);
    Value rounded = round(emitPolynomial(gram, step));
    factor = factor ? multiplyAndAdd(factor, rounded, step.a, factor) : round(addIdentity(extend(rounded), step.a));
    if (index + 1 == block.end)
      break;
    Value half = multiplyAndAdd(gram, rounded, step.a, gram);
    gram = multiplyAndAdd(rounded, half, step.a, half);
  }
  return factor;
}

Value NewtonSchulz::emitBlock(Value y, NewtonSchulzAttr::Block block) {
  if (block.end - block.begin == 1)
    return emitStep(y, method.getStep(block.begin));
  return round(multiply(emitFactor(emitGramMatrix(y), block), y));
}

Value NewtonSchulz::emitGram() {
  Value y = start;
  for (NewtonSchulzAttr::Block block : method.getBlocks())
    y = emitBlock(y, block);
  return y;
}

Value NewtonSchulz::orientBack(Value polar) { return extend(OrientOp::create(b, getParameterType(element), polar)); }

//===----------------------------------------------------------------------===//
// Inner products
//===----------------------------------------------------------------------===//

bool NewtonSchulz::canEmitInner(NewtonSchulzAttr method) {
  return method.getPrecondition() == Precondition::Frobenius && method.hasAccurateBlocks();
}

/// <X, Q Y> = <Q, X Y^T>, Q being the last block's. X itself is a factor: a Gram matrix alone would tell singular
/// values below the root of the rounding error from none, and their sum would be wrong where many are 0.
Value NewtonSchulz::emitInner() {
  SmallVector<NewtonSchulzAttr::Block> blocks = method.getBlocks();
  Value y = start;
  for (NewtonSchulzAttr::Block block : ArrayRef(blocks).drop_back())
    y = emitBlock(y, block);
  Value factor = emitFactor(emitGramMatrix(y), blocks.back());
  Value inner = InnerOp::create(b, extend(factor), multiply(start, y, /*transposed=*/true));
  return formula::multiply(b, inner, divisor);
}
