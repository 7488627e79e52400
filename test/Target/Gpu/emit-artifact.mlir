// RUN: descent-opt %s -convert-plan-to-gpu -gpu-add-driver -gpu-emit-artifact | FileCheck %s
// RUN: descent-opt %s -convert-plan-to-gpu -gpu-add-driver -gpu-emit-artifact='target=cuda:sm_80,sm_90a' \
// RUN:   | FileCheck %s --check-prefix=CUDA

module attributes {descent.image = "kernels of two chips"} {
plan.program @tiny segments 2 {
  plan.total max @top in group
  plan.track @all class any rule "tiny" {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %h = plan.layer_state "h" init 2.0
    %lr = plan.hyper "lr" = 0.125
    // Work on numbers before the cut is one launch; what follows the cut is another.
    %a = plan.scalars(%h, %lr) -> (f64) {
    ^bb0(%x: f64, %y: f64):
      %s = arith.mulf %x, %y : f64
      plan.yield %s : f64
    }
    %b = plan.scalars(%a) -> (f64) {
    ^bb0(%x: f64):
      %s = arith.addf %x, %x : f64
      plan.yield %s : f64
    }
    %top = plan.cut 0 contributes(%b to @top) receives(@top)
    plan.keep "h" = %top
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) scalars(%top)
        writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32, %x: f64):
      %s = arith.truncf %x : f64 to f32
      %u = arith.mulf %wi, %s : f32
      plan.yield %u : f32
    }
  }
}
}
// CHECK-NOT: plan.program
// CHECK-NOT: gpu.module
// CHECK-DAG: llvm.mlir.global external hidden constant @descent_simulator_methods() {{.*}} : i8
// CHECK-DAG: llvm.func @descent_begin_simulated()
// CHECK-DAG: llvm.func @all_2_sweep_simulated()
// CHECK-DAG: llvm.mlir.global internal constant @tiny_kernels() {{.*}} : !llvm.array<6 x
// CHECK-DAG: llvm.mlir.global internal constant @tiny_launches() {{.*}} : !llvm.array<2 x
// The operands of both stages on numbers: h, lr and a; a and b.
// CHECK-DAG: llvm.mlir.global internal constant @tiny_launch0_operands(dense<[0, 1, 2, 2, 3]>
// CHECK-DAG: llvm.mlir.global internal constant @tiny_launch1_operands(dense<[0, 4]>
// CHECK-DAG: llvm.mlir.global internal constant @tiny_device()
// CHECK-DAG: "simulator\00"
// CHECK: llvm.func @tiny_step(

// CUDA-DAG: llvm.mlir.global external hidden constant @descent_cuda_methods() {{.*}} : i8
// CUDA-DAG: llvm.mlir.global internal constant @tiny_image("kernels of two chips") {{.*}}alignment = 16
// CUDA-DAG: "cuda:sm_80,sm_90a\00"
// The newest chip comes first; 8.0's code runs on later ones, too.
// CUDA-DAG: llvm.mlir.global internal constant @tiny_chips() {{.*}} : !llvm.array<2 x struct<(i32, i32)>>
// CUDA-NOT: _simulated
