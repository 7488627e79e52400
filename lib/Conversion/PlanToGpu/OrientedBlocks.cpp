#include "OrientedBlocks.h"

#include "VectorAccess.h"

#include "descent/Conversion/Kernels/StageValues.h"

using namespace mlir;
using namespace descent::plan;

OrientedBlocks::OrientedBlocks(ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel, int64_t length)
    : b(b), index(b), kernel(kernel), length(length), rows(kernel.shape.threads / lanes), cols(lanes * length) {
  for (Value buffer : getEntryBuffers(stage))
    if (getEntryAccess(stage, buffer) == Access::Oriented)
      matrices[buffer].element = cast<BufferType>(buffer.getType()).getMemoryType();
}

void OrientedBlocks::begin() {
  for (auto &[buffer, matrix] : matrices) {
    Value stored = index.dim(kernel.buffer(buffer), 0);
    isTransposed = index.compare(arith::CmpIPredicate::ne, stored, kernel.domainRows);
    matrix.block = kernel.addWorkgroupBuffer(b, MemRefType::get({cols, rows + 1}, matrix.element));
    Misalignment beyond = createMisalignment(b, kernel.buffer(buffer), length, kernel.shape);
    Value any = arith::OrIOp::create(b, arith::OrIOp::create(b, beyond.address, beyond.stride),
                                     index.rem(kernel.colBegin, length));
    matrix.aligned = index.compare(arith::CmpIPredicate::eq, any, index.constant(0));
  }
}

/// A thread's share of a block lies in one column of the domain, and so along a row of the matrix.
void OrientedBlocks::gather(Value rowBegin, Value rowEnd, Value colBegin, Value colEnd) {
  if (isEmpty())
    return;
  index.ifTrue(isTransposed, [&] {
    kernel.createBarrier(b); // after the last block has been read
    Value blockRow = index.rem(kernel.thread, rows), row = index.add(rowBegin, blockRow);
    Value isRow = index.compare(arith::CmpIPredicate::slt, row, rowEnd);
    for (auto &[buffer, matrix] : matrices) {
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(matrix.element));
      SmallVector<Value> blockCols, entries;
      for (int64_t i = 0; i < length; ++i) {
        blockCols.push_back(index.add(index.div(kernel.thread, rows), i * lanes));
        Value col = index.add(colBegin, blockCols.back());
        Value exists = arith::AndIOp::create(b, isRow, index.compare(arith::CmpIPredicate::slt, col, colEnd));
        auto load = [&, memref = kernel.buffer(buffer)](OpBuilder &, Location) {
          scf::YieldOp::create(b, memref::LoadOp::create(b, memref, ValueRange{col, row}).getResult());
        };
        auto otherwise = [&](OpBuilder &, Location) { scf::YieldOp::create(b, zero); };
        entries.push_back(scf::IfOp::create(b, exists, load, otherwise).getResult(0));
      }
      for (auto [blockCol, entry] : llvm::zip(blockCols, entries))
        memref::StoreOp::create(b, entry, matrix.block, ValueRange{blockCol, blockRow});
    }
    kernel.createBarrier(b);
  });
}

Value OrientedBlocks::loadBlock(const Matrix &matrix) {
  Value row = index.div(kernel.thread, lanes), col = index.mul(index.rem(kernel.thread, lanes), length);
  SmallVector<Value> entries;
  for (int64_t i = 0; i < length; ++i)
    entries.push_back(memref::LoadOp::create(b, matrix.block, ValueRange{index.add(col, i), row}));
  return vector::FromElementsOp::create(b, getType(matrix), entries);
}

Value OrientedBlocks::loadInPlace(Value buffer, Value row, Value col, Value count) {
  Value memref = kernel.buffer(buffer), all = index.compare(arith::CmpIPredicate::sge, count, index.constant(length));
  auto whole = [&](OpBuilder &, Location) {
    scf::YieldOp::create(b, loadVector(b, memref, {row, col}, length, kernel.shape));
  };
  auto part = [&](OpBuilder &, Location) {
    scf::YieldOp::create(b, loadScattered(b, getNeighbours(b, memref, row, col, length), count));
  };
  Value isWhole = arith::AndIOp::create(b, matrices.find(buffer)->second.aligned, all);
  return scf::IfOp::create(b, isWhole, whole, part).getResult(0);
}

Value OrientedBlocks::load(Value buffer, Value row, Value col, Value count) {
  const Matrix &matrix = matrices.find(buffer)->second;
  auto block = [&](OpBuilder &, Location) { scf::YieldOp::create(b, loadBlock(matrix)); };
  auto inPlace = [&](OpBuilder &, Location) { scf::YieldOp::create(b, loadInPlace(buffer, row, col, count)); };
  return scf::IfOp::create(b, isTransposed, block, inPlace).getResult(0);
}
