#include "VectorAccess.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace descent::plan;

static Type getElementType(Value memref) { return cast<MemRefType>(memref.getType()).getElementType(); }

static int64_t getBytes(Value memref) { return getElementType(memref).getIntOrFloatBitWidth() / 8; }

/// Of one access to vectors: all of it, or as much as a device moves at once.
static int64_t getAccessBytes(Value memref, int64_t length, GpuShape shape) {
  return std::min(getBytes(memref) * length, shape.vectorBytes);
}

Misalignment descent::plan::createMisalignment(ImplicitLocOpBuilder &b, Value memref, int64_t length, GpuShape shape) {
  IndexBuilder index(b);
  int64_t bytes = getAccessBytes(memref, length, shape);
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
  Value stride = memref::ExtractStridedMetadataOp::create(b, memref).getStrides()[0];
  return {index.rem(address, bytes), index.rem(index.mul(stride, getBytes(memref)), bytes)};
}

Value descent::plan::loadVector(ImplicitLocOpBuilder &b, Value memref, ValueRange place, int64_t length,
                                GpuShape shape) {
  auto load = vector::LoadOp::create(b, VectorType::get({length}, getElementType(memref)), memref, place);
  load.setAlignment(getAccessBytes(memref, length, shape));
  return load;
}

void descent::plan::storeVector(ImplicitLocOpBuilder &b, Value vector, Value memref, ValueRange place, GpuShape shape) {
  auto store = vector::StoreOp::create(b, vector, memref, place);
  store.setAlignment(getAccessBytes(memref, cast<VectorType>(vector.getType()).getNumElements(), shape));
}

SmallVector<Value> descent::plan::loadScattered(ImplicitLocOpBuilder &b, ArrayRef<ScatteredVector> vectors,
                                                Value count) {
  IndexBuilder index(b);
  int64_t length = vectors.front().places.size();
  SmallVector<SmallVector<Value>> entries(vectors.size());
  for (int64_t i = 0; i < length; ++i) {
    auto load = [&](OpBuilder &, Location) {
      SmallVector<Value> loaded;
      for (const ScatteredVector &vector : vectors) {
        auto [row, col] = vector.places[i];
        loaded.push_back(memref::LoadOp::create(b, vector.memref, ValueRange{row, col}));
      }
      scf::YieldOp::create(b, loaded);
    };
    auto otherwise = [&](OpBuilder &, Location) {
      scf::YieldOp::create(b, llvm::map_to_vector(vectors, [&](const ScatteredVector &vector) -> Value {
                             return arith::ConstantOp::create(b, b.getZeroAttr(getElementType(vector.memref)));
                           }));
    };
    Value exists = index.compare(arith::CmpIPredicate::sgt, count, index.constant(i));
    auto loaded = scf::IfOp::create(b, exists, load, otherwise);
    for (auto [list, entry] : llvm::zip(entries, loaded.getResults()))
      list.push_back(entry);
  }
  SmallVector<Value> results;
  for (auto [vector, list] : llvm::zip(vectors, entries))
    results.push_back(
        vector::FromElementsOp::create(b, VectorType::get({length}, getElementType(vector.memref)), list));
  return results;
}

void descent::plan::storeScattered(ImplicitLocOpBuilder &b, ValueRange values, ArrayRef<ScatteredVector> vectors,
                                   Value count) {
  IndexBuilder index(b);
  for (int64_t i = 0, length = vectors.front().places.size(); i < length; ++i) {
    index.ifTrue(index.compare(arith::CmpIPredicate::sgt, count, index.constant(i)), [&] {
      for (auto [value, vector] : llvm::zip(values, vectors)) {
        auto [row, col] = vector.places[i];
        Value entry = vector::ExtractOp::create(b, value, ArrayRef<int64_t>{i});
        memref::StoreOp::create(b, entry, vector.memref, ValueRange{row, col});
      }
    });
  }
}

ScatteredVector descent::plan::getNeighbours(ImplicitLocOpBuilder &b, Value memref, Value row, Value col,
                                             int64_t length) {
  ScatteredVector vector = {memref, {}};
  for (int64_t i = 0; i < length; ++i)
    vector.places.push_back({row, IndexBuilder(b).add(col, i)});
  return vector;
}
