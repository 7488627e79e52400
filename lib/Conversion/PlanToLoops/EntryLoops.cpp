#include "EntryLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace descent::plan;

/// As many lanes as a register has of the narrowest type that entries are computed in; wider numbers take several.
static int64_t getVectorLength(StageOpInterface stage, unsigned vectorBits) {
  Block *body = stage.getStageBody();
  unsigned entries = stage.getNumSourceArguments() + stage.getStageReads().size();
  auto isF32 = [](Value value) { return value.getType().isF32(); };
  if (llvm::any_of(body->getArguments().take_front(entries), isF32) ||
      llvm::any_of(body->getTerminator()->getOperands().take_front(stage.getStageWrites().size()), isF32))
    return vectorBits / 32;
  return vectorBits / 64;
}

EntryLoops::EntryLoops(ImplicitLocOpBuilder &b, StageOpInterface stage, const Kernel &kernel, unsigned vectorBits)
    : b(b), stage(stage), kernel(kernel), length(getVectorLength(stage, vectorBits)), rowBegin(kernel.rowBegin),
      rowEnd(kernel.rowEnd), colBegin(kernel.colBegin), colEnd(kernel.colEnd), codes(b, stage, kernel, vectorBits),
      oriented(b, stage, kernel, vectorBits), region(b, stage, kernel.buffers, length),
      reductions(region.getReductions()) {}

bool EntryLoops::canBeOneRow() {
  auto fits = [&](Value buffer) {
    Access access = getEntryAccess(stage, buffer);
    return access == Access::Entry || access == Access::Single;
  };
  Block *body = stage.getStageBody();
  bool knowsPlaces = !body->getOps<DiagonalOp>().empty(), folds = !body->getOps<RowFoldOp>().empty();
  return !source && codes.isEmpty() && !knowsPlaces && !folds && reductions.empty() &&
         !stage.getStageWrites().empty() && llvm::all_of(stage.getStageReads(), fits);
}

/// Whole rows without gaps between them are one long row, so that narrow matrices fill vectors too.
void EntryLoops::treatAsOneRow() {
  Value cols = memref::DimOp::create(b, kernel.buffer(stage.getStageWrites().front()), createIndex(b, 1));
  Value begins = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, colBegin, createIndex(b, 0));
  Value ends = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, colEnd, cols);
  Value gapless = arith::AndIOp::create(b, begins, ends);
  llvm::SmallPtrSet<Value, 8> seen;
  for (Value buffer :
       llvm::concat<Value>(llvm::to_vector(stage.getStageReads()), llvm::to_vector(stage.getStageWrites()))) {
    if (getEntryAccess(stage, buffer) != Access::Entry || !seen.insert(buffer).second)
      continue;
    Value stride = memref::ExtractStridedMetadataOp::create(b, kernel.buffer(buffer)).getStrides()[0];
    Value packed = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, stride, cols);
    gapless = arith::AndIOp::create(b, gapless, packed);
  }
  auto choose = [&](Value whole, Value otherwise) { return arith::SelectOp::create(b, gapless, whole, otherwise); };
  colBegin = choose(arith::MulIOp::create(b, rowBegin, cols), colBegin);
  colEnd = choose(arith::MulIOp::create(b, rowEnd, cols), colEnd);
  rowBegin = choose(createIndex(b, 0), rowBegin);
  rowEnd = choose(createIndex(b, 1), rowEnd);
}

SmallVector<Value> EntryLoops::carried(const Accumulators &accumulators, bool withinRow) const {
  SmallVector<Value> values;
  for (auto [reduction, value] : llvm::zip(reductions, accumulators))
    if (reduction.access == Access::Single || (withinRow && reduction.access == Access::Row))
      values.push_back(value);
  return values;
}

void EntryLoops::setCarried(Accumulators &accumulators, ValueRange values, bool withinRow) const {
  auto next = values.begin();
  for (auto [reduction, value] : llvm::zip(reductions, accumulators))
    if (reduction.access == Access::Single || (withinRow && reduction.access == Access::Row))
      value = *next++;
}

Value EntryLoops::loadRead(Value buffer, Type type, Value row, Value col, Value mask) {
  if (codes.contains(buffer))
    return codes.load(buffer, arith::SubIOp::create(b, col, blockBegin), length, mask);
  return loadEntries(b, kernel.buffer(buffer), {row, col}, length, type, mask);
}

void EntryLoops::storeWrite(Value entries, Value buffer, Value row, Value col, Value mask) {
  if (codes.contains(buffer))
    return codes.store(entries, buffer, arith::SubIOp::create(b, col, blockBegin), mask);
  storeEntries(b, entries, kernel.buffer(buffer), {row, col}, mask);
}

void EntryLoops::loadReads(Value row, Value col, Value mask, IRMapping &loaded) {
  if (source) {
    Value atRow = arith::SubIOp::create(b, row, sourceRow);
    Value atCol = arith::SubIOp::create(b, col, sourceCol);
    BlockArgument entry = stage.getStageBody()->getArgument(0);
    loaded.map(entry, loadEntries(b, source, {atRow, atCol}, length, entry.getType(), mask));
  }
  for (auto [entry, buffer] : getReads(stage)) {
    Access access = getEntryAccess(stage, buffer);
    if (access == Access::Oriented) {
      auto [memref, blockRow, blockCol] = oriented.getPlace(buffer, row, col);
      loaded.map(entry, loadEntries(b, memref, {blockRow, blockCol}, length, entry.getType(), mask));
    }
    if (access != Access::Entry && access != Access::Column)
      continue;
    Value first = access == Access::Entry ? row : createIndex(b, 0);
    loaded.map(entry, loadRead(buffer, entry.getType(), first, col, mask));
  }
}

SmallVector<Value> EntryLoops::maskReduced(Value mask, ValueRange values) {
  SmallVector<Value> result(values.begin(), values.end());
  for (auto [reduction, value] : llvm::zip(reductions, result))
    if (mask)
      value = arith::SelectOp::create(b, mask, value, createIdentity(b, reduction.kind, value.getType()));
  return result;
}

void EntryLoops::foldEntries(Value row, Value col, Value mask, ValueRange values, Accumulators &accumulators) {
  for (auto [reduction, entries, accumulator] : llvm::zip(reductions, values, accumulators)) {
    Value identity = createIdentity(b, reduction.kind, entries.getType());
    if (reduction.access != Access::Column) {
      accumulator = createFold(b, reduction.kind, accumulator, entries);
      continue;
    }
    // The tile's first row starts the column's number.
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, row, rowBegin);
    SmallVector<Value> place = {kernel.rowBlock, col};
    Value sofar = loadEntries(b, kernel.buffer(reduction.partials), place, length, b.getF64Type(), mask);
    sofar = arith::SelectOp::create(b, isFirst, identity, sofar);
    storeEntries(b, createFold(b, reduction.kind, sofar, entries), kernel.buffer(reduction.partials), place, mask);
  }
}

IRMapping EntryLoops::emitValues(Value row, Value col, Value mask, const StageValues::Operations &needed) {
  IRMapping ofEntries = region.getShared();
  loadReads(row, col, mask, ofEntries);
  region.emit(row, col, needed, ofEntries);
  return ofEntries;
}

void EntryLoops::emitEntries(Value row, Value col, Value mask, Accumulators &accumulators) {
  SmallVector<Value> yielded = region.getYielded(emitValues(row, col, mask, {}));
  OperandRange writes = stage.getStageWrites();
  // Masked before anything is stored: LLVM 22 makes one masked load of a masked load and a selection with the same
  // mask, and puts it where the selection is.
  SmallVector<Value> reduced = maskReduced(mask, ArrayRef<Value>(yielded).drop_front(writes.size()));
  for (auto [buffer, value] : llvm::zip(writes, yielded))
    storeWrite(value, buffer, row, col, mask);
  foldEntries(row, col, mask, reduced, accumulators);
}

/// Unmasked over whole vectors, then once with a mask.
SmallVector<Value> EntryLoops::emitRange(Value begin, Value end, ArrayRef<Value> initial, VisitColumns body) {
  Value step = createIndex(b, length);
  Value remainder = arith::RemUIOp::create(b, arith::SubIOp::create(b, end, begin), step);
  Value mainEnd = arith::SubIOp::create(b, end, remainder);
  auto main =
      scf::ForOp::create(b, begin, mainEnd, step, initial, [&](OpBuilder &, Location, Value col, ValueRange values) {
        scf::YieldOp::create(b, body(col, Value(), values));
      });
  Value isRagged = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, remainder, createIndex(b, 0));
  auto tail = scf::IfOp::create(
      b, isRagged,
      [&](OpBuilder &, Location) {
        Value mask = createMask(b, remainder, length);
        scf::YieldOp::create(b, body(mainEnd, mask, main.getResults()));
      },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, main.getResults()); });
  return tail.getResults();
}

/// Tiles begin at blocks: codes of a block are decoded, computed with and, if entries are stored, encoded before the
/// next.
SmallVector<Value> EntryLoops::emitColumns(ArrayRef<Value> initial, VisitColumns body, bool stores) {
  if (codes.isEmpty())
    return emitRange(colBegin, colEnd, initial, body);
  Value step = createIndex(b, codes.getBlock());
  auto blocks = scf::ForOp::create(
      b, colBegin, colEnd, step, initial, [&](OpBuilder &, Location, Value begin, ValueRange values) {
        blockBegin = begin;
        Value count = arith::MinUIOp::create(b, arith::SubIOp::create(b, colEnd, begin), step);
        codes.emitDecode(rowAtHand, begin, count);
        SmallVector<Value> results =
            emitRange(begin, arith::AddIOp::create(b, begin, count), llvm::to_vector(values), body);
        if (stores)
          codes.emitEncode(rowAtHand, begin, count);
        scf::YieldOp::create(b, results);
      });
  return blocks.getResults();
}

/// Visits the row once for each fold, in their order, as one may need another.
void EntryLoops::emitRowFolds(Value row) {
  auto vectorF64 = VectorType::get({length}, b.getF64Type());
  for (RowFoldOp fold : stage.getStageBody()->getOps<RowFoldOp>()) {
    StageValues::Operations needed = StageValues::getSlice(fold);
    Value identity = createIdentity(b, fold.getKind(), vectorF64);
    auto foldColumns = [&](Value col, Value mask, ValueRange sofar) -> SmallVector<Value> {
      Value entries = emitValues(row, col, mask, needed).lookup(fold.getOperand());
      if (mask)
        entries = arith::SelectOp::create(b, mask, entries, identity);
      return {createFold(b, fold.getKind(), sofar.front(), entries)};
    };
    Value lanes = emitColumns(identity, foldColumns, /*stores=*/false).front();
    region.setRowFold(fold, foldLanes(b, fold.getKind(), lanes));
  }
}

SmallVector<Value> EntryLoops::emitRow(Value row, ValueRange tileAccumulators) {
  auto vectorF64 = VectorType::get({length}, b.getF64Type());
  Accumulators accumulators;
  for (const Reduction &reduction : reductions)
    accumulators.push_back(reduction.access == Access::Row ? createIdentity(b, reduction.kind, vectorF64) : Value());
  setCarried(accumulators, tileAccumulators, false);

  region.enterRow(row);
  rowAtHand = row;
  emitRowFolds(row);
  auto reduceColumns = [&](Value col, Value mask, ValueRange values) {
    Accumulators inner = accumulators;
    setCarried(inner, values, true);
    emitEntries(row, col, mask, inner);
    return carried(inner, true);
  };
  setCarried(accumulators, emitColumns(carried(accumulators, true), reduceColumns, /*stores=*/true), true);

  for (auto [reduction, accumulator] : llvm::zip(reductions, accumulators))
    if (reduction.access == Access::Row)
      memref::StoreOp::create(b, foldLanes(b, reduction.kind, accumulator), kernel.buffer(reduction.partials),
                              ValueRange{kernel.colBlock, row});
  return carried(accumulators, false);
}

SmallVector<Value> EntryLoops::emitRows(Value begin, Value end, ValueRange tileAccumulators) {
  auto rows = scf::ForOp::create(
      b, begin, end, createIndex(b, 1), tileAccumulators,
      [&](OpBuilder &, Location, Value row, ValueRange values) { scf::YieldOp::create(b, emitRow(row, values)); });
  return rows.getResults();
}

/// A block of rows at a time, so that what is transposed for it stays in the cache.
SmallVector<Value> EntryLoops::emitRowBlocks(ValueRange tileAccumulators) {
  Value step = createIndex(b, OrientedTiles::blockRows);
  auto blocks = scf::ForOp::create(
      b, rowBegin, rowEnd, step, tileAccumulators, [&](OpBuilder &, Location, Value begin, ValueRange values) {
        Value end = arith::MinSIOp::create(b, arith::AddIOp::create(b, begin, step), rowEnd);
        oriented.gather(begin, end);
        scf::YieldOp::create(b, emitRows(begin, end, values));
      });
  return blocks.getResults();
}

SmallVector<Value> EntryLoops::emitBlock(EntryBlock block) {
  rowBegin = block.rowBegin;
  rowEnd = block.rowEnd;
  colBegin = block.colBegin;
  colEnd = block.colEnd;
  if (canBeOneRow())
    treatAsOneRow();
  auto vectorF64 = VectorType::get({length}, b.getF64Type());
  SmallVector<Value> initial;
  for (const Reduction &reduction : reductions)
    if (reduction.access == Access::Single)
      initial.push_back(createIdentity(b, reduction.kind, vectorF64));
  SmallVector<Value> totals = oriented.isEmpty() ? emitRows(rowBegin, rowEnd, initial) : emitRowBlocks(initial);
  SmallVector<Value> results;
  auto *accumulator = totals.begin();
  for (const Reduction &reduction : reductions)
    if (reduction.access == Access::Single)
      results.push_back(weigh(reduction.kind, foldLanes(b, reduction.kind, *accumulator++)));
  return results;
}

Value EntryLoops::weigh(CombineKind kind, Value number) {
  if (!weight || kind != CombineKind::Sum)
    return number;
  return arith::MulFOp::create(b, number, weight);
}

FailureOr<SmallVector<Value>> EntryLoops::emitTile() {
  if (failed(emitShared()))
    return failure();
  return emitBlock({kernel.rowBegin, kernel.rowEnd, kernel.colBegin, kernel.colEnd});
}

FailureOr<func::FuncOp> descent::plan::createSweepKernel(ImplicitLocOpBuilder &b, SweepOp stage, unsigned vectorBits) {
  auto isTile = [](Value buffer) { return cast<BufferType>(buffer.getType()).getCols() == Extent::Tiles; };
  KernelShape shape;
  shape.scratch = BlockwiseEntries::getScratchType(stage);
  shape.results = llvm::count_if(stage.getPartials(), isTile);
  Kernel kernel = createKernel(b, stage, shape);
  FailureOr<SmallVector<Value>> results = EntryLoops(b, stage, kernel, vectorBits).emitTile();
  if (failed(results)) {
    kernel.function.erase();
    return failure();
  }
  func::ReturnOp::create(b, *results);
  if (readsOriented(stage))
    stage->setAttr("plan.tile", b.getDenseI64ArrayAttr({OrientedTiles::tileCols, 65536}));
  // Whole rows, however long; several of them where a tile has a partial result for each column.
  auto isRowBlocks = [](Value buffer) { return cast<BufferType>(buffer.getType()).getRows() == Extent::RowBlocks; };
  if (!stage.getBody()->getOps<RowFoldOp>().empty())
    stage->setAttr(
        "plan.tile",
        b.getDenseI64ArrayAttr({int64_t(1) << 40, llvm::any_of(stage.getPartials(), isRowBlocks) ? 1 << 18 : 1 << 15}));
  return kernel.function;
}
