// Signatures of kernels, loads and stores of vectors.
#include "Kernel.h"
#include "OrientedTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace descent::plan;

Kernel descent::plan::createKernel(ImplicitLocOpBuilder &b, Operation *stage, KernelShape shape) {
  SmallVector<Value> buffers = getDistinctBuffers(stage);
  SmallVector<Value> scalars = getScalarOperands(stage);
  SmallVector<Type> types;
  for (Value buffer : buffers)
    types.push_back(getMemRefType(b.getContext(), cast<BufferType>(buffer.getType()).getMemoryType()));
  types.append(scalars.size(), b.getF64Type());
  types.append(shape.hasGrid ? 6 : 0, b.getIndexType());
  bool isOriented = readsOriented(stage);
  if (isOriented)
    types.push_back(b.getIndexType());
  if (shape.scratch)
    types.push_back(shape.scratch);
  if (isOriented)
    types.push_back(MemRefType::get({OrientedTiles::getBytes(cast<StageOpInterface>(stage))}, b.getI8Type()));

  SmallVector<Type> results(shape.results, b.getF64Type());
  Kernel kernel;
  kernel.function = func::FuncOp::create(b, "kernel", b.getFunctionType(types, results));
  kernel.function.setPrivate();
  Block *entry = kernel.function.addEntryBlock();
  b.setInsertionPointToStart(entry);

  auto argument = entry->args_begin();
  for (Value buffer : buffers)
    kernel.buffers[buffer] = *argument++;
  for (size_t i = 0; i < scalars.size(); ++i)
    kernel.scalars.push_back(*argument++);
  if (shape.hasGrid)
    for (Value *bound :
         {&kernel.rowBegin, &kernel.rowEnd, &kernel.colBegin, &kernel.colEnd, &kernel.rowBlock, &kernel.colBlock})
      *bound = *argument++;
  if (isOriented)
    kernel.domainRows = *argument++;
  if (shape.scratch)
    kernel.scratch = *argument++;
  if (isOriented)
    kernel.memory = *argument++;
  return kernel;
}

Value descent::plan::loadEntries(ImplicitLocOpBuilder &b, Value memref, ValueRange indices, int64_t length, Type type,
                                 Value mask) {
  auto stored = VectorType::get({length}, cast<MemRefType>(memref.getType()).getElementType());
  if (!mask)
    return convertFloat(b, vector::LoadOp::create(b, stored, memref, indices), type);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(stored));
  return convertFloat(b, vector::MaskedLoadOp::create(b, stored, memref, indices, mask, zero), type);
}

void descent::plan::storeEntries(ImplicitLocOpBuilder &b, Value vector, Value memref, ValueRange indices, Value mask) {
  Value stored = convertFloat(b, vector, cast<MemRefType>(memref.getType()).getElementType());
  if (mask)
    vector::MaskedStoreOp::create(b, memref, indices, mask, stored);
  else
    vector::StoreOp::create(b, stored, memref, indices);
}

/// Exchanges the off-diagonal quarters of blocks of 2s by 2s, for s from half the size down to 1.
SmallVector<Value> descent::plan::transpose(ImplicitLocOpBuilder &b, ArrayRef<Value> rows) {
  SmallVector<Value> block(rows);
  int64_t size = rows.size();
  for (int64_t s = size / 2; s > 0; s /= 2) {
    SmallVector<int64_t> upper, lower;
    for (int64_t lane = 0; lane < size; ++lane) {
      upper.push_back(lane & s ? size + lane - s : lane);
      lower.push_back(lane & s ? size + lane : lane + s);
    }
    for (int64_t row = 0; row < size; ++row) {
      if (row & s)
        continue;
      Value first = block[row], second = block[row + s];
      block[row] = vector::ShuffleOp::create(b, first, second, upper);
      block[row + s] = vector::ShuffleOp::create(b, first, second, lower);
    }
  }
  return block;
}
