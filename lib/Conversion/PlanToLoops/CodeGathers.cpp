#include "CodeGathers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace descent::plan;

/// Entries of a constant of the module, which it gets with the first use.
template <typename T> Value CodeGathers::gather(CodeSign sign, StringRef what, ArrayRef<T> entries, Value indices) {
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

Value CodeGathers::lookUp(CodeSign sign, Table table, Value indices) {
  CodeMap map(sign);
  if (table == Table::Numbers)
    return gather<float>(sign, "", map.getNumbers(), indices);
  return gather<float>(sign, "_thresholds", map.getThresholds(), indices);
}

/// The line of the cell that the quotient's upper half lies in, all in 16 bits.
Value CodeGathers::guessByCells(CodeSign sign, Value upperHalves) {
  Type i16 = b.getI16Type();
  CodeMap map(sign);
  CodeMap::Cells cells = map.getCells();
  auto shift = [&](Value value, int64_t bits) -> Value { return arith::ShRUIOp::create(b, value, all(i16, bits)); };
  if (map.isSigned)
    upperHalves = arith::AndIOp::create(b, upperHalves, all(i16, 0x7fff));
  Value first = all(i16, CodeMap::Cells::kFirst);
  Value key = arith::SubIOp::create(b, arith::MaxSIOp::create(b, upperHalves, first), first);
  Value begin = gather<uint16_t>(sign, "_shifts", cells.shifts, shift(key, CodeMap::Cells::kBits));
  Value cell = shift(arith::AddIOp::create(b, key, begin), CodeMap::Cells::kBits);
  Value product = arith::MulIOp::create(b, key, gather<uint16_t>(sign, "_slopes", cells.slopes, cell));
  Value number = arith::AddIOp::create(b, product, gather<uint16_t>(sign, "_offsets", cells.offsets, cell));
  return getUpperHalves(number);
}

Value CodeGathers::guess(CodeSign sign, Value entries, Value reciprocal) {
  if (!permutesTables)
    return CodeVectors::guess(sign, entries, reciprocal);
  return guessByCells(sign, getUpperHalves(arith::MulFOp::create(b, entries, all(reciprocal))));
}
