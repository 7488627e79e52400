// RUN: descent-opt %s -cuda-limit-registers | FileCheck %s
// RUN: descent-opt %s -cuda-limit-registers=registers=32 | FileCheck %s --check-prefix=FEWER

gpu.module @kernels {
  // CHECK: gpu.func @a_kernel_has_what_the_target_gives() kernel attributes {nvvm.maxnreg = 64 : i32}
  // FEWER: gpu.func @a_kernel_has_what_the_target_gives() kernel attributes {nvvm.maxnreg = 32 : i32}
  gpu.func @a_kernel_has_what_the_target_gives() kernel {
    gpu.return
  }

  // CHECK: gpu.func @a_kernel_may_say_more() kernel attributes {nvvm.maxnreg = 200 : i32}
  // FEWER: gpu.func @a_kernel_may_say_more() kernel attributes {nvvm.maxnreg = 200 : i32}
  gpu.func @a_kernel_may_say_more() kernel attributes {plan.registers = 200 : i32} {
    gpu.return
  }

  // CHECK: gpu.func @what_kernels_call_is_left() {
  gpu.func @what_kernels_call_is_left() {
    gpu.return
  }
}
