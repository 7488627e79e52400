#include "descent/Dialect/Descent/Transforms/Passes.h"

namespace descent {
#define GEN_PASS_DEF_INSTANTIATEGROUPS
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

static FailureOr<RecipeOp> findRecipe(ModuleOp module) {
  SmallVector<RecipeOp> recipes(module.getOps<RecipeOp>());
  if (recipes.empty())
    return module.emitError()
           << "needs one 'descent.recipe', found none; write one, or let 'descent-compile RULE --emit=descent "
           << "-o FILE.mlir' make one of a single rule";
  if (recipes.size() > 1) {
    auto error = recipes[1].emitOpError() << "is the second recipe of its module: an artifact has one";
    error.attachNote(recipes[0].getLoc()) << "the first is '@" << recipes[0].getSymName() << "'";
    return error;
  }
  return recipes.front();
}

/// Names the reductions in which all layers of one rule meet, before its clones go separate ways.
static void nameTotals(OptimizerOp rule) {
  int64_t count = 0;
  for (auto op : rule.getBody().getOps<OverLayersOp>())
    if (op.getReach() == Reach::Model && !op.getTotal())
      op.setTotal((rule.getSymName() + "_" + Twine(count++)).str());
}

static void setNorm(OptimizerOp rule, NormAttrInterface given) {
  rule.walk([&](Operation *op) {
    for (NamedAttribute attribute : op->getAttrs())
      if (auto norm = dyn_cast<NormAttrInterface>(attribute.getValue()))
        op->setAttr(attribute.getName(), norm.instantiate(given));
  });
  std::string printed;
  llvm::raw_string_ostream(printed) << given;
  rule->setAttr("descent.norm", StringAttr::get(rule.getContext(), printed));
}

static void setDefaults(OptimizerOp rule, DictionaryAttr values) {
  SmallVector<Attribute> roles;
  for (Attribute attribute : rule.getRoles()) {
    auto role = cast<RoleAttr>(attribute);
    auto value = role.getKind() == RoleKind::Hyper ? values.getAs<FloatAttr>(role.getName()) : FloatAttr();
    if (value)
      role = RoleAttr::get(rule.getContext(), role.getKind(), role.getName(), role.getInit(),
                           FloatAttr::get(Float64Type::get(rule.getContext()), value.getValueAsDouble()));
    roles.push_back(role);
  }
  rule.setRolesAttr(ArrayAttr::get(rule.getContext(), roles));
}

static void instantiate(GroupOp group, RecipeOp recipe, SymbolTable &symbols) {
  auto rule = symbols.lookup<OptimizerOp>(group.getRule());
  OptimizerOp instance = rule.clone();
  instance.setSymName((recipe.getSymName() + "_" + group.getName()).str());
  SymbolTable::setSymbolVisibility(instance, SymbolTable::Visibility::Private);
  instance->setAttr("descent.rule", rule.getSymNameAttr());
  if (group.getNorm())
    setNorm(instance, *group.getNorm());
  if (group.getHypersAttr())
    setDefaults(instance, group.getHypersAttr());
  group.setRule(symbols.insert(instance, Block::iterator(recipe)));
  group.removeNormAttr();
  group.removeHypersAttr();
}

namespace {
struct InstantiateGroups : descent::impl::InstantiateGroupsBase<InstantiateGroups> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<RecipeOp> recipe = findRecipe(module);
    if (failed(recipe))
      return signalPassFailure();
    SymbolTable symbols(module);
    SmallVector<OptimizerOp> rules(module.getOps<OptimizerOp>());
    llvm::for_each(rules, nameTotals);
    for (auto group : recipe->getBody().getOps<GroupOp>())
      instantiate(group, *recipe, symbols);
    for (OptimizerOp rule : rules)
      symbols.erase(rule);
  }
};
} // namespace
