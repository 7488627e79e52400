// The pass: one program from one recipe.
#include "PlanSearch.h"

#include "descent/Conversion/Passes.h"

namespace descent {
#define GEN_PASS_DEF_CONVERTDESCENTTOPLAN
#include "descent/Conversion/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// The rules that the recipe's groups use, in order, then the shared bodies.
static FailureOr<SmallVector<Operation *>> getBodies(ModuleOp module, RecipeOp recipe) {
  SmallVector<Operation *> bodies;
  for (auto group : recipe.getBody().getOps<GroupOp>()) {
    auto rule = module.lookupSymbol<OptimizerOp>(group.getRule());
    if (llvm::is_contained(bodies, rule.getOperation()))
      return group.emitOpError()
             << "shares its rule with another group; instantiate it first ('descent-instantiate-groups')";
    bodies.push_back(rule);
  }
  for (auto body : module.getOps<SharedOp>())
    bodies.push_back(body);
  return bodies;
}

/// The artifact has room for one of these in `scope`.
template <typename Op> static LogicalResult checkAtMostOnce(Operation *scope, StringRef hint) {
  Op first;
  auto walk = scope->walk([&](Op op) {
    if (!first)
      return first = op, WalkResult::advance();
    auto error = op.emitOpError() << "is the second one; " << hint;
    error.attachNote(first.getLoc()) << "the first is here";
    return WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}

static LogicalResult buildTracks(OpBuilder &builder, ModuleOp module, RecipeOp recipe, const Totals &totals,
                                 StorageAttr otherwise, bool fuse) {
  for (auto group : recipe.getBody().getOps<GroupOp>()) {
    auto rule = module.lookupSymbol<OptimizerOp>(group.getRule());
    FailureOr<TrackStorage> storage = TrackStorage::compute(group, rule, otherwise);
    if (failed(storage) || failed(PlanSearch(builder, totals, *storage, group, rule).build(fuse)))
      return failure();
  }
  for (auto body : module.getOps<SharedOp>())
    if (failed(TrackBuilder(builder, totals).buildShared(body)))
      return failure();
  return success();
}

static LogicalResult convert(ModuleOp module, RecipeOp recipe, StorageAttr otherwise, bool fuse) {
  FailureOr<SmallVector<Operation *>> bodies = getBodies(module, recipe);
  if (failed(bodies))
    return failure();
  if (failed(checkAtMostOnce<SkipWhenOp>(
          module, "add what they decide to one number; 'descent.skip_nonfinite' makes one too")) ||
      failed(checkAtMostOnce<GradientNormOp>(module, "'descent.clip_global_norm' tells one too")))
    return failure();
  for (Operation *body : *bodies)
    if (failed(checkAtMostOnce<NonfiniteOp>(body, "'descent.skip_nonfinite' makes one in every rule")))
      return failure();
  FailureOr<Totals> totals = Totals::compute(*bodies);
  if (failed(totals))
    return failure();
  OpBuilder builder(recipe);
  auto program = plan::ProgramOp::create(builder, recipe.getLoc(), recipe.getSymNameAttr(),
                                         builder.getI64IntegerAttr(totals->getNumSegments()),
                                         recipe->getAttrOfType<FloatAttr>("descent.clip_global_norm"),
                                         recipe->getAttrOfType<UnitAttr>("descent.skip_nonfinite"));
  builder.createBlock(&program.getRegion());
  for (const Total &total : totals->getAll())
    plan::TotalOp::create(builder, recipe.getLoc(), total.kind, total.name, total.reach);
  if (failed(buildTracks(builder, module, recipe, *totals, otherwise, fuse)))
    return failure();
  recipe.erase();
  for (Operation *body : *bodies)
    body->erase();
  return success();
}

namespace {
struct ConvertDescentToPlan : descent::impl::ConvertDescentToPlanBase<ConvertDescentToPlan> {
  using ConvertDescentToPlanBase::ConvertDescentToPlanBase;
  void runOnOperation() override {
    StorageAttr otherwise = StorageAttr::parseText(&getContext(), storage);
    auto recipes = llvm::to_vector(getOperation().getOps<RecipeOp>());
    if (recipes.size() != 1)
      getOperation().emitError() << "needs one 'descent.recipe', found " << recipes.size();
    if (recipes.size() != 1 || !otherwise || failed(convert(getOperation(), recipes.front(), otherwise, fuse)))
      signalPassFailure();
  }
};
} // namespace
