// Matrices that a stage reads in the other orientation than its domain's.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_ORIENTEDTILE_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_ORIENTEDTILE_H

#include "Kernel.h"

#include "llvm/ADT/MapVector.h"

namespace descent::plan {

/// Where the matrix is wide, both orientations are the same memory. Where it is tall, a block of rows of the tile is
/// transposed into the kernel's memory before it is read.
class OrientedTiles {
public:
  /// Rows of one block, and the most columns that a tile may have.
  static constexpr int64_t blockRows = 32, tileCols = 256;

  OrientedTiles(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, const Kernel &kernel, unsigned vectorBits);

  /// Bytes of the kernel's memory that the stage's blocks take.
  static int64_t getBytes(StageOpInterface stage);

  bool isEmpty() const { return matrices.empty(); }
  /// Makes rows of the tile readable, at most `blockRows`.
  void gather(mlir::Value rowBegin, mlir::Value rowEnd);

  /// A matrix in memory, and where an entry of the domain lies in it.
  struct Place {
    mlir::Value memref, row, col;
  };
  Place getPlace(mlir::Value buffer, mlir::Value row, mlir::Value col) const;

private:
  struct Matrix {
    mlir::Value memref; // as it is stored
    int64_t offset;     // of its block in the kernel's memory
    // What is read: the matrix itself or its block, and the entry of the domain that stands at its origin.
    mlir::Value readable, rowOrigin, colOrigin;
  };
  mlir::Value transposeBlock(const Matrix &matrix, mlir::Value rowBegin, mlir::Value rowEnd);
  void transposeSquare(mlir::Value source, mlir::Value block, mlir::Value rowBegin, mlir::Value row, mlir::Value rowEnd,
                       mlir::Value col);

  mlir::ImplicitLocOpBuilder &b;
  const Kernel &kernel;
  unsigned vectorBits;
  llvm::MapVector<mlir::Value, Matrix> matrices; // by the plan's buffer
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_ORIENTEDTILE_H
