#include "EntryMemory.h"

using namespace mlir;
using namespace descent::plan;

EntryMemory::EntryMemory(ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel, int64_t length)
    : b(b), index(b), stage(stage), kernel(kernel), length(length), oneRow(isOneRow(stage)),
      oriented(b, stage, kernel, length), codes(b, stage, kernel) {}

bool EntryMemory::isOneRow(StageOpInterface stage) {
  auto hasNoPlace = [&](Value buffer) {
    Access access = getEntryAccess(stage, buffer);
    return access == Access::Entry || access == Access::Single;
  };
  auto isOfTile = [&](Value partials) {
    return getPartialAccess(stage.getStageDomain(), cast<BufferType>(partials.getType())) == Access::Single;
  };
  Block *body = stage.getStageBody();
  return stage.getNumSourceArguments() == 0 && ThreadCodes::getBlock(stage) == 0 &&
         body->getOps<DiagonalOp>().empty() && body->getOps<RowFoldOp>().empty() &&
         llvm::all_of(getEntryBuffers(stage), hasNoPlace) && llvm::all_of(stage.getStagePartials(), isOfTile);
}

//===----------------------------------------------------------------------===//
// Once a tile
//===----------------------------------------------------------------------===//

void EntryMemory::checkGaps() {
  Value cols = kernel.domainCols, most = index.constant(std::numeric_limits<int64_t>::max());
  Value hasGaps = arith::ConstantOp::create(b, b.getBoolAttr(false));
  for (Value buffer : getEntryBuffers(stage)) {
    if (getEntryAccess(stage, buffer) != Access::Entry)
      continue;
    Value stride = memref::ExtractStridedMetadataOp::create(b, kernel.buffer(buffer)).getStrides()[0];
    hasGaps = arith::OrIOp::create(b, hasGaps, index.compare(arith::CmpIPredicate::ne, stride, cols));
  }
  Value hasRows = index.compare(arith::CmpIPredicate::ne, kernel.domainRows, index.constant(1));
  hasGaps = arith::AndIOp::create(b, hasGaps, hasRows);
  gapless = arith::XOrIOp::create(b, hasGaps, arith::ConstantOp::create(b, b.getBoolAttr(true)));
  rowLength = index.select(gapless, most, cols);
}

void EntryMemory::begin(Value colBegin) {
  oriented.begin();
  codes.begin();
  Value zero = index.constant(0), beyond = index.rem(colBegin, length), strides = zero;
  for (Value buffer : getEntryBuffers(stage)) {
    Access access = getEntryAccess(stage, buffer);
    if (access != Access::Entry && access != Access::Column)
      continue;
    Misalignment misalignment = createMisalignment(b, kernel.buffer(buffer), length, kernel.shape);
    beyond = arith::OrIOp::create(b, beyond, misalignment.address);
    if (access == Access::Entry)
      strides = arith::OrIOp::create(b, strides, misalignment.stride);
  }
  if (oneRow) {
    checkGaps();
    // Rows of whole vectors, if they lie apart.
    strides = arith::OrIOp::create(b, strides, index.rem(kernel.domainCols, length));
    strides = index.select(gapless, zero, strides);
  }
  aligned = index.compare(arith::CmpIPredicate::eq, arith::OrIOp::create(b, beyond, strides), zero);
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

void EntryMemory::enter(Place next) {
  place = next;
  row = place.row;
  col = place.col;
  if (!oneRow)
    return;
  auto there = scf::IfOp::create(
      b, gapless, [&](OpBuilder &, Location) { scf::YieldOp::create(b, ValueRange{index.constant(0), place.col}); },
      [&](OpBuilder &, Location) {
        Value divided = arith::DivUIOp::create(b, place.col, kernel.domainCols);
        Value rest = index.sub(place.col, index.mul(divided, kernel.domainCols));
        scf::YieldOp::create(b, ValueRange{divided, rest});
      });
  row = there.getResult(0);
  col = there.getResult(1);
}

Value EntryMemory::isWhole() {
  Value all = index.compare(arith::CmpIPredicate::sge, place.count, index.constant(length));
  return arith::AndIOp::create(b, aligned, all);
}

Value EntryMemory::createRow(Value buffer) {
  return getEntryAccess(stage, buffer) == Access::Column ? index.constant(0) : row;
}

/// In one long row a vector may go on in the next row of memory.
ScatteredVector EntryMemory::scatter(Value buffer) {
  if (!oneRow)
    return getNeighbours(b, kernel.buffer(buffer), createRow(buffer), col, length);
  ScatteredVector vector = {kernel.buffer(buffer), {{row, col}}};
  while (int64_t(vector.places.size()) < length) {
    auto [thisRow, thisCol] = vector.places.back();
    Value next = index.add(thisCol, 1), isEnd = index.compare(arith::CmpIPredicate::eq, next, rowLength);
    vector.places.push_back(
        {index.select(isEnd, index.add(thisRow, 1), thisRow), index.select(isEnd, index.constant(0), next)});
  }
  return vector;
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

Value EntryMemory::loadSource() {
  Type element = cast<MemRefType>(source.getType()).getElementType();
  auto type = VectorType::get({length}, element);
  auto load = [&](OpBuilder &, Location) {
    SmallVector<Value> at = {index.sub(place.row, sourceRow), index.sub(place.col, sourceCol)};
    scf::YieldOp::create(b, loadVector(b, source, at, length, kernel.shape));
  };
  auto otherwise = [&](OpBuilder &, Location) {
    scf::YieldOp::create(b, arith::ConstantOp::create(b, b.getZeroAttr(type)).getResult());
  };
  Value exists = index.compare(arith::CmpIPredicate::sgt, place.count, index.constant(0));
  return scf::IfOp::create(b, exists, load, otherwise).getResult(0);
}

SmallVector<Value> EntryMemory::loadTogether(ArrayRef<Value> buffers) {
  if (buffers.empty())
    return {};
  auto whole = [&](OpBuilder &, Location) {
    SmallVector<Value> loaded;
    for (Value buffer : buffers)
      loaded.push_back(loadVector(b, kernel.buffer(buffer), {createRow(buffer), col}, length, kernel.shape));
    scf::YieldOp::create(b, loaded);
  };
  auto part = [&](OpBuilder &, Location) {
    SmallVector<ScatteredVector> vectors;
    for (Value buffer : buffers)
      vectors.push_back(scatter(buffer));
    scf::YieldOp::create(b, loadScattered(b, vectors, place.count));
  };
  return scf::IfOp::create(b, isWhole(), whole, part).getResults();
}

void EntryMemory::load(const StageValues::Operations &needed, IRMapping &values) {
  SmallVector<std::pair<BlockArgument, Value>> reads;
  SmallVector<Value> buffers;
  for (auto [entry, buffer] : getReads(stage)) {
    Access access = getEntryAccess(stage, buffer);
    bool isUsed = needed.empty() || llvm::any_of(entry.getUsers(), [&](Operation *op) { return needed.contains(op); });
    if (!isUsed || access == Access::Row || access == Access::Single)
      continue;
    if (access == Access::Oriented) {
      Value entries = oriented.load(buffer, place.row, place.col, place.count);
      values.map(entry, convertFloat(b, entries, entry.getType()));
      continue;
    }
    reads.push_back({entry, buffer});
    buffers.push_back(buffer);
  }
  if (source)
    values.map(stage.getStageBody()->getArgument(0), loadSource());
  for (auto [read, loaded] : llvm::zip(reads, loadTogether(buffers))) {
    auto [entry, buffer] = read;
    Value entries = codes.contains(buffer) ? codes.createEntries(buffer, loaded, row, col, place.count) : loaded;
    values.map(entry, convertFloat(b, entries, entry.getType()));
  }
}

void EntryMemory::store(ValueRange values) {
  SmallVector<Value> buffers = llvm::to_vector(stage.getStageWrites()), stored;
  if (buffers.empty())
    return;
  for (auto [buffer, value] : llvm::zip(buffers, values)) {
    Type type = cast<MemRefType>(kernel.buffer(buffer).getType()).getElementType();
    stored.push_back(codes.contains(buffer) ? codes.createCodes(buffer, value, row, col, place.count)
                                            : convertFloat(b, value, type));
  }
  auto whole = [&](OpBuilder &, Location) {
    for (auto [buffer, vector] : llvm::zip(buffers, stored))
      storeVector(b, vector, kernel.buffer(buffer), {row, col}, kernel.shape);
    scf::YieldOp::create(b);
  };
  auto part = [&](OpBuilder &, Location) {
    SmallVector<ScatteredVector> vectors;
    for (Value buffer : buffers)
      vectors.push_back(scatter(buffer));
    storeScattered(b, stored, vectors, place.count);
    scf::YieldOp::create(b);
  };
  scf::IfOp::create(b, isWhole(), whole, part);
}
