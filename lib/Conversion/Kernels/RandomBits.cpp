#include "descent/Conversion/Kernels/RandomBits.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace descent::plan;

namespace {
/// Arithmetic on vectors of 32-bit words.
class Words {
public:
  Words(ImplicitLocOpBuilder &b, int64_t length) : b(b), type(VectorType::get({length}, b.getI32Type())) {}

  Value all(uint32_t word) { return arith::ConstantOp::create(b, DenseElementsAttr::get(type, APInt(32, word))); }
  Value all(Value word) { return vector::BroadcastOp::create(b, type, word); }
  /// 0, 1, 2, ...
  Value count() {
    SmallVector<int32_t> lanes = llvm::to_vector(llvm::seq<int32_t>(0, type.getNumElements()));
    return arith::ConstantOp::create(b, DenseIntElementsAttr::get(type, lanes));
  }
  Value mix(Value x) {
    x = arith::MulIOp::create(b, fold(x, 16), all(0x7feb352d));
    x = arith::MulIOp::create(b, fold(x, 15), all(0x846ca68b));
    return fold(x, 16);
  }

private:
  /// x ^ x >> shift
  Value fold(Value x, uint32_t shift) { return arith::XOrIOp::create(b, x, arith::ShRUIOp::create(b, x, all(shift))); }

  ImplicitLocOpBuilder &b;
  VectorType type;
};
} // namespace

Value descent::plan::createRandomBits(ImplicitLocOpBuilder &b, Value key, int64_t stream, Value place, int64_t length) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  auto wide = [&](int64_t value) { return arith::ConstantOp::create(b, b.getI64IntegerAttr(value)); };
  auto narrow = [&](Value value) { return arith::TruncIOp::create(b, i32, value); };
  Value whole = arith::FPToSIOp::create(b, i64, key);
  Value high = narrow(arith::XOrIOp::create(b, arith::ShRUIOp::create(b, whole, wide(32)), wide(stream << 20)));
  Words words(b, length);
  Value index = arith::IndexCastOp::create(b, i64, place), first = words.all(narrow(index));
  Value x = arith::AddIOp::create(b, first, words.count());
  // 2^32 entries on, another number is added: to some lanes, where they pass such a border.
  Value step = arith::ConstantOp::create(b, b.getI32IntegerAttr(0x9e3779b9));
  Value begun = arith::MulIOp::create(b, narrow(arith::ShRUIOp::create(b, index, wide(32))), step);
  Value here = arith::AddIOp::create(b, high, begun), next = arith::AddIOp::create(b, here, step);
  Value isNext = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, first);
  Value added = arith::SelectOp::create(b, isNext, words.all(next), words.all(here));
  x = words.mix(arith::XOrIOp::create(b, x, words.all(narrow(whole))));
  return words.mix(arith::AddIOp::create(b, x, added));
}
