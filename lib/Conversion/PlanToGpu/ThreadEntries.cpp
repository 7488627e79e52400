#include "ThreadEntries.h"

#include "descent/Conversion/Kernels/RandomBits.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace descent::plan;

static Access getReadAccess(StageOpInterface stage, Value buffer) {
  return *getAccess(stage.getStageDomain(), cast<BufferType>(buffer.getType()));
}

/// What is read or written entry by entry, each buffer once: partial results and a product's factors are not.
static llvm::SetVector<Value> getEntryBuffers(StageOpInterface stage) {
  llvm::SetVector<Value> buffers;
  buffers.insert_range(stage.getStageReads());
  buffers.insert_range(stage.getStageWrites());
  return buffers;
}

static int64_t getBytes(Value memref) {
  return cast<MemRefType>(memref.getType()).getElementType().getIntOrFloatBitWidth() / 8;
}

int64_t ThreadEntries::getVectorLength(StageOpInterface stage, GpuShape shape) {
  int64_t narrowest = 8;
  for (Value buffer : getEntryBuffers(stage))
    if (getReadAccess(stage, buffer) == Access::Entry)
      narrowest =
          std::min<int64_t>(narrowest, cast<BufferType>(buffer.getType()).getMemoryType().getIntOrFloatBitWidth() / 8);
  return std::min<int64_t>(shape.vectorBytes / narrowest, 8);
}

static bool reducesColumns(StageOpInterface stage) {
  return llvm::any_of(stage.getStagePartials(), [&](Value partials) {
    return *getPartialAccess(stage.getStageDomain(), cast<BufferType>(partials.getType())) == Access::Column;
  });
}

/// Some rounds of vectors a tile, so that finding it costs little; a column's sum stays in one thread's registers.
SmallVector<int64_t> ThreadEntries::getTile(StageOpInterface stage, GpuShape shape) {
  constexpr int64_t rounds = 8, tallRows = 64;
  int64_t reach = shape.threads * getVectorLength(stage, shape);
  if (!stage.getStageBody()->getOps<RowFoldOp>().empty())
    return {int64_t(1) << 40, rounds * reach};
  if (reducesColumns(stage))
    return {reach, tallRows * reach, tallRows};
  return {rounds * reach, rounds * reach};
}

ThreadEntries::ThreadEntries(ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel)
    : b(b), index(b), stage(stage), kernel(kernel), length(getVectorLength(stage, kernel.shape)),
      rowBegin(kernel.rowBegin), rowEnd(kernel.rowEnd), colBegin(kernel.colBegin), colEnd(kernel.colEnd),
      uniform(getUniformOps(stage)) {
  for (auto [buffer, kind] :
       llvm::zip(stage.getStagePartials(), stage.getStageReductions().getAsRange<CombineKindAttr>()))
    reductions.push_back({kind.getValue(),
                          *getPartialAccess(stage.getStageDomain(), cast<BufferType>(buffer.getType())),
                          kernel.buffer(buffer)});
}

//===----------------------------------------------------------------------===//
// What all entries share
//===----------------------------------------------------------------------===//

/// What depends on scalars only, and single numbers in memory, once a tile.
LogicalResult ThreadEntries::emitShared() {
  Block *body = stage.getStageBody();
  unsigned argument = stage.getNumSourceArguments();
  for (Value buffer : stage.getStageReads()) {
    BlockArgument entry = body->getArgument(argument++);
    if (getReadAccess(stage, buffer) != Access::Single)
      continue;
    Value zero = index.constant(0);
    Value number = memref::LoadOp::create(b, kernel.buffer(buffer), ValueRange{zero, zero});
    scalars.map(entry, convertFloat(b, number, entry.getType()));
  }
  for (Value scalar : kernel.scalars)
    scalars.map(body->getArgument(argument++), scalar);
  for (Operation &op : body->without_terminator()) {
    bool isElementwise = OpTrait::hasElementwiseMappableTraits(&op) || op.hasTrait<OpTrait::ConstantLike>() ||
                         isa<DiagonalOp, RandomOp, RowFoldOp>(op);
    if (!isElementwise || isa<math::FPowIOp>(op))
      return op.emitOpError("has no vector form, so it cannot stand in a stage");
    if (uniform.contains(&op))
      b.clone(op, scalars);
  }
  for (Operation &op : *body) {
    if (uniform.contains(&op) || isa<RandomOp>(op)) // which takes its key as a number
      continue;
    for (Value operand : op.getOperands())
      if (scalars.contains(operand) && !shared.contains(operand))
        shared.map(operand, vector::BroadcastOp::create(b, vectorOf(operand.getType()), scalars.lookup(operand)));
  }
  return success();
}

bool ThreadEntries::canBeOneRow() {
  auto fits = [&](Value buffer) {
    Access access = getReadAccess(stage, buffer);
    return access == Access::Entry || access == Access::Single;
  };
  Block *body = stage.getStageBody();
  return stage.getNumSourceArguments() == 0 && body->getOps<DiagonalOp>().empty() && body->getOps<RowFoldOp>().empty() &&
         llvm::all_of(reductions, [](const Reduction &reduction) { return reduction.access == Access::Single; }) &&
         !getEntryBuffers(stage).empty() && llvm::all_of(stage.getStageReads(), fits);
}

/// Whole rows without gaps between them are one long row.
void ThreadEntries::treatAsOneRow() {
  Value cols, gapless;
  for (Value buffer : getEntryBuffers(stage)) {
    if (getReadAccess(stage, buffer) != Access::Entry)
      continue;
    Value memref = kernel.buffer(buffer);
    if (!cols) {
      cols = index.dim(memref, 1);
      Value begins = index.compare(arith::CmpIPredicate::eq, colBegin, index.constant(0));
      gapless = arith::AndIOp::create(b, begins, index.compare(arith::CmpIPredicate::eq, colEnd, cols));
    }
    Value stride = memref::ExtractStridedMetadataOp::create(b, memref).getStrides()[0];
    gapless = arith::AndIOp::create(b, gapless, index.compare(arith::CmpIPredicate::eq, stride, cols));
  }
  if (!cols)
    return;
  colBegin = index.select(gapless, index.mul(rowBegin, cols), colBegin);
  colEnd = index.select(gapless, index.mul(rowEnd, cols), colEnd);
  rowBegin = index.select(gapless, index.constant(0), rowBegin);
  rowEnd = index.select(gapless, index.constant(1), rowEnd);
}

/// As many threads a row as have work there, but for columns that stay with one thread.
void ThreadEntries::placeThreads() {
  Value threads = index.constant(kernel.shape.threads);
  if (reducesColumns(stage)) {
    lanes = threads;
  } else {
    // The least power of two that covers the row.
    lanes = index.constant(1);
    Value vectors = index.ceilDiv(index.sub(colEnd, colBegin), length);
    for (int64_t count = 2; count <= kernel.shape.threads; count *= 2)
      lanes = index.select(index.compare(arith::CmpIPredicate::sgt, vectors, index.constant(count / 2)),
                           index.constant(count), lanes);
  }
  lane = arith::RemUIOp::create(b, kernel.thread, lanes);
  firstRow = arith::DivUIOp::create(b, kernel.thread, lanes);
  rowsAtOnce = arith::DivUIOp::create(b, threads, lanes);
}

/// Vectors begin at multiples of their length from the tile's first column, so all are aligned if that one is, in every
/// row and buffer.
void ThreadEntries::checkAlignment() {
  aligned = arith::ConstantOp::create(b, b.getBoolAttr(true));
  for (Value buffer : getEntryBuffers(stage)) {
    Access access = getReadAccess(stage, buffer);
    if (access != Access::Entry && access != Access::Column)
      continue;
    Value memref = kernel.buffer(buffer);
    int64_t bytes = std::min(getBytes(memref) * length, kernel.shape.vectorBytes), entries = bytes / getBytes(memref);
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
    Value stride = memref::ExtractStridedMetadataOp::create(b, memref).getStrides()[0];
    Value places = arith::OrIOp::create(b, colBegin, access == Access::Entry ? stride : index.constant(0));
    Value offset = arith::OrIOp::create(b, index.rem(address, bytes), index.rem(places, entries));
    aligned = arith::AndIOp::create(b, aligned, index.compare(arith::CmpIPredicate::eq, offset, index.constant(0)));
  }
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

Value ThreadEntries::isWhole(Place place) {
  Value all = index.compare(arith::CmpIPredicate::sge, place.count, index.constant(length));
  return arith::AndIOp::create(b, aligned, all);
}

/// The address is a multiple of the access's size, which `aligned` tells.
static llvm::MaybeAlign getAlignment(Value memref, int64_t length, GpuShape shape) {
  return llvm::Align(std::min(getBytes(memref) * length, shape.vectorBytes));
}

Value ThreadEntries::loadVector(Value memref, Value row, Value col) {
  auto type = vectorOf(cast<MemRefType>(memref.getType()).getElementType());
  auto load = vector::LoadOp::create(b, type, memref, ValueRange{row, col});
  load.setAlignment(getAlignment(memref, length, kernel.shape)->value());
  return load;
}

Value ThreadEntries::loadSource(Place place) {
  Type element = cast<MemRefType>(source.getType()).getElementType();
  auto load = [&](OpBuilder &, Location) {
    scf::YieldOp::create(b, loadVector(source, index.sub(place.row, sourceRow), index.sub(place.col, colBegin)));
  };
  auto otherwise = [&](OpBuilder &, Location) {
    scf::YieldOp::create(b, arith::ConstantOp::create(b, b.getZeroAttr(vectorOf(element))).getResult());
  };
  Value exists = index.compare(arith::CmpIPredicate::sgt, place.count, index.constant(0));
  return scf::IfOp::create(b, exists, load, otherwise).getResult(0);
}

/// Entry by entry, those that there are; the others are zero. `transposed`: column by column of memory.
Value ThreadEntries::loadPart(Value memref, Place place, bool transposed) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  SmallVector<Value> entries;
  for (int64_t i = 0; i < length; ++i) {
    Value exists = index.compare(arith::CmpIPredicate::sgt, place.count, index.constant(i));
    auto load = [&](OpBuilder &, Location) {
      Value col = index.add(place.col, i);
      SmallVector<Value> at = transposed ? SmallVector<Value>{col, place.row} : SmallVector<Value>{place.row, col};
      scf::YieldOp::create(b, memref::LoadOp::create(b, memref, at).getResult());
    };
    auto otherwise = [&](OpBuilder &, Location) { scf::YieldOp::create(b, zero); };
    entries.push_back(scf::IfOp::create(b, exists, load, otherwise).getResult(0));
  }
  return vector::FromElementsOp::create(b, vectorOf(element), entries);
}

void ThreadEntries::storePart(Value vector, Value memref, Place place) {
  for (int64_t i = 0; i < length; ++i) {
    Value exists = index.compare(arith::CmpIPredicate::sgt, place.count, index.constant(i));
    index.ifTrue(exists, [&] {
      Value entry = vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{i});
      memref::StoreOp::create(b, entry, memref, ValueRange{place.row, index.add(place.col, i)});
    });
  }
}

/// One number a row, which the row's threads all read; of a row that does not exist, the tile's last.
void ThreadEntries::loadRowNumbers(Value row, IRMapping &values) {
  unsigned argument = stage.getNumSourceArguments();
  Value last = index.sub(rowEnd, 1);
  for (Value buffer : stage.getStageReads()) {
    BlockArgument entry = stage.getStageBody()->getArgument(argument++);
    if (getReadAccess(stage, buffer) != Access::Row)
      continue;
    Value number =
        memref::LoadOp::create(b, kernel.buffer(buffer), ValueRange{index.constant(0), index.min(row, last)});
    Value converted = convertFloat(b, number, entry.getType());
    values.map(entry, vector::BroadcastOp::create(b, vectorOf(entry.getType()), converted));
  }
}

/// All loads of a vector's entries stand together, so that none waits for another.
void ThreadEntries::loadReads(Place place, const llvm::SetVector<Operation *> &needed, IRMapping &values) {
  unsigned argument = stage.getNumSourceArguments();
  SmallVector<std::pair<BlockArgument, Value>> entries; // and their buffers
  SmallVector<Type> types;
  for (Value buffer : stage.getStageReads()) {
    BlockArgument entry = stage.getStageBody()->getArgument(argument++);
    Access access = getReadAccess(stage, buffer);
    bool isUsed = needed.empty() || llvm::any_of(entry.getUsers(), [&](Operation *op) { return needed.contains(op); });
    if (access == Access::Row || access == Access::Single || !isUsed)
      continue;
    entries.push_back({entry, buffer});
    types.push_back(vectorOf(cast<MemRefType>(kernel.buffer(buffer).getType()).getElementType()));
  }
  if (entries.empty())
    return;
  auto load = [&](bool whole) {
    SmallVector<Value> loaded;
    for (auto [entry, buffer] : entries) {
      Access access = getReadAccess(stage, buffer);
      Place at = place;
      if (access == Access::Column)
        at.row = index.constant(0);
      Value memref = kernel.buffer(buffer);
      loaded.push_back(whole && access != Access::Oriented ? loadVector(memref, at.row, at.col)
                                                           : loadPart(memref, at, access == Access::Oriented));
    }
    scf::YieldOp::create(b, loaded);
  };
  auto loads = scf::IfOp::create(
      b, isWhole(place), [&](OpBuilder &, Location) { load(true); }, [&](OpBuilder &, Location) { load(false); });
  for (auto [pair, vector] : llvm::zip(entries, loads.getResults()))
    values.map(pair.first, convertFloat(b, vector, pair.first.getType()));
}

void ThreadEntries::storeWrites(Place place, ValueRange values) {
  SmallVector<std::pair<Value, Value>> stores; // memref, what it gets
  for (auto [buffer, value] : llvm::zip(stage.getStageWrites(), values)) {
    Value memref = kernel.buffer(buffer);
    stores.push_back({memref, convertFloat(b, value, cast<MemRefType>(memref.getType()).getElementType())});
  }
  if (stores.empty())
    return;
  scf::IfOp::create(
      b, isWhole(place),
      [&](OpBuilder &, Location) {
        for (auto [memref, vector] : stores) {
          auto store = vector::StoreOp::create(b, vector, memref, ValueRange{place.row, place.col});
          store.setAlignment(getAlignment(memref, length, kernel.shape)->value());
        }
        scf::YieldOp::create(b);
      },
      [&](OpBuilder &, Location) {
        for (auto [memref, vector] : stores)
          storePart(vector, memref, place);
        scf::YieldOp::create(b);
      });
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// 1 in the lane whose column is the row, 0 in the others.
static Value createDiagonal(ImplicitLocOpBuilder &b, Value row, Value col, VectorType type) {
  IndexBuilder index(b);
  SmallVector<Value> lanes;
  Value one = arith::ConstantOp::create(b, b.getFloatAttr(type.getElementType(), 1.0));
  Value zero = arith::ConstantOp::create(b, b.getFloatAttr(type.getElementType(), 0.0));
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    lanes.push_back(index.select(index.compare(arith::CmpIPredicate::eq, row, index.add(col, i)), one, zero));
  return vector::FromElementsOp::create(b, type, lanes);
}

IRMapping ThreadEntries::emitValues(Place place, const llvm::SetVector<Operation *> &needed) {
  IRMapping values = shared;
  if (source)
    values.map(stage.getStageBody()->getArgument(0), loadSource(place));
  loadReads(place, needed, values);
  for (Operation &op : stage.getStageBody()->without_terminator()) {
    if (uniform.contains(&op) || isa<RowFoldOp>(op) || !(needed.empty() || needed.contains(&op)))
      continue;
    if (auto diagonal = dyn_cast<DiagonalOp>(op)) {
      values.map(diagonal.getResult(), createDiagonal(b, place.row, place.col, vectorOf(diagonal.getType())));
      continue;
    }
    if (auto random = dyn_cast<RandomOp>(op)) {
      Value cols = index.dim(kernel.buffer(stage.getStageWrites().front()), 1);
      Value number = index.add(index.mul(place.row, cols), place.col);
      values.map(random.getResult(),
                 createRandomBits(b, scalars.lookup(random.getKey()), random.getStream(), number, length));
      continue;
    }
    Operation *clone = b.clone(op, values);
    for (OpResult result : clone->getResults())
      result.setType(vectorOf(result.getType()));
  }
  return values;
}

/// Entries that do not exist count as nothing.
Value ThreadEntries::maskReduced(CombineKind kind, Value vector, Value count) {
  Value mask = createMask(b, count, length);
  return arith::SelectOp::create(b, mask, vector, createIdentity(b, kind, vector.getType()));
}

ThreadEntries::Values ThreadEntries::emitEntries(Place place, ValueRange carried) {
  IRMapping values = emitValues(place, {});
  Values yielded;
  for (Value value : stage.getStageBody()->getTerminator()->getOperands())
    yielded.push_back(values.lookup(value));
  size_t writes = stage.getStageWrites().size();
  storeWrites(place, ArrayRef<Value>(yielded).take_front(writes));
  Values next;
  for (auto [reduction, value, sofar] : llvm::zip(reductions, ArrayRef<Value>(yielded).drop_front(writes), carried))
    next.push_back(createFold(b, reduction.kind, sofar, maskReduced(reduction.kind, value, place.count)));
  return next;
}

/// The row's vectors, those of this thread.
ThreadEntries::Values ThreadEntries::emitColumns(Value row, Value isRow, ValueRange carried,
                                                 llvm::function_ref<Values(Place, ValueRange)> body) {
  Value step = index.mul(lanes, length), offset = index.mul(lane, length);
  Value end = index.select(isRow, colEnd, colBegin); // of a row that does not exist nothing does
  auto loop =
      scf::ForOp::create(b, colBegin, colEnd, step, carried, [&](OpBuilder &, Location, Value begin, ValueRange sofar) {
        Value col = index.add(begin, offset);
        scf::YieldOp::create(b, body({row, col, index.sub(end, col)}, sofar));
      });
  return loop.getResults();
}

/// What the operand of a fold follows from, down to numbers that the row shares.
static llvm::SetVector<Operation *> getSlice(RowFoldOp fold) {
  llvm::SetVector<Operation *> slice;
  SmallVector<Value> todo = {fold.getOperand()};
  while (!todo.empty()) {
    Operation *op = todo.pop_back_val().getDefiningOp();
    if (op && op->getBlock() == fold->getBlock() && !isa<RowFoldOp>(op) && slice.insert(op))
      llvm::append_range(todo, op->getOperands());
  }
  slice.insert(fold); // whose operand may be an entry of memory
  return slice;
}

/// Visits the row once for each fold, in their order, as one may need another.
void ThreadEntries::emitRowFolds(Value row, Value isRow) {
  auto vectorF64 = vectorOf(b.getF64Type());
  for (RowFoldOp fold : stage.getStageBody()->getOps<RowFoldOp>()) {
    llvm::SetVector<Operation *> needed = getSlice(fold);
    auto foldColumns = [&](Place place, ValueRange sofar) -> Values {
      Value entries = emitValues(place, needed).lookup(fold.getOperand());
      return {createFold(b, fold.getKind(), sofar.front(), maskReduced(fold.getKind(), entries, place.count))};
    };
    Value identity = createIdentity(b, fold.getKind(), vectorF64);
    Value vector = emitColumns(row, isRow, identity, foldColumns).front();
    Value number = foldThreads(b, kernel, fold.getKind(), foldLanes(b, fold.getKind(), vector), lanes);
    shared.map(fold.getResult(), vector::BroadcastOp::create(b, vectorF64, number));
  }
}

/// What the rows before have reduced, but for a row's own numbers, comes in and goes out.
ThreadEntries::Values ThreadEntries::emitRow(Value row, Value isRow, ValueRange carried) {
  auto vectorF64 = vectorOf(b.getF64Type());
  loadRowNumbers(row, shared);
  emitRowFolds(row, isRow);
  Values initial = llvm::to_vector(carried);
  for (auto [reduction, value] : llvm::zip(reductions, initial))
    if (reduction.access == Access::Row)
      value = createIdentity(b, reduction.kind, vectorF64);
  Values results =
      emitColumns(row, isRow, initial, [&](Place place, ValueRange sofar) { return emitEntries(place, sofar); });
  Value isFirst = index.compare(arith::CmpIPredicate::eq, lane, index.constant(0));
  Value stores = arith::AndIOp::create(b, isRow, isFirst);
  for (auto [reduction, value, before] : llvm::zip(reductions, results, carried)) {
    if (reduction.access != Access::Row)
      continue;
    Value number = foldThreads(b, kernel, reduction.kind, foldLanes(b, reduction.kind, value), lanes);
    index.ifTrue(stores, [&, memref = reduction.memref] {
      memref::StoreOp::create(b, number, memref, ValueRange{kernel.colBlock, row});
    });
    value = before;
  }
  return results;
}

/// The tile's numbers; what a thread has of its columns is stored.
ThreadEntries::Values ThreadEntries::finishTile(ValueRange carried) {
  Values results;
  Value col = index.add(colBegin, index.mul(lane, length));
  for (auto [reduction, value] : llvm::zip(reductions, carried)) {
    if (reduction.access == Access::Column)
      storePart(value, reduction.memref, {kernel.rowBlock, col, index.sub(colEnd, col)});
    if (reduction.access == Access::Single)
      results.push_back(foldThreads(b, kernel, reduction.kind, foldLanes(b, reduction.kind, value),
                                    index.constant(kernel.shape.threads)));
  }
  return results;
}

LogicalResult ThreadEntries::begin() {
  if (failed(emitShared()))
    return failure();
  if (canBeOneRow())
    treatAsOneRow();
  placeThreads();
  checkAlignment();
  return success();
}

ThreadEntries::Values ThreadEntries::getInitial() {
  Values initial;
  for (Reduction &reduction : reductions)
    initial.push_back(createIdentity(b, reduction.kind, vectorOf(b.getF64Type())));
  return initial;
}

ThreadEntries::Values ThreadEntries::emitRows(Value begin, Value end, ValueRange carried) {
  auto rows = scf::ForOp::create(b, begin, end, rowsAtOnce, carried,
                                 [&](OpBuilder &, Location, Value first, ValueRange sofar) {
                                   Value row = index.add(first, firstRow);
                                   Value isRow = index.compare(arith::CmpIPredicate::slt, row, end);
                                   scf::YieldOp::create(b, emitRow(row, isRow, sofar));
                                 });
  return rows.getResults();
}

FailureOr<ThreadEntries::Values> ThreadEntries::emitTile() {
  if (failed(begin()))
    return failure();
  return finishTile(emitRows(rowBegin, rowEnd, getInitial()));
}
