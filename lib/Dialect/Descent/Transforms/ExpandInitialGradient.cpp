#include "descent/Dialect/Descent/IR/Formulas.h"
#include "descent/Dialect/Descent/Transforms/Passes.h"

namespace descent {
#define GEN_PASS_DEF_EXPANDINITIALGRADIENT
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// The rule's count of updates, this step included.
static Value getUpdates(OptimizerOp rule) {
  if (Value updates = rule.getArgument(RoleKind::Updates))
    return updates;
  std::string name = "updates";
  while (rule.getArgument(name))
    name += "_";
  MLIRContext *context = rule.getContext();
  auto role = RoleAttr::get(context, RoleKind::Updates, StringAttr::get(context, name), InitKind::Value, FloatAttr());
  return rule.addArgument(role, rule.getLoc());
}

/// state = updates = 1 ? g : state
static void readGradientFirst(OptimizerOp rule, BlockArgument state) {
  auto b = ImplicitLocOpBuilder::atBlockBegin(rule.getLoc(), &rule.getBody().front());
  Value updates = formula::broadcastLike(b, getUpdates(rule), state);
  Value one = formula::constantLike(b, 1.0, state);
  Value isFirst = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, updates, one);
  auto read = arith::SelectOp::create(b, isFirst, rule.getArgument(RoleKind::Grad), state);
  state.replaceAllUsesExcept(read, read);
}

static void expand(OptimizerOp rule) {
  SmallVector<Attribute> roles(rule.getRoles().getValue());
  for (unsigned index = 0; index < roles.size(); ++index) {
    auto role = cast<RoleAttr>(roles[index]);
    if (role.getInit() != InitKind::Grad)
      continue;
    readGradientFirst(rule, rule.getBody().getArgument(index));
    auto zero = FloatAttr::get(Float64Type::get(rule.getContext()), 0.0);
    rule.setRole(index, RoleAttr::get(rule.getContext(), role.getKind(), role.getName(), InitKind::Value, zero));
  }
}

namespace {
struct ExpandInitialGradient : descent::impl::ExpandInitialGradientBase<ExpandInitialGradient> {
  void runOnOperation() override { getOperation()->walk(expand); }
};
} // namespace
