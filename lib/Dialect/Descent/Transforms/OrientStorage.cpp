#include "descent/Dialect/Descent/Transforms/Passes.h"

namespace descent {
#define GEN_PASS_DEF_ORIENTSTORAGE
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

static constexpr StringLiteral kAsStored = "descent.as_stored";

static Side exchange(Side side) { return side == Side::Rows ? Side::Cols : side == Side::Cols ? Side::Rows : side; }

static bool isOfStorage(Side side) { return side == Side::Rows || side == Side::Cols; }

/// A matrix over rows or columns becomes its transpose, so that one shaped like the parameter keeps its type. A matrix
/// that is oriented by its short side does not know how it is stored.
static Type turn(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  FailureOr<SmallVector<Side, 2>> sides = tensor ? getSides(tensor) : FailureOr<SmallVector<Side, 2>>();
  if (failed(sides) || llvm::none_of(*sides, isOfStorage))
    return type;
  SmallVector<Side, 2> turned;
  for (Side side : llvm::reverse(*sides))
    turned.push_back(exchange(side));
  return getTensorType(type.getContext(), turned, tensor.getElementType());
}

static bool isTurned(Value x) { return llvm::any_of(*getSides(cast<RankedTensorType>(x.getType())), isOfStorage); }

/// (X Y)^T = Y^T X^T
static LogicalResult turnProduct(ProductOp op) {
  SmallVector<Value, 3> matrices{op.getLhs(), op.getRhs(), op.getResult()};
  if (llvm::none_of(matrices, isTurned))
    return success();
  if (op.getTransposed() || !llvm::all_of(matrices, isTurned))
    return op.emitOpError() << "has no form for a group stored in_out: it multiplies by a transpose, or mixes rows or "
                            << "columns with short or long";
  Value lhs = op.getLhs();
  op.getLhsMutable().assign(op.getRhs());
  op.getRhsMutable().assign(lhs);
  return success();
}

static RoleAttr turnRole(RoleAttr role) {
  RoleKind kind = role.getKind() == RoleKind::RowState      ? RoleKind::ColumnState
                  : role.getKind() == RoleKind::ColumnState ? RoleKind::RowState
                                                            : role.getKind();
  return RoleAttr::get(role.getContext(), kind, role.getName(), role.getInit(), role.getValue());
}

static LogicalResult turnRule(OptimizerOp rule) {
  for (auto product : rule.getBody().getOps<ProductOp>())
    if (failed(turnProduct(product)))
      return failure();
  for (auto size : rule.getBody().getOps<SizeOp>())
    size.setSide(exchange(size.getSide()));
  for (BlockArgument argument : rule.getBody().getArguments()) {
    argument.setType(turn(argument.getType()));
    rule.setRole(argument.getArgNumber(), turnRole(rule.getRole(argument.getArgNumber())));
  }
  for (Operation &op : rule.getBody().front())
    for (Value result : op.getResults())
      result.setType(turn(result.getType()));
  rule->setAttr(kAsStored, UnitAttr::get(rule.getContext()));
  return success();
}

static LogicalResult turnGroup(ModuleOp module, GroupOp group) {
  auto rule = cast<OptimizerOp>(SymbolTable::lookupSymbolIn(module, group.getRuleAttr()));
  bool isTransposed = group.getStored() == Stored::InOut && group.getGroupClass() != GroupClass::Vector;
  return isTransposed && !rule->hasAttr(kAsStored) ? turnRule(rule) : success();
}

namespace {
struct OrientStorage : descent::impl::OrientStorageBase<OrientStorage> {
  void runOnOperation() override {
    for (auto recipe : getOperation().getOps<RecipeOp>())
      for (auto group : recipe.getBody().getOps<GroupOp>())
        if (failed(turnGroup(getOperation(), group)))
          return signalPassFailure();
  }
};
} // namespace
