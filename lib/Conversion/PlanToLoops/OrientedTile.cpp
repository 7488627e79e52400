#include "OrientedTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace descent::plan;

/// Elements from one row of a block to the next: a power of two would put the rows into few sets of the cache.
static constexpr int64_t kRowStride = OrientedTiles::tileCols + 16;

static int64_t getBlockBytes(Type element) {
  return OrientedTiles::blockRows * kRowStride * element.getIntOrFloatBitWidth() / 8;
}

/// The buffers that the stage reads in the other orientation, each once.
static llvm::SetVector<Value> getOrientedReads(StageOpInterface stage) {
  llvm::SetVector<Value> reads;
  for (Value buffer : stage.getStageReads())
    if (getAccess(stage.getStageDomain(), cast<BufferType>(buffer.getType())) == Access::Oriented)
      reads.insert(buffer);
  return reads;
}

int64_t OrientedTiles::getBytes(StageOpInterface stage) {
  int64_t bytes = 0;
  for (Value buffer : getOrientedReads(stage))
    bytes += getBlockBytes(cast<BufferType>(buffer.getType()).getElementType());
  return bytes;
}

OrientedTiles::OrientedTiles(ImplicitLocOpBuilder &b, StageOpInterface stage, const Kernel &kernel, unsigned vectorBits)
    : b(b), kernel(kernel), vectorBits(vectorBits) {
  int64_t offset = 0;
  for (Value buffer : getOrientedReads(stage)) {
    matrices[buffer] = {kernel.buffer(buffer), offset, Value(), Value(), Value()};
    offset += getBlockBytes(cast<BufferType>(buffer.getType()).getElementType());
  }
}

static void forRange(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step, function_ref<void(Value)> body) {
  scf::ForOp::create(b, begin, end, createIndex(b, step), ValueRange(),
                     [&](OpBuilder &, Location, Value index, ValueRange) {
                       body(index);
                       scf::YieldOp::create(b);
                     });
}

/// As many lanes as a register has of 32 or 64 bits: narrower squares would need more registers than there are.
static int64_t getSquare(unsigned vectorBits, Type element) {
  return vectorBits / std::max(element.getIntOrFloatBitWidth(), 32u);
}

/// A square of vectors through registers, as integers: not every processor moves 16-bit floats. Rows of the source that
/// do not exist are copies of the tile's last one, and columns are zero; neither is read.
void OrientedTiles::transposeSquare(Value source, Value block, Value rowBegin, Value row, Value rowEnd, Value col) {
  Type element = cast<MemRefType>(source.getType()).getElementType();
  int64_t length = getSquare(vectorBits, element);
  auto vectorType = VectorType::get({length}, element);
  VectorType bits = vectorType.clone(b.getIntegerType(element.getIntOrFloatBitWidth()));
  Value last = arith::SubIOp::create(b, kernel.colEnd, createIndex(b, 1));
  auto yieldLoads = [&](Value mask) {
    SmallVector<Value> loads;
    for (int64_t i = 0; i < length; ++i) {
      Value sourceRow = arith::MinSIOp::create(b, arith::AddIOp::create(b, col, createIndex(b, i)), last);
      loads.push_back(loadEntries(b, source, {sourceRow, row}, length, element, mask));
    }
    scf::YieldOp::create(b, loads);
  };
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                     arith::AddIOp::create(b, row, createIndex(b, length)), rowEnd);
  auto loads = scf::IfOp::create(
      b, fits, [&](OpBuilder &, Location) { yieldLoads(Value()); },
      [&](OpBuilder &, Location) { yieldLoads(createMask(b, arith::SubIOp::create(b, rowEnd, row), length)); });
  SmallVector<Value> rows;
  for (Value load : loads.getResults())
    rows.push_back(vector::BitCastOp::create(b, bits, load));
  Value blockRow = arith::SubIOp::create(b, row, rowBegin), blockCol = arith::SubIOp::create(b, col, kernel.colBegin);
  for (auto [i, transposed] : llvm::enumerate(transpose(b, rows))) {
    Value place = arith::AddIOp::create(b, blockRow, createIndex(b, i));
    storeEntries(b, vector::BitCastOp::create(b, vectorType, transposed), block, {place, blockCol}, Value());
  }
}

/// Bounds are those of the domain: its rows are the source's columns.
Value OrientedTiles::transposeBlock(const Matrix &matrix, Value rowBegin, Value rowEnd) {
  Type element = cast<MemRefType>(matrix.memref.getType()).getElementType();
  int64_t length = getSquare(vectorBits, element);
  auto type = MemRefType::get({blockRows, kRowStride}, element);
  Value block = memref::ViewOp::create(b, type, kernel.memory, createIndex(b, matrix.offset), ValueRange());
  forRange(b, rowBegin, rowEnd, length, [&](Value row) {
    forRange(b, kernel.colBegin, kernel.colEnd, length,
             [&](Value col) { transposeSquare(matrix.memref, block, rowBegin, row, rowEnd, col); });
  });
  return memref::CastOp::create(b, matrix.memref.getType(), block);
}

void OrientedTiles::gather(Value rowBegin, Value rowEnd) {
  for (auto &entry : matrices) {
    Matrix &matrix = entry.second;
    Value rows = memref::DimOp::create(b, matrix.memref, createIndex(b, 0));
    Value isTransposed = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rows, kernel.domainRows);
    auto choice = scf::IfOp::create(
        b, isTransposed,
        [&](OpBuilder &, Location) {
          Value block = transposeBlock(matrix, rowBegin, rowEnd);
          scf::YieldOp::create(b, ValueRange{block, rowBegin, kernel.colBegin});
        },
        [&](OpBuilder &, Location) {
          Value zero = createIndex(b, 0);
          scf::YieldOp::create(b, ValueRange{matrix.memref, zero, zero});
        });
    matrix.readable = choice.getResult(0);
    matrix.rowOrigin = choice.getResult(1);
    matrix.colOrigin = choice.getResult(2);
  }
}

OrientedTiles::Place OrientedTiles::getPlace(Value buffer, Value row, Value col) const {
  const Matrix &matrix = matrices.find(buffer)->second;
  return {matrix.readable, arith::SubIOp::create(b, row, matrix.rowOrigin),
          arith::SubIOp::create(b, col, matrix.colOrigin)};
}
