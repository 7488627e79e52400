// The totals of a program: where layers meet, and at which cut.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_TOTALS_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_TOTALS_H

#include "descent/Dialect/Descent/IR/Descent.h"
#include "descent/Dialect/Plan/IR/Plan.h"

namespace descent {

/// A number in which layers meet. A number that a shared body publishes is a total with one contribution.
struct Total {
  std::string name;
  plan::CombineKind kind;
  plan::Reach reach;
  /// The segment at whose end it is folded.
  int64_t cut = 0;
};

/// All totals of the rules and shared bodies of one recipe. Each is folded at the earliest cut that its contributions
/// allow, so that what a cut does not need can sink below it.
class Totals {
public:
  /// Emits an error for a cycle, and for a total that is read but not contributed to.
  static mlir::FailureOr<Totals> compute(llvm::ArrayRef<mlir::Operation *> bodies);

  llvm::ArrayRef<Total> getAll() const { return totals; }
  /// The total that the op contributes to, or null.
  const Total *getContribution(mlir::Operation *op) const { return lookup(contributions, op); }
  /// The total that the op's result is, or null.
  const Total *getReceived(mlir::Operation *op) const { return lookup(received, op); }
  /// The earliest segment in which the op can run.
  int64_t getEarliest(mlir::Operation *op) const { return earliest.lookup(op); }
  int64_t getNumSegments() const { return numSegments; }
  /// The first segment in which something may be stored: the one after the decision to skip.
  int64_t getFirstStore() const { return firstStore; }

private:
  const Total *lookup(const llvm::DenseMap<mlir::Operation *, size_t> &map, mlir::Operation *op) const {
    auto found = map.find(op);
    return found == map.end() ? nullptr : &totals[found->second];
  }
  size_t getOrCreate(llvm::StringRef name, plan::CombineKind kind, plan::Reach reach);
  llvm::LogicalResult collect(mlir::Operation *body);
  llvm::LogicalResult checkReceived(llvm::ArrayRef<mlir::Operation *> bodies);
  llvm::LogicalResult placeCuts(llvm::ArrayRef<mlir::Operation *> bodies);
  mlir::FailureOr<bool> visitAll(llvm::ArrayRef<mlir::Operation *> bodies);
  bool visit(mlir::Operation *op);

  std::vector<Total> totals;
  llvm::DenseMap<mlir::Operation *, size_t> contributions, received;
  llvm::DenseMap<mlir::Operation *, int64_t> earliest;
  int64_t numSegments = 1, firstStore = 0;
};
} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_TOTALS_H
