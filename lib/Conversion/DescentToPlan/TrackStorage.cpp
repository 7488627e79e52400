#include "TrackStorage.h"

#include "NeverNegative.h"

using namespace mlir;
using namespace descent;

StorageAttr descent::getPolicy(GroupOp group, StorageAttr otherwise) {
  auto recipe = cast<RecipeOp>(group->getParentOp());
  return group.getStorage() ? *group.getStorage() : recipe.getStorage().value_or(otherwise);
}

static bool isElement(RoleAttr role) { return role.getKind() == RoleKind::State; }
static bool isTensorState(RoleAttr role) { return role.isState() && role.isTensor(); }

std::string descent::getScaleName(StringRef state) { return (state + "_scale").str(); }

Type TrackStorage::getState(RoleAttr role) const {
  Attribute format = policy.getState(role.getName(), isElement(role));
  auto q8 = dyn_cast<Q8Attr>(format);
  if (!q8)
    return cast<TypeAttr>(format).getValue();
  bool isUnsigned =
      q8.getSign() == CodeSign::Unsigned || (q8.getSign() == CodeSign::Auto && isNeverNegative(rule, role));
  return plan::Q8Type::get(role.getContext(), q8.getBlock(),
                           isUnsigned ? plan::CodeSign::Unsigned : plan::CodeSign::Signed);
}

/// Every name in the policy is one of the rule's states that have a choice.
static LogicalResult verifyNames(GroupOp group, OptimizerOp rule, StorageAttr policy) {
  SmallVector<RoleAttr> states;
  for (Attribute attribute : rule.getRoles())
    if (auto role = cast<RoleAttr>(attribute); isTensorState(role))
      states.push_back(role);
  for (NamedAttribute entry : policy.getNamed()) {
    auto isNamed = [&](RoleAttr role) { return role.getName() == entry.getName(); };
    auto state = llvm::find_if(states, isNamed);
    if (state == states.end()) {
      auto error = group.emitOpError() << "has a storage policy for '" << entry.getName().getValue()
                                       << "', which is no field and no state of its rule, whose states are";
      for (RoleAttr role : states)
        error << " " << role.getName().getValue();
      return error;
    }
    if (isa<Q8Attr>(entry.getValue()) && !isElement(*state))
      return group.emitOpError() << "keeps '" << entry.getName().getValue() << "' in 8 bits, but it is one number a "
                                 << (state->getKind() == RoleKind::RowState ? "row" : "column")
                                 << ": those are f32, bf16 or f16";
  }
  return success();
}

/// The names and first values of states in codes.
static LogicalResult verifyCodes(GroupOp group, OptimizerOp rule, StorageAttr policy) {
  Q8Attr first;
  for (Attribute attribute : rule.getRoles()) {
    auto role = cast<RoleAttr>(attribute);
    auto q8 = isTensorState(role) ? dyn_cast<Q8Attr>(policy.getState(role.getName(), isElement(role))) : Q8Attr();
    if (!q8)
      continue;
    StringRef name = role.getName();
    if (role.getInit() != InitKind::Value || role.getValue().getValueAsDouble() < 0.0)
      return group.emitOpError() << "keeps '" << name << "' in 8 bits, but it starts as "
                                 << (role.getInit() == InitKind::Value ? "a negative number" : "a copy")
                                 << ", which codes do not hold; say " << name << " = f32";
    if (first && first.getBlock() != q8.getBlock())
      return group.emitOpError() << "has blocks of " << first.getBlock() << " and of " << q8.getBlock()
                                 << " entries; blocks of one group's states are of one size";
    first = q8;
    std::string scale = getScaleName(name);
    for (Attribute other : rule.getRoles())
      if (cast<RoleAttr>(other).getName() == scale)
        return group.emitOpError() << "keeps the scales of '" << name << "' in a state '" << scale
                                   << "', but its rule has a '" << scale << "' too; rename that";
  }
  return success();
}

LogicalResult TrackStorage::verify(GroupOp group, OptimizerOp rule) const {
  if (failed(verifyCodes(group, rule, policy)))
    return failure();
  if (failed(verifyNames(group, rule, policy)))
    return failure();
  StringRef added = getMaster() == Master::F32 ? StringRef(kMasterState) : StringRef(kRemainderState);
  for (Attribute attribute : rule.getRoles())
    if (auto role = cast<RoleAttr>(attribute); getMaster() != Master::None && role.getName() == added)
      return group.emitOpError() << "keeps a state '" << added << "' for its storage policy, but its rule has a '"
                                 << added << "' too; rename that";
  return success();
}

FailureOr<TrackStorage> TrackStorage::compute(GroupOp group, OptimizerOp rule, StorageAttr otherwise) {
  TrackStorage storage(getPolicy(group, otherwise), rule);
  FloatType compute = storage.policy.getComputeType();
  if (Type entry = getEntryType(rule.getBody().front()); entry != compute)
    return group.emitOpError() << "has the storage policy " << storage.policy << ", which is computed in " << compute
                               << ", but its rule is computed in " << entry
                               << "; groups of one recipe are all f64 or none is";
  if (failed(storage.verify(group, rule)))
    return failure();
  return storage;
}
