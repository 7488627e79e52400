// Squares of vectors go through registers.
#include "Mirror.h"

#include "descent/Conversion/Kernels/IndexBuilder.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace descent::plan;

namespace {
class MirrorLoops {
public:
  MirrorLoops(ImplicitLocOpBuilder &b, Value matrix, EntryBlock block, int64_t length)
      : b(b), index(b), matrix(matrix), block(block), length(length),
        stored(VectorType::get({length}, cast<MemRefType>(matrix.getType()).getElementType())), moved(stored) {
    // Processors without arithmetic on 16 bits have no such vectors.
    if (stored.getElementTypeBitWidth() == 16)
      moved = stored.clone(b.getI16Type());
  }

  void emit();

private:
  void emitSquare(Value row, Value col);
  SmallVector<Value> emitLoads(Value row, Value col, bool masked);
  void emitStores(Value row, Value col, ValueRange rows, bool masked);
  Value recast(Value vector, VectorType type) {
    return vector.getType() == type ? vector : vector::BitCastOp::create(b, type, vector).getResult();
  }

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  Value matrix;
  EntryBlock block;
  int64_t length;
  VectorType stored, moved;
};
} // namespace

/// Rows that do not exist are copies of the last one.
SmallVector<Value> MirrorLoops::emitLoads(Value row, Value col, bool masked) {
  SmallVector<Value> rows;
  Value last = index.sub(block.rowEnd, 1);
  Value mask = masked ? createMask(b, index.sub(block.colEnd, col), length) : Value();
  for (int64_t i = 0; i < length; ++i) {
    Value from = masked ? index.min(index.add(row, i), last) : index.add(row, i);
    rows.push_back(recast(loadEntries(b, matrix, {from, col}, length, stored.getElementType(), mask), moved));
  }
  return rows;
}

/// On the diagonal, what lies on and below it stays.
void MirrorLoops::emitStores(Value row, Value col, ValueRange rows, bool masked) {
  Value isDiagonal = index.compare(arith::CmpIPredicate::eq, row, col);
  Value lanes = index.sub(block.rowEnd, row), none = index.constant(0);
  for (int64_t i = 0; i < length; ++i) {
    Value mask, to = index.add(col, i);
    if (masked) {
      Value exists = index.compare(arith::CmpIPredicate::slt, to, block.colEnd);
      Value all = createMask(b, index.select(exists, lanes, none), length);
      Value first = createMask(b, index.select(isDiagonal, index.constant(i + 1), none), length);
      Value others = arith::XOrIOp::create(b, all, first);
      mask = arith::AndIOp::create(b, all, others);
    }
    storeEntries(b, recast(rows[i], stored), matrix, {to, row}, mask);
  }
}

void MirrorLoops::emitSquare(Value row, Value col) {
  Value isBelow = index.compare(arith::CmpIPredicate::ne, row, col);
  Value hasRows = index.compare(arith::CmpIPredicate::sle, index.add(row, length), block.rowEnd);
  Value hasCols = index.compare(arith::CmpIPredicate::sle, index.add(col, length), block.colEnd);
  Value isWhole = arith::AndIOp::create(b, isBelow, arith::AndIOp::create(b, hasRows, hasCols));
  auto loads = [&](bool masked) { scf::YieldOp::create(b, emitLoads(row, col, masked)); };
  auto loaded = scf::IfOp::create(
      b, isWhole, [&](OpBuilder &, Location) { loads(false); }, [&](OpBuilder &, Location) { loads(true); });
  SmallVector<Value> rows = transpose(b, llvm::to_vector_of<Value>(loaded.getResults()));
  auto stores = [&](bool masked) {
    emitStores(row, col, rows, masked);
    scf::YieldOp::create(b);
  };
  scf::IfOp::create(
      b, isWhole, [&](OpBuilder &, Location) { stores(false); }, [&](OpBuilder &, Location) { stores(true); });
}

void MirrorLoops::emit() {
  index.forRange(block.rowBegin, block.rowEnd, length, [&](Value row) {
    index.forRange(block.colBegin, index.min(block.colEnd, index.add(row, 1)), length,
                   [&](Value col) { emitSquare(row, col); });
  });
}

/// The function for one storage type: (matrix, bounds of the block).
static func::FuncOp getOrCreateMirror(ImplicitLocOpBuilder &b, Operation *beside, Value matrix, int64_t length) {
  auto type = cast<MemRefType>(matrix.getType());
  std::string name;
  llvm::raw_string_ostream(name) << "mirror_" << type.getElementType();
  if (auto known = SymbolTable::lookupSymbolIn(SymbolTable::getNearestSymbolTable(beside), name))
    return cast<func::FuncOp>(known);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(beside);
  Type index = b.getIndexType();
  auto function = func::FuncOp::create(b, name, b.getFunctionType({type, index, index, index, index}, {}));
  function.setPrivate();
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto arguments = entry->getArguments();
  MirrorLoops(b, arguments[0], {arguments[1], arguments[2], arguments[3], arguments[4]}, length).emit();
  func::ReturnOp::create(b);
  return function;
}

void descent::plan::createMirror(ImplicitLocOpBuilder &b, Operation *beside, Value matrix, EntryBlock block,
                                 int64_t length) {
  func::CallOp::create(b, getOrCreateMirror(b, beside, matrix, length),
                       ValueRange{matrix, block.rowBegin, block.rowEnd, block.colBegin, block.colEnd});
}
