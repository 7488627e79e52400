// 8-bit codes and the numbers that they stand for, a vector of them at a time.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_CODEVECTORS_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_CODEVECTORS_H

#include "descent/Conversion/Kernels/CodeMap.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace descent::plan {

/// Emits the arithmetic between `length` codes and as many f32; a register of codes. Tables are constants of `module`.
class CodeVectors {
public:
  CodeVectors(mlir::ImplicitLocOpBuilder &b, mlir::ModuleOp module, unsigned vectorBits)
      : b(b), module(module), length(vectorBits / 8), permutesTables(vectorBits >= 512) {}

  int64_t getLength() const { return length; }

  mlir::Value all(mlir::Value number);
  mlir::Value all(mlir::Type elementType, int64_t number);
  mlir::Value all(float number);

  /// The numbers of the codes, times the scale.
  mlir::Value decode(CodeSign sign, mlir::Value codes, mlir::Value scale);
  /// The numbers of the codes of entries / scale, or one less. `reciprocal` is 1 / scale, rounded; no magnitude exceeds
  /// that of the scale, which is not subnormal.
  mlir::Value guess(CodeSign sign, mlir::Value entries, mlir::Value reciprocal);
  /// The codes of the numbers nearest to entries / scale.
  mlir::Value encode(CodeSign sign, mlir::Value guesses, mlir::Value entries, mlir::Value scale);

private:
  mlir::VectorType getType(mlir::Type elementType) const { return mlir::VectorType::get({length}, elementType); }
  template <typename T>
  mlir::Value lookUp(CodeSign sign, llvm::StringRef what, llvm::ArrayRef<T> entries, mlir::Value indices);
  mlir::Value widen(mlir::Value codes);
  enum class Ordered { Less, Greater };
  mlir::Value choose(mlir::Value lhs, mlir::Value rhs, Ordered order);
  mlir::Value getUpperHalves(mlir::Value numbers);
  mlir::Value guessByLines(CodeSign sign, mlir::Value quotients);
  mlir::Value guessByCells(CodeSign sign, mlir::Value upperHalves);

  mlir::ImplicitLocOpBuilder &b;
  mlir::ModuleOp module;
  int64_t length;
  bool permutesTables; // finds entries of a table that fits a register in one instruction
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_CODEVECTORS_H
