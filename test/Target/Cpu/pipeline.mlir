// RUN: descent-opt %s -plan-to-cpu=target=cpu:avx512 | FileCheck %s
// RUN: descent-opt %s -plan-to-cpu=target=cpu:avx2 | FileCheck %s --check-prefix=AVX2

// Nothing is left but the LLVM dialect, and vectors have the target's length.
// CHECK-NOT: {{plan|func|scf|memref|arith|vector}}.{{[a-z]+}} {{[%@(]}}
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK: llvm.func @scaled_step
// AVX2: llvm.load {{.*}} -> vector<8xf32>
plan.program @scaled segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %lr = plan.hyper "lr" = 0.1
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) scalars(%lr)
        writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32, %l: f64):
      %s = arith.truncf %l : f64 to f32
      %e = math.exp %wi : f32
      %u = arith.mulf %e, %s : f32
      plan.yield %u : f32
    }
  }
}
