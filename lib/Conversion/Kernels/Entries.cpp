#include "descent/Conversion/Kernels/Entries.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace descent::plan;

MemRefType descent::plan::getMemRefType(MLIRContext *context, Type elementType) {
  auto layout = StridedLayoutAttr::get(context, 0, {ShapedType::kDynamic, 1});
  return MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic}, elementType, layout);
}

Value descent::plan::createIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

/// `type` with other elements.
static Type withElementType(Type type, Type elementType) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(elementType);
  return elementType;
}

/// f64 -> f32 so that a second rounding, to nearest in fewer bits, gives what one alone would: an inexact result is the
/// neighbour with an odd last bit.
static Value roundToOdd(ImplicitLocOpBuilder &b, Value value) {
  Type f32 = withElementType(value.getType(), b.getF32Type()), i32 = withElementType(value.getType(), b.getI32Type());
  auto integer = [&](int64_t constant) -> Value {
    TypedAttr attr = b.getI32IntegerAttr(constant);
    if (auto vector = dyn_cast<VectorType>(i32))
      attr = DenseElementsAttr::get(vector, attr);
    return arith::ConstantOp::create(b, attr);
  };
  Value nearest = arith::TruncFOp::create(b, f32, value);
  Value back = arith::ExtFOp::create(b, value.getType(), nearest);
  Value bits = arith::BitcastOp::create(b, i32, nearest);
  Value lastBit = arith::AndIOp::create(b, bits, integer(1));
  Value isEven = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lastBit, integer(0));
  Value isInexact = arith::CmpFOp::create(b, arith::CmpFPredicate::ONE, back, value);
  Value isTooFar = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, math::AbsFOp::create(b, back),
                                         math::AbsFOp::create(b, value));
  Value step = arith::SelectOp::create(b, isTooFar, integer(-1), integer(1));
  Value moves = arith::AndIOp::create(b, isEven, isInexact);
  Value odd = arith::SelectOp::create(b, moves, arith::AddIOp::create(b, bits, step), bits);
  return arith::BitcastOp::create(b, f32, odd);
}

Value descent::plan::convertFloat(ImplicitLocOpBuilder &b, Value value, Type elementType) {
  unsigned from = getElementTypeOrSelf(value).getIntOrFloatBitWidth(), to = elementType.getIntOrFloatBitWidth();
  Type type = withElementType(value.getType(), elementType);
  if (elementType.isInteger() && from < to)
    return arith::ExtSIOp::create(b, type, value);
  if (elementType.isInteger())
    return from > to ? Value(arith::TruncIOp::create(b, type, value)) : value;
  // No processor converts between 16 and 64 bits at once.
  if (from == 16 && to == 64)
    value = arith::ExtFOp::create(b, withElementType(type, b.getF32Type()), value);
  if (from == 64 && to == 16)
    value = roundToOdd(b, value);
  if (from < to)
    return arith::ExtFOp::create(b, type, value);
  if (from > to)
    return arith::TruncFOp::create(b, type, value);
  return value;
}

Value descent::plan::createMask(ImplicitLocOpBuilder &b, Value count, int64_t length) {
  Value clamped = arith::MaxSIOp::create(b, count, createIndex(b, 0));
  return vector::CreateMaskOp::create(b, VectorType::get({length}, b.getI1Type()), clamped);
}

Value descent::plan::createIdentity(ImplicitLocOpBuilder &b, CombineKind kind, Type type) {
  auto elementType = cast<FloatType>(getElementTypeOrSelf(type));
  const llvm::fltSemantics &semantics = elementType.getFloatSemantics();
  llvm::APFloat identity = kind == CombineKind::Sum ? llvm::APFloat::getZero(semantics)
                                                    : llvm::APFloat::getInf(semantics, kind == CombineKind::Max);
  TypedAttr value = FloatAttr::get(elementType, identity);
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, value);
  return arith::ConstantOp::create(b, value);
}

Value descent::plan::createFold(ImplicitLocOpBuilder &b, CombineKind kind, Value lhs, Value rhs) {
  switch (kind) {
  case CombineKind::Sum:
    return arith::AddFOp::create(b, lhs, rhs);
  case CombineKind::Max:
    return arith::MaximumFOp::create(b, lhs, rhs);
  case CombineKind::Min:
    return arith::MinimumFOp::create(b, lhs, rhs);
  }
  llvm_unreachable("all kinds are handled");
}

Value descent::plan::foldLanes(ImplicitLocOpBuilder &b, CombineKind kind, Value vector) {
  int64_t length = cast<VectorType>(vector.getType()).getNumElements();
  while (length > 1) {
    length /= 2;
    SmallVector<int64_t> low = llvm::to_vector(llvm::seq<int64_t>(0, length));
    SmallVector<int64_t> high = llvm::to_vector(llvm::seq<int64_t>(length, 2 * length));
    Value lows = vector::ShuffleOp::create(b, vector, vector, low);
    Value highs = vector::ShuffleOp::create(b, vector, vector, high);
    vector = createFold(b, kind, lows, highs);
  }
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
}
