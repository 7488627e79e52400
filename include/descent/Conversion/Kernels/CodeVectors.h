// 8-bit codes and the numbers that they stand for, a vector of them at a time.
#ifndef DESCENT_CONVERSION_KERNELS_CODEVECTORS_H
#define DESCENT_CONVERSION_KERNELS_CODEVECTORS_H

#include "descent/Conversion/Kernels/CodeMap.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace descent::plan {

/// Emits the arithmetic between `length` codes and as many f32. Where tables lie is the target's affair.
class CodeVectors {
public:
  CodeVectors(mlir::ImplicitLocOpBuilder &b, int64_t length) : b(b), length(length) {}
  virtual ~CodeVectors() = default;

  int64_t getLength() const { return length; }

  mlir::Value all(mlir::Value number);
  mlir::Value all(mlir::Type elementType, int64_t number);
  mlir::Value all(float number);

  /// The numbers of the codes, times the scale.
  mlir::Value decode(CodeSign sign, mlir::Value codes, mlir::Value scale);
  /// The numbers of the codes of entries / scale, or one less. `reciprocal` is 1 / scale, rounded; no magnitude exceeds
  /// that of the scale, which is not subnormal.
  virtual mlir::Value guess(CodeSign sign, mlir::Value entries, mlir::Value reciprocal);
  /// The codes of the numbers nearest to entries / scale.
  mlir::Value encode(CodeSign sign, mlir::Value guesses, mlir::Value entries, mlir::Value scale);

  /// The scale to store for a block whose largest magnitude has these bits: NaN for one that is not finite, so that its
  /// entries become NaN too; 0 for one that is zero, or too small for the scale to have a reciprocal.
  struct Scale {
    mlir::Value kept, whole; // whole: whether it is the number itself, so that entries have codes
  };
  Scale createScale(mlir::Value bits);

  /// Bits of magnitudes, which are ordered as integers, NaN above infinity.
  mlir::Value createMagnitudes(mlir::Value entries);

protected:
  /// The map's numbers by code, its thresholds by number.
  enum class Table { Numbers, Thresholds };
  /// f32 of a table at indices of 16 bits.
  virtual mlir::Value lookUp(CodeSign sign, Table table, mlir::Value indices) = 0;
  mlir::VectorType getType(mlir::Type elementType) const { return mlir::VectorType::get({length}, elementType); }
  mlir::Value getUpperHalves(mlir::Value numbers);

  mlir::ImplicitLocOpBuilder &b;

private:
  mlir::Value widen(mlir::Value codes);
  enum class Ordered { Less, Greater };
  mlir::Value choose(mlir::Value lhs, mlir::Value rhs, Ordered order);

  int64_t length;
};

} // namespace descent::plan

#endif // DESCENT_CONVERSION_KERNELS_CODEVECTORS_H
