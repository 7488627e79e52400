#include "BlockwiseEntries.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace descent::plan;

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

BlockwiseEntries::BlockwiseEntries(ImplicitLocOpBuilder &b, StageOpInterface stage, const Kernel &kernel,
                                   unsigned vectorBits)
    : b(b), kernel(kernel), vectors(b, kernel.function->getParentOfType<ModuleOp>(), vectorBits),
      buffers(getBuffers(stage)) {
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
// Groups: the entries that are decoded or encoded together, a divisor of every block
//===----------------------------------------------------------------------===//

/// Whole groups, then what remains under a mask.
void BlockwiseEntries::forGroups(Value count, EmitGroup emit) {
  Value step = createIndex(b, vectors.getLength());
  Value remainder = arith::RemUIOp::create(b, count, step);
  Value wholeEnd = arith::SubIOp::create(b, count, remainder);
  scf::ForOp::create(b, createIndex(b, 0), wholeEnd, step, ValueRange(),
                     [&](OpBuilder &, Location, Value place, ValueRange) {
                       emit(place, Value());
                       scf::YieldOp::create(b);
                     });
  Value isRagged = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, remainder, createIndex(b, 0));
  scf::IfOp::create(b, isRagged, [&](OpBuilder &, Location) {
    emit(wholeEnd, createMask(b, remainder, vectors.getLength()));
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
  Value scale = memref::LoadOp::create(b, state.scales, ValueRange{row, createScalePlace(b, begin, block)});
  forGroups(count, [&](Value place, Value mask) {
    Value col = arith::AddIOp::create(b, begin, place);
    Value codes = loadEntries(b, state.codes, {row, col}, vectors.getLength(), b.getI8Type(), mask);
    // Beyond the row's end lies nothing that is used: blocks of private memory are whole.
    storeEntries(b, vectors.decode(state.sign, codes, scale), kernel.scratch, {at(state, place)}, Value());
  });
}

//===----------------------------------------------------------------------===//
// Encoding: the largest magnitude is the scale; each entry becomes the code of the nearest number
//===----------------------------------------------------------------------===//

void BlockwiseEntries::emitEncode(Value row, Value begin, Value count) {
  SmallVector<State> written = llvm::filter_to_vector(states, [](const State &state) { return state.isWritten; });
  for (auto [state, largest] : llvm::zip_equal(written, createLargest(written, count)))
    encode(state, largest, row, begin, count);
}

/// The bits of the largest magnitude of each state, all in one loop: what follows waits for the last entry of each.
SmallVector<Value> BlockwiseEntries::createLargest(ArrayRef<State> written, Value count) {
  auto fold = [&](Value place, Value mask, ValueRange sofar) {
    SmallVector<Value> largest;
    for (auto [state, bits] : llvm::zip_equal(written, sofar)) {
      Value entries = loadEntries(b, kernel.scratch, {at(state, place)}, vectors.getLength(), b.getF32Type(), mask);
      largest.push_back(arith::MaxUIOp::create(b, bits, vectors.createMagnitudes(entries)));
    }
    return largest;
  };
  Value step = createIndex(b, vectors.getLength());
  Value remainder = arith::RemUIOp::create(b, count, step);
  Value wholeEnd = arith::SubIOp::create(b, count, remainder);
  SmallVector<Value> least(written.size(), vectors.all(b.getI32Type(), 0));
  auto loop = scf::ForOp::create(b, createIndex(b, 0), wholeEnd, step, least,
                                 [&](OpBuilder &, Location, Value place, ValueRange largest) {
                                   scf::YieldOp::create(b, fold(place, Value(), largest));
                                 });
  SmallVector<Value> lanes = fold(wholeEnd, createMask(b, remainder, vectors.getLength()), loop.getResults());
  return llvm::map_to_vector(lanes, [&](Value largest) -> Value {
    return vector::ReductionOp::create(b, vector::CombiningKind::MAXUI, largest);
  });
}

/// Of a block without a whole scale nothing is kept.
void BlockwiseEntries::encode(const State &state, Value bits, Value row, Value begin, Value count) {
  CodeVectors::Scale scale = vectors.createScale(bits);
  memref::StoreOp::create(b, scale.kept, state.scales, ValueRange{row, createScalePlace(b, begin, block)});
  Value zero = vectors.all(b.getI8Type(), CodeMap(state.sign).getZero());
  scf::IfOp::create(
      b, scale.whole,
      [&](OpBuilder &, Location) {
        encodeEntries(state, scale.kept, row, begin, count);
        scf::YieldOp::create(b);
      },
      [&](OpBuilder &, Location) {
        forGroups(count, [&](Value place, Value mask) {
          storeEntries(b, zero, state.codes, {row, arith::AddIOp::create(b, begin, place)}, mask);
        });
        scf::YieldOp::create(b);
      });
}

/// Guesses first, then codes: the chain of operations from an entry to its code is so long that a processor could work
/// on few groups at a time.
void BlockwiseEntries::encodeEntries(const State &state, Value scale, Value row, Value begin, Value count) {
  Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f));
  Value reciprocal = arith::DivFOp::create(b, one, scale);
  auto forEntries = [&](llvm::function_ref<Value(Value entries, ValueRange place, Value mask)> emit) {
    forGroups(count, [&](Value place, Value mask) {
      Value entries = loadEntries(b, kernel.scratch, {at(state, place)}, vectors.getLength(), b.getF32Type(), mask);
      SmallVector<Value> codes = {row, arith::AddIOp::create(b, begin, place)};
      storeEntries(b, emit(entries, codes, mask), state.codes, codes, mask);
    });
  };
  forEntries([&](Value entries, ValueRange, Value) { return vectors.guess(state.sign, entries, reciprocal); });
  forEntries([&](Value entries, ValueRange place, Value mask) {
    Value guesses = loadEntries(b, state.codes, place, vectors.getLength(), b.getI8Type(), mask);
    return vectors.encode(state.sign, guesses, entries, scale);
  });
}
