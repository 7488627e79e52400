#include "descent/Conversion/Kernels/StageValues.h"

#include "descent/Conversion/Kernels/RandomBits.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace descent::plan;

Access descent::plan::getEntryAccess(StageOpInterface stage, Value buffer) {
  return *getAccess(stage.getStageDomain(), cast<BufferType>(buffer.getType()));
}

llvm::SetVector<Value> descent::plan::getEntryBuffers(StageOpInterface stage) {
  llvm::SetVector<Value> buffers;
  buffers.insert_range(stage.getStageReads());
  buffers.insert_range(stage.getStageWrites());
  return buffers;
}

SmallVector<std::pair<BlockArgument, Value>> descent::plan::getReads(StageOpInterface stage) {
  SmallVector<std::pair<BlockArgument, Value>> reads;
  for (auto [index, buffer] : llvm::enumerate(stage.getStageReads()))
    reads.push_back({stage.getStageBody()->getArgument(stage.getNumSourceArguments() + index), buffer});
  return reads;
}

StageValues::StageValues(ImplicitLocOpBuilder &b, StageOpInterface stage, const MemRefs &memrefs, int64_t length)
    : b(b), stage(stage), memrefs(memrefs), length(length), uniform(getUniformOps(stage)) {
  for (auto [buffer, kind] :
       llvm::zip(stage.getStagePartials(), stage.getStageReductions().getAsRange<CombineKindAttr>()))
    reductions.push_back(
        {kind.getValue(), *getPartialAccess(stage.getStageDomain(), cast<BufferType>(buffer.getType())), buffer});
}

//===----------------------------------------------------------------------===//
// Once, and once a row
//===----------------------------------------------------------------------===//

LogicalResult StageValues::emitShared(ValueRange numbers) {
  Value zero = createIndex(b, 0);
  for (auto [entry, buffer] : getReads(stage)) {
    if (getEntryAccess(stage, buffer) != Access::Single)
      continue;
    Value number = memref::LoadOp::create(b, memrefs.lookup(buffer), ValueRange{zero, zero});
    scalars.map(entry, convertFloat(b, number, entry.getType()));
  }
  Block *body = stage.getStageBody();
  scalars.map(body->getArguments().take_back(numbers.size()), numbers);
  for (Operation &op : body->without_terminator()) {
    bool isElementwise = OpTrait::hasElementwiseMappableTraits(&op) || op.hasTrait<OpTrait::ConstantLike>() ||
                         isa<DiagonalOp, RandomOp, RowFoldOp>(op);
    // LLVM raises vectors to one power only.
    if (!isElementwise || isa<math::FPowIOp>(op))
      return op.emitOpError("has no vector form, so it cannot stand in a stage");
    if (uniform.contains(&op))
      b.clone(op, scalars);
  }
  broadcastUniform();
  return success();
}

/// Vectors of the shared numbers that the entries' operations use.
void StageValues::broadcastUniform() {
  for (Operation &op : *stage.getStageBody()) {
    if (uniform.contains(&op) || isa<RandomOp>(op)) // which takes its key as a number
      continue;
    for (Value operand : op.getOperands())
      if (scalars.contains(operand) && !shared.contains(operand))
        shared.map(operand, vector::BroadcastOp::create(b, vectorOf(operand.getType()), scalars.lookup(operand)));
  }
}

void StageValues::enterRow(Value row) {
  for (auto [entry, buffer] : getReads(stage)) {
    if (getEntryAccess(stage, buffer) != Access::Row)
      continue;
    Value number = memref::LoadOp::create(b, memrefs.lookup(buffer), ValueRange{createIndex(b, 0), row});
    Value converted = convertFloat(b, number, entry.getType());
    shared.map(entry, vector::BroadcastOp::create(b, vectorOf(entry.getType()), converted));
  }
}

StageValues::Operations StageValues::getSlice(RowFoldOp fold) {
  BackwardSliceOptions options;
  options.omitBlockArguments = true;
  // Not empty, which would stand for all operations: the fold itself is never emitted.
  options.inclusive = true;
  options.filter = [&](Operation *op) {
    return op == fold || (op->getBlock() == fold->getBlock() && !isa<RowFoldOp>(op));
  };
  Operations slice;
  LogicalResult found = getBackwardSlice(fold.getOperation(), &slice, options);
  assert(succeeded(found) && "a stage's region has one block");
  (void)found;
  return slice;
}

void StageValues::setRowFold(RowFoldOp fold, Value number) {
  shared.map(fold.getResult(), vector::BroadcastOp::create(b, vectorOf(b.getF64Type()), number));
}

//===----------------------------------------------------------------------===//
// Vectors of entries
//===----------------------------------------------------------------------===//

/// 1 in the lane whose column is the row, 0 in the others.
Value StageValues::createDiagonal(Value row, Value col, Type elementType) {
  VectorType type = vectorOf(elementType);
  Value lane = arith::SubIOp::create(b, row, col), next = arith::AddIOp::create(b, lane, createIndex(b, 1));
  Value isThere = arith::XOrIOp::create(b, createMask(b, next, length), createMask(b, lane, length));
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value one = arith::ConstantOp::create(b, DenseElementsAttr::get(type, b.getFloatAttr(elementType, 1.0)));
  return arith::SelectOp::create(b, isThere, one, zero);
}

/// Domains with random numbers are those of what is written.
Value StageValues::createRandom(RandomOp op, Value row, Value col) {
  Value written = memrefs.lookup(stage.getStageWrites().front());
  Value cols = memref::DimOp::create(b, written, createIndex(b, 1));
  Value place = arith::AddIOp::create(b, arith::MulIOp::create(b, row, cols), col);
  return createRandomBits(b, scalars.lookup(op.getKey()), op.getStream(), place, length);
}

void StageValues::emit(Value row, Value col, const Operations &needed, IRMapping &values) {
  for (Operation &op : stage.getStageBody()->without_terminator()) {
    if (uniform.contains(&op) || isa<RowFoldOp>(op) || !(needed.empty() || needed.contains(&op)))
      continue;
    if (auto diagonal = dyn_cast<DiagonalOp>(op)) {
      values.map(diagonal.getResult(), createDiagonal(row, col, diagonal.getType()));
      continue;
    }
    if (auto random = dyn_cast<RandomOp>(op)) {
      values.map(random.getResult(), createRandom(random, row, col));
      continue;
    }
    Operation *clone = b.clone(op, values);
    for (OpResult result : clone->getResults())
      result.setType(vectorOf(result.getType()));
  }
}

SmallVector<Value> StageValues::getYielded(const IRMapping &values) {
  return llvm::map_to_vector(stage.getStageBody()->getTerminator()->getOperands(),
                             [&](Value value) { return values.lookup(value); });
}
