// When each operation of a rule happens: the stages of one track before they are built.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_SCHEDULE_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_SCHEDULE_H

#include "Totals.h"

#include "llvm/ADT/SetVector.h"

#include <map>

namespace descent {

/// A point between two cuts. Stages of one time do not depend on each other.
struct Time {
  int64_t segment = 0, level = 0;
  bool operator<(const Time &other) const { return std::tie(segment, level) < std::tie(other.segment, other.level); }
  bool operator==(const Time &other) const { return segment == other.segment && level == other.level; }
  Time next() const { return {segment, level + 1}; }
};

/// What an operation of a rule becomes.
enum class Work {
  Number, // scalar work
  Free,  // recomputed wherever it is used: a conversion, a truth value, a matrix in its other orientation, or something
         // that reads nothing that is written
  Entry, // computed entry by entry in one stage
  Reduce,  // partial results of a stage
  Product, // the source of a stage
  Choose,  // memory that the stages of its alternatives write
  None     // not computed: what the caller is told
};

/// What is left to choose when a rule is planned.
struct Decisions {
  /// Whether operations share stages. If not, each has one of its own, and every value is kept.
  bool fuse = true;
  /// Entry-by-entry operations that are computed again wherever they are used (true) or once (false), rather than as a
  /// rule of thumb says: again if they read nothing that the step writes. A reduction of rows that is computed again is
  /// finished within the sweep that uses it.
  llvm::DenseMap<mlir::Operation *, bool> again;
};

/// What only one alternative of a choice needs is skipped by layers that run another one.
struct Alternative {
  int64_t choice = -1, index = 0; // choices are counted in their order; -1: every layer does it
  bool operator<(const Alternative &other) const {
    return std::tie(choice, index) < std::tie(other.choice, other.index);
  }
  bool operator==(const Alternative &other) const { return choice == other.choice && index == other.index; }
};

/// The time, domain and alternative of a stage.
struct StageKey {
  Time time;
  std::pair<plan::Extent, plan::Extent> domain;
  Alternative alternative;
  bool operator<(const StageKey &other) const {
    return std::tie(time, domain, alternative) < std::tie(other.time, other.domain, other.alternative);
  }
  bool operator==(const StageKey &other) const {
    return time == other.time && domain == other.domain && alternative == other.alternative;
  }
};

/// What is stored where, and when: in an argument, or in the memory that the alternatives of a choice share.
struct Store {
  mlir::Value destination;
  mlir::Value value;
  StageKey key;
};

/// A value that is kept in memory between stages.
struct Kept {
  /// Whether a cut lies between the stage that computes it and one that uses it.
  bool acrossCut = false;
};

/// Places the operations of one rule. Values are computed as late as their first use allows, so that few outlive
/// their stage and nothing that a cut does not need precedes it; a state is overwritten after its last reader, and
/// nothing is stored before the decision to skip.
class Schedule {
public:
  static mlir::FailureOr<Schedule> compute(OptimizerOp rule, const Totals &totals, const Decisions &decisions);

  Work getWork(mlir::Operation *op) const { return work.lookup(op); }
  Time getTime(mlir::Operation *op) const { return times.lookup(op); }
  /// The stage in which an Entry, Reduce or Product happens.
  StageKey getStage(mlir::Operation *op) const { return {getTime(op), getDomain(op), getAlternative(op)}; }
  Alternative getAlternative(mlir::Operation *op) const { return alternatives.lookup(op); }
  llvm::ArrayRef<Store> getStores() const { return stores; }
  /// Values that need a buffer, apart from arguments.
  const llvm::MapVector<mlir::Value, Kept> &getKept() const { return kept; }
  /// Decisions that differ from these in one value: kept or not, or the reduction of rows in a pass of its own or not.
  std::vector<Decisions> getVariations() const;
  /// Every stage with a product, reductions, stores or kept values, in order.
  std::vector<StageKey> getStages() const;

  static std::pair<plan::Extent, plan::Extent> getDomain(mlir::RankedTensorType type);
  static std::pair<plan::Extent, plan::Extent> getDomain(mlir::Operation *op);

private:
  Schedule(OptimizerOp rule, const Totals &totals, const Decisions &decisions)
      : rule(rule), totals(totals), decisions(decisions) {}
  llvm::LogicalResult classify();
  Work classify(mlir::Operation *op) const;
  bool readsNothingWritten(mlir::Operation *op) const;
  bool isChoice(mlir::Operation *op) const;
  llvm::SetVector<mlir::Operation *> getChain(mlir::Operation *op) const;
  bool isReadByTwoStages(mlir::Operation *op) const;
  Time getAvailable(mlir::Value value, mlir::Operation *user) const;
  void findAlternatives();
  void placeEarliest();
  int64_t getLatestSegment(mlir::Operation *op) const;
  void sinkBelowCuts();
  void sinkWithinSegments();
  bool sink(mlir::Operation *op);
  void listStores();
  void placeStores();
  Time getLastRead(mlir::Value argument, const StageKey &writer) const;
  void forEachRead(mlir::Value value, llvm::function_ref<void(const StageKey &, bool inMemory)> visit) const;
  void keepValues();
  void require(mlir::Value value, const StageKey &key);
  void keep(mlir::Value value, int64_t useSegment);

  mutable OptimizerOp rule; // accessors of ops are not const
  const Totals &totals;
  Decisions decisions;
  llvm::DenseMap<mlir::Operation *, Work> work;
  llvm::DenseMap<mlir::Operation *, Time> times;
  llvm::DenseMap<mlir::Operation *, int64_t> segments;
  llvm::DenseMap<mlir::Operation *, int64_t> choices; // their numbers
  llvm::DenseMap<mlir::Operation *, Alternative> alternatives;
  std::vector<Store> stores;
  llvm::MapVector<mlir::Value, Kept> kept;
};
} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_SCHEDULE_H
