// Products by fused multiply-adds. A warp's threads stand in 4 rows and 8 columns, and a block's warps in 4 rows and 2.
// A thread has two groups of neighbours on each axis, so that a warp reads and writes whole lines of memory.
#include "ProductCore.h"

using namespace mlir;
using namespace descent::plan;

namespace {
class FmaCore : public ProductCore {
public:
  FmaCore(ImplicitLocOpBuilder &b, const ProductShape &shape, Value thread);

  Values createZeros() override;
  Values multiply(Value lhs, Value rhs, Value buffer, ValueRange sums) override;
  void storeSums(ValueRange sums, Value part, Value memory) override;

private:
  static constexpr int64_t laneRows = 4, laneCols = 8, warpCols = 2, groups = 2;

  Values loadGroups(Value panel, Value buffer, Value inner, Value first, int64_t stride);
  void multiplyStep(Value lhs, Value rhs, Value buffer, Value inner, Values &sums);

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  const ProductShape &shape;
  VectorType group;
  int64_t length;          // of a group
  Value warpRow, row, col; // the first of the warp's, of the thread's groups
};
} // namespace

FmaCore::FmaCore(ImplicitLocOpBuilder &b, const ProductShape &shape, Value thread)
    : b(b), index(b), shape(shape),
      group(VectorType::get({shape.cols / (warpCols * laneCols * groups)}, shape.sums.type)),
      length(group.getNumElements()) {
  Value warp = index.div(thread, GpuShape::warp), lane = index.rem(thread, GpuShape::warp);
  warpRow = index.mul(index.div(warp, warpCols), laneRows * groups * length);
  Value warpCol = index.mul(index.rem(warp, warpCols), laneCols * groups * length);
  row = index.add(warpRow, index.mul(index.div(lane, laneCols), length));
  col = index.add(warpCol, index.mul(index.rem(lane, laneCols), length));
}

ProductCore::Values FmaCore::createZeros() {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(group));
  return Values(groups * length * groups, zero);
}

FmaCore::Values FmaCore::loadGroups(Value panel, Value buffer, Value inner, Value first, int64_t stride) {
  Values vectors;
  for (int64_t i = 0; i < groups; ++i) {
    auto load = vector::LoadOp::create(b, group, panel, ValueRange{buffer, inner, index.add(first, i * stride)});
    load.setAlignment(16);
    vectors.push_back(load);
  }
  return vectors;
}

void FmaCore::multiplyStep(Value lhs, Value rhs, Value buffer, Value inner, Values &sums) {
  Values left = loadGroups(lhs, buffer, inner, row, laneRows * length);
  Values right = loadGroups(rhs, buffer, inner, col, laneCols * length);
  auto *sum = sums.begin();
  for (Value rows : left)
    for (int64_t i = 0; i < length; ++i) {
      Value entry = vector::ExtractOp::create(b, rows, ArrayRef<int64_t>{i});
      Value entries = vector::BroadcastOp::create(b, group, entry);
      for (Value cols : right) {
        *sum = vector::FMAOp::create(b, entries, cols, *sum);
        ++sum;
      }
    }
}

ProductCore::Values FmaCore::multiply(Value lhs, Value rhs, Value buffer, ValueRange sums) {
  Values next = llvm::to_vector(sums);
  for (int64_t inner = 0; inner < shape.lhs.depth; ++inner)
    multiplyStep(lhs, rhs, buffer, index.constant(inner), next);
  return next;
}

void FmaCore::storeSums(ValueRange sums, Value part, Value memory) {
  Value isPart = index.compare(arith::CmpIPredicate::eq, index.div(warpRow, shape.sums.rows), part);
  index.ifTrue(isPart, [&] {
    Value first = index.sub(row, index.mul(part, shape.sums.rows));
    auto sum = sums.begin();
    for (int64_t i = 0; i < groups; ++i)
      for (int64_t j = 0; j < length; ++j)
        for (int64_t k = 0; k < groups; ++k) {
          Value place = index.add(first, i * laneRows * length + j);
          auto store =
              vector::StoreOp::create(b, *sum++, memory, ValueRange{place, index.add(col, k * laneCols * length)});
          store.setAlignment(16);
        }
  });
}

std::unique_ptr<ProductCore> descent::plan::createFmaCore(ImplicitLocOpBuilder &b, const ProductShape &shape,
                                                          Value thread) {
  return std::make_unique<FmaCore>(b, shape, thread);
}
