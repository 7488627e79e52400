#include "descent/Dialect/Descent/IR/Formulas.h"
#include "descent/Dialect/Descent/Transforms/Passes.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

namespace descent {
#define GEN_PASS_DEF_GUARDGRADIENTS
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

namespace {
/// What a recipe asks for, and how rules and the shared body call it.
struct Guard {
  std::optional<double> limit;
  bool skips = false;
  std::string body, squareNorm, nonfinite;
  bool isNeeded() const { return limit || skips; }
};
} // namespace

static constexpr StringLiteral kScale = "scale";

/// A name that no rule and no shared body has for a total.
static std::string nameTotal(ModuleOp module, std::string name) {
  llvm::StringSet<> taken;
  module.walk([&](ContributeOp op) { taken.insert(op.getTotal()); });
  module.walk([&](TotalOp op) { taken.insert(op.getTotal()); });
  while (taken.contains(name))
    name += "_";
  return name;
}

/// Moves what the recipe says from its operations to its attributes.
static Guard takeGuard(ModuleOp module, RecipeOp recipe) {
  Guard guard;
  for (auto op : llvm::make_early_inc_range(recipe.getBody().getOps<ClipGlobalNormOp>())) {
    guard.limit = op.getLimit().convertToDouble();
    recipe->setAttr("descent.clip_global_norm", op.getLimitAttr());
    op.erase();
  }
  for (auto op : llvm::make_early_inc_range(recipe.getBody().getOps<SkipNonfiniteOp>())) {
    guard.skips = true;
    recipe->setAttr("descent.skip_nonfinite", UnitAttr::get(module.getContext()));
    op.erase();
  }
  guard.squareNorm = nameTotal(module, (recipe.getSymName() + "_square_norm").str());
  guard.nonfinite = nameTotal(module, (recipe.getSymName() + "_nonfinite").str());
  return guard;
}

/// min(1, limit / (norm + 1e-6)) with norm = |gradient scale| sqrt(total of squares)
static void emitClipping(ImplicitLocOpBuilder &b, const Guard &guard) {
  Value squares = TotalOp::create(b, b.getF64Type(), CombineKind::Sum, guard.squareNorm);
  Value scale = math::AbsFOp::create(b, GradientScaleOp::create(b, b.getF64Type()));
  Value norm = formula::multiply(b, scale, math::SqrtOp::create(b, squares));
  GradientNormOp::create(b, norm);
  Value divisor = formula::add(b, norm, formula::constant(b, 1e-6));
  Value ratio = formula::divide(b, formula::constant(b, *guard.limit), divisor);
  // A NaN stays one: without skipping, it must not look like a gradient that needs no clipping.
  Value clipped = arith::MinimumFOp::create(b, formula::constant(b, 1.0), ratio);
  PublishOp::create(b, kScale, clipped);
}

static void emitBody(ModuleOp module, RecipeOp recipe, Guard &guard) {
  ImplicitLocOpBuilder b(recipe.getLoc(), recipe);
  auto body = SharedOp::create(b, (recipe.getSymName() + "_guard").str(), b.getArrayAttr({}));
  guard.body = SymbolTable(module).insert(body).str();
  b.setInsertionPointToStart(&body.getBody().emplaceBlock());
  if (guard.limit)
    emitClipping(b, guard);
  if (guard.skips)
    SkipWhenOp::create(b, TotalOp::create(b, b.getF64Type(), CombineKind::Sum, guard.nonfinite));
}

/// How many entries of `x` are NaN or infinite.
static Value countNonfinite(ImplicitLocOpBuilder &b, Value x) {
  Type flags = cast<RankedTensorType>(x.getType()).clone(b.getI1Type());
  Value isFinite = math::IsFiniteOp::create(b, flags, x);
  Value zero = formula::constantLike(b, 0.0, x), one = formula::constantLike(b, 1.0, x);
  return formula::reduce(b, ReduceKind::Sum, arith::SelectOp::create(b, isFinite, zero, one));
}

/// g becomes g * gradient scale * published scale; the totals are those of g as it is given.
static void guardRule(OptimizerOp rule, const Guard &guard) {
  auto b = ImplicitLocOpBuilder::atBlockBegin(rule.getLoc(), &rule.getBody().front());
  BlockArgument g = rule.getArgument(RoleKind::Grad);
  Value factor = GradientScaleOp::create(b, b.getF64Type());
  if (guard.limit)
    factor = formula::multiply(b, factor, PublishedOp::create(b, b.getF64Type(), guard.body, kScale));
  Value scaled = formula::scale(b, g, factor);
  g.replaceAllUsesExcept(scaled, scaled.getDefiningOp());
  if (guard.limit)
    ContributeOp::create(b, CombineKind::Sum, formula::reduce(b, ReduceKind::SumSquares, g), guard.squareNorm);
  if (!guard.skips)
    return;
  Value count = countNonfinite(b, g);
  NonfiniteOp::create(b, count);
  ContributeOp::create(b, CombineKind::Sum, count, guard.nonfinite);
}

static void guardRecipe(ModuleOp module, RecipeOp recipe) {
  Guard guard = takeGuard(module, recipe);
  if (guard.isNeeded())
    emitBody(module, recipe, guard);
  llvm::SetVector<Operation *> rules;
  for (auto group : recipe.getBody().getOps<GroupOp>())
    rules.insert(SymbolTable::lookupSymbolIn(module, group.getRuleAttr()));
  for (Operation *rule : rules)
    guardRule(cast<OptimizerOp>(rule), guard);
}

namespace {
struct GuardGradients : descent::impl::GuardGradientsBase<GuardGradients> {
  void runOnOperation() override {
    for (auto recipe : getOperation().getOps<RecipeOp>())
      guardRecipe(getOperation(), recipe);
  }
};
} // namespace
