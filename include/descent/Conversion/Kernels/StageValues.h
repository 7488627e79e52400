// What a stage's region computes: once from numbers, once a row, and for vectors of entries.
#ifndef DESCENT_CONVERSION_KERNELS_STAGEVALUES_H
#define DESCENT_CONVERSION_KERNELS_STAGEVALUES_H

#include "descent/Conversion/Kernels/Entries.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace descent::plan {

/// How the entries of a stage find their numbers in a buffer that it reads or writes.
Access getEntryAccess(StageOpInterface stage, mlir::Value buffer);

/// What a stage reads or writes entry by entry, each buffer once: no partial results, no factors of a product.
llvm::SetVector<mlir::Value> getEntryBuffers(StageOpInterface stage);

/// The argument of a stage's region for each buffer that it reads, and the buffer.
llvm::SmallVector<std::pair<mlir::BlockArgument, mlir::Value>> getReads(StageOpInterface stage);

/// A reduction of a stage: a number a tile, a row or a column.
struct Reduction {
  CombineKind kind;
  Access access;
  mlir::Value partials; // the plan's buffer
};

/// Emits the operations of a stage's region for `length` neighbours in a row of the domain at a time.
class StageValues {
public:
  using MemRefs = llvm::DenseMap<mlir::Value, mlir::Value>; // by the plan's buffers
  using Operations = llvm::SetVector<mlir::Operation *>;

  StageValues(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, const MemRefs &memrefs, int64_t length);

  llvm::ArrayRef<Reduction> getReductions() const { return reductions; }
  mlir::VectorType vectorOf(mlir::Type type) const { return mlir::VectorType::get({length}, type); }

  /// Emits what all entries share, once, before any loop. Fails on an operation without a vector form.
  mlir::LogicalResult emitShared(mlir::ValueRange scalars);
  /// Loads the numbers of a row, for what follows.
  void enterRow(mlir::Value row);
  /// What a fold's operand follows from, down to numbers that the row shares.
  static Operations getSlice(RowFoldOp fold);
  /// The fold's number in the row at hand, for what follows.
  void setRowFold(RowFoldOp fold, mlir::Value number);

  /// What is known before any entry is loaded.
  const mlir::IRMapping &getShared() const { return shared; }
  /// Emits the operations for the entries from (row, col) on, given what was loaded in `values`: those of `needed`, if
  /// it says something.
  void emit(mlir::Value row, mlir::Value col, const Operations &needed, mlir::IRMapping &values);
  /// What the region yields: first what is written, then what is reduced.
  llvm::SmallVector<mlir::Value> getYielded(const mlir::IRMapping &values);

private:
  void broadcastUniform();
  mlir::Value createDiagonal(mlir::Value row, mlir::Value col, mlir::Type type);
  mlir::Value createRandom(RandomOp op, mlir::Value row, mlir::Value col);

  mlir::ImplicitLocOpBuilder &b;
  StageOpInterface stage;
  const MemRefs &memrefs;
  int64_t length;
  llvm::SmallVector<Reduction> reductions;
  llvm::SmallPtrSet<mlir::Operation *, 8> uniform;
  mlir::IRMapping scalars; // values that all entries share
  mlir::IRMapping shared;  // the same as vectors, and the row's own
};

} // namespace descent::plan

#endif // DESCENT_CONVERSION_KERNELS_STAGEVALUES_H
