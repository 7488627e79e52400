// The plan dialect: how an optimizer step moves memory.
#ifndef DESCENT_DIALECT_PLAN_IR_PLAN_H
#define DESCENT_DIALECT_PLAN_IR_PLAN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SmallPtrSet.h"

#include "descent/Dialect/Plan/IR/PlanEnums.h.inc"

#include "descent/Dialect/Plan/IR/PlanDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "descent/Dialect/Plan/IR/PlanAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "descent/Dialect/Plan/IR/PlanTypes.h.inc"

namespace descent::plan {
/// Floating-point operations for one entry of a stage: `perInner` for each index of `inner`, and `rest`. Of the rest,
/// `slow` are divisions, roots and functions that no row shares.
struct EntryFlops {
  Extent inner = Extent::One;
  int64_t perInner = 0;
  int64_t rest = 0;
  int64_t slow = 0;
};

/// How one entry of a domain finds its number in a buffer. Oriented: in a matrix that has its short side first where
/// the domain has rows first, or the other way round.
enum class Access { Entry, Oriented, Row, Column, Single };

/// How a stage over `domain` reads or writes `buffer`; nothing if the two do not fit.
std::optional<Access> getAccess(DomainAttr domain, BufferType buffer);

/// What a reduction over `domain` into `buffer` keeps: a number a row, a column or (Single) a tile.
std::optional<Access> getPartialAccess(DomainAttr domain, BufferType buffer);
} // namespace descent::plan

#include "descent/Dialect/Plan/IR/PlanInterfaces.h.inc"

namespace descent::plan {
/// Whether a stage reads a matrix in the other orientation than its domain's.
bool readsOriented(mlir::Operation *stage);

/// Operations of a stage's region that give the same value for every entry: they depend on scalars only.
llvm::SmallPtrSet<mlir::Operation *, 8> getUniformOps(StageOpInterface stage);

/// Whether an operation of a track does work: it has a kernel.
bool isStage(mlir::Operation *op);
} // namespace descent::plan

#define GET_OP_CLASSES
#include "descent/Dialect/Plan/IR/PlanOps.h.inc"

namespace descent::plan {
/// The operations of a track that do work, in order.
llvm::SmallVector<mlir::Operation *> getStages(TrackOp track);

/// The choices of a track, in order.
llvm::SmallVector<ChoiceOp> getChoices(TrackOp track);

/// An attribute of tracks: the methods of their matrix functions, in words.
inline constexpr llvm::StringLiteral kMethods = "plan.methods";

/// The attribute by which an operation belongs to an alternative.
inline constexpr llvm::StringLiteral kAlternative = "plan.alternative";

/// The alternative that an operation belongs to; null if every layer runs it.
AlternativeAttr getAlternative(mlir::Operation *op);

/// The alternative that alone uses a buffer, or null.
AlternativeAttr getAlternative(mlir::Value buffer);

/// The scales of a state that is kept in codes.
mlir::Value getScales(mlir::Value codes);

/// The buffers that an operation uses, each once, in the order of its operands; codes are followed by their scales.
llvm::SmallVector<mlir::Value> getDistinctBuffers(mlir::Operation *op);

/// The numbers that an operation uses, in the order of its operands.
llvm::SmallVector<mlir::Value> getScalarOperands(mlir::Operation *op);
} // namespace descent::plan

#endif // DESCENT_DIALECT_PLAN_IR_PLAN_H
