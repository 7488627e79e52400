#include "Splitting.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace descent;

static Value integer(ImplicitLocOpBuilder &b, int32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

/// The bits of x, those of a NaN with nothing below its first half.
static Value getBits(ImplicitLocOpBuilder &b, Value x) {
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), x);
  Value quiet = arith::OrIOp::create(b, bits, integer(b, 0x400000));
  quiet = arith::AndIOp::create(b, quiet, integer(b, 0xffff0000));
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  return arith::SelectOp::create(b, isNaN, quiet, bits);
}

/// (bits + half a unit of the last place) without what is below that place
static Value roundBits(ImplicitLocOpBuilder &b, Value bits) {
  Value half = arith::AddIOp::create(b, bits, integer(b, 0x8000));
  return arith::AndIOp::create(b, half, integer(b, 0xffff0000));
}

Value descent::createRoundedPart(OpBuilder &builder, Value x) {
  ImplicitLocOpBuilder b(x.getLoc(), builder);
  return arith::BitcastOp::create(b, b.getF32Type(), roundBits(b, getBits(b, x)));
}

Value descent::createRemainderPart(OpBuilder &builder, Value x) {
  ImplicitLocOpBuilder b(x.getLoc(), builder);
  Value bits = getBits(b, x);
  return arith::SubIOp::create(b, bits, roundBits(b, bits));
}

Value descent::createStochasticPart(OpBuilder &builder, Value x, Value random) {
  ImplicitLocOpBuilder b(x.getLoc(), builder);
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), x);
  Value chance = arith::ShRUIOp::create(b, random, integer(b, 16));
  Value magnitude = arith::AndIOp::create(b, bits, integer(b, 0x7fffffff));
  Value isFinite = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, magnitude, integer(b, 0x7f800000));
  chance = arith::SelectOp::create(b, isFinite, chance, integer(b, 0));
  // A NaN whose payload is in its lower half alone would become an infinity.
  Value isNaN = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, magnitude, integer(b, 0x7f800000));
  bits = arith::SelectOp::create(b, isNaN, arith::OrIOp::create(b, bits, integer(b, 0x400000)), bits);
  bits = arith::AndIOp::create(b, arith::AddIOp::create(b, bits, chance), integer(b, 0xffff0000));
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

Value descent::createJoined(OpBuilder &builder, Value rounded, Value remainder) {
  ImplicitLocOpBuilder b(rounded.getLoc(), builder);
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), rounded);
  return arith::BitcastOp::create(b, b.getF32Type(), arith::AddIOp::create(b, bits, remainder));
}
