// RUN: descent-opt %s -split-input-file -verify-diagnostics -plan-pack-factors -convert-plan-to-loops -cpu-bind-kernels | FileCheck %s

// Buffers are 32 bytes apart, operands 4; the partial result of a tile goes to the place of its index.
plan.program @bound segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    %step = plan.number step
    %lr = plan.hyper "lr" = 0.1
    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    // CHECK: plan.sweep {{.*}} kernel @t_0_sweep_entry
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) scalars(%lr)
        reduces [sum] into(%p : !plan.buffer<one, tiles, f64>) {
    ^bb0(%gi: f32, %l: f64):
      %x = arith.extf %gi : f32 to f64
      %y = arith.mulf %x, %l : f64
      plan.yield %y : f64
    }
    %sum = plan.combine sum %p : !plan.buffer<one, tiles, f64>
  }
}
// CHECK: func.func private @t_0_sweep({{.*}}) -> f64 attributes {llvm.linkage = #llvm.linkage<internal>}
// CHECK-LABEL: llvm.func internal @t_0_sweep_entry
// CHECK-SAME: (%[[BUFFERS:[a-z0-9]+]]: !llvm.ptr, %[[SLOTS:[a-z0-9]+]]: !llvm.ptr, %[[OPERANDS:[a-z0-9]+]]: !llvm.ptr, %[[TILE:[a-z0-9]+]]: !llvm.ptr, %{{[a-z0-9]+}}: !llvm.ptr)
// CHECK: %[[FIRST:.*]] = llvm.getelementptr %[[OPERANDS]][0]
// CHECK: %[[NARROW:.*]] = llvm.load %[[FIRST]] {{.*}} -> i32
// CHECK: %[[G:.*]] = llvm.zext %[[NARROW]] : i32 to i64
// CHECK: llvm.getelementptr %[[BUFFERS]][%[[G]]] {{.*}} !llvm.array<32 x i8>
// CHECK: llvm.getelementptr %[[OPERANDS]][8]
// CHECK: llvm.getelementptr %[[SLOTS]]{{.*}} f64
// CHECK: llvm.getelementptr %[[TILE]][0]
// CHECK: %[[SUM:.*]] = func.call @t_0_sweep
// CHECK: llvm.getelementptr %[[OPERANDS]][12]
// CHECK: llvm.getelementptr %[[TILE]][56]
// CHECK: llvm.store %[[SUM]], %{{.*}} : f64, !llvm.ptr
// CHECK: llvm.return
// CHECK-LABEL: llvm.func internal @t_1_combine_entry
// CHECK-SAME: (%{{[a-z0-9]+}}: !llvm.ptr, %[[SLOTS:[a-z0-9]+]]: !llvm.ptr,
// CHECK: %[[ALL:.*]] = func.call @t_1_combine
// CHECK: %[[PLACE:.*]] = llvm.getelementptr %[[SLOTS]]
// CHECK: llvm.store %[[ALL]], %[[PLACE]]

// -----

// A kernel's private memory is its last argument.
plan.program @scratch segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    // CHECK: plan.product {{.*}} kernel @t_1_product_entry attributes {plan.scratch_bytes = {{[0-9]+}} : i64, plan.tile
    plan.product %x, %x transposed : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// -----

// Stages that do the same to other buffers share an entry. One that does something else has its own.
plan.program @shared segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    // CHECK: plan.sweep {{.*}} kernel @t_0_sweep_entry
    plan.sweep over <rows, cols> writes(%w : !plan.buffer<rows, cols, f32>) {
      %zero = arith.constant 0.0 : f32
      plan.yield %zero : f32
    }
    // CHECK: plan.sweep {{.*}} kernel @t_0_sweep_entry
    plan.sweep over <rows, cols> writes(%g : !plan.buffer<rows, cols, f32>) {
      %zero = arith.constant 0.0 : f32
      plan.yield %zero : f32
    }
    // CHECK: plan.sweep {{.*}} kernel @t_2_sweep_entry
    plan.sweep over <rows, cols> writes(%g : !plan.buffer<rows, cols, f32>) {
      %one = arith.constant 1.0 : f32
      plan.yield %one : f32
    }
  }
}
// CHECK: llvm.func internal @t_0_sweep_entry
// CHECK-NOT: llvm.func internal @t_1_sweep_entry
// CHECK: llvm.func internal @t_2_sweep_entry
