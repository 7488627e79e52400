// Arithmetic of places in memory, and loops over them.
#ifndef DESCENT_CONVERSION_KERNELS_INDEXBUILDER_H
#define DESCENT_CONVERSION_KERNELS_INDEXBUILDER_H

#include "descent/Conversion/Kernels/Entries.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace descent::plan {

/// Emits operations on indices; numbers become constants.
class IndexBuilder {
public:
  explicit IndexBuilder(mlir::ImplicitLocOpBuilder &b) : b(b) {}

  mlir::Value constant(int64_t value) { return createIndex(b, value); }
  mlir::Value add(mlir::Value lhs, mlir::Value rhs) { return mlir::arith::AddIOp::create(b, lhs, rhs); }
  mlir::Value add(mlir::Value lhs, int64_t rhs) { return rhs == 0 ? lhs : add(lhs, constant(rhs)); }
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs) { return mlir::arith::SubIOp::create(b, lhs, rhs); }
  mlir::Value sub(mlir::Value lhs, int64_t rhs) { return sub(lhs, constant(rhs)); }
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs) { return mlir::arith::MulIOp::create(b, lhs, rhs); }
  mlir::Value mul(mlir::Value lhs, int64_t rhs) { return rhs == 1 ? lhs : mul(lhs, constant(rhs)); }
  mlir::Value div(mlir::Value lhs, int64_t rhs) {
    return rhs == 1 ? lhs : mlir::arith::DivUIOp::create(b, lhs, constant(rhs));
  }
  mlir::Value rem(mlir::Value lhs, int64_t rhs) { return mlir::arith::RemUIOp::create(b, lhs, constant(rhs)); }
  mlir::Value ceilDiv(mlir::Value lhs, mlir::Value rhs) {
    return mlir::arith::DivUIOp::create(b, sub(add(lhs, rhs), 1), rhs);
  }
  mlir::Value ceilDiv(mlir::Value lhs, int64_t rhs) { return div(add(lhs, rhs - 1), rhs); }
  /// The next multiple of `rhs`.
  mlir::Value roundUp(mlir::Value lhs, int64_t rhs) { return mul(ceilDiv(lhs, rhs), rhs); }
  mlir::Value min(mlir::Value lhs, mlir::Value rhs) { return mlir::arith::MinSIOp::create(b, lhs, rhs); }
  mlir::Value min(mlir::Value lhs, int64_t rhs) { return min(lhs, constant(rhs)); }
  mlir::Value max(mlir::Value lhs, mlir::Value rhs) { return mlir::arith::MaxSIOp::create(b, lhs, rhs); }
  mlir::Value max(mlir::Value lhs, int64_t rhs) { return max(lhs, constant(rhs)); }
  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no) {
    return mlir::arith::SelectOp::create(b, condition, yes, no);
  }
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value lhs, mlir::Value rhs) {
    return mlir::arith::CmpIOp::create(b, predicate, lhs, rhs);
  }
  mlir::Value dim(mlir::Value memref, int64_t axis) { return mlir::memref::DimOp::create(b, memref, constant(axis)); }

  void forRange(mlir::Value begin, mlir::Value end, int64_t step, llvm::function_ref<void(mlir::Value)> body) {
    mlir::scf::ForOp::create(b, begin, end, constant(step), mlir::ValueRange(),
                             [&](mlir::OpBuilder &, mlir::Location, mlir::Value index, mlir::ValueRange) {
                               body(index);
                               mlir::scf::YieldOp::create(b);
                             });
  }
  void ifTrue(mlir::Value condition, llvm::function_ref<void()> body) {
    mlir::scf::IfOp::create(b, condition, [&](mlir::OpBuilder &, mlir::Location) {
      body();
      mlir::scf::YieldOp::create(b);
    });
  }

private:
  mlir::ImplicitLocOpBuilder &b;
};

} // namespace descent::plan

#endif // DESCENT_CONVERSION_KERNELS_INDEXBUILDER_H
