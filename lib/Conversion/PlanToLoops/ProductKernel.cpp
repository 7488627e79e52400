// Matrix products. A tile of the result is accumulated in the kernel's private memory, a block of the inner extent at a
// time: the right factor's block is packed into panels of two vectors, the left one is read in place (or, if it is
// stored narrower than it is accumulated, one row panel at a time). Then the epilogue's loops run over the tile.
#include "EntryLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace descent::plan;

namespace {
/// Sizes of a product's blocks, in elements.
struct ProductBlocking {
  explicit ProductBlocking(unsigned vectorBits, Type accumulator)
      : length(vectorBits / accumulator.getIntOrFloatBitWidth()), panel(2 * length) {
    // Accumulators, two vectors of the panel and one of the left factor fill 32 registers, or 16.
    rows = vectorBits >= 512 ? 8 : 6;
  }

  /// The most that a tile of the result takes when its rows and columns are rounded up to whole panels: columns come in
  /// multiples of 16, so at worst they double.
  int64_t tileCapacity() const { return 2 * tileElements + rows * (tileCols + panel); }
  int64_t packedRight() const { return inner * (tileCols + panel); }
  int64_t packedLeft() const { return inner * rows; }
  int64_t scratch() const { return tileCapacity() + packedRight() + packedLeft(); }

  int64_t length, panel, rows;
  int64_t inner = 256; // a panel of the right factor: 32 KiB
  // The tile, 128 rows of it, and a block of the right factor share the second-level cache.
  int64_t tileCols = 256, tileElements = 128 * 256;
};

/// Emits the function that accumulates a tile: (lhs, rhs, scratch, rowBegin, rowEnd, colBegin, colEnd).
class ProductCore {
public:
  ProductCore(ImplicitLocOpBuilder &b, ProductOp stage, unsigned vectorBits)
      : b(b), transposed(stage.getTransposed()), type(stage.getBody()->getArgument(0).getType()),
        vectorType(VectorType::get({ProductBlocking(vectorBits, type).length}, type)), size(vectorBits, type),
        leftType(stage.getLhs().getType().getElementType()), rightType(stage.getRhs().getType().getElementType()) {}

  const ProductBlocking &blocking() const { return size; }
  MemRefType scratchType() const { return MemRefType::get({size.scratch()}, type); }
  /// Columns of the accumulated tile, rounded up to whole panels: its row stride.
  static Value createTileStride(ImplicitLocOpBuilder &b, Value colBegin, Value colEnd, int64_t panel);
  func::FuncOp getOrCreate(Operation *beside);

private:
  std::string name() const;
  void emitBody();
  void emitInnerBlock(Value block);
  void packRight(Value panelBegin);
  void packRightRows(Value panelBegin);
  void packRightTransposed(Value panelBegin, Value half);
  void packLeft(Value row);
  void emitPanel(Value row, Value panelBegin);
  SmallVector<Value> emitInnerLoop(Value row, Value panelBegin, ValueRange accumulators);
  Value clampedRow(Value row, int64_t offset);

  Value add(Value lhs, Value rhs) { return arith::AddIOp::create(b, lhs, rhs); }
  Value add(Value lhs, int64_t rhs) { return arith::AddIOp::create(b, lhs, createIndex(b, rhs)); }
  Value sub(Value lhs, Value rhs) { return arith::SubIOp::create(b, lhs, rhs); }
  Value mul(Value lhs, int64_t rhs) { return arith::MulIOp::create(b, lhs, createIndex(b, rhs)); }
  Value min(Value lhs, Value rhs) { return arith::MinSIOp::create(b, lhs, rhs); }
  void forRange(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body) {
    scf::ForOp::create(b, begin, end, createIndex(b, step), ValueRange(),
                       [&](OpBuilder &, Location, Value index, ValueRange) {
                         body(index);
                         scf::YieldOp::create(b);
                       });
  }
  /// `length` entries from each place (a row and a column) on, zero from the column `end` on. The last place reaches
  /// furthest: the loads have masks only where it does not fit.
  SmallVector<Value> loadUpTo(Value memref, ArrayRef<std::pair<Value, Value>> places, Value end);

  ImplicitLocOpBuilder &b;
  bool transposed;
  Type type; // of accumulation
  VectorType vectorType;
  ProductBlocking size;
  Type leftType, rightType;
  Value lhs, rhs, scratch, rowBegin, rowEnd, colBegin, colEnd;
  Value tileStride, packedRight, packedLeft; // the latter two: places in scratch
  Value innerBegin, innerEnd, isFirstBlock;
};
} // namespace

Value ProductCore::createTileStride(ImplicitLocOpBuilder &b, Value colBegin, Value colEnd, int64_t panel) {
  Value panels = arith::CeilDivUIOp::create(b, arith::SubIOp::create(b, colEnd, colBegin), createIndex(b, panel));
  return arith::MulIOp::create(b, panels, createIndex(b, panel));
}

std::string ProductCore::name() const {
  std::string name;
  llvm::raw_string_ostream(name) << "accumulate_" << leftType << '_' << rightType << (transposed ? "_transposed_" : "_")
                                 << type;
  return name;
}

func::FuncOp ProductCore::getOrCreate(Operation *beside) {
  Operation *module = SymbolTable::getNearestSymbolTable(beside);
  if (auto known = SymbolTable::lookupSymbolIn(module, name()))
    return cast<func::FuncOp>(known);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(beside);
  Type index = b.getIndexType();
  SmallVector<Type> types = {getMemRefType(b.getContext(), leftType),
                             getMemRefType(b.getContext(), rightType),
                             scratchType(),
                             index,
                             index,
                             index,
                             index};
  auto function = func::FuncOp::create(b, name(), b.getFunctionType(types, {}));
  function.setPrivate();
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  Value *arguments[] = {&lhs, &rhs, &scratch, &rowBegin, &rowEnd, &colBegin, &colEnd};
  for (auto [place, argument] : llvm::zip(arguments, entry->getArguments()))
    *place = argument;
  emitBody();
  func::ReturnOp::create(b);
  return function;
}

void ProductCore::emitBody() {
  tileStride = createTileStride(b, colBegin, colEnd, size.panel);
  packedRight = createIndex(b, size.tileCapacity());
  packedLeft = createIndex(b, size.tileCapacity() + size.packedRight());
  // An empty sum is zero: there is at least one block.
  Value inner = memref::DimOp::create(b, lhs, createIndex(b, 1));
  Value blocks = arith::CeilDivUIOp::create(b, inner, createIndex(b, size.inner));
  blocks = arith::MaxSIOp::create(b, blocks, createIndex(b, 1));
  forRange(createIndex(b, 0), blocks, 1, [&](Value block) {
    innerBegin = mul(block, size.inner);
    innerEnd = min(add(innerBegin, size.inner), inner);
    emitInnerBlock(block);
  });
}

void ProductCore::emitInnerBlock(Value block) {
  Value zero = createIndex(b, 0);
  isFirstBlock = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, block, zero);
  forRange(zero, tileStride, size.panel, [&](Value panelBegin) { packRight(panelBegin); });
  forRange(rowBegin, rowEnd, size.rows, [&](Value row) {
    if (leftType != type)
      packLeft(row);
    forRange(zero, tileStride, size.panel, [&](Value panelBegin) { emitPanel(row, panelBegin); });
  });
}

SmallVector<Value> ProductCore::loadUpTo(Value memref, ArrayRef<std::pair<Value, Value>> places, Value end) {
  Value last = places.back().second;
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, add(last, size.length), end);
  auto yieldLoads = [&](bool masked) {
    SmallVector<Value> loads;
    Value mask, maskOf;
    for (auto [row, col] : places) {
      if (masked && maskOf != col)
        mask = createMask(b, sub(end, maskOf = col), size.length);
      loads.push_back(loadEntries(b, memref, {row, col}, size.length, type, mask));
    }
    scf::YieldOp::create(b, loads);
  };
  auto choice = scf::IfOp::create(
      b, fits, [&](OpBuilder &, Location) { yieldLoads(false); }, [&](OpBuilder &, Location) { yieldLoads(true); });
  return choice.getResults();
}

/// Panels hold `panel` columns of each row of the block, one row after the other; columns that do not exist are zero.
void ProductCore::packRight(Value panelBegin) {
  if (!transposed)
    return packRightRows(panelBegin);
  forRange(createIndex(b, 0), createIndex(b, size.panel), size.length,
           [&](Value half) { packRightTransposed(panelBegin, half); });
}

void ProductCore::packRightRows(Value panelBegin) {
  Value col = add(colBegin, panelBegin);
  Value place = add(packedRight, arith::MulIOp::create(b, panelBegin, createIndex(b, size.inner)));
  forRange(innerBegin, innerEnd, 1, [&](Value inner) {
    Value packed = add(place, mul(sub(inner, innerBegin), size.panel));
    SmallVector<Value> halves = loadUpTo(rhs, {{inner, col}, {inner, add(col, size.length)}}, colEnd);
    for (auto [half, entries] : llvm::enumerate(halves))
      storeEntries(b, entries, scratch, add(packed, half * size.length), Value());
  });
}

/// Squares of vectors go through registers. Rows of the factor that do not exist are copies of its last one.
void ProductCore::packRightTransposed(Value panelBegin, Value half) {
  Value col = add(add(colBegin, panelBegin), half);
  Value last = sub(colEnd, createIndex(b, 1));
  Value place = add(add(packedRight, arith::MulIOp::create(b, panelBegin, createIndex(b, size.inner))), half);
  forRange(innerBegin, innerEnd, size.length, [&](Value inner) {
    SmallVector<std::pair<Value, Value>> places;
    for (int64_t i = 0; i < size.length; ++i)
      places.push_back({min(add(col, i), last), inner});
    Value packed = add(place, mul(sub(inner, innerBegin), size.panel));
    for (auto [i, row] : llvm::enumerate(transpose(b, loadUpTo(rhs, places, innerEnd))))
      storeEntries(b, row, scratch, add(packed, i * size.panel), Value());
  });
}

/// Rows that do not exist are copies of the last one; what comes of them is never read.
Value ProductCore::clampedRow(Value row, int64_t offset) {
  return min(add(row, offset), sub(rowEnd, createIndex(b, 1)));
}

void ProductCore::packLeft(Value row) {
  for (int64_t i = 0; i < size.rows; ++i) {
    Value place = add(packedLeft, i * size.inner);
    Value source = clampedRow(row, i);
    forRange(innerBegin, innerEnd, size.length, [&](Value inner) {
      Value entries = loadUpTo(lhs, {{source, inner}}, innerEnd).front();
      storeEntries(b, entries, scratch, add(place, sub(inner, innerBegin)), Value());
    });
  }
}

/// The sum over the block of the inner extent, for `rows` by two vectors of the tile.
SmallVector<Value> ProductCore::emitInnerLoop(Value row, Value panelBegin, ValueRange accumulators) {
  SmallVector<Value> rows;
  for (int64_t i = 0; i < size.rows; ++i)
    rows.push_back(leftType == type ? clampedRow(row, i) : add(packedLeft, i * size.inner));
  Value place = add(packedRight, arith::MulIOp::create(b, panelBegin, createIndex(b, size.inner)));
  Value inners = sub(innerEnd, innerBegin);
  auto loop = scf::ForOp::create(
      b, createIndex(b, 0), inners, createIndex(b, 1), accumulators,
      [&](OpBuilder &, Location, Value inner, ValueRange sums) {
        SmallVector<Value> right, next;
        Value packed = add(place, mul(inner, size.panel));
        for (int64_t half = 0; half < 2; ++half)
          right.push_back(loadEntries(b, scratch, add(packed, half * size.length), size.length, type, Value()));
        for (int64_t i = 0; i < size.rows; ++i) {
          Value left = leftType == type
                           ? memref::LoadOp::create(b, lhs, ValueRange{rows[i], add(innerBegin, inner)}).getResult()
                           : memref::LoadOp::create(b, scratch, ValueRange{add(rows[i], inner)}).getResult();
          Value lefts = vector::BroadcastOp::create(b, vectorType, left);
          for (int64_t half = 0; half < 2; ++half)
            next.push_back(vector::FMAOp::create(b, lefts, right[half], sums[2 * i + half]));
        }
        scf::YieldOp::create(b, next);
      });
  return loop.getResults();
}

void ProductCore::emitPanel(Value row, Value panelBegin) {
  Value first = add(arith::MulIOp::create(b, sub(row, rowBegin), tileStride), panelBegin);
  SmallVector<Value> places, accumulators;
  for (int64_t i = 0; i < size.rows; ++i) {
    Value rowPlace = add(first, arith::MulIOp::create(b, createIndex(b, i), tileStride));
    places.push_back(rowPlace);
    places.push_back(add(rowPlace, size.length));
  }
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vectorType));
  for (Value place : places) {
    Value sofar = loadEntries(b, scratch, place, size.length, type, Value());
    accumulators.push_back(arith::SelectOp::create(b, isFirstBlock, zero, sofar));
  }
  SmallVector<Value> sums = emitInnerLoop(row, panelBegin, accumulators);
  for (auto [place, sum] : llvm::zip(places, sums))
    storeEntries(b, sum, scratch, place, Value());
}

FailureOr<func::FuncOp> descent::plan::createProductKernel(ImplicitLocOpBuilder &b, ProductOp stage,
                                                           unsigned vectorBits) {
  ProductCore core(b, stage, vectorBits);
  const ProductBlocking &blocking = core.blocking();
  auto isTile = [](Value buffer) { return cast<BufferType>(buffer.getType()).getCols() == Extent::Tiles; };
  KernelShape shape;
  shape.scratch = core.scratchType();
  shape.results = llvm::count_if(stage.getPartials(), isTile);
  Kernel kernel = createKernel(b, stage, shape);
  func::CallOp::create(b, core.getOrCreate(kernel.function),
                       ValueRange{kernel.buffer(stage.getLhs()), kernel.buffer(stage.getRhs()), kernel.scratch,
                                  kernel.rowBegin, kernel.rowEnd, kernel.colBegin, kernel.colEnd});

  Value stride = ProductCore::createTileStride(b, kernel.colBegin, kernel.colEnd, blocking.panel);
  OpFoldResult one = b.getIndexAttr(1);
  OpFoldResult rows = arith::SubIOp::create(b, kernel.rowEnd, kernel.rowBegin).getResult();
  MemRefType tileType = getMemRefType(b.getContext(), shape.scratch.getElementType());
  Value tile =
      memref::ReinterpretCastOp::create(b, tileType, kernel.scratch, b.getIndexAttr(0),
                                        ArrayRef<OpFoldResult>{rows, stride}, ArrayRef<OpFoldResult>{stride, one});
  EntryLoops loops(b, stage, kernel, vectorBits);
  loops.setSource(tile);
  FailureOr<SmallVector<Value>> results = loops.emit();
  if (failed(results)) {
    kernel.function.erase();
    return failure();
  }
  func::ReturnOp::create(b, *results);
  stage->setAttr("plan.tile", b.getDenseI64ArrayAttr({blocking.tileCols, blocking.tileElements}));
  return kernel.function;
}
