// What stages move and compute, and what that costs: planning and --explain both take their numbers from here.
#ifndef DESCENT_DIALECT_PLAN_ANALYSIS_COSTMODEL_H
#define DESCENT_DIALECT_PLAN_ANALYSIS_COSTMODEL_H

#include "descent/Dialect/Plan/Analysis/CostRates.h"
#include "descent/Dialect/Plan/IR/Plan.h"

#include <array>
#include <map>

namespace descent::plan {

/// The size of one layer.
struct Shape {
  int64_t rows, cols;
};

/// A sum of products of extents, such as 28 n + 4 rows, where n is rows * cols and short * long.
class Formula {
public:
  /// How often rows, cols, short and long are factors of a term.
  using Powers = std::array<unsigned, 4>;

  /// Adds a term; extents that are no size of the layer count as one.
  void add(double factor, llvm::ArrayRef<Extent> extents);
  Formula &operator+=(const Formula &other);
  Formula operator*(double factor) const;

  bool isZero() const { return terms.empty(); }
  /// Terms with their factors, for tables that are evaluated when shapes are known.
  const std::map<Powers, double> &getTerms() const { return terms; }
  double evaluate(Shape shape) const;
  /// For a square layer of many rows: the sum of the terms that grow as its elements do.
  double squareFactor() const;
  std::string str() const;

private:
  std::map<Powers, double> terms;
};

/// Buffers that an operation of a track reads and writes, each once.
struct Traffic {
  llvm::SmallVector<mlir::Value> reads, writes;
};
Traffic getTraffic(mlir::Operation *op);

/// Bytes of a buffer. Partial results are as many as tiles: they count as nothing.
Formula getBytes(BufferType type);
/// Bytes that an operation of a track moves: every buffer once for reading and once for writing.
Formula getBytes(mlir::Operation *op);

/// Floating-point operations of a stage. Of a symmetric product half the entries are computed.
struct StageFlops {
  Formula product, entries;
  Formula slow; // of `entries`
  Formula total() const { return Formula(product) += entries; }
};
StageFlops getFlops(mlir::Operation *op);

/// Nanoseconds, by the rates.
Formula getCost(mlir::Operation *op, const CostRates &rates = {});

/// What an alternative of a track's choice costs: all that belongs to it.
Formula getCost(TrackOp track, unsigned choice, unsigned alternative, const CostRates &rates = {});

/// What a layer of this shape costs: it runs the cheapest alternative of every choice.
double getCost(TrackOp track, Shape shape, const CostRates &rates = {});

} // namespace descent::plan

#endif // DESCENT_DIALECT_PLAN_ANALYSIS_COSTMODEL_H
