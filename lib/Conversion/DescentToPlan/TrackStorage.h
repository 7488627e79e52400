// What the layers of one group are in memory: a storage policy applied to a rule.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_TRACKSTORAGE_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_TRACKSTORAGE_H

#include "descent/Dialect/Descent/IR/Descent.h"
#include "descent/Dialect/Plan/IR/Plan.h"

namespace descent {

/// The names of the states that keep what a stored parameter loses.
inline constexpr llvm::StringLiteral kMasterState = "master", kRemainderState = "remainder";

class TrackStorage {
public:
  /// The group's policy, the recipe's, or `otherwise`. Fails, with the reason, if the rule cannot have it.
  static mlir::FailureOr<TrackStorage> compute(GroupOp group, OptimizerOp rule, StorageAttr otherwise);

  mlir::FloatType getWeight() const { return policy.getParam(); }
  mlir::FloatType getGradient() const { return policy.getGrad(); }
  Master getMaster() const { return policy.getMaster(); }
  /// Whether what is stored as `type` is rounded by chance.
  bool isStochastic(mlir::Type type) const { return policy.getRounding() == Rounding::Stochastic && type.isBF16(); }
  /// The type of a state's entries in memory: codes have scales beside them.
  mlir::Type getState(RoleAttr role) const;

private:
  TrackStorage(StorageAttr policy, OptimizerOp rule) : policy(policy), rule(rule) {}
  mlir::LogicalResult verify(GroupOp group, OptimizerOp rule) const;

  StorageAttr policy;
  mutable OptimizerOp rule; // accessors of ops are not const
};

/// The name of the state that holds the scales of a state in codes.
std::string getScaleName(llvm::StringRef state);

/// The policy that holds for a group.
StorageAttr getPolicy(GroupOp group, StorageAttr otherwise);

} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_TRACKSTORAGE_H
