// Builds the plan of one rule or shared body.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_TRACKBUILDER_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_TRACKBUILDER_H

#include "Schedule.h"
#include "TrackStorage.h"

namespace descent {

/// A constant that every kernel may contain: -1, 0, 1, or no real number.
bool isPlainConstant(mlir::Operation *op);

/// Says that an operation of a plan belongs to an alternative, if it does.
void markAlternative(mlir::Operation *op, Alternative alternative);

/// Emits a track's operations in order: what it is given, then stages, numbers and cuts.
class TrackBuilder {
public:
  TrackBuilder(mlir::OpBuilder &builder, const Totals &totals, std::optional<TrackStorage> storage = std::nullopt)
      : builder(builder), totals(totals), storage(storage) {}

  mlir::FailureOr<plan::TrackOp> buildGroup(GroupOp group, OptimizerOp rule, const Decisions &decisions);
  llvm::LogicalResult buildShared(SharedOp body);

  /// The plan's number for an f64 or i1 of the rule; emits the scalar work that it needs. An i1 becomes 0 or 1.
  mlir::Value getNumber(mlir::Value value);
  /// The buffer that holds a tensor of the rule; with a remainder, the part of the parameter that was rounded.
  mlir::Value getBuffer(mlir::Value value) const { return buffers.lookup(value); }
  /// The buffer that a store writes.
  mlir::Value getStoreBuffer(const Store &store);
  /// The buffer of the parameter's remainder, if this is the parameter and it has one.
  mlir::Value getRemainder(mlir::Value value) const { return value == parameter ? remainder : mlir::Value(); }
  /// The buffer of the parameter as the model sees it, beside a master copy, if this is the parameter and it has one.
  mlir::Value getRounded(mlir::Value value) const { return value == parameter ? rounded : mlir::Value(); }
  /// Whether what is written to a buffer of the caller's is rounded by chance.
  bool isStochastic(mlir::Value buffer) const {
    return storage && storage->isStochastic(llvm::cast<plan::BufferType>(buffer.getType()).getElementType());
  }
  /// A buffer that holds all of a tensor, for stages that do not read entry by entry.
  mlir::Value getWholeBuffer(mlir::Value value, mlir::Location loc, Alternative alternative);
  mlir::OpBuilder &getBuilder() { return builder; }
  /// The schedule left a value without memory where a stage needs it: a defect of the planner, and not the user's.
  void reportUnplaced(mlir::Location loc);
  const Schedule &getSchedule() const { return *schedule; }

private:
  llvm::LogicalResult declareArguments(mlir::Region &body, mlir::ArrayAttr roles);
  llvm::LogicalResult declareArgument(mlir::BlockArgument argument, RoleAttr role);
  mlir::Value declareTensor(mlir::BlockArgument argument, RoleAttr role);
  void declareMaster();
  mlir::Value declareNumber(mlir::BlockArgument argument, RoleAttr role);
  void declareConstants();
  void declareChoices();
  void buildStages();
  void buildCut(int64_t index);
  void buildEnd(mlir::Block &body);
  void collect(mlir::Value value, llvm::SetVector<mlir::Operation *> &work);
  mlir::Value getDriverNumber(plan::Number kind, mlir::Location loc);
  mlir::Value declareLeaf(mlir::Operation *op);
  void buildReadyNumbers(Time time);
  void buildScalars(llvm::ArrayRef<mlir::Operation *> work, mlir::Value root);

  mlir::OpBuilder &builder;
  const Totals &totals;
  std::optional<TrackStorage> storage; // none for a shared body, which has no memory
  mlir::Region *source = nullptr;
  std::optional<Schedule> schedule;
  llvm::DenseMap<mlir::Value, mlir::Value> numbers, buffers;
  mlir::Value parameter, remainder, rounded;     // of the rule; buffers, null unless the policy has them
  llvm::DenseMap<mlir::Value, unsigned> streams; // of random numbers: 0 is the weight's, n that of the rule's nth state
  llvm::DenseMap<int, mlir::Value> driverNumbers;
  llvm::DenseMap<mlir::Operation *, mlir::Value> choices; // the number of what is chosen
  bool isComplete = true;

  friend class StageBuilder;
};
} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_TRACKBUILDER_H
