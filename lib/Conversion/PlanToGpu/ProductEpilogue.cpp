#include "ProductEpilogue.h"

#include "ProductMirror.h"
#include "ThreadEntries.h"

using namespace mlir;
using namespace descent::plan;

static int64_t getBytes(Type type) { return type.getIntOrFloatBitWidth() / 8; }

bool ProductEpilogue::isTriangle(ProductOp product) {
  return product.getSymmetric() && llvm::all_of(product.getPartials(), [](Value buffer) {
           return cast<BufferType>(buffer.getType()).getCols() == Extent::Tiles;
         });
}

void ProductEpilogue::describeTile(ProductOp product, int64_t rows, int64_t cols) {
  Builder b(product.getContext());
  product->setAttr("plan.tile", b.getDenseI64ArrayAttr({cols, rows * cols, rows, rows, cols}));
  if (isTriangle(product))
    product->setAttr("plan.triangle", b.getUnitAttr());
}

int64_t ProductEpilogue::getMemoryBytes(ProductOp product, SumsShape sums) {
  int64_t bytes = sums.rows * sums.stride() * getBytes(sums.type);
  for (Value written : product.getWrites())
    bytes = std::max(bytes, ProductMirror::entries * getBytes(cast<BufferType>(written.getType()).getMemoryType()));
  return bytes;
}

/// Off the diagonal a tile stands for its mirror image too.
void ProductEpilogue::weigh(MutableArrayRef<Value> results) {
  Value isDiagonal = index.compare(arith::CmpIPredicate::eq, kernel.rowBlock, kernel.colBlock);
  Value once = arith::ConstantOp::create(b, b.getF64FloatAttr(1)),
        twice = arith::ConstantOp::create(b, b.getF64FloatAttr(2));
  for (auto [result, kind] : llvm::zip(results, product.getReductions().getAsRange<CombineKindAttr>()))
    if (kind.getValue() == CombineKind::Sum)
      result = arith::MulFOp::create(b, result, index.select(isDiagonal, once, twice));
}

void ProductEpilogue::emitMirrors() {
  for (Value written : llvm::SetVector<Value>(product.getWrites().begin(), product.getWrites().end())) {
    Value matrix = kernel.buffer(written);
    Type type = cast<MemRefType>(matrix.getType()).getElementType();
    ProductMirror::emit(b, kernel, matrix, memory.getView(b, int64_t(0), {ProductMirror::entries}, type));
  }
}

FailureOr<ProductEpilogue::Values> ProductEpilogue::emit(llvm::function_ref<void(Value, Value)> storePart) {
  kernel.reload();
  ThreadEntries entries(b, cast<StageOpInterface>(product.getOperation()), kernel);
  if (failed(entries.begin()))
    return failure();
  Value part = memory.getView(b, int64_t(0), {sums.rows, sums.stride()}, sums.type);
  Value rows = index.sub(kernel.rowEnd, kernel.rowBegin), parts = index.ceilDiv(rows, sums.rows);
  auto loop = scf::ForOp::create(b, index.constant(0), parts, index.constant(1), entries.getInitial(),
                                 [&](OpBuilder &, Location, Value number, ValueRange carried) {
                                   storePart(number, part);
                                   kernel.createBarrier(b);
                                   Value begin = index.add(kernel.rowBegin, index.mul(number, sums.rows));
                                   Value end = index.min(index.add(begin, sums.rows), kernel.rowEnd);
                                   entries.setSource(part, begin);
                                   SmallVector<Value> reduced = entries.emitRows(begin, end, carried);
                                   kernel.createBarrier(b); // before the memory is used again
                                   scf::YieldOp::create(b, reduced);
                                 });
  SmallVector<Value> results = entries.finishTile(loop.getResults());
  if (isTriangle(product)) {
    weigh(results);
    emitMirrors();
  }
  return results;
}
