#include "BlockwiseEntries.h"

#include "CodeMap.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace descent::plan;

/// Entries that are decoded or encoded together; a divisor of every block.
static constexpr int64_t kGroup = 32;
static constexpr int32_t kInfinityBits = 0x7f800000, kLeastNormalBits = 0x00800000, kMagnitudeBits = 0x7fffffff;

static Q8Type getCodeType(Value buffer) {
  return dyn_cast<Q8Type>(cast<BufferType>(buffer.getType()).getElementType());
}

SmallVector<Value> BlockwiseEntries::getBuffers(StageOpInterface stage) {
  llvm::SetVector<Value> buffers;
  for (Value buffer :
       llvm::concat<Value>(llvm::to_vector(stage.getStageReads()), llvm::to_vector(stage.getStageWrites())))
    if (getCodeType(buffer))
      buffers.insert(buffer);
  return buffers.takeVector();
}

MemRefType BlockwiseEntries::getScratchType(StageOpInterface stage) {
  SmallVector<Value> buffers = getBuffers(stage);
  if (buffers.empty())
    return {};
  int64_t block = getCodeType(buffers.front()).getBlock();
  return MemRefType::get({int64_t(buffers.size()) * block}, Float32Type::get(stage.getContext()));
}

BlockwiseEntries::BlockwiseEntries(ImplicitLocOpBuilder &b, StageOpInterface stage, const Kernel &kernel)
    : b(b), kernel(kernel), buffers(getBuffers(stage)) {
  for (Value buffer : buffers) {
    block = getCodeType(buffer).getBlock();
    states.push_back({kernel.buffer(buffer), kernel.buffer(getScales(buffer)), getCodeType(buffer).getSign(),
                      llvm::is_contained(stage.getStageReads(), buffer),
                      llvm::is_contained(stage.getStageWrites(), buffer), int64_t(states.size()) * block});
  }
}

const BlockwiseEntries::State &BlockwiseEntries::find(Value buffer) const {
  return states[llvm::find(buffers, buffer) - buffers.begin()];
}

//===----------------------------------------------------------------------===//
// Vectors of a group
//===----------------------------------------------------------------------===//

Value BlockwiseEntries::all(Value number) {
  return vector::BroadcastOp::create(b, VectorType::get({kGroup}, number.getType()), number);
}

Value BlockwiseEntries::all(Type elementType, int64_t number) {
  auto type = VectorType::get({kGroup}, elementType);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, b.getIntegerAttr(elementType, number)));
}

Value BlockwiseEntries::all(float number) {
  auto type = VectorType::get({kGroup}, b.getF32Type());
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, number));
}

/// A constant of the module.
Value BlockwiseEntries::getTable(StringRef name, ArrayRef<float> numbers) {
  auto module = kernel.function->getParentOfType<ModuleOp>();
  auto type = MemRefType::get({int64_t(numbers.size())}, b.getF32Type());
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto values = DenseElementsAttr::get(RankedTensorType::get(type.getShape(), b.getF32Type()), numbers);
    memref::GlobalOp::create(b, name, b.getStringAttr("private"), type, values, /*constant=*/true, IntegerAttr());
  }
  return memref::GetGlobalOp::create(b, type, name);
}

Value BlockwiseEntries::lookUp(Value table, Value indices) {
  auto type = VectorType::get({kGroup}, b.getF32Type());
  Value everywhere = all(b.getI1Type(), 1);
  return vector::GatherOp::create(b, type, table, ValueRange{createIndex(b, 0)}, indices, everywhere, all(0.0f));
}

/// Whole groups, then what remains under a mask.
void BlockwiseEntries::forGroups(Value count, EmitGroup emit) {
  Value step = createIndex(b, kGroup);
  Value remainder = arith::RemUIOp::create(b, count, step);
  Value wholeEnd = arith::SubIOp::create(b, count, remainder);
  scf::ForOp::create(b, createIndex(b, 0), wholeEnd, step, ValueRange(),
                     [&](OpBuilder &, Location, Value place, ValueRange) {
                       emit(place, Value());
                       scf::YieldOp::create(b);
                     });
  Value isRagged = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, remainder, createIndex(b, 0));
  scf::IfOp::create(b, isRagged, [&](OpBuilder &, Location) {
    emit(wholeEnd, createMask(b, remainder, kGroup));
    scf::YieldOp::create(b);
  });
}

Value BlockwiseEntries::at(const State &state, Value place) {
  return arith::AddIOp::create(b, place, createIndex(b, state.offset));
}

Value BlockwiseEntries::load(Value buffer, Value place, int64_t length, Value mask) {
  return loadEntries(b, kernel.scratch, {at(find(buffer), place)}, length, b.getF32Type(), mask);
}

void BlockwiseEntries::store(Value entries, Value buffer, Value place, Value mask) {
  storeEntries(b, entries, kernel.scratch, {at(find(buffer), place)}, mask);
}

//===----------------------------------------------------------------------===//
// Decoding: number of the code * scale
//===----------------------------------------------------------------------===//

void BlockwiseEntries::emitDecode(Value row, Value begin, Value count) {
  for (const State &state : states)
    if (state.isRead)
      decode(state, row, begin, count);
}

/// A block's scale lies at [row, begin / block].
static Value createScalePlace(ImplicitLocOpBuilder &b, Value begin, int64_t block) {
  return arith::DivUIOp::create(b, begin, createIndex(b, block));
}

void BlockwiseEntries::decode(const State &state, Value row, Value begin, Value count) {
  Value table = getTable(("descent_q8_" + stringifyCodeSign(state.sign)).str(), CodeMap(state.sign).getNumbers());
  Value place = createScalePlace(b, begin, block);
  Value scale = all(memref::LoadOp::create(b, state.scales, ValueRange{row, place}));
  auto indexType = VectorType::get({kGroup}, b.getI16Type());
  forGroups(count, [&](Value place, Value mask) {
    Value col = arith::AddIOp::create(b, begin, place);
    Value codes = loadEntries(b, state.codes, {row, col}, kGroup, b.getI8Type(), mask);
    Value numbers = lookUp(table, arith::ExtUIOp::create(b, indexType, codes));
    // Beyond the row's end lies nothing that is used: blocks of private memory are whole.
    storeEntries(b, arith::MulFOp::create(b, numbers, scale), kernel.scratch, {at(state, place)}, Value());
  });
}

//===----------------------------------------------------------------------===//
// Encoding: the largest magnitude is the scale; each entry becomes the code of the nearest number
//===----------------------------------------------------------------------===//

void BlockwiseEntries::emitEncode(Value row, Value begin, Value count) {
  for (const State &state : states)
    if (state.isWritten)
      encode(state, row, begin, count);
}

/// Bits of magnitudes are ordered as integers, NaN above infinity.
Value BlockwiseEntries::createLargest(const State &state, Value count) {
  auto type = VectorType::get({kGroup}, b.getI32Type());
  auto fold = [&](Value place, Value mask, Value largest) -> Value {
    Value entries = loadEntries(b, kernel.scratch, {at(state, place)}, kGroup, b.getF32Type(), mask);
    Value bits = arith::BitcastOp::create(b, type, entries);
    return arith::MaxUIOp::create(b, largest, arith::AndIOp::create(b, bits, all(b.getI32Type(), kMagnitudeBits)));
  };
  Value step = createIndex(b, kGroup);
  Value remainder = arith::RemUIOp::create(b, count, step);
  Value wholeEnd = arith::SubIOp::create(b, count, remainder);
  auto loop = scf::ForOp::create(b, createIndex(b, 0), wholeEnd, step, ValueRange{all(b.getI32Type(), 0)},
                                 [&](OpBuilder &, Location, Value place, ValueRange largest) {
                                   scf::YieldOp::create(b, fold(place, Value(), largest[0]));
                                 });
  Value largest = fold(wholeEnd, createMask(b, remainder, kGroup), loop.getResult(0));
  return vector::ReductionOp::create(b, vector::CombiningKind::MAXUI, largest);
}

/// A block that is not finite has NaN for its scale and so for its entries; of one that is zero, or too small for the
/// scale to have a reciprocal, nothing is kept.
void BlockwiseEntries::encode(const State &state, Value row, Value begin, Value count) {
  auto integer = [&](int32_t value) { return arith::ConstantOp::create(b, b.getI32IntegerAttr(value)); };
  auto number = [&](float value) { return arith::ConstantOp::create(b, b.getF32FloatAttr(value)); };
  auto compare = [&](arith::CmpIPredicate predicate, Value lhs, int32_t rhs) {
    return arith::CmpIOp::create(b, predicate, lhs, integer(rhs));
  };
  Value bits = createLargest(state, count);
  Value isFinite = compare(arith::CmpIPredicate::ult, bits, kInfinityBits);
  Value isNormal = compare(arith::CmpIPredicate::uge, bits, kLeastNormalBits);
  Value scale = arith::BitcastOp::create(b, b.getF32Type(), bits);
  Value kept = arith::SelectOp::create(b, isNormal, scale, number(0.0f));
  kept = arith::SelectOp::create(b, isFinite, kept, number(std::numeric_limits<float>::quiet_NaN()));
  memref::StoreOp::create(b, kept, state.scales, ValueRange{row, createScalePlace(b, begin, block)});
  Value zero = all(b.getI8Type(), CodeMap(state.sign).getZero());
  scf::IfOp::create(
      b, arith::AndIOp::create(b, isFinite, isNormal),
      [&](OpBuilder &, Location) {
        encodeEntries(state, scale, row, begin, count);
        scf::YieldOp::create(b);
      },
      [&](OpBuilder &, Location) {
        forGroups(count, [&](Value place, Value mask) {
          storeEntries(b, zero, state.codes, {row, arith::AddIOp::create(b, begin, place)}, mask);
        });
        scf::YieldOp::create(b);
      });
}

void BlockwiseEntries::encodeEntries(const State &state, Value scale, Value row, Value begin, Value count) {
  Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f));
  Value reciprocal = all(arith::DivFOp::create(b, one, scale)), scales = all(scale);
  forGroups(count, [&](Value place, Value mask) {
    Value entries = loadEntries(b, kernel.scratch, {at(state, place)}, kGroup, b.getF32Type(), mask);
    Value codes = createCodes(state, entries, scales, reciprocal);
    storeEntries(b, codes, state.codes, {row, arith::AddIOp::create(b, begin, place)}, mask);
  });
}

/// lhs if it is less (greater) than rhs, else rhs: one instruction, as there are no NaNs here.
Value BlockwiseEntries::choose(Value lhs, Value rhs, Ordered order) {
  auto predicate = order == Ordered::Less ? arith::CmpFPredicate::OLT : arith::CmpFPredicate::OGT;
  return arith::SelectOp::create(b, arith::CmpFOp::create(b, predicate, lhs, rhs), lhs, rhs);
}

/// The number of the magnitude's code, or one less: the least of the map's lines.
Value BlockwiseEntries::createGuess(const State &state, Value magnitude, Value reciprocal) {
  Value y = arith::MulFOp::create(b, magnitude, reciprocal), least;
  for (CodeMap::Line line : CodeMap(state.sign).getLines()) {
    Value number = math::FmaOp::create(b, y, all(line.slope), all(line.offset));
    least = least ? choose(number, least, Ordered::Less) : number;
  }
  least = choose(least, all(0.0f), Ordered::Greater);
  Value number = arith::FPToSIOp::create(b, VectorType::get({kGroup}, b.getI32Type()), least);
  return arith::TruncIOp::create(b, VectorType::get({kGroup}, b.getI16Type()), number);
}

/// A magnitude takes the next code when it exceeds threshold * scale, which a fused multiply-add decides exactly. Codes
/// grow with their numbers, so that of two equally near ones a negative entry takes that of the greater magnitude.
Value BlockwiseEntries::createCodes(const State &state, Value entries, Value scale, Value reciprocal) {
  CodeMap map(state.sign);
  Value zero = all(0.0f);
  Value magnitude = map.isSigned ? Value(math::AbsFOp::create(b, entries)) : choose(entries, zero, Ordered::Greater);
  Value guess = createGuess(state, magnitude, reciprocal);
  Value table = getTable(("descent_q8_" + stringifyCodeSign(state.sign) + "_thresholds").str(), map.getThresholds());
  Value threshold = lookUp(table, guess);
  Value missing = math::FmaOp::create(b, threshold, scale, arith::NegFOp::create(b, magnitude));
  Value isNegative, limit = zero;
  if (map.isSigned) {
    // At most 0 is less than the least positive number, whose bits are those of a sign.
    Value bits = arith::BitcastOp::create(b, VectorType::get({kGroup}, b.getI32Type()), entries);
    isNegative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, bits, all(b.getI32Type(), 0));
    limit = arith::ShRUIOp::create(b, bits, all(b.getI32Type(), 31));
    limit = arith::BitcastOp::create(b, entries.getType(), limit);
  }
  Value exceeds = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, missing, limit);
  Type i16 = b.getI16Type();
  auto codeType = VectorType::get({kGroup}, b.getI8Type());
  Value code = arith::AddIOp::create(b, guess, arith::ExtUIOp::create(b, guess.getType(), exceeds));
  if (map.isSigned) {
    Value middle = all(i16, map.getZero());
    Value below = arith::MaxSIOp::create(b, arith::SubIOp::create(b, middle, code), all(i16, 0)); // there is no -1
    code = arith::SelectOp::create(b, isNegative, below, arith::AddIOp::create(b, middle, code));
  }
  return arith::TruncIOp::create(b, codeType, code);
}
