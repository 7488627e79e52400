// What types and traits leave to verification; each rule has its number from DescentOps.td.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace descent;

static bool isIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) && name.size() < 64 &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

//===----------------------------------------------------------------------===//
// Rules and shared bodies
//===----------------------------------------------------------------------===//

static LogicalResult verifyRole(Operation *op, RoleAttr role) {
  if (!isIdentifier(role.getName())) // (R2)
    return op->emitOpError() << "argument '%" << role.getName().getValue() << "' needs a name that is a C identifier";
  bool hasInit = role.getInit() != InitKind::Value;
  if (hasInit && !role.isState()) // (R6)
    return op->emitOpError() << "argument '%" << role.getName().getValue() << "' with role "
                             << stringifyRoleKind(role.getKind()) << " has an initial value, which only states have";
  if (role.getInit() == InitKind::Grad && role.getKind() != RoleKind::State)
    return op->emitOpError() << "argument '%" << role.getName().getValue()
                             << "' starts as the gradient, so its role must be state, found "
                             << stringifyRoleKind(role.getKind());
  if (role.getInit() == InitKind::Param && role.getKind() != RoleKind::State)
    return op->emitOpError() << "argument '%" << role.getName().getValue()
                             << "' starts as the parameter, so its role must be state, found "
                             << stringifyRoleKind(role.getKind());
  if (role.getValue() && !role.isState() && role.getKind() != RoleKind::Hyper)
    return op->emitOpError() << "argument '%" << role.getName().getValue() << "' with role "
                             << stringifyRoleKind(role.getKind()) << " has a default, which only hyperparameters have";
  if (role.getValue() && !role.getValue().getValue().isFinite())
    return op->emitOpError() << "argument '%" << role.getName().getValue() << "' needs a finite number";
  return success();
}

/// Argument types and roles agree; names are unique.
template <typename Op> static LogicalResult verifyArguments(Op op) {
  Block &body = op.getBody().front();
  if (body.getNumArguments() != op.getRoles().size())
    return op.emitOpError() << "has " << body.getNumArguments() << " arguments but " << op.getRoles().size() << " roles";
  llvm::StringSet<> names;
  Type element;
  for (auto [argument, attribute] : llvm::zip(body.getArguments(), op.getRoles())) {
    auto role = cast<RoleAttr>(attribute);
    if (failed(verifyRole(op, role)))
      return failure();
    if (!names.insert(role.getName()).second) // (R2)
      return op.emitOpError() << "has two arguments named '%" << role.getName().getValue() << "'";
    if (auto tensor = dyn_cast<RankedTensorType>(argument.getType()); tensor && !element)
      element = tensor.getElementType();
    Type expected = role.getType(element ? element : Float64Type::get(op.getContext()));
    if (argument.getType() != expected)
      return op.emitOpError() << "argument '%" << role.getName().getValue() << "' with role "
                              << stringifyRoleKind(role.getKind()) << " needs type " << expected << ", found "
                              << argument.getType();
  }
  return success();
}

LogicalResult OptimizerOp::verify() {
  auto count = [&](RoleKind kind) {
    return llvm::count_if(getRoles(), [&](Attribute role) { return cast<RoleAttr>(role).getKind() == kind; });
  };
  for (RoleKind kind : {RoleKind::Param, RoleKind::Grad})
    if (count(kind) != 1) // (R1)
      return emitOpError() << "needs exactly one argument with role " << stringifyRoleKind(kind) << ", found "
                           << count(kind);
  for (RoleKind kind : {RoleKind::Step, RoleKind::Updates, RoleKind::Loss})
    if (count(kind) > 1) // (R1)
      return emitOpError() << "takes at most one argument with role " << stringifyRoleKind(kind) << ", found "
                           << count(kind);
  for (RoleKind kind : {RoleKind::GroupState, RoleKind::ModelState})
    if (count(kind)) // (R7)
      return emitOpError() << "has an argument with role " << stringifyRoleKind(kind)
                           << ", which this version does not have yet; a layer_state is kept for each layer";
  return success();
}

LogicalResult OptimizerOp::verifyRegions() {
  if (failed(verifyArguments(*this)))
    return failure();
  auto update = dyn_cast<UpdateOp>(getBody().front().getTerminator());
  if (!update)
    return emitOpError() << "needs 'descent.update' as its last operation";
  for (auto [argument, attribute] : llvm::zip(getBody().getArguments(), getRoles())) {
    auto role = cast<RoleAttr>(attribute);
    bool mustBeRead = role.isState() || role.getKind() == RoleKind::Grad || role.getKind() == RoleKind::Input;
    if (mustBeRead && argument.use_empty()) // (R3) (R4)
      return emitOpError() << stringifyRoleKind(role.getKind()) << " '%" << role.getName().getValue()
                           << "' is never read; use it or remove the argument";
    bool mustBeUpdated = role.isState() || role.getKind() == RoleKind::Param;
    if (mustBeUpdated && !update.getValueFor(argument.getArgNumber())) // (R4) (R5)
      return emitOpError() << stringifyRoleKind(role.getKind()) << " '%" << role.getName().getValue()
                           << "' is never updated; add '%" << role.getName().getValue() << " = ...' to 'descent.update'";
  }
  for (Operation &op : getBody().front()) {
    StringRef dialect = op.getName().getDialectNamespace();
    if (dialect == "scf") // (R8)
      return op.emitOpError() << "is not supported in a rule yet; choose between values with 'arith.select'";
    if (dialect != "arith" && dialect != "math" && dialect != "descent") // (R8)
      return op.emitOpError() << "is not an operation of a rule: expected arith, math or descent";
  }
  return success();
}

LogicalResult SharedOp::verify() {
  for (Attribute attribute : getRoles()) {
    auto role = cast<RoleAttr>(attribute);
    if (!llvm::is_contained({RoleKind::Step, RoleKind::Loss, RoleKind::Hyper}, role.getKind())) // (R1)
      return emitOpError() << "takes arguments with role step, loss or hyper, found " << stringifyRoleKind(role.getKind());
  }
  return success();
}

LogicalResult SharedOp::verifyRegions() {
  if (failed(verifyArguments(*this)))
    return failure();
  llvm::StringSet<> published;
  for (auto publish : getBody().getOps<PublishOp>())
    if (!published.insert(publish.getName()).second) // (R2)
      return publish.emitOpError() << "publishes \"" << publish.getName() << "\" a second time";
  return success();
}

LogicalResult UpdateOp::verify() {
  auto rule = (*this)->getParentOfType<OptimizerOp>();
  if (getDestinations().size() != getValues().size())
    return emitOpError() << "has " << getDestinations().size() << " destinations but " << getValues().size() << " values";
  llvm::SmallSet<int64_t, 8> seen;
  for (auto [destination, value] : llvm::zip(getDestinations(), getValues())) {
    if (destination < 0 || destination >= static_cast<int64_t>(rule.getRoles().size())) // (R1)
      return emitOpError() << "updates argument " << destination << ", which the rule does not have";
    RoleAttr role = rule.getRole(destination);
    if (!role.isState() && role.getKind() != RoleKind::Param) // (R1)
      return emitOpError() << "updates '%" << role.getName().getValue() << "' with role "
                           << stringifyRoleKind(role.getKind()) << "; only the parameter and states can be updated";
    if (!seen.insert(destination).second) // (R1)
      return emitOpError() << "updates '%" << role.getName().getValue() << "' twice";
    Type wanted = rule.getBody().getArgument(destination).getType();
    if (value.getType() != wanted) // (R2)
      return emitOpError() << "stores a value of type " << value.getType() << " in '%" << role.getName().getValue()
                           << "', which has type " << wanted;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

LogicalResult RecipeOp::verifyRegions() {
  llvm::StringSet<> names;
  for (auto group : getBody().getOps<GroupOp>()) {
    if (!isIdentifier(group.getName())) // (R1)
      return group.emitOpError() << "needs a name that is a C identifier, found \"" << group.getName() << "\"";
    if (!names.insert(group.getName()).second) // (R1)
      return group.emitOpError() << "has the name \"" << group.getName() << "\" of another group";
  }
  if (names.empty()) // (R1)
    return emitOpError() << "needs at least one 'descent.group'";
  for (Operation &op : getBody().front())
    if (!isa<GroupOp, ClipGlobalNormOp, SkipNonfiniteOp>(op))
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

static NormQuery getQuery(Operation *op) {
  return isa<NormOp>(op) ? NormQuery::Norm
         : isa<DualNormOp>(op) ? NormQuery::DualNorm
         : isa<LmoOp>(op) ? NormQuery::Lmo
                          : NormQuery::Projection;
}

static NormAttrInterface getNormOf(Operation *op) {
  return isa<NormOp, DualNormOp, LmoOp, ProjectOp>(op) ? op->getAttrOfType<NormAttrInterface>("norm")
                                                       : NormAttrInterface();
}

/// Whether the op means something else when rows and columns are exchanged.
static bool dependsOnOrientation(Operation *op, NormAttrInterface norm) {
  if (norm)
    return norm.isOriented();
  if (auto size = dyn_cast<SizeOp>(op))
    return size.getSide() == Side::Rows || size.getSide() == Side::Cols;
  auto reduce = dyn_cast<ReduceOp>(op);
  return reduce && isa<RankedTensorType>(reduce.getType());
}

LogicalResult GroupOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto rule = symbols.lookupNearestSymbolFrom<OptimizerOp>(*this, getRuleAttr());
  if (!rule) // (R1)
    return emitOpError() << "uses '@" << getRule() << "', which is no 'descent.optimizer' of this module";
  bool usesGiven = false, oriented = false;
  auto walk = rule.walk([&](Operation *op) -> WalkResult {
    NormAttrInterface norm = getNormOf(op);
    if (isa_and_nonnull<GivenNormAttr>(norm)) {
      usesGiven = true;
      if (!getNorm()) // (R3)
        return emitOpError() << "needs 'norm = ...': rule '@" << getRule() << "' uses '#descent.given'";
      norm = *getNorm();
    }
    auto refuse = [&] { return emitOpError() << "cannot use rule '@" << getRule() << "': "; };
    if (norm && failed(norm.verifyQuery(getQuery(op), getGroupClass(), refuse))) // (R4)
      return WalkResult::interrupt();
    oriented |= dependsOnOrientation(op, norm);
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  if (getNorm() && !usesGiven) // (R3)
    return emitOpError() << "gives a norm, but rule '@" << getRule() << "' does not use '#descent.given'";
  if (oriented && getGroupClass() != GroupClass::Vector && !getStored()) // (R5)
    return emitOpError() << "needs 'stored out_in' or 'stored in_out': rule '@" << getRule()
                         << "' depends on which axis is the output";
  return verifyHypers(rule);
}

LogicalResult GroupOp::verifyHypers(OptimizerOp rule) {
  DictionaryAttr given = getHypersAttr() ? getHypersAttr() : DictionaryAttr::get(getContext());
  for (NamedAttribute hyper : given) {
    BlockArgument argument = rule.getArgument(hyper.getName().getValue());
    if (!argument || rule.getRole(argument.getArgNumber()).getKind() != RoleKind::Hyper) { // (R2)
      auto error = emitOpError() << "sets '" << hyper.getName().getValue() << "', but the hyperparameters of '@"
                                 << getRule() << "' are";
      for (Attribute role : rule.getRoles())
        if (cast<RoleAttr>(role).getKind() == RoleKind::Hyper)
          error << " " << cast<RoleAttr>(role).getName().getValue();
      return error;
    }
    auto number = dyn_cast<FloatAttr>(hyper.getValue());
    if (!number || !number.getValue().isFinite()) // (R2)
      return emitOpError() << "needs a finite number for '" << hyper.getName().getValue() << "', found "
                           << hyper.getValue();
  }
  for (Attribute attribute : rule.getRoles()) {
    auto role = cast<RoleAttr>(attribute);
    if (role.getKind() == RoleKind::Hyper && !role.getValue() && !given.get(role.getName())) // (R6)
      return emitOpError() << "needs a value for hyperparameter '" << role.getName().getValue() << "' of '@" << getRule()
                           << "', which has no default";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// The group's class is known later; here only whether there is a formula.
static LogicalResult verifyQueryOp(Operation *op) {
  return getNormOf(op).verifyQuery(getQuery(op), GroupClass::Matrix, [&] { return op->emitOpError(); });
}

LogicalResult NormOp::verify() { return verifyQueryOp(*this); }     // (R1)
LogicalResult DualNormOp::verify() { return verifyQueryOp(*this); } // (R1)
LogicalResult LmoOp::verify() { return verifyQueryOp(*this); }      // (R1)
LogicalResult ProjectOp::verify() { return verifyQueryOp(*this); }  // (R1)

LogicalResult OrthogonalizeOp::verify() {
  auto type = cast<RankedTensorType>(getOperand().getType());
  if (type != getParameterType(type.getElementType())) // (R1)
    return emitOpError() << "needs an operand shaped like the parameter, found " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static FailureOr<SmallVector<Side, 2>> verifySides(Operation *op, Type type) {
  FailureOr<SmallVector<Side, 2>> sides = getSides(cast<RankedTensorType>(type));
  if (failed(sides))
    op->emitOpError() << "needs tensors of dynamic sizes, shaped like the parameter or with '#descent.dims', found " << type;
  return sides;
}

/// `small` is f64, or has one number for each index of one side of `large`.
static LogicalResult verifySlice(Operation *op, Type small, Type large) {
  FailureOr<SmallVector<Side, 2>> sides = verifySides(op, large);
  if (failed(sides))
    return failure();
  if (small.isF64())
    return success();
  auto tensor = dyn_cast<RankedTensorType>(small);
  FailureOr<SmallVector<Side, 2>> side = tensor ? verifySides(op, tensor) : FailureOr<SmallVector<Side, 2>>();
  if (tensor && failed(side))
    return failure();
  if (!tensor || side->size() != 1 || sides->size() != 2 || !llvm::is_contained(*sides, side->front())) // (R1)
    return op->emitOpError() << "needs f64 or one number a row or column of " << large << ", found " << small;
  return success();
}

LogicalResult BroadcastOp::verify() { return verifySlice(*this, getOperand().getType(), getType()); } // (R1)
LogicalResult ReduceOp::verify() { return verifySlice(*this, getType(), getOperand().getType()); }    // (R1)

LogicalResult OrientOp::verify() {
  auto from = verifySides(*this, getOperand().getType()), to = verifySides(*this, getType());
  if (failed(from) || failed(to))
    return failure();
  SmallVector<Side, 2> matrix{Side::Rows, Side::Cols}, wide{Side::Short, Side::Long};
  if (!(*from == matrix && *to == wide) && !(*from == wide && *to == matrix)) // (R1)
    return emitOpError() << "goes between a tensor shaped like the parameter and '#descent.dims<short, long>', found "
                         << getOperand().getType() << " to " << getType();
  return success();
}

LogicalResult ProductOp::verify() {
  auto lhs = verifySides(*this, getLhs().getType()), rhs = verifySides(*this, getRhs().getType());
  auto result = verifySides(*this, getType());
  if (failed(lhs) || failed(rhs) || failed(result))
    return failure();
  bool fits = lhs->size() == 2 && rhs->size() == 2 && result->size() == 2;
  fits = fits && (*lhs)[1] == (*rhs)[getTransposed() ? 1 : 0] && (*result)[0] == (*lhs)[0] &&
         (*result)[1] == (*rhs)[getTransposed() ? 0 : 1];
  if (!fits) // (R1)
    return emitOpError() << "cannot multiply " << getLhs().getType() << " by " << getRhs().getType()
                         << (getTransposed() ? " transposed" : "") << " to " << getType();
  if (getSymmetric() && (*result)[0] != (*result)[1])
    return emitOpError() << "is marked symmetric, but its result " << getType() << " is not square";
  return success();
}
