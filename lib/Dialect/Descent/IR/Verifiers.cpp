// What types and traits leave to verification; each rule has its number from DescentOps.td.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace descent;

static LogicalResult verifyRole(Operation *op, RoleAttr role) {
  if (!isCName(role.getName())) // (R2)
    return op->emitOpError() << "argument '%" << role.getName().getValue() << "' needs a name that C and C++ allow";
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

/// Every argument has a role; names are unique.
template <typename Op> static LogicalResult verifyRoles(Op op) {
  size_t count = op.getBody().getNumArguments();
  if (count != op.getRoles().size())
    return op.emitOpError() << "has " << count << " arguments but " << op.getRoles().size() << " roles";
  llvm::StringSet<> names;
  for (auto role : op.getRoles().template getAsRange<RoleAttr>()) {
    if (failed(verifyRole(op, role)))
      return failure();
    if (!names.insert(role.getName()).second) // (R2)
      return op.emitOpError() << "has two arguments named '%" << role.getName().getValue() << "'";
  }
  return success();
}

/// Argument types are those of their roles, over one element type.
template <typename Op> static LogicalResult verifyArguments(Op op) {
  Type element = getEntryType(op.getBody().front());
  for (auto [argument, role] : llvm::zip(op.getBody().getArguments(), op.getRoles().template getAsRange<RoleAttr>()))
    if (Type expected = role.getType(element); argument.getType() != expected)
      return op.emitOpError() << "argument '%" << role.getName().getValue() << "' with role "
                              << stringifyRoleKind(role.getKind()) << " needs type " << expected << ", found "
                              << argument.getType();
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
  return verifyRoles(*this);
}

/// An f64, an i1, or a tensor of these, of a method's type or of the policy's.
static bool isOfRule(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type.isF64() || type.isInteger(1);
  Type element = tensor.getElementType();
  return (element.isF64() || element.isF32() || element.isBF16() || element.isInteger(1)) &&
         succeeded(getSides(tensor));
}

/// bf16 is what a method rounds its matrices to; nothing is computed in it.
static bool isRoundedByMethod(Type type) { return getElementTypeOrSelf(type).isBF16(); }

static LogicalResult verifyRuleOperation(Operation &op) {
  StringRef dialect = op.getName().getDialectNamespace();
  if (dialect == "scf") // (R8)
    return op.emitOpError() << "is not supported in a rule yet; choose between values with 'arith.select'";
  if ((dialect != "arith" && dialect != "math" && dialect != "descent") || op.getNumRegions()) // (R8)
    return op.emitOpError() << "is not an operation of a rule: expected arith, math or descent";
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(op))
    if (fast.getFastMathFlagsAttr() && fast.getFastMathFlagsAttr().getValue() != arith::FastMathFlags::none) // (R8)
      return op.emitOpError() << "has fast-math flags, with which results would depend on the compiler; remove them";
  bool isRounded =
      llvm::any_of(op.getOperandTypes(), isRoundedByMethod) || llvm::any_of(op.getResultTypes(), isRoundedByMethod);
  if (isRounded && dialect != "descent" && !isa<arith::TruncFOp, arith::ExtFOp>(op)) // (R8)
    return op.emitOpError() << "computes with bf16, which only rounds values between products; extend to f64 first";
  for (Type type : op.getResultTypes())
    if (!isOfRule(type)) // (R9)
      return op.emitOpError()
             << "gives a value of type " << type
             << ": values of a rule are f64, i1, or tensors of dynamic sizes, shaped like the parameter "
             << "or with '#descent.dims'";
  return success();
}

/// Where a name is said a second time.
template <typename Op> static Op findRepeated(Region &body) {
  llvm::StringSet<> names;
  for (auto op : body.getOps<Op>())
    if (!names.insert(op.getName()).second)
      return op;
  return {};
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
                           << "' is never updated; add '%" << role.getName().getValue()
                           << " = ...' to 'descent.update'";
  }
  for (Operation &op : getBody().front())
    if (failed(verifyRuleOperation(op)))
      return failure();
  if (auto report = findRepeated<ReportOp>(getBody())) // (R10)
    return report.emitOpError() << "reports \"" << report.getName() << "\" a second time";
  return success();
}

LogicalResult SharedOp::verify() {
  for (Attribute attribute : getRoles()) {
    auto role = cast<RoleAttr>(attribute);
    if (!llvm::is_contained({RoleKind::Step, RoleKind::Loss, RoleKind::Hyper}, role.getKind())) // (R1)
      return emitOpError() << "takes arguments with role step, loss or hyper, found "
                           << stringifyRoleKind(role.getKind());
  }
  return verifyRoles(*this);
}

static LogicalResult verifySharedOperation(Operation &op) {
  StringRef dialect = op.getName().getDialectNamespace();
  bool isShared = isa<TotalOp, PublishOp, SkipWhenOp, GradientNormOp, GradientScaleOp>(op);
  auto isNumber = [](Type type) { return type.isF64() || type.isInteger(1); };
  if ((isShared || dialect == "arith" || dialect == "math") && llvm::all_of(op.getResultTypes(), isNumber)) // (R3)
    return success();
  return op.emitOpError()
         << "is not an operation of a shared body: expected arith or math on numbers, or descent.total, "
         << "publish, skip_when, gradient_norm or gradient_scale";
}

LogicalResult SharedOp::verifyRegions() {
  if (failed(verifyArguments(*this)))
    return failure();
  for (Operation &op : getBody().front())
    if (failed(verifySharedOperation(op)))
      return failure();
  if (auto publish = findRepeated<PublishOp>(getBody())) // (R2)
    return publish.emitOpError() << "publishes \"" << publish.getName() << "\" a second time";
  return success();
}

LogicalResult UpdateOp::verify() {
  auto rule = (*this)->getParentOfType<OptimizerOp>();
  if (getDestinations().size() != getValues().size())
    return emitOpError() << "has " << getDestinations().size() << " destinations but " << getValues().size()
                         << " values";
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

LogicalResult ReportOp::verify() {
  if (!isCName(getName())) // (R1)
    return emitOpError() << "needs a name that C and C++ allow, found \"" << getName() << "\"";
  return success();
}
