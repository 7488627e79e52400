#include "ProductMirror.h"

using namespace mlir;
using namespace descent::plan;

namespace {
class MirrorSquare {
public:
  MirrorSquare(ImplicitLocOpBuilder &b, const GpuKernel &kernel, Value matrix, Value memory)
      : b(b), index(b), kernel(kernel), matrix(matrix), memory(memory) {}

  void emit(Value firstRow, Value firstCol);

private:
  static constexpr int64_t side = ProductMirror::side;
  static constexpr int64_t stride = side + 1;

  void forEntry(Value rows, Value cols, llvm::function_ref<void(Value, Value)> body);

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  const GpuKernel &kernel;
  Value matrix, memory;
};
} // namespace

/// Neighbouring threads take neighbours in a row.
void MirrorSquare::forEntry(Value rows, Value cols, llvm::function_ref<void(Value, Value)> body) {
  Value col = index.rem(kernel.thread, side), first = index.div(kernel.thread, side);
  index.ifTrue(index.compare(arith::CmpIPredicate::slt, col, cols),
               [&] { index.forRange(first, rows, kernel.shape.threads / side, [&](Value row) { body(row, col); }); });
}

void MirrorSquare::emit(Value firstRow, Value firstCol) {
  Value rows = index.min(index.sub(kernel.rowEnd, firstRow), side);
  Value cols = index.min(index.sub(kernel.colEnd, firstCol), side);
  forEntry(rows, cols, [&](Value row, Value col) {
    Value entry = memref::LoadOp::create(b, matrix, ValueRange{index.add(firstRow, row), index.add(firstCol, col)});
    memref::StoreOp::create(b, entry, memory, index.add(index.mul(row, stride), col));
  });
  kernel.createBarrier(b);
  forEntry(cols, rows, [&](Value col, Value row) {
    Value below = index.add(firstRow, row), left = index.add(firstCol, col);
    index.ifTrue(index.compare(arith::CmpIPredicate::sgt, below, left), [&] {
      Value entry = memref::LoadOp::create(b, memory, index.add(index.mul(row, stride), col));
      memref::StoreOp::create(b, entry, matrix, ValueRange{left, below});
    });
  });
  kernel.createBarrier(b);
}

void ProductMirror::emit(ImplicitLocOpBuilder &b, const GpuKernel &kernel, Value matrix, Value memory) {
  IndexBuilder index(b);
  MirrorSquare square(b, kernel, matrix, memory);
  index.forRange(kernel.rowBegin, kernel.rowEnd, side, [&](Value row) {
    index.forRange(kernel.colBegin, index.min(kernel.colEnd, index.add(row, 1)), side,
                   [&](Value col) { square.emit(row, col); });
  });
}
