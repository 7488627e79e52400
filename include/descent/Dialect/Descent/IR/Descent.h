// The descent dialect: what an optimizer does, as mathematics.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENT_H
#define DESCENT_DIALECT_DESCENT_IR_DESCENT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "descent/Dialect/Descent/IR/DescentEnums.h.inc"

#include "descent/Dialect/Descent/IR/DescentDialect.h.inc"

namespace descent {
/// What an op asks a norm for.
enum class NormQuery { Norm, DualNorm, Lmo, Projection };

/// How much of its input one entry of an LMO depends on: `Entry` fuses into one sweep, `Row` takes a reduction along
/// rows or columns, `Tensor` ends the fusion.
enum class Footprint { Entry, Row, Tensor };

/// A double that an attribute can hold: it has a hash.
struct Real {
  Real(double value) : value(value) {}
  operator double() const { return value; }
  friend llvm::hash_code hash_value(Real real) { return llvm::hash_value(llvm::bit_cast<uint64_t>(real.value)); }
  double value;
};
} // namespace descent

#include "descent/Dialect/Descent/IR/DescentInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "descent/Dialect/Descent/IR/DescentAttributes.h.inc"

namespace descent {
class UpdateOp;

/// A tensor shaped like the parameter.
mlir::RankedTensorType getParameterType(mlir::Type element);
/// A tensor with these sides.
mlir::RankedTensorType getTensorType(mlir::MLIRContext *context, llvm::ArrayRef<Side> sides, mlir::Type element);
/// The sides of a tensor of a rule; rows and cols for one that is shaped like the parameter. Fails for any other
/// encoding.
mlir::FailureOr<llvm::SmallVector<Side, 2>> getSides(mlir::RankedTensorType type);

/// An attribute of rules: the methods of their matrix functions, in words.
inline constexpr llvm::StringLiteral kMethodsAttr = "descent.methods";

bool isShapedLikeParameter(mlir::RankedTensorType type);
/// The element type of a rule's matrices.
mlir::Type getEntryType(mlir::Block &body);
/// Whether the generated header can call something so.
bool isCName(llvm::StringRef name);

/// The norm of a `norm`, `dual_norm`, `lmo` or `project`, null for any other operation; and what such an op asks it
/// for.
NormAttrInterface getNormOf(mlir::Operation *op);
NormQuery getNormQuery(mlir::Operation *op);

/// Refuses a query that the norm has no formula for, and classes of layers on which it is not defined.
llvm::LogicalResult verifyNormQuery(NormAttrInterface norm, NormQuery query, llvm::ArrayRef<bool> has, bool matrixOnly,
                                    GroupClass groupClass, llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
/// Refuses a dual norm by a method that is not accurate.
llvm::LogicalResult verifyDualMethod(NormAttrInterface norm, NewtonSchulzAttr method, bool approximate, NormQuery query,
                                     llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
/// Refuses the projection on a ball of l1 norms, which needs sorting.
llvm::LogicalResult verifySliceProjection(NormAttrInterface norm, int64_t p, NormQuery query,
                                          llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
} // namespace descent

#define GET_OP_CLASSES
#include "descent/Dialect/Descent/IR/DescentOps.h.inc"

namespace descent {
/// Whether the rule means something else when the rows and columns of a matrix are exchanged. `given` stands for
/// `#descent.given` and may be null.
bool dependsOnOrientation(OptimizerOp rule, NormAttrInterface given);
} // namespace descent

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENT_H
