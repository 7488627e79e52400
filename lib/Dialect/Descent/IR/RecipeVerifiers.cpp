// What a recipe, and what meets between rules, leaves to verification; each rule has its number from the records.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace descent;

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

LogicalResult RecipeOp::verifyRegions() {
  llvm::StringSet<> names;
  for (auto group : getBody().getOps<GroupOp>()) {
    if (!isCName(group.getName())) // (R1)
      return group.emitOpError() << "needs a name that C and C++ allow, found \"" << group.getName() << "\"";
    if (!names.insert(group.getName()).second) // (R1)
      return group.emitOpError() << "has the name \"" << group.getName() << "\" of another group";
  }
  if (names.empty()) // (R1)
    return emitOpError() << "needs at least one 'descent.group'";
  for (Operation &op : getBody().front())
    if (!isa<GroupOp, ClipGlobalNormOp, SkipNonfiniteOp>(op)) // (R2)
      return op.emitOpError() << "is not part of a recipe: expected 'descent.group', 'descent.clip_global_norm' or "
                              << "'descent.skip_nonfinite'";
  auto atMostOnce = [&](auto ops) -> LogicalResult {
    if (llvm::range_size(ops) > 1) // (R2)
      return (*std::next(ops.begin())).emitOpError() << "is said twice in recipe '@" << getSymName() << "'";
    return success();
  };
  return success(succeeded(atMostOnce(getBody().getOps<ClipGlobalNormOp>())) &&
                 succeeded(atMostOnce(getBody().getOps<SkipNonfiniteOp>())));
}

LogicalResult ClipGlobalNormOp::verify() {
  if (!(getLimit().convertToDouble() > 0.0) || !getLimit().isFinite()) // (R1)
    return emitOpError() << "needs a positive finite limit, found " << getLimit().convertToDouble();
  return success();
}

static bool isOfStorage(Side side) { return side == Side::Rows || side == Side::Cols; }

/// Whether the value is one number a row or column, or a matrix over both of one.
static bool isOriented(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto dims = type ? dyn_cast_or_null<DimsAttr>(type.getEncoding()) : DimsAttr();
  return dims && llvm::any_of(dims.getSides(), isOfStorage);
}

static bool dependsOnOrientation(Operation *op, NormAttrInterface given) {
  if (NormAttrInterface norm = getNormOf(op)) {
    norm = given ? norm.instantiate(given) : norm;
    return norm.isOriented();
  }
  if (auto size = dyn_cast<SizeOp>(op))
    return isOfStorage(size.getSide());
  return llvm::any_of(op->getOperands(), isOriented) || llvm::any_of(op->getResults(), isOriented);
}

bool descent::dependsOnOrientation(OptimizerOp rule, NormAttrInterface given) {
  return llvm::any_of(rule.getBody().front(), [&](Operation &op) { return ::dependsOnOrientation(&op, given); });
}

LogicalResult GroupOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto rule = symbols.lookupNearestSymbolFrom<OptimizerOp>(*this, getRuleAttr());
  if (!rule) // (R1)
    return emitOpError() << "uses '@" << getRule() << "', which is no 'descent.optimizer' of this module";
  bool usesGiven = false;
  auto walk = rule.walk([&](Operation *op) -> WalkResult {
    NormAttrInterface norm = getNormOf(op);
    if (isa_and_nonnull<GivenNormAttr>(norm)) {
      usesGiven = true;
      if (!getNorm()) // (R3)
        return emitOpError() << "needs 'norm = ...': rule '@" << getRule() << "' uses '#descent.given'";
      norm = *getNorm();
    }
    auto refuse = [&] { return emitOpError() << "cannot use rule '@" << getRule() << "': "; };
    if (norm && failed(norm.verifyQuery(getNormQuery(op), getGroupClass(), refuse))) // (R4)
      return WalkResult::interrupt();
    if (isa<OrthogonalizeOp>(op) && getGroupClass() != GroupClass::Matrix) // (R4)
      return refuse() << "'descent.orthogonalize' needs a group of class matrix, but the group has class "
                      << stringifyGroupClass(getGroupClass());
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  if (getNorm() && !usesGiven) // (R3)
    return emitOpError() << "gives a norm, but rule '@" << getRule() << "' does not use '#descent.given'";
  bool isMatrix = getGroupClass() != GroupClass::Vector;
  if (isMatrix && !getStored() && dependsOnOrientation(rule, getNorm().value_or(nullptr))) // (R5)
    return emitOpError() << "needs 'stored out_in' or 'stored in_out': rule '@" << getRule()
                         << "' depends on which axis is the output";
  return verifyHypers(rule);
}

static std::string listHypers(OptimizerOp rule) {
  std::string list;
  for (auto role : rule.getRoles().getAsRange<RoleAttr>())
    if (role.getKind() == RoleKind::Hyper)
      list += " " + role.getName().str();
  return list.empty() ? " none" : list;
}

LogicalResult GroupOp::verifyHypers(OptimizerOp rule) {
  DictionaryAttr given = getHypersAttr() ? getHypersAttr() : DictionaryAttr::get(getContext());
  for (NamedAttribute hyper : given) {
    BlockArgument argument = rule.getArgument(hyper.getName().getValue());
    if (!argument || rule.getRole(argument.getArgNumber()).getKind() != RoleKind::Hyper) // (R2)
      return emitOpError() << "sets '" << hyper.getName().getValue() << "', but the hyperparameters of '@" << getRule()
                           << "' are" << listHypers(rule);
    auto number = dyn_cast<FloatAttr>(hyper.getValue());
    if (!number || !number.getValue().isFinite()) // (R2)
      return emitOpError() << "needs a finite number for '" << hyper.getName().getValue() << "', found "
                           << hyper.getValue();
  }
  for (auto role : rule.getRoles().getAsRange<RoleAttr>())
    if (role.getKind() == RoleKind::Hyper && !role.getValue() && !given.get(role.getName())) // (R6)
      return emitOpError() << "needs a value for hyperparameter '" << role.getName().getValue() << "' of '@"
                           << getRule() << "', which has no default";
  return success();
}

//===----------------------------------------------------------------------===//
// Between rules and shared bodies
//===----------------------------------------------------------------------===//

LogicalResult TotalOp::verifySymbolUses(SymbolTableCollection &) {
  Operation *module = SymbolTable::getNearestSymbolTable(*this);
  auto walk = module->walk([&](ContributeOp op) -> WalkResult {
    if (op.getTotal() != getTotal() || op.getKind() == getKind())
      return WalkResult::advance();
    auto error = emitOpError() << "takes the " << stringifyCombineKind(getKind()) << " of '@" << getTotal() // (R1)
                               << "', but a rule contributes to its " << stringifyCombineKind(op.getKind());
    error.attachNote(op.getLoc()) << "it contributes here";
    return error;
  });
  return failure(walk.wasInterrupted());
}

LogicalResult PublishedOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto shared = symbols.lookupNearestSymbolFrom<SharedOp>(*this, getSharedAttr());
  if (!shared) // (R1)
    return emitOpError() << "asks '@" << getShared() << "', which is no 'descent.shared' of this module";
  for (auto publish : shared.getBody().getOps<PublishOp>())
    if (publish.getName() == getName())
      return success();
  return emitOpError() << "asks for \"" << getName() << "\", which '@" << getShared() << "' does not publish"; // (R1)
}

LogicalResult OverLayersOp::verify() {
  if (getTotal() && getReach() != Reach::Model) // (R1)
    return emitOpError() << "has the name \"" << *getTotal() << "\", but only a reduction in model has one; this is in "
                         << stringifyReach(getReach());
  return success();
}
