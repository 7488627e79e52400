#include "ProductPanel.h"

using namespace mlir;
using namespace descent::plan;

ProductPanel::ProductPanel(ImplicitLocOpBuilder &b, const GpuKernel &kernel, const PanelShape &shape, Value factor,
                           unsigned innerAxis, Value outerBegin, Value memory)
    : memory(memory), b(b), index(b), shape(shape), factor(factor), innerAxis(innerAxis), outerBegin(outerBegin) {
  outer = index.dim(factor, 1 - innerAxis);
  inner = index.dim(factor, innerAxis);
  Type stored = cast<MemRefType>(factor.getType()).getElementType();
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8, entries = shape.outer * shape.depth / kernel.shape.threads;
  int64_t length = std::min(std::max<int64_t>(kernel.shape.vectorBytes / bytes, 1), entries);
  type = VectorType::get({length}, stored);
  count = entries / length;
  int64_t vectorsOfRow = (runsAlongInner() ? shape.depth : shape.outer) / length;
  rowsAtOnce = kernel.shape.threads / vectorsOfRow;
  row = index.div(kernel.thread, vectorsOfRow);
  col = index.mul(index.rem(kernel.thread, vectorsOfRow), length);
  // Panels begin at multiples of their own extents.
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, factor);
  Value stride = memref::ExtractStridedMetadataOp::create(b, factor).getStrides()[0];
  Value places = runsAlongInner() ? stride : arith::OrIOp::create(b, stride, outer).getResult();
  Value offset = arith::OrIOp::create(b, index.rem(address, length * bytes), index.rem(places, length));
  aligned = index.compare(arith::CmpIPredicate::eq, offset, index.constant(0));
}

ProductPanel::Place ProductPanel::getPlace(int64_t vector, Value innerBegin) {
  Value atRow = index.add(row, vector * rowsAtOnce);
  if (runsAlongInner()) {
    Value begin = index.add(innerBegin, col), last = index.sub(outer, 1);
    return {index.min(index.add(outerBegin, atRow), last), begin, index.sub(inner, begin)};
  }
  // The count changes with the panel, so that nothing made of it stays in registers across the loop over panels.
  Value inside = index.add(innerBegin, atRow), begin = index.add(outerBegin, col);
  Value exists = index.compare(arith::CmpIPredicate::slt, inside, inner);
  return {inside, begin, index.select(exists, index.sub(outer, begin), index.constant(0))};
}

/// Vectors that lie beyond the outer extent are those of its begin.
Value ProductPanel::loadWhole(Place place) {
  Value exists = index.compare(arith::CmpIPredicate::sgt, place.count, index.constant(0));
  Value begin = runsAlongInner() ? place.col : index.select(exists, place.col, index.constant(0));
  auto load = vector::LoadOp::create(b, type, factor, ValueRange{place.row, begin});
  load.setAlignment(type.getNumElements() * type.getElementTypeBitWidth() / 8);
  return load;
}

/// Entry by entry, those that there are; the others are zero.
Value ProductPanel::loadPart(Place place) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type.getElementType()));
  SmallVector<Value> entries;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    auto load = [&](OpBuilder &, Location) {
      Value entry = memref::LoadOp::create(b, factor, ValueRange{place.row, index.add(place.col, i)});
      scf::YieldOp::create(b, entry);
    };
    auto otherwise = [&](OpBuilder &, Location) { scf::YieldOp::create(b, zero); };
    Value exists = index.compare(arith::CmpIPredicate::sgt, place.count, index.constant(i));
    entries.push_back(scf::IfOp::create(b, exists, load, otherwise).getResult(0));
  }
  return vector::FromElementsOp::create(b, type, entries);
}

SmallVector<Value> ProductPanel::load(Value innerBegin) {
  Value fits = index.compare(arith::CmpIPredicate::sle, index.add(innerBegin, shape.depth), inner);
  auto all = [&](Value (ProductPanel::*loadOne)(Place)) {
    SmallVector<Value> vectors;
    for (int64_t i = 0; i < count; ++i)
      vectors.push_back((this->*loadOne)(getPlace(i, innerBegin)));
    scf::YieldOp::create(b, vectors);
  };
  auto loads = scf::IfOp::create(
      b, arith::AndIOp::create(b, aligned, fits), [&](OpBuilder &, Location) { all(&ProductPanel::loadWhole); },
      [&](OpBuilder &, Location) { all(&ProductPanel::loadPart); });
  return loads.getResults();
}

void ProductPanel::store(ValueRange vectors, Value buffer) {
  for (auto [i, vector] : llvm::enumerate(vectors)) {
    Value atRow = index.add(row, i * rowsAtOnce), converted = convertFloat(b, vector, shape.type);
    if (runsAlongInner() != shape.innerFirst) {
      auto store = vector::StoreOp::create(b, converted, memory, ValueRange{buffer, atRow, col});
      store.setAlignment(std::min<int64_t>(16, type.getNumElements() * shape.bytes()));
      continue;
    }
    for (int64_t j = 0; j < type.getNumElements(); ++j) {
      Value entry = vector::ExtractOp::create(b, converted, ArrayRef<int64_t>{j});
      memref::StoreOp::create(b, entry, memory, ValueRange{buffer, index.add(col, j), atRow});
    }
  }
}
