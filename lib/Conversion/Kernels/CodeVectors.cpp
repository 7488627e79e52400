#include "descent/Conversion/Kernels/CodeVectors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace descent::plan;

static constexpr int32_t kInfinityBits = 0x7f800000, kLeastNormalBits = 0x00800000, kMagnitudeBits = 0x7fffffff;

Value CodeVectors::all(Value number) { return vector::BroadcastOp::create(b, getType(number.getType()), number); }

Value CodeVectors::all(Type elementType, int64_t number) {
  auto splat = DenseElementsAttr::get(getType(elementType), b.getIntegerAttr(elementType, number));
  return arith::ConstantOp::create(b, splat);
}

Value CodeVectors::all(float number) {
  return arith::ConstantOp::create(b, DenseElementsAttr::get(getType(b.getF32Type()), number));
}

/// Indices are taken for signed, so that those of 8 bits need another.
Value CodeVectors::widen(Value codes) { return arith::ExtUIOp::create(b, getType(b.getI16Type()), codes); }

Value CodeVectors::decode(CodeSign sign, Value codes, Value scale) {
  return arith::MulFOp::create(b, lookUp(sign, Table::Numbers, widen(codes)), all(scale));
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

Value CodeVectors::createMagnitudes(Value entries) {
  Value bits = arith::BitcastOp::create(b, getType(b.getI32Type()), entries);
  return arith::AndIOp::create(b, bits, all(b.getI32Type(), kMagnitudeBits));
}

CodeVectors::Scale CodeVectors::createScale(Value bits) {
  auto integer = [&](int32_t value) { return arith::ConstantOp::create(b, b.getI32IntegerAttr(value)); };
  auto number = [&](float value) { return arith::ConstantOp::create(b, b.getF32FloatAttr(value)); };
  auto compare = [&](arith::CmpIPredicate predicate, Value lhs, int32_t rhs) {
    return arith::CmpIOp::create(b, predicate, lhs, integer(rhs));
  };
  Value isFinite = compare(arith::CmpIPredicate::ult, bits, kInfinityBits);
  Value isNormal = compare(arith::CmpIPredicate::uge, bits, kLeastNormalBits);
  Value scale = arith::BitcastOp::create(b, b.getF32Type(), bits);
  Value kept = arith::SelectOp::create(b, isNormal, scale, number(0.0f));
  kept = arith::SelectOp::create(b, isFinite, kept, number(std::numeric_limits<float>::quiet_NaN()));
  return {kept, arith::AndIOp::create(b, isFinite, isNormal)};
}

//===----------------------------------------------------------------------===//
// Guesses: the number of a magnitude's code, or one less
//===----------------------------------------------------------------------===//

/// lhs if it is less (greater) than rhs, else rhs: one instruction, as there are no NaNs here.
Value CodeVectors::choose(Value lhs, Value rhs, Ordered order) {
  auto predicate = order == Ordered::Less ? arith::CmpFPredicate::OLT : arith::CmpFPredicate::OGT;
  return arith::SelectOp::create(b, arith::CmpFOp::create(b, predicate, lhs, rhs), lhs, rhs);
}

/// The least of the map's lines.
Value CodeVectors::guess(CodeSign sign, Value entries, Value reciprocal) {
  CodeMap map(sign);
  Value quotients = arith::MulFOp::create(b, entries, all(reciprocal));
  Value y = map.isSigned ? Value(math::AbsFOp::create(b, quotients)) : quotients, least;
  for (CodeMap::Line line : map.getLines()) {
    Value number = vector::FMAOp::create(b, y, all(line.slope), all(line.offset));
    least = least ? choose(number, least, Ordered::Less) : number;
  }
  least = choose(least, all(0.0f), Ordered::Greater);
  Value number = arith::FPToSIOp::create(b, getType(b.getI32Type()), least);
  return arith::TruncIOp::create(b, getType(b.getI8Type()), number);
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

/// The upper halves of the bits of each number, as integers.
Value CodeVectors::getUpperHalves(Value numbers) {
  unsigned bits = cast<VectorType>(numbers.getType()).getElementTypeBitWidth();
  auto type = VectorType::get({2 * length}, b.getIntegerType(bits / 2));
  Value halves = vector::BitCastOp::create(b, type, numbers);
  SmallVector<int64_t> upper = llvm::map_to_vector(llvm::seq<int64_t>(length), [](int64_t i) { return 2 * i + 1; });
  return vector::ShuffleOp::create(b, halves, halves, upper);
}

/// A magnitude takes the next code when it exceeds threshold * scale, which a fused multiply-add decides exactly. Codes
/// grow with their numbers, so that of two equally near ones a negative entry takes that of the greater magnitude.
Value CodeVectors::encode(CodeSign sign, Value guesses, Value entries, Value scale) {
  CodeMap map(sign);
  Value threshold = lookUp(sign, Table::Thresholds, widen(guesses));
  if (map.isSigned)
    threshold = math::CopySignOp::create(b, threshold, entries);
  Value excess = math::FmaOp::create(b, threshold, all(arith::NegFOp::create(b, scale)), entries);
  Value exceeds = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, excess, all(0.0f));
  auto add = [&](Value number, Value condition) -> Value {
    return arith::AddIOp::create(b, number, arith::ExtUIOp::create(b, number.getType(), condition));
  };
  if (!map.isSigned)
    return add(guesses, exceeds);
  Type i8 = b.getI8Type(), i16 = b.getI16Type();
  Value isNegative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, getUpperHalves(entries), all(i16, 0));
  Value number = add(guesses, arith::XOrIOp::create(b, exceeds, isNegative));
  Value middle = all(i8, map.getZero());
  Value below = arith::MaxSIOp::create(b, arith::SubIOp::create(b, middle, number), all(i8, 0)); // there is no -1
  return arith::SelectOp::create(b, isNegative, below, arith::AddIOp::create(b, middle, number));
}
