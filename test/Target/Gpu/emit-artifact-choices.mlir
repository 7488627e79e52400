// RUN: descent-opt %s -convert-plan-to-gpu -gpu-add-driver -gpu-emit-artifact | FileCheck %s
// RUN: descent-opt %s -convert-plan-to-gpu -gpu-add-driver -gpu-emit-artifact=target=cuda:sm_90a \
// RUN:   | FileCheck %s --check-prefix=CUDA

// What an alternative costs is told by the device's rates: a launch, and the bytes of an entry. The simulator's are a
// processor's.
module attributes {descent.image = "kernels"} {
plan.program @tiny segments 1 {
  plan.track @all class any rule "tiny" {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %choice = plan.choice ["once", "twice"]
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>)
        attributes {plan.alternative = #plan.alternative<0, 0>} {
    ^bb0(%wi: f32):
      plan.yield %wi : f32
    }
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>)
        attributes {plan.alternative = #plan.alternative<0, 1>} {
    ^bb0(%wi: f32):
      %u = arith.negf %wi : f32
      plan.yield %u : f32
    }
  }
}
}
// CHECK: @tiny_all_choice0_once_cost()
// CHECK: llvm.mlir.constant(5.000000e+02 : f64)
// CHECK: llvm.mlir.constant(1.760000e-01 : f64)
// CUDA: @tiny_all_choice0_once_cost()
// CUDA: llvm.mlir.constant(2.500000e+02 : f64)
// CUDA: llvm.mlir.constant(0.0026
