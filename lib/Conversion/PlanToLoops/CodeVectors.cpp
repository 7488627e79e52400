#include "CodeVectors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace descent::plan;

Value CodeVectors::all(Value number) { return vector::BroadcastOp::create(b, getType(number.getType()), number); }

Value CodeVectors::all(Type elementType, int64_t number) {
  auto splat = DenseElementsAttr::get(getType(elementType), b.getIntegerAttr(elementType, number));
  return arith::ConstantOp::create(b, splat);
}

Value CodeVectors::all(float number) {
  return arith::ConstantOp::create(b, DenseElementsAttr::get(getType(b.getF32Type()), number));
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// Entries of a constant of the module, which it gets with the first use.
template <typename T> Value CodeVectors::lookUp(CodeSign sign, StringRef what, ArrayRef<T> entries, Value indices) {
  Type elementType = std::is_same_v<T, float> ? Type(b.getF32Type()) : Type(b.getI16Type());
  auto type = MemRefType::get({int64_t(entries.size())}, elementType);
  std::string name = ("descent_q8_" + stringifyCodeSign(sign) + what).str();
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto values = DenseElementsAttr::get(RankedTensorType::get(type.getShape(), elementType), entries);
    memref::GlobalOp::create(b, name, b.getStringAttr("private"), type, values, /*constant=*/true, IntegerAttr());
  }
  Value table = memref::GetGlobalOp::create(b, type, name), everywhere = all(b.getI1Type(), 1);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(getType(elementType)));
  Value begin = arith::ConstantOp::create(b, b.getIndexAttr(0));
  return vector::GatherOp::create(b, getType(elementType), table, ValueRange{begin}, indices, everywhere, zero);
}

/// Indices are taken for signed, so that those of 8 bits need another.
Value CodeVectors::widen(Value codes) { return arith::ExtUIOp::create(b, getType(b.getI16Type()), codes); }

Value CodeVectors::decode(CodeSign sign, Value codes, Value scale) {
  std::vector<float> numbers = CodeMap(sign).getNumbers();
  return arith::MulFOp::create(b, lookUp<float>(sign, "", numbers, widen(codes)), all(scale));
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
Value CodeVectors::guessByLines(CodeSign sign, Value quotients) {
  CodeMap map(sign);
  Value y = map.isSigned ? Value(math::AbsFOp::create(b, quotients)) : quotients, least;
  for (CodeMap::Line line : map.getLines()) {
    Value number = vector::FMAOp::create(b, y, all(line.slope), all(line.offset));
    least = least ? choose(number, least, Ordered::Less) : number;
  }
  least = choose(least, all(0.0f), Ordered::Greater);
  Value number = arith::FPToSIOp::create(b, getType(b.getI32Type()), least);
  return arith::TruncIOp::create(b, getType(b.getI8Type()), number);
}

/// The upper halves of the bits of each number, as integers.
Value CodeVectors::getUpperHalves(Value numbers) {
  unsigned bits = cast<VectorType>(numbers.getType()).getElementTypeBitWidth();
  auto type = VectorType::get({2 * length}, b.getIntegerType(bits / 2));
  Value halves = vector::BitCastOp::create(b, type, numbers);
  SmallVector<int64_t> upper = llvm::map_to_vector(llvm::seq<int64_t>(length), [](int64_t i) { return 2 * i + 1; });
  return vector::ShuffleOp::create(b, halves, halves, upper);
}

/// The line of the cell that the quotient's upper half lies in, all in 16 bits.
Value CodeVectors::guessByCells(CodeSign sign, Value upperHalves) {
  Type i16 = b.getI16Type();
  CodeMap map(sign);
  CodeMap::Cells cells = map.getCells();
  auto shift = [&](Value value, int64_t bits) -> Value { return arith::ShRUIOp::create(b, value, all(i16, bits)); };
  if (map.isSigned)
    upperHalves = arith::AndIOp::create(b, upperHalves, all(i16, 0x7fff));
  Value first = all(i16, CodeMap::Cells::kFirst);
  Value key = arith::SubIOp::create(b, arith::MaxSIOp::create(b, upperHalves, first), first);
  Value begin = lookUp<uint16_t>(sign, "_shifts", cells.shifts, shift(key, CodeMap::Cells::kBits));
  Value cell = shift(arith::AddIOp::create(b, key, begin), CodeMap::Cells::kBits);
  Value product = arith::MulIOp::create(b, key, lookUp<uint16_t>(sign, "_slopes", cells.slopes, cell));
  Value number = arith::AddIOp::create(b, product, lookUp<uint16_t>(sign, "_offsets", cells.offsets, cell));
  return getUpperHalves(number);
}

Value CodeVectors::guess(CodeSign sign, Value entries, Value reciprocal) {
  Value quotients = arith::MulFOp::create(b, entries, all(reciprocal));
  return permutesTables ? guessByCells(sign, getUpperHalves(quotients)) : guessByLines(sign, quotients);
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

/// A magnitude takes the next code when it exceeds threshold * scale, which a fused multiply-add decides exactly. Codes
/// grow with their numbers, so that of two equally near ones a negative entry takes that of the greater magnitude.
Value CodeVectors::encode(CodeSign sign, Value guesses, Value entries, Value scale) {
  CodeMap map(sign);
  Value threshold = lookUp<float>(sign, "_thresholds", map.getThresholds(), widen(guesses));
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
