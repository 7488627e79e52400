// Products of factors in 16 bits on tensor cores, from compute capability 8.0 on. A block's warps stand in 4 rows and 2
// columns; a warp goes 16 deep at a time and multiplies squares of 16 x 16 by slices of 16 x 8, whose sums lie in its
// threads' registers: lane 4 r + c has the entries (r, 2 c), (r, 2 c + 1), (r + 8, 2 c) and (r + 8, 2 c + 1).
#include "ProductCore.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace descent::plan;

namespace {
class MmaCore : public ProductCore {
public:
  MmaCore(ImplicitLocOpBuilder &b, const ProductShape &shape, Value thread);

  Values createZeros() override;
  Values multiply(Value lhs, Value rhs, Value buffer, ValueRange sums) override;
  void storeSums(ValueRange sums, Value part, Value memory) override;

private:
  static constexpr int64_t rows = 16, cols = 8, depth = 16; // of one instruction
  static constexpr int64_t warpCols = 2, warpRows = ProductShape::warps / warpCols;
  static constexpr int64_t threadSums = rows * cols / GpuShape::warp;

  Value createOffset(const PanelShape &panel, Value outer, Value inner);
  Value getPointer(Value panel, const PanelShape &shape, Value buffer, Value offset);
  Values loadSquare(Value pointer, const PanelShape &panel, int64_t outer, int64_t inner);
  void multiplyAccumulate(ValueRange lhs, ValueRange rhs, MutableArrayRef<Value> sums);

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  const ProductShape &shape;
  LLVM::LLVMPointerType pointer;
  int64_t rowTiles, colTiles; // of a warp
  Value warpRow, warpCol, lane;
  Value lhsOffset, rhsOffset; // of the row of eight that the lane's address names, in a panel
};
} // namespace

MmaCore::MmaCore(ImplicitLocOpBuilder &b, const ProductShape &shape, Value thread)
    : b(b), index(b), shape(shape), pointer(LLVM::LLVMPointerType::get(b.getContext(), 3)),
      rowTiles(shape.rows / (warpRows * rows)), colTiles(shape.cols / (warpCols * cols)) {
  Value warp = index.div(thread, GpuShape::warp);
  lane = index.rem(thread, GpuShape::warp);
  warpRow = index.mul(index.div(warp, warpCols), rowTiles * rows);
  warpCol = index.mul(index.rem(warp, warpCols), colTiles * cols);
  // Four squares of 8 x 8 are loaded at once, a quarter of the warp names the rows of each. Of the left factor two lie
  // below each other, then their neighbours; of the right one two follow along the inner extent, then the next slice.
  Value eighth = index.rem(lane, 8), quarter = index.div(lane, 8);
  Value first = index.mul(index.rem(quarter, 2), 8), second = index.mul(index.div(quarter, 2), 8);
  lhsOffset = createOffset(shape.lhs, index.add(warpRow, index.add(first, eighth)), second);
  rhsOffset = shape.rhs.innerFirst ? createOffset(shape.rhs, index.add(warpCol, second), index.add(first, eighth))
                                   : createOffset(shape.rhs, index.add(warpCol, index.add(second, eighth)), first);
}

/// The place of an entry in a panel.
Value MmaCore::createOffset(const PanelShape &panel, Value outer, Value inner) {
  if (panel.innerFirst)
    std::swap(outer, inner);
  return index.add(index.mul(outer, panel.stride()), inner);
}

ProductCore::Values MmaCore::createZeros() {
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  return Values(rowTiles * colTiles * threadSums, zero);
}

Value MmaCore::getPointer(Value panel, const PanelShape &shape, Value buffer, Value offset) {
  auto toI64 = [&](Value value) -> Value { return arith::IndexCastOp::create(b, b.getI64Type(), value); };
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, panel);
  Value base = LLVM::IntToPtrOp::create(b, pointer, toI64(address));
  Value place = index.add(index.mul(buffer, shape.rows() * shape.stride()), offset);
  return LLVM::GEPOp::create(b, pointer, shape.type, base, ArrayRef<LLVM::GEPArg>{toI64(place)});
}

/// The square of 16 x 16 at a constant place from the warp's first.
MmaCore::Values MmaCore::loadSquare(Value pointer, const PanelShape &panel, int64_t outer, int64_t inner) {
  int64_t offset = panel.innerFirst ? inner * panel.stride() + outer : outer * panel.stride() + inner;
  Value place = LLVM::GEPOp::create(b, this->pointer, panel.type, pointer, ArrayRef<LLVM::GEPArg>{int32_t(offset)});
  SmallVector<Type> four(4, b.getI32Type());
  auto load =
      NVVM::LdMatrixOp::create(b, LLVM::LLVMStructType::getLiteral(b.getContext(), four), place, 4u,
                               panel.innerFirst ? NVVM::MMALayout::col : NVVM::MMALayout::row,
                               NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8), NVVM::LdStMatrixEltType::B16);
  Values words;
  for (int64_t i = 0; i < 4; ++i) {
    Value word = LLVM::ExtractValueOp::create(b, load, ArrayRef<int64_t>{i});
    if (panel.type.isF16())
      word = LLVM::BitcastOp::create(b, VectorType::get({2}, panel.type), word);
    words.push_back(word);
  }
  return words;
}

void MmaCore::multiplyAccumulate(ValueRange lhs, ValueRange rhs, MutableArrayRef<Value> sums) {
  SmallVector<Type> types(threadSums, b.getF32Type());
  NVVM::MMATypes type = shape.lhs.type.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  std::array factors = {type, type};
  std::array layouts = {NVVM::MMALayout::row, NVVM::MMALayout::col};
  auto product = NVVM::MmaOp::create(b, LLVM::LLVMStructType::getLiteral(b.getContext(), types), lhs, rhs, sums,
                                     {rows, cols, depth}, std::nullopt, std::nullopt, factors, layouts);
  for (auto [i, sum] : llvm::enumerate(sums))
    sum = LLVM::ExtractValueOp::create(b, product, ArrayRef<int64_t>{int64_t(i)});
}

ProductCore::Values MmaCore::multiply(Value lhs, Value rhs, Value buffer, ValueRange sums) {
  Value left = getPointer(lhs, shape.lhs, buffer, lhsOffset), right = getPointer(rhs, shape.rhs, buffer, rhsOffset);
  Values next = llvm::to_vector(sums), slices;
  for (int64_t inner = 0; inner < shape.lhs.depth; inner += depth) {
    SmallVector<Values> squares;
    for (int64_t i = 0; i < rowTiles; ++i)
      squares.push_back(loadSquare(left, shape.lhs, i * rows, inner));
    for (int64_t j = 0; j < colTiles; ++j) {
      if (j % 2 == 0)
        slices = loadSquare(right, shape.rhs, j * cols, inner);
      for (int64_t i = 0; i < rowTiles; ++i)
        multiplyAccumulate(squares[i], ArrayRef<Value>(slices).slice(2 * (j % 2), 2),
                           MutableArrayRef<Value>(next).slice((i * colTiles + j) * threadSums, threadSums));
    }
  }
  return next;
}

void MmaCore::storeSums(ValueRange sums, Value part, Value memory) {
  Value isPart = index.compare(arith::CmpIPredicate::eq, index.div(warpRow, shape.sums.rows), part);
  index.ifTrue(isPart, [&] {
    Value row = index.add(index.sub(warpRow, index.mul(part, shape.sums.rows)), index.div(lane, 4));
    Value col = index.add(warpCol, index.mul(index.rem(lane, 4), 2));
    auto pair = VectorType::get({2}, shape.sums.type);
    auto sum = sums.begin();
    for (int64_t i = 0; i < rowTiles; ++i)
      for (int64_t j = 0; j < colTiles; ++j)
        for (int64_t half = 0; half < rows; half += 8, sum += 2) {
          Value entries = vector::FromElementsOp::create(b, pair, ValueRange{sum[0], sum[1]});
          auto store = vector::StoreOp::create(b, entries, memory,
                                               ValueRange{index.add(row, i * rows + half), index.add(col, j * cols)});
          store.setAlignment(8);
        }
  });
}

std::unique_ptr<ProductCore> descent::plan::createMmaCore(ImplicitLocOpBuilder &b, const ProductShape &shape,
                                                          Value thread) {
  return std::make_unique<MmaCore>(b, shape, thread);
}
