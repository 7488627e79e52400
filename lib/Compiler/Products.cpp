#include "Products.h"

#include "descent/Dialect/Plan/IR/Plan.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

/// alpha times the sum.
static constexpr const char *scaled = R"mlir(
    ^bb0(%sum: f32, %x: f64):
      %x32 = arith.truncf %x : f64 to f32
      %y = arith.mulf %sum, %x32 : f32
      plan.yield %y : f32
    }
)mlir";

/// And beta d.
static constexpr const char *scaledAndAdded = R"mlir(
    ^bb0(%sum: f32, %d_ij: f32, %x: f64, %z: f64):
      %x32 = arith.truncf %x : f64 to f32
      %z32 = arith.truncf %z : f64 to f32
      %y = arith.mulf %sum, %x32 : f32
      %w = arith.mulf %d_ij, %z32 : f32
      %v = arith.addf %y, %w : f32
      plan.yield %v : f32
    }
)mlir";

/// c = alpha a b, and with beta d, of matrices of one type.
static constexpr const char *gemm = R"mlir(
  plan.track @gemm_{0} class any {{
    %a = plan.operand "a" : !plan.buffer<rows, inner, {0}>
    %b = plan.operand "b" : !plan.buffer<inner, cols, {0}>
    %c = plan.operand "c" : !plan.buffer<rows, cols, {0}>
    %alpha = plan.factor "alpha"
    plan.product %a, %b : !plan.buffer<rows, inner, {0}>, !plan.buffer<inner, cols, {0}> over <rows, cols>
        scalars(%alpha) writes(%c : !plan.buffer<rows, cols, {0}>) {{
{1}  }
  plan.track @gemm_{0}_add class any {{
    %a = plan.operand "a" : !plan.buffer<rows, inner, {0}>
    %b = plan.operand "b" : !plan.buffer<inner, cols, {0}>
    %c = plan.operand "c" : !plan.buffer<rows, cols, {0}>
    %d = plan.operand "d" : !plan.buffer<rows, cols, {0}>
    %alpha = plan.factor "alpha"
    %beta = plan.factor "beta"
    plan.product %a, %b : !plan.buffer<rows, inner, {0}>, !plan.buffer<inner, cols, {0}> over <rows, cols>
        reads(%d : !plan.buffer<rows, cols, {0}>) scalars(%alpha, %beta) writes(%c : !plan.buffer<rows, cols, {0}>) {{
{2}  }
)mlir";

/// c = alpha a a^T, and with beta d. `b` is there so that `c` and `d` have the numbers of the caller's operands.
static constexpr const char *square = R"mlir(
  plan.track @square_{0} class any {{
    %a = plan.operand "a" : !plan.buffer<rows, inner, {0}>
    %b = plan.operand "b" : !plan.buffer<rows, inner, {0}>
    %c = plan.operand "c" : !plan.buffer<rows, rows, {0}>
    %alpha = plan.factor "alpha"
    plan.product %a, %a transposed symmetric : !plan.buffer<rows, inner, {0}>, !plan.buffer<rows, inner, {0}>
        over <rows, rows> scalars(%alpha) writes(%c : !plan.buffer<rows, rows, {0}>) {{
{1}  }
  plan.track @square_{0}_add class any {{
    %a = plan.operand "a" : !plan.buffer<rows, inner, {0}>
    %b = plan.operand "b" : !plan.buffer<rows, inner, {0}>
    %c = plan.operand "c" : !plan.buffer<rows, rows, {0}>
    %d = plan.operand "d" : !plan.buffer<rows, rows, {0}>
    %alpha = plan.factor "alpha"
    %beta = plan.factor "beta"
    plan.product %a, %a transposed symmetric : !plan.buffer<rows, inner, {0}>, !plan.buffer<rows, inner, {0}>
        over <rows, rows> reads(%d : !plan.buffer<rows, rows, {0}>) scalars(%alpha, %beta)
        writes(%c : !plan.buffer<rows, rows, {0}>) {{
{2}  }
)mlir";

OwningOpRef<ModuleOp> descent::createProducts(MLIRContext &context, StringRef name) {
  context.loadDialect<plan::PlanDialect>();
  std::string text = ("plan.program @" + name + " segments 1 attributes {plan.library} {").str();
  for (const char *type : {"f32", "bf16"})
    text += llvm::formatv(gemm, type, scaled, scaledAndAdded).str() +
            llvm::formatv(square, type, scaled, scaledAndAdded).str();
  return parseSourceString<ModuleOp>(text + "}", &context);
}
