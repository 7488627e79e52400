// RUN: descent-opt %s -convert-plan-to-loops -cpu-bind-kernels -cpu-emit-artifact='target=cpu:avx2 paths=cpu:avx512,cpu:avx2,cpu:sse4' \
// RUN:   | FileCheck %s --check-prefix=SECOND
// RUN: descent-opt %s -convert-plan-to-loops -cpu-bind-kernels -cpu-emit-artifact=target=cpu:avx2 | FileCheck %s

plan.program @tiny segments 2 {
  plan.total max @top in group
  plan.track @all class any rule "tiny" {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %m = plan.state "m" init value 0.5 : !plan.buffer<rows, cols, bf16>
    %v = plan.state "v" init value 0.0 : !plan.buffer<one, cols, f32>
    %h = plan.layer_state "h" init 2.0
    %lr = plan.hyper "lr" = 0.125
    %t = plan.number updates
    plan.report "noise" = %h
    %top = plan.cut 0 contributes(%h to @top) receives(@top)
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
// CHECK-NOT: plan.program
// The states, in the order of the track; then the count of updates.
// CHECK-DAG: "all m element bf16\0Aall v column f32\0Aall h layer f64\0Aall updates layer i64\0A\00"
// CHECK-DAG: "avx2,fma,f16c,bmi,bmi2,lzcnt,movbe\00"
// CHECK-DAG: llvm.mlir.global internal constant @tiny_all_stages()
// CHECK-DAG: llvm.mlir.addressof @all_0_sweep_entry
// The operands of the sweep: the first buffer, and the slot of %top after those of %h, %lr and %t.
// CHECK-DAG: llvm.mlir.global internal constant @tiny_all_0_operands(dense<[0, 3]>
// CHECK-DAG: llvm.mlir.global internal constant @tiny_artifact()
// CHECK-DAG: llvm.mlir.global internal constant @tiny_top_sources()
// CHECK-DAG: llvm.mlir.constant(1.250000e-01 : f64)
// CHECK: llvm.func @descent_rt_manifest(!llvm.ptr) -> !llvm.ptr
// CHECK: llvm.func @tiny_manifest() -> !llvm.ptr
// CHECK: %[[TABLE:.*]] = llvm.mlir.addressof @tiny_artifact
// CHECK: llvm.call @descent_rt_manifest(%[[TABLE]])
// CHECK: llvm.func @tiny_step(%[[PLAN:.*]]: !llvm.ptr, %[[STEP:.*]]: !llvm.ptr, %[[RESULT:.*]]: !llvm.ptr, %[[ERROR:.*]]: !llvm.ptr) -> i32
// CHECK: %[[TABLE:.*]] = llvm.mlir.addressof @tiny_artifact
// CHECK: llvm.call @descent_rt_step(%[[TABLE]], %[[PLAN]], %[[STEP]], %[[RESULT]], %[[ERROR]])

// The second of three code paths: its tables are found by the first's, find the third's, and are no program's own.
// SECOND-DAG: llvm.mlir.global external hidden constant @tiny_artifact_avx2()
// SECOND-DAG: llvm.mlir.global external hidden constant @tiny_artifact_sse4()
// SECOND-DAG: llvm.mlir.addressof @tiny_artifact_sse4
// SECOND-NOT: @tiny_step
