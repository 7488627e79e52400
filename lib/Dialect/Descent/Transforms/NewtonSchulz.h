// Newton-Schulz as operations: the forms in which the products of one method can be done.
#ifndef DESCENT_DIALECT_DESCENT_TRANSFORMS_NEWTONSCHULZ_H
#define DESCENT_DIALECT_DESCENT_TRANSFORMS_NEWTONSCHULZ_H

#include "descent/Dialect/Descent/IR/Formulas.h"

namespace descent {

/// Emits the iterations of one method on one matrix. Every matrix between products is rounded to the method's type;
/// products take the rounded matrices themselves.
class NewtonSchulz {
public:
  /// Emits what all forms share: the matrix with its short side first, and singular values below 1.
  NewtonSchulz(mlir::ImplicitLocOpBuilder &b, NewtonSchulzAttr method, mlir::Value x);

  /// The polar factor, with its short side first.
  mlir::Value emitPlain();
  mlir::Value emitGram();
  /// `polar` as the matrix lay.
  mlir::Value orientBack(mlir::Value polar);

  /// Whether `emitInner` keeps its accuracy.
  static bool canEmitInner(NewtonSchulzAttr method);
  /// <x, polar(x)>, the polar factor being left out.
  mlir::Value emitInner();

private:
  using Step = NewtonSchulzAttr::Step;
  mlir::Value round(mlir::Value x);
  mlir::Value extend(mlir::Value x);
  mlir::Value times(double factor, mlir::Value x);
  mlir::Value normalize(mlir::Value x);
  mlir::Value preconditionRows(mlir::Value y);
  mlir::Value multiply(mlir::Value lhs, mlir::Value rhs, bool transposed = false);
  mlir::Value multiplyAndAdd(mlir::Value lhs, mlir::Value rhs, double factor, mlir::Value addend);
  mlir::Value addIdentity(mlir::Value x, double factor);
  mlir::Value emitGramMatrix(mlir::Value y);
  mlir::Value emitPolynomial(mlir::Value gram, Step step);
  mlir::Value emitStep(mlir::Value y, Step step);
  mlir::Value emitFactor(mlir::Value gram, NewtonSchulzAttr::Block block);
  mlir::Value emitBlock(mlir::Value y, NewtonSchulzAttr::Block block);

  mlir::ImplicitLocOpBuilder &b;
  NewtonSchulzAttr method;
  mlir::FloatType real, element;
  mlir::Value divisor;
  mlir::Value start;
};
} // namespace descent

#endif // DESCENT_DIALECT_DESCENT_TRANSFORMS_NEWTONSCHULZ_H
