// Matrices that a stage reads in the other orientation than its domain's.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_ORIENTEDBLOCKS_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_ORIENTEDBLOCKS_H

#include "GpuKernel.h"

#include "llvm/ADT/MapVector.h"

namespace descent::plan {

/// Where the matrix is wide, both orientations are the same memory. Where it is tall, neighbouring threads load a block
/// along its rows into workgroup memory, from where each reads along the columns. The rows there are one entry longer
/// than they need to be, so that neither way two threads of a warp want the same bank.
class OrientedBlocks {
public:
  /// Threads that share a row of the domain.
  static constexpr int64_t lanes = 8;

  OrientedBlocks(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel, int64_t length);

  bool isEmpty() const { return matrices.empty(); }
  /// Once a tile, before anything is read.
  void begin();
  /// Makes the entries of all threads readable: a row for each `lanes` of them, a vector for each thread. What is not
  /// below the ends is zero. Every thread of the block must come by.
  void gather(mlir::Value rowBegin, mlir::Value rowEnd, mlir::Value colBegin, mlir::Value colEnd);
  /// The thread's vector of what was gathered; `count`: how many of its entries there are.
  mlir::Value load(mlir::Value buffer, mlir::Value row, mlir::Value col, mlir::Value count);

private:
  struct Matrix {
    mlir::Type element;
    mlir::Value block;   // in workgroup memory
    mlir::Value aligned; // whether vectors of a wide one may be loaded at once
  };
  mlir::Value loadInPlace(mlir::Value buffer, mlir::Value row, mlir::Value col, mlir::Value count);
  mlir::Value loadBlock(const Matrix &matrix);
  mlir::VectorType getType(const Matrix &matrix) const { return mlir::VectorType::get({length}, matrix.element); }

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  GpuKernel &kernel;
  int64_t length, rows, cols;                    // of a vector; of a block
  mlir::Value isTransposed;                      // all matrices or none
  llvm::MapVector<mlir::Value, Matrix> matrices; // by the plan's buffer
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_ORIENTEDBLOCKS_H
