// What kernels say of themselves: threads, workgroup memory, clusters and tensor maps; and code paths beside each other.
// RUN: descent-opt %s -gpu-emit-artifact=target=cuda:sm_90a | FileCheck %s
// RUN: descent-opt %s -gpu-emit-artifact='target=cuda:sm_100a,sm_80 paths=cuda:sm_100a,sm_80+cuda:sm_90a' \
// RUN:   | FileCheck %s --check-prefixes=FIRST
// RUN: descent-opt %s -gpu-emit-artifact='target=cuda:sm_90a paths=cuda:sm_100a,sm_80+cuda:sm_90a' \
// RUN:   | FileCheck %s --check-prefixes=SECOND
// RUN: not descent-opt %s -gpu-emit-artifact='target=simulator paths=cuda:sm_80' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=UNLISTED

module attributes {gpu.container_module, descent.image = "kernels"} {
plan.program @square segments 1 {
  plan.track @all class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %x = plan.scratch worker : !plan.buffer<rows, cols, bf16>
    %y = plan.scratch worker : !plan.buffer<rows, rows, bf16>
    plan.product %x, %x transposed symmetric : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%y : !plan.buffer<rows, rows, bf16>)
        attributes {plan.kernel = @kernels::@multiply} {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
gpu.module @kernels {
  gpu.func @multiply() kernel attributes {
      known_block_size = array<i32: 384, 1, 1>, plan.dynamic_bytes = 200000 : i64, plan.cluster = 2 : i64,
      plan.blocks_per_processor = 1 : i64, plan.maps = [array<i64: 0, 128, 64, 128>, array<i64: 1, 256, 64, 128>]} {
    gpu.return
  }
}
}
// The left and the right factor are one buffer, the second of the track.
// CHECK: @square_launch0_maps() {{.*}} : !llvm.array<2 x struct<(i32, i32, i32, i32)>> {
// CHECK-COUNT-4: llvm.mlir.constant({{1|64|128}} : i32)
// CHECK: llvm.mlir.constant(1 : i32)
// CHECK-NEXT: llvm.insertvalue
// CHECK-NEXT: llvm.mlir.constant(256 : i32)
// CHECK: @square_kernels() {
// CHECK: llvm.mlir.constant(384 : i32)
// CHECK: llvm.mlir.constant(200000 : i32)
// CHECK: llvm.mlir.constant(1 : i32)
// CHECK: llvm.mlir.constant(2 : i32)
// One chip, of 9.0, whose code no other runs.
// CHECK: @square_chips() {{.*}} : !llvm.array<1 x struct<(i32, i32)>> {
// CHECK: llvm.mlir.constant(90 : i32)
// CHECK: llvm.mlir.constant(0 : i32)
// CHECK: llvm.func @square_step(

// The first path has the functions and the manifest, and declares the next.
// FIRST-DAG: llvm.mlir.global external hidden constant @square_path1_artifact() {{.*}} : i8
// FIRST-DAG: "cuda:sm_100a,sm_80\00"
// FIRST-DAG: \22name\22: \22cuda:sm_90a\22
// FIRST-DAG: llvm.mlir.global internal constant @square_artifact()
// FIRST-DAG: llvm.func @square_step(
// SECOND-NOT: llvm.func @square_step(
// SECOND: llvm.mlir.global internal constant @square_path1_kernels()
// SECOND: llvm.mlir.global external hidden constant @square_path1_artifact() {{.*}} : !llvm.struct<
// SECOND-NOT: llvm.func @square_step(
// UNLISTED: error: the target 'simulator' is not among the artifact's paths
