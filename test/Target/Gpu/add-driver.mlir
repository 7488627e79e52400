// RUN: descent-opt %s -gpu-add-driver | FileCheck %s

// The driver's kernels come first, in the order of device.h.
gpu.module @kernels {
  gpu.func @own() kernel {
    gpu.return
  }
}
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @descent_begin(
// CHECK-SAME: kernel attributes {known_block_size = array<i32: 256, 1, 1>}
// CHECK: gpu.func @descent_fold(
// CHECK: gpu.barrier
// CHECK: gpu.func @descent_guard(
// CHECK: gpu.func @descent_finish(
// CHECK: gpu.func @own()
// CHECK-NOT: gpu.module
