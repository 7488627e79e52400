#include "ThreadEntries.h"

#include "ThreadFolds.h"

using namespace mlir;
using namespace descent::plan;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static bool reduces(StageOpInterface stage, Access access) {
  return llvm::any_of(stage.getStagePartials(), [&](Value partials) {
    return getPartialAccess(stage.getStageDomain(), cast<BufferType>(partials.getType())) == access;
  });
}

static bool hasRowFolds(StageOpInterface stage) { return !stage.getStageBody()->getOps<RowFoldOp>().empty(); }

static bool isOriented(StageOpInterface stage) { return readsOriented(stage.getOperation()); }

/// Whether a thread keeps what it reduces of a tile's columns in registers: then one vector is all that it has of a
/// row.
static bool keepsColumns(StageOpInterface stage) {
  return reduces(stage, Access::Column) && !hasRowFolds(stage) && !isOriented(stage);
}

int64_t ThreadEntries::getVectorLength(StageOpInterface stage, GpuShape shape) {
  if (ThreadCodes::getBlock(stage) > 0)
    return ThreadCodes::length;
  int64_t widest = 2;
  for (Value buffer : getEntryBuffers(stage)) {
    Access access = getEntryAccess(stage, buffer);
    if (access == Access::Entry || access == Access::Oriented)
      widest =
          std::max<int64_t>(widest, cast<BufferType>(buffer.getType()).getMemoryType().getIntOrFloatBitWidth() / 8);
  }
  return std::max<int64_t>(shape.vectorBytes / widest, 1);
}

/// Some rounds of vectors a tile, so that finding it costs little. Rows that are folded stay whole, or long enough for
/// some rounds of a warp, and there is one for each warp; columns that are reduced are no more than threads reach at
/// once, in tall tiles, so that partial results stay few.
SmallVector<int64_t> ThreadEntries::getTile(StageOpInterface stage, GpuShape shape) {
  constexpr int64_t rounds = 8, tallRows = 64, anyRows = 0, anyMultiple = 0, wholeRow = int64_t(1) << 40;
  int64_t length = getVectorLength(stage, shape), reach = shape.threads * length, warps = shape.threads / shape.warp;
  int64_t colMultiple = std::max<int64_t>(16, ThreadCodes::getBlock(stage));
  auto tile = [&](int64_t cols, int64_t elements, int64_t rows = anyRows) {
    return SmallVector<int64_t>{cols, elements, rows, anyMultiple, colMultiple};
  };
  if (EntryMemory::isOneRow(stage))
    return {rounds * reach, rounds * reach, anyRows, anyMultiple, 1};
  if (hasRowFolds(stage))
    return tile(wholeRow, reduces(stage, Access::Column) ? tallRows * reach : warps * rounds * reach / 2);
  if (isOriented(stage))
    return tile(rounds * OrientedBlocks::lanes * length, rounds * reach);
  if (reduces(stage, Access::Column))
    return tile(reach, tallRows * reach, tallRows);
  if (reduces(stage, Access::Row))
    return tile(rounds * reach / 2, warps * rounds * reach / 2);
  return tile(rounds * reach, rounds * reach);
}

ThreadEntries::ThreadEntries(ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel)
    : b(b), index(b), stage(stage), kernel(kernel), length(getVectorLength(stage, kernel.shape)),
      memory(b, stage, kernel, length), region(b, stage, kernel.buffers, length), reductions(region.getReductions()),
      rowBegin(kernel.rowBegin), rowEnd(kernel.rowEnd), colBegin(kernel.colBegin), colEnd(kernel.colEnd) {}

/// Every tile has as many entries, but for the last ones: whole rounds, so that vectors are aligned if the first is.
void ThreadEntries::takeOneRow() {
  Value entries = index.mul(kernel.domainRows, kernel.domainCols);
  Value size = index.roundUp(index.ceilDiv(entries, kernel.tiles), kernel.shape.threads * length);
  colBegin = index.min(index.mul(kernel.tile, size), entries);
  colEnd = index.min(index.add(colBegin, size), entries);
  rowBegin = index.constant(0);
  rowEnd = index.constant(1);
}

/// As many lanes as have work in a row. Where rows are folded, more than a warp's only if there are too few rows; where
/// blocks of codes are, as many as such a block needs.
Value ThreadEntries::createLanesShift() {
  if (isOriented(stage))
    return index.constant(llvm::Log2_64(OrientedBlocks::lanes));
  int64_t least = std::max<int64_t>(ThreadCodes::getBlock(stage) / ThreadCodes::length, 1);
  bool foldsRows = hasRowFolds(stage) || (reduces(stage, Access::Row) && !keepsColumns(stage));
  Value shift = index.constant(llvm::Log2_64(least));
  Value vectors = index.ceilDiv(index.sub(colEnd, colBegin), length), rows = index.sub(rowEnd, rowBegin);
  for (int64_t count = 2 * least; count <= kernel.shape.threads; count *= 2) {
    Value hasWork = index.compare(arith::CmpIPredicate::sgt, vectors, index.constant(count / 2));
    if (foldsRows && count > GpuShape::warp) {
      Value most = index.constant(2 * kernel.shape.threads / count);
      hasWork = arith::AndIOp::create(b, hasWork, index.compare(arith::CmpIPredicate::slt, rows, most));
    }
    shift = index.select(hasWork, index.constant(llvm::Log2_64(count)), shift);
  }
  return shift;
}

void ThreadEntries::placeThreads() {
  if (EntryMemory::isOneRow(stage)) {
    lanes = index.constant(kernel.shape.threads);
    lane = kernel.thread;
    firstRow = index.constant(0);
    rowsAtOnce = index.constant(1);
    return;
  }
  Value shift = createLanesShift();
  lanes = arith::ShLIOp::create(b, index.constant(1), shift);
  lane = arith::AndIOp::create(b, kernel.thread, index.sub(lanes, 1));
  firstRow = arith::ShRUIOp::create(b, kernel.thread, shift);
  rowsAtOnce = arith::ShRUIOp::create(b, index.constant(kernel.shape.threads), shift);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

IRMapping ThreadEntries::emitValues(Place place, const StageValues::Operations &needed) {
  IRMapping values = region.getShared();
  memory.enter(place);
  memory.load(needed, values);
  region.emit(place.row, place.col, needed, values);
  return values;
}

/// Entries that do not exist count as nothing.
Value ThreadEntries::maskReduced(CombineKind kind, Value vector, Value count) {
  Value mask = createMask(b, index.min(count, length), length);
  return arith::SelectOp::create(b, mask, vector, createIdentity(b, kind, vector.getType()));
}

ThreadEntries::Values ThreadEntries::emitEntries(Place place, ValueRange carried) {
  Values yielded = region.getYielded(emitValues(place, {}));
  size_t writes = stage.getStageWrites().size();
  memory.store(ArrayRef<Value>(yielded).take_front(writes));
  Values next;
  for (auto [reduction, value, sofar] : llvm::zip(reductions, ArrayRef<Value>(yielded).drop_front(writes), carried)) {
    Value reduced = maskReduced(reduction.kind, value, place.count);
    if (reduction.access == Access::Column && !keepsColumns(stage)) {
      foldColumn(reduction, reduced, place);
      next.push_back(sofar);
    } else {
      next.push_back(createFold(b, reduction.kind, sofar, reduced));
    }
  }
  return next;
}

/// The row's vectors, those of this thread.
ThreadEntries::Values ThreadEntries::emitColumns(Value row, ValueRange carried, EmitVector body) {
  Value step = index.mul(lanes, length), offset = index.mul(lane, length);
  Value isRow = index.compare(arith::CmpIPredicate::slt, row, lastRow);
  Value end = index.select(isRow, colEnd, colBegin); // of a row that does not exist nothing does
  auto loop =
      scf::ForOp::create(b, colBegin, colEnd, step, carried, [&](OpBuilder &, Location, Value begin, ValueRange sofar) {
        memory.gather(nextRow, lastRow, begin, colEnd);
        Value col = index.add(begin, offset);
        scf::YieldOp::create(b, body({row, col, index.sub(end, col)}, sofar));
      });
  return loop.getResults();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// The lanes of the vectors of `among` threads.
Value ThreadEntries::foldAll(CombineKind kind, Value vector, Value among) {
  return foldThreads(b, kernel, kind, foldLanes(b, kind, vector), among);
}

/// Visits the row once for each fold, in their order, as one may need another.
void ThreadEntries::emitRowFolds(Value row) {
  for (RowFoldOp fold : stage.getStageBody()->getOps<RowFoldOp>()) {
    StageValues::Operations needed = StageValues::getSlice(fold);
    auto foldColumns = [&](Place place, ValueRange sofar) -> Values {
      Value entries = emitValues(place, needed).lookup(fold.getOperand());
      return {createFold(b, fold.getKind(), sofar.front(), maskReduced(fold.getKind(), entries, place.count))};
    };
    Value identity = createIdentity(b, fold.getKind(), region.vectorOf(b.getF64Type()));
    region.setRowFold(fold, foldAll(fold.getKind(), emitColumns(row, identity, foldColumns).front(), lanes));
  }
}

/// What the rows before have reduced, but for a row's own numbers, comes in and goes out.
ThreadEntries::Values ThreadEntries::emitRow(Value row, ValueRange carried) {
  region.enterRow(index.min(row, index.sub(lastRow, 1))); // of a row that does not exist, the last one's numbers
  emitRowFolds(row);
  Values initial = llvm::to_vector(carried);
  for (auto [reduction, value] : llvm::zip(reductions, initial))
    if (reduction.access == Access::Row)
      value = createIdentity(b, reduction.kind, region.vectorOf(b.getF64Type()));
  Values results = emitColumns(row, initial, [&](Place place, ValueRange sofar) { return emitEntries(place, sofar); });
  Value isRow = index.compare(arith::CmpIPredicate::slt, row, lastRow);
  Value isFirst = index.compare(arith::CmpIPredicate::eq, lane, index.constant(0));
  Value stores = arith::AndIOp::create(b, isRow, isFirst);
  for (auto [reduction, value, before] : llvm::zip(reductions, results, carried)) {
    if (reduction.access != Access::Row)
      continue;
    Value number = foldAll(reduction.kind, value, lanes);
    Value partials = kernel.buffer(reduction.partials);
    index.ifTrue(stores, [&] { memref::StoreOp::create(b, number, partials, ValueRange{kernel.colBlock, row}); });
    value = before;
  }
  return results;
}

ThreadEntries::Values ThreadEntries::emitRows(Value begin, Value end, ValueRange carried) {
  // Loaded for each row, so that registers hold addresses of one row only.
  auto buffers = kernel.buffers;
  auto rows =
      scf::ForOp::create(b, begin, end, rowsAtOnce, carried, [&](OpBuilder &, Location, Value first, ValueRange sofar) {
        if (!EntryMemory::isOneRow(stage))
          kernel.reloadBuffers();
        nextRow = first;
        lastRow = end;
        scf::YieldOp::create(b, emitRow(index.add(first, firstRow), sofar));
      });
  kernel.buffers = buffers;
  return rows.getResults();
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

/// Numbers a column that the first row of threads has.
void ThreadEntries::storeColumn(const Reduction &reduction, Value vector, Value col, Value count) {
  Value isFirst = index.compare(arith::CmpIPredicate::eq, firstRow, index.constant(0));
  index.ifTrue(isFirst, [&] {
    storeScattered(b, vector, getNeighbours(b, kernel.buffer(reduction.partials), kernel.rowBlock, col, length), count);
  });
}

/// Adds to what lies in memory, as the rows are too long for registers; the tile's first rows start it. The same
/// threads come back to the same columns.
void ThreadEntries::foldColumn(const Reduction &reduction, Value vector, Place place) {
  Value begun = index.compare(arith::CmpIPredicate::ne, nextRow, rowBegin);
  Value isFirst = index.compare(arith::CmpIPredicate::eq, firstRow, index.constant(0));
  Value folded = foldGroups(b, kernel, reduction.kind, vector, lanes);
  auto load = [&](OpBuilder &, Location) {
    ScatteredVector sofar = getNeighbours(b, kernel.buffer(reduction.partials), kernel.rowBlock, place.col, length);
    scf::YieldOp::create(b, loadScattered(b, sofar, place.count));
  };
  auto start = [&](OpBuilder &, Location) {
    scf::YieldOp::create(b, createIdentity(b, reduction.kind, vector.getType()));
  };
  Value sofar = scf::IfOp::create(b, arith::AndIOp::create(b, begun, isFirst), load, start).getResult(0);
  storeColumn(reduction, createFold(b, reduction.kind, sofar, folded), place.col, place.count);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

LogicalResult ThreadEntries::begin() {
  if (failed(region.emitShared(kernel.scalars)))
    return failure();
  if (EntryMemory::isOneRow(stage))
    takeOneRow();
  placeThreads();
  memory.begin(colBegin);
  return success();
}

ThreadEntries::Values ThreadEntries::getInitial() {
  Values initial;
  for (const Reduction &reduction : reductions)
    initial.push_back(createIdentity(b, reduction.kind, region.vectorOf(b.getF64Type())));
  return initial;
}

/// The tile's numbers; columns that threads kept are stored.
ThreadEntries::Values ThreadEntries::finishTile(ValueRange carried) {
  Values results;
  Value col = index.add(colBegin, index.mul(lane, length));
  for (auto [reduction, value] : llvm::zip(reductions, carried)) {
    if (reduction.access == Access::Column && keepsColumns(stage))
      storeColumn(reduction, foldGroups(b, kernel, reduction.kind, value, lanes), col, index.sub(colEnd, col));
    if (reduction.access == Access::Single)
      results.push_back(foldAll(reduction.kind, value, index.constant(kernel.shape.threads)));
  }
  return results;
}

FailureOr<ThreadEntries::Values> ThreadEntries::emitTile() {
  if (failed(begin()))
    return failure();
  return finishTile(emitRows(rowBegin, rowEnd, getInitial()));
}
