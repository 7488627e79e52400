// RUN: descent-opt %s -plan-to-cuda=target=cuda:sm_90a | FileCheck %s
// RUN: not descent-opt %s -plan-to-cuda=target=cuda:sm_10 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not descent-opt %s -plan-to-cuda=target=simulator 2>&1 | FileCheck %s --check-prefix=SIMULATOR

// UNKNOWN: unknown target 'cuda:sm_10': expected a chip such as cuda:sm_100a
// SIMULATOR: unknown target 'simulator': expected a chip

// Kernels are the LLVM and NVVM dialects alone, with the library's functions; accesses are whole vectors.
// CHECK: gpu.module @kernels [#nvvm.target<chip = "sm_90a", features = "+ptx86">]
// CHECK-NOT: {{ (gpu|scf|memref|arith|math|vector|affine)\.[a-z]+}}
// CHECK: llvm.func @__nv_expf(f32) -> f32
// CHECK: llvm.func @t_0_sweep({{.*}}) attributes {{.*}}nvvm.kernel{{.*}}nvvm.maxnreg = 64 : i32
// CHECK: nvvm.read.ptx.sreg.tid.x
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
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
