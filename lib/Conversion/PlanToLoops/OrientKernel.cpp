// Copies a matrix, transposing it when that puts the short side first.
#include "Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace descent::plan;

namespace {
class OrientLoops {
public:
  OrientLoops(ImplicitLocOpBuilder &b, OrientOp stage, const Kernel &kernel, unsigned vectorBits)
      : b(b), kernel(kernel), source(kernel.buffer(stage.getSource())), target(kernel.buffer(stage.getTarget())) {
    bool isWide =
        stage.getSource().getType().getElementType().isF64() || stage.getTarget().getType().getElementType().isF64();
    type = isWide ? b.getF64Type() : b.getF32Type();
    length = vectorBits / type.getIntOrFloatBitWidth();
  }

  void emitCopy();
  void emitTransposition();

private:
  void forRange(Value begin, Value end, Value step, llvm::function_ref<void(Value)> body) {
    scf::ForOp::create(b, begin, end, step, ValueRange(), [&](OpBuilder &, Location, Value index, ValueRange) {
      body(index);
      scf::YieldOp::create(b);
    });
  }
  void emitBlock(Value row, Value col);
  void emitEntries(Value rowBegin, Value rowEnd, Value colBegin, Value colEnd);

  ImplicitLocOpBuilder &b;
  const Kernel &kernel;
  Value source, target;
  Type type;
  int64_t length;
};
} // namespace

void OrientLoops::emitCopy() {
  Value step = createIndex(b, length);
  forRange(kernel.rowBegin, kernel.rowEnd, createIndex(b, 1), [&](Value row) {
    Value remainder = arith::RemUIOp::create(b, arith::SubIOp::create(b, kernel.colEnd, kernel.colBegin), step);
    Value mainEnd = arith::SubIOp::create(b, kernel.colEnd, remainder);
    forRange(kernel.colBegin, mainEnd, step, [&](Value col) {
      storeEntries(b, loadEntries(b, source, {row, col}, length, type, Value()), target, {row, col}, Value());
    });
    Value mask = createMask(b, remainder, length);
    storeEntries(b, loadEntries(b, source, {row, mainEnd}, length, type, mask), target, {row, mainEnd}, mask);
  });
}

/// A whole square of vectors, through registers.
void OrientLoops::emitBlock(Value row, Value col) {
  SmallVector<Value> rows;
  for (int64_t i = 0; i < length; ++i) {
    Value sourceRow = arith::AddIOp::create(b, col, createIndex(b, i));
    rows.push_back(loadEntries(b, source, {sourceRow, row}, length, type, Value()));
  }
  for (auto [i, transposed] : llvm::enumerate(transpose(b, rows))) {
    Value targetRow = arith::AddIOp::create(b, row, createIndex(b, i));
    storeEntries(b, transposed, target, {targetRow, col}, Value());
  }
}

void OrientLoops::emitEntries(Value rowBegin, Value rowEnd, Value colBegin, Value colEnd) {
  Value one = createIndex(b, 1);
  Type stored = cast<MemRefType>(target.getType()).getElementType();
  forRange(rowBegin, rowEnd, one, [&](Value row) {
    forRange(colBegin, colEnd, one, [&](Value col) {
      Value entry = memref::LoadOp::create(b, source, ValueRange{col, row});
      Value number = convertFloat(b, convertFloat(b, entry, type), stored);
      memref::StoreOp::create(b, number, target, ValueRange{row, col});
    });
  });
}

/// Bounds are those of the target: its rows are the source's columns.
void OrientLoops::emitTransposition() {
  Value step = createIndex(b, length);
  auto wholeEnd = [&](Value begin, Value end) {
    Value remainder = arith::RemUIOp::create(b, arith::SubIOp::create(b, end, begin), step);
    return arith::SubIOp::create(b, end, remainder).getResult();
  };
  Value rowMainEnd = wholeEnd(kernel.rowBegin, kernel.rowEnd);
  Value colMainEnd = wholeEnd(kernel.colBegin, kernel.colEnd);
  forRange(kernel.rowBegin, rowMainEnd, step,
           [&](Value row) { forRange(kernel.colBegin, colMainEnd, step, [&](Value col) { emitBlock(row, col); }); });
  emitEntries(kernel.rowBegin, rowMainEnd, colMainEnd, kernel.colEnd);
  emitEntries(rowMainEnd, kernel.rowEnd, kernel.colBegin, kernel.colEnd);
}

func::FuncOp descent::plan::createOrientKernel(ImplicitLocOpBuilder &b, OrientOp stage, unsigned vectorBits) {
  Kernel kernel = createKernel(b, stage, KernelShape());
  OrientLoops loops(b, stage, kernel, vectorBits);
  // Said by the buffers' sizes alone, so that both directions share a kernel.
  Value sourceRows = memref::DimOp::create(b, kernel.buffer(stage.getSource()), createIndex(b, 0));
  Value targetRows = memref::DimOp::create(b, kernel.buffer(stage.getTarget()), createIndex(b, 0));
  Value isTransposed = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, sourceRows, targetRows);
  scf::IfOp::create(
      b, isTransposed,
      [&](OpBuilder &, Location) {
        loops.emitTransposition();
        scf::YieldOp::create(b);
      },
      [&](OpBuilder &, Location) {
        loops.emitCopy();
        scf::YieldOp::create(b);
      });
  func::ReturnOp::create(b);
  return kernel.function;
}
