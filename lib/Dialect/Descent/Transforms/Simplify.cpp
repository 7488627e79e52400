// Algebra that saves passes over memory. Each pattern stands under its equation, which holds in the reals.
#include "descent/Dialect/Descent/IR/Formulas.h"
#include "descent/Dialect/Descent/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>
#include <optional>

namespace descent {
#define GEN_PASS_DEF_SIMPLIFY
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

//===----------------------------------------------------------------------===//
// Bounds of numbers
//===----------------------------------------------------------------------===//

namespace {
/// Between which positive numbers a number lies, whatever the step's inputs.
struct Bounds {
  double least, most;
};
} // namespace

static std::optional<Bounds> getBounds(Value number);

static std::optional<Bounds> getBoundsOfPower(math::PowFOp power) {
  FloatAttr exponent;
  std::optional<Bounds> base = getBounds(power.getLhs());
  if (!base || !matchPattern(power.getRhs(), m_Constant(&exponent)))
    return std::nullopt;
  double ends[] = {std::pow(base->least, exponent.getValueAsDouble()),
                   std::pow(base->most, exponent.getValueAsDouble())};
  return Bounds{std::fmin(ends[0], ends[1]), std::fmax(ends[0], ends[1])};
}

static std::optional<Bounds> getBoundsOfTwo(Operation *op, Value first, Value second) {
  std::optional<Bounds> lhs = getBounds(first), rhs = getBounds(second);
  if (!lhs || !rhs)
    return std::nullopt;
  double a = lhs->least, b = lhs->most, c = rhs->least, d = rhs->most;
  return llvm::TypeSwitch<Operation *, std::optional<Bounds>>(op)
      .Case([&](arith::AddFOp) { return Bounds{a + c, b + d}; })
      .Case([&](arith::MulFOp) { return Bounds{a * c, b * d}; })
      .Case([&](arith::DivFOp) { return Bounds{a / d, b / c}; })
      .Case([&](arith::MinimumFOp) { return Bounds{std::fmin(a, c), std::fmin(b, d)}; })
      .Case([&](arith::MaximumFOp) { return Bounds{std::fmax(a, c), std::fmax(b, d)}; })
      .Case([&](arith::SelectOp) { return Bounds{std::fmin(a, c), std::fmax(b, d)}; })
      .Default([](Operation *) { return std::nullopt; });
}

/// Of what follows from constants and sizes. Anything else may be anything: a norm is 0 or infinite, and so a quotient
/// by it; a hyperparameter, or an exponential of one, as well.
static std::optional<Bounds> getBounds(Value number) {
  FloatAttr constant;
  if (matchPattern(number, m_Constant(&constant))) {
    double value = constant.getValueAsDouble();
    return value > 0.0 ? std::optional(Bounds{value, value}) : std::nullopt;
  }
  Operation *op = number.getDefiningOp();
  if (isa_and_nonnull<SizeOp>(op))
    return Bounds{1.0, 0x1p62};
  if (auto root = dyn_cast_or_null<math::SqrtOp>(op)) {
    std::optional<Bounds> square = getBounds(root.getOperand());
    return square ? std::optional(Bounds{std::sqrt(square->least), std::sqrt(square->most)}) : std::nullopt;
  }
  if (auto power = dyn_cast_or_null<math::PowFOp>(op))
    return getBoundsOfPower(power);
  if (auto select = dyn_cast_or_null<arith::SelectOp>(op))
    return getBoundsOfTwo(op, select.getTrueValue(), select.getFalseValue());
  return op && op->getNumOperands() == 2 ? getBoundsOfTwo(op, op->getOperand(0), op->getOperand(1)) : std::nullopt;
}

/// Whether a number is above zero and finite, also rounded to f32.
static bool isPositive(Value number) {
  std::optional<Bounds> bounds = getBounds(number);
  return bounds && bounds->least >= double(std::numeric_limits<float>::min()) &&
         bounds->most <= double(std::numeric_limits<float>::max());
}

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

namespace {
/// `matrix` times `factor`, or divided by it: a number, or one a row or column.
struct Scaled {
  Value matrix, factor;
  bool isDivided = false;
  explicit operator bool() const { return static_cast<bool>(matrix); }
  bool isByNumber() const { return !isa<RankedTensorType>(factor.getType()); }
  /// The factor, or the reciprocal, applied to `x`, which has a number for each of the factor's.
  Value apply(ImplicitLocOpBuilder &b, Value x) const {
    return isDivided ? formula::divide(b, x, factor) : formula::multiply(b, x, factor);
  }
};
} // namespace

static Scaled splitFactor(Value value) {
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::DivFOp>(op))
    return {};
  Value lhs = op->getOperand(0), rhs = op->getOperand(1);
  if (auto factor = rhs.getDefiningOp<BroadcastOp>())
    return {lhs, factor.getOperand(), isa<arith::DivFOp>(op)};
  if (auto factor = lhs.getDefiningOp<BroadcastOp>(); factor && isa<arith::MulFOp>(op))
    return {rhs, factor.getOperand(), false};
  return {};
}

namespace {
/// lmo(c x) = lmo(x) for c > 0, when the norm's method ignores scale. The product itself stays where it is stored. A
/// quotient that is 0 where a norm is infinite is not above 0: of it the LMO is 0.
struct DropScaleOfLmo : OpRewritePattern<LmoOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LmoOp op, PatternRewriter &rewriter) const override {
    Scaled scaled = splitFactor(op.getDirection());
    if (!scaled || !scaled.isByNumber() || !isPositive(scaled.factor))
      return rewriter.notifyMatchFailure(op, "the direction is no positive multiple of a tensor");
    if (!op.getNorm().ignoresScale())
      return rewriter.notifyMatchFailure(op, "the norm's method does not ignore scale");
    rewriter.modifyOpInPlace(op, [&] { op.getDirectionMutable().assign(scaled.matrix); });
    return success();
  }
};

/// dual_norm(c x) = |c| dual_norm(x), when the dual norm's method ignores scale
struct PullScaleOfDualNorm : OpRewritePattern<DualNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DualNormOp op, PatternRewriter &rewriter) const override {
    Scaled scaled = splitFactor(op.getOperand());
    if (!scaled || !scaled.isByNumber())
      return rewriter.notifyMatchFailure(op, "the operand is no multiple of a tensor");
    if (!op.getNorm().hasHomogeneousDual())
      return rewriter.notifyMatchFailure(op, "the dual norm's method does not ignore scale");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    scaled.factor = math::AbsFOp::create(b, scaled.factor);
    rewriter.replaceOp(op, scaled.apply(b, DualNormOp::create(b, op.getType(), op.getNorm(), scaled.matrix)));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// Of a whole matrix, max(orient(x)) = max(x): every entry is there once. So for the other kinds.
struct ReduceUnoriented : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    auto orient = op.getOperand().getDefiningOp<OrientOp>();
    if (!orient || isa<RankedTensorType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "not the reduction of a whole oriented matrix");
    rewriter.modifyOpInPlace(op, [&] { op.getOperandMutable().assign(orient.getOperand()); });
    return success();
  }
};

/// A reduction of the same matrix that is done before `op`.
static Value findReduction(ReduceOp op, Value matrix, ReduceKind kind, Type type) {
  for (Operation *user : matrix.getUsers()) {
    auto reduce = dyn_cast<ReduceOp>(user);
    if (reduce && reduce.getKind() == kind && reduce->getBlock() == op->getBlock() && reduce->isBeforeInBlock(op) &&
        (type ? reduce.getType() == type : isa<RankedTensorType>(reduce.getType())))
      return reduce;
  }
  return {};
}

/// sum(sum of rows) = sum, and with squares, maximum and minimum: the numbers of the rows, or columns, suffice.
struct ReduceFromSlices : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    if (isa<RankedTensorType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "not a reduction to one number");
    Value slices = findReduction(op, op.getOperand(), op.getKind(), Type());
    if (!slices)
      return rewriter.notifyMatchFailure(op, "rows and columns are not reduced");
    ReduceKind kind = op.getKind() == ReduceKind::SumSquares ? ReduceKind::Sum : op.getKind();
    rewriter.replaceOpWithNewOp<ReduceOp>(op, op.getType(), kind, slices);
    return success();
  }
};

/// sum(c x) = c sum(x) and sum((c x)^2) = c^2 sum(x^2), for a number c and whatever is summed over, and for one number
/// a row (or column) when x is summed to rows (columns): c does not depend on what is summed over.
struct PullScaleOfSum : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ReduceKind::Sum && op.getKind() != ReduceKind::SumSquares)
      return rewriter.notifyMatchFailure(op, "not a sum");
    Scaled scaled = splitFactor(op.getOperand());
    if (!scaled || !(scaled.isByNumber() || scaled.factor.getType() == op.getType()))
      return rewriter.notifyMatchFailure(op, "no factor that the sum leaves alone");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value sum = ReduceOp::create(b, op.getType(), op.getKind(), scaled.matrix);
    if (scaled.isByNumber() && isa<RankedTensorType>(op.getType()))
      scaled.factor = formula::broadcastLike(b, scaled.factor, sum);
    sum = scaled.apply(b, sum);
    rewriter.replaceOp(op, op.getKind() == ReduceKind::SumSquares ? scaled.apply(b, sum) : sum);
    return success();
  }
};

/// sum((x z)^2) = sum of z^2 rowsum(x^2) for one number z a row, when the rows of x are summed already: the second pass
/// over x, once z is known, becomes one over rows. So for columns, for division and without squares.
struct SumFromScaledSlices : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    ReduceKind kind = op.getKind();
    if (isa<RankedTensorType>(op.getType()) || (kind != ReduceKind::Sum && kind != ReduceKind::SumSquares))
      return rewriter.notifyMatchFailure(op, "not a sum to one number");
    Scaled scaled = splitFactor(op.getOperand());
    if (!scaled || scaled.isByNumber())
      return rewriter.notifyMatchFailure(op, "no factor of rows or columns");
    Value slices = findReduction(op, scaled.matrix, kind, scaled.factor.getType());
    if (!slices)
      return rewriter.notifyMatchFailure(op, "the rows or columns are not summed");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value sum = scaled.apply(b, slices);
    if (kind == ReduceKind::SumSquares)
      sum = scaled.apply(b, sum);
    rewriter.replaceOpWithNewOp<ReduceOp>(op, op.getType(), ReduceKind::Sum, sum);
    return success();
  }
};

/// <x, orient(y)> = <orient(x), y>, when there is an orientation of x: it is read anyway, and y is where products are.
struct TurnInner : OpRewritePattern<InnerOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(InnerOp op, PatternRewriter &rewriter) const override {
    auto lhs = op.getLhs().getDefiningOp<OrientOp>(), rhs = op.getRhs().getDefiningOp<OrientOp>();
    if (lhs && rhs)
      return replace(op, lhs.getOperand(), rhs.getOperand(), rewriter);
    if (!isShapedLikeParameter(op.getLhs().getType()))
      return rewriter.notifyMatchFailure(op, "the short side is first already");
    for (auto [orient, other] : {std::pair(lhs, op.getRhs()), std::pair(rhs, op.getLhs())}) {
      Value turned = orient ? findOrientation(op, other, orient.getOperand().getType()) : Value();
      if (turned)
        return replace(op, orient.getOperand(), turned, rewriter);
    }
    return rewriter.notifyMatchFailure(op, "no orientation of the other matrix");
  }

private:
  static Value findOrientation(InnerOp op, Value matrix, Type type) {
    for (Operation *user : matrix.getUsers())
      if (isa<OrientOp>(user) && user->getResult(0).getType() == type && user->isBeforeInBlock(op))
        return user->getResult(0);
    return {};
  }
  static LogicalResult replace(InnerOp op, Value lhs, Value rhs, PatternRewriter &rewriter) {
    rewriter.modifyOpInPlace(op, [&] {
      op.getLhsMutable().assign(lhs);
      op.getRhsMutable().assign(rhs);
    });
    return success();
  }
};

struct Simplify : descent::impl::SimplifyBase<Simplify> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DropScaleOfLmo, PullScaleOfDualNorm, ReduceUnoriented, ReduceFromSlices, PullScaleOfSum,
                 SumFromScaledSlices, TurnInner>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
