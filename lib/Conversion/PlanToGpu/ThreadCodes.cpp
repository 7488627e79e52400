#include "ThreadCodes.h"

#include "ThreadFolds.h"

#include "descent/Conversion/Kernels/StageValues.h"

using namespace mlir;
using namespace descent::plan;

static Q8Type getCodeType(Value buffer) {
  return dyn_cast<Q8Type>(cast<BufferType>(buffer.getType()).getElementType());
}

int64_t ThreadCodes::getBlock(StageOpInterface stage) {
  int64_t block = 0;
  for (Value buffer : getEntryBuffers(stage))
    if (Q8Type type = getCodeType(buffer))
      block = std::max(block, type.getBlock());
  return block;
}

ThreadCodes::ThreadCodes(ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel)
    : CodeVectors(b, length), kernel(kernel), index(b) {
  for (Value buffer : getEntryBuffers(stage))
    if (Q8Type type = getCodeType(buffer))
      states[buffer] = {getScales(buffer), type.getSign(), type.getBlock(),
                        llvm::is_contained(stage.getStageReads(), buffer),
                        llvm::is_contained(stage.getStageWrites(), buffer)};
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// A constant of the kernels' module, which gets it with the first use.
static Value getConstant(ImplicitLocOpBuilder &b, gpu::GPUModuleOp module, StringRef name, ArrayRef<float> numbers) {
  Attribute global = b.getI64IntegerAttr(1);
  auto type = MemRefType::get({int64_t(numbers.size())}, b.getF32Type(), MemRefLayoutAttrInterface(), global);
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto values = DenseElementsAttr::get(RankedTensorType::get(type.getShape(), b.getF32Type()), numbers);
    memref::GlobalOp::create(b, name, b.getStringAttr("private"), type, values, /*constant=*/true, IntegerAttr());
  }
  return memref::GetGlobalOp::create(b, type, name);
}

void ThreadCodes::addTable(CodeSign sign, Table table) {
  CodeMap map(sign);
  std::vector<float> numbers = table == Table::Numbers ? map.getNumbers() : map.getThresholds();
  std::string name = ("q8_" + stringifyCodeSign(sign) + (table == Table::Numbers ? "" : "_thresholds")).str();
  auto type = MemRefType::get({int64_t(numbers.size())}, b.getF32Type());
  Value &memory = tables[{sign, int(table)}];
  memory = kernel.addWorkgroupBuffer(b, type);
  Value constant = getConstant(b, kernel.function->getParentOfType<gpu::GPUModuleOp>(), name, numbers);
  Value threads = index.constant(kernel.shape.threads), end = index.constant(numbers.size());
  scf::ForOp::create(b, kernel.thread, end, threads, ValueRange(), [&](OpBuilder &, Location, Value place, ValueRange) {
    Value number = memref::LoadOp::create(b, constant, place);
    memref::StoreOp::create(b, number, memory, place);
    scf::YieldOp::create(b);
  });
}

void ThreadCodes::begin() {
  if (states.empty())
    return;
  kernel.emitOnce(b, [&] {
    for (CodeSign sign : {CodeSign::Signed, CodeSign::Unsigned}) {
      auto has = [&](bool State::*use) {
        return llvm::any_of(states, [&](auto &entry) { return entry.second.sign == sign && entry.second.*use; });
      };
      if (has(&State::isRead))
        addTable(sign, Table::Numbers);
      if (has(&State::isWritten))
        addTable(sign, Table::Thresholds);
    }
    kernel.createBarrier(b);
  });
}

Value ThreadCodes::lookUp(CodeSign sign, Table table, Value indices) {
  Value memory = tables.lookup({sign, int(table)});
  SmallVector<Value> numbers;
  for (int64_t i = 0; i < length; ++i) {
    Value word = vector::ExtractOp::create(b, indices, ArrayRef<int64_t>{i});
    Value place = arith::IndexCastUIOp::create(b, b.getIndexType(), word);
    numbers.push_back(memref::LoadOp::create(b, memory, place));
  }
  return vector::FromElementsOp::create(b, getType(b.getF32Type()), numbers);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

/// The first thread of a block alone reads and writes its scale, so that nobody reads what another has just written.
Value ThreadCodes::ownsScale(const State &state, Value count) {
  Value place = index.rem(kernel.thread, state.block / length);
  Value isFirst = index.compare(arith::CmpIPredicate::eq, place, index.constant(0));
  Value exists = index.compare(arith::CmpIPredicate::sgt, count, index.constant(0));
  return arith::AndIOp::create(b, isFirst, exists);
}

/// A block's scale lies at [row, column / block].
Value ThreadCodes::createEntries(Value buffer, Value codes, Value row, Value col, Value count) {
  const State &state = states.find(buffer)->second;
  auto load = [&](OpBuilder &, Location) {
    Value scale = memref::LoadOp::create(b, kernel.buffer(state.scales), ValueRange{row, index.div(col, state.block)});
    scf::YieldOp::create(b, scale);
  };
  auto otherwise = [&](OpBuilder &, Location) {
    scf::YieldOp::create(b, arith::ConstantOp::create(b, b.getF32FloatAttr(0)).getResult());
  };
  Value scale = scf::IfOp::create(b, ownsScale(state, count), load, otherwise).getResult(0);
  return decode(state.sign, codes, createFirst(b, kernel, scale, state.block / length));
}

/// Entries that do not exist are zero, and so are all entries of a block whose scale is not whole: zero's code stands
/// for nothing, and every step on the way is defined.
Value ThreadCodes::createCodes(Value buffer, Value entries, Value row, Value col, Value count) {
  const State &state = states.find(buffer)->second;
  Value zero = all(0.0f);
  entries = arith::SelectOp::create(b, createMask(b, index.min(count, length), length), entries, zero);
  Value bits = vector::ReductionOp::create(b, vector::CombiningKind::MAXUI, createMagnitudes(entries));
  Scale scale = createScale(createLargest(b, bits, state.block / length));
  index.ifTrue(ownsScale(state, count), [&] {
    memref::StoreOp::create(b, scale.kept, kernel.buffer(state.scales), ValueRange{row, index.div(col, state.block)});
  });
  Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1)), divisor = index.select(scale.whole, scale.kept, one);
  entries = arith::SelectOp::create(b, scale.whole, entries, zero);
  Value guesses = guess(state.sign, entries, arith::DivFOp::create(b, one, divisor));
  return encode(state.sign, guesses, entries, divisor);
}
