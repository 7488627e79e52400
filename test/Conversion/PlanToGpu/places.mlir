// RUN: descent-opt %s -split-input-file -convert-plan-to-gpu | FileCheck %s

// Random bits are a hash of the entry's place, which one long row counts.
plan.program @random segments 1 {
  plan.track @t class any {
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, f32>
    %key = plan.number random
    plan.sweep over <rows, cols> scalars(%key) writes(%m : !plan.buffer<rows, cols, f32>) {
    ^bb0(%k: f64):
      %bits = plan.random %k stream 1
      %number = arith.uitofp %bits : i32 to f32
      plan.yield %number : f32
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_sweep
// CHECK: %[[M:.*]] = builtin.unrealized_conversion_cast {{.*}} to memref<?x?xf32, strided<[?, 1]>, 1>
// CHECK: %[[COLS:.*]] = memref.dim %[[M]], %c1
// CHECK: arith.muli %{{.*}}, %[[COLS]] : index
// CHECK: arith.constant dense<[0, 1, 2, 3]> : vector<4xi32>
// CHECK: arith.constant dense<2146121005> : vector<4xi32>
// CHECK: arith.uitofp {{.*}} : vector<4xi32> to vector<4xf32>
// CHECK: vector.store

// -----

// Entries know their row and column: no long row.
plan.program @diagonal segments 1 {
  plan.track @t class matrix {
    %i = plan.scratch worker : !plan.buffer<short, short, f32>
    plan.sweep over <short, short> writes(%i : !plan.buffer<short, short, f32>) {
      %one = plan.diagonal : f32
      plan.yield %one : f32
    }
  }
}
// CHECK-LABEL: plan.program @diagonal
// CHECK: plan.tile = array<i64: 8192, 8192, 0, 0, 16>
// CHECK-LABEL: gpu.func @t_0_sweep
// CHECK: %[[LANE:.*]] = arith.andi %thread_id_x
// CHECK: %[[ROW:.*]] = arith.shrui %thread_id_x
// CHECK: scf.for %[[FIRST:[a-z0-9]+]] = %{{.*}} to %{{.*}} step
// CHECK: arith.addi %[[FIRST]], %[[ROW]]
// CHECK: scf.for
// CHECK-COUNT-2: vector.create_mask
// CHECK: arith.xori {{.*}} : vector<4xi1>
// CHECK: vector.store

// -----

// What is read a column lies in one row, and a row's number is one for all its threads.
plan.program @broadcasts segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %a = plan.state "a" init value 0.0 : !plan.buffer<one, rows, f32>
    %b = plan.state "b" init value 0.0 : !plan.buffer<one, cols, f32>
    plan.sweep over <rows, cols> reads(%w, %a, %b : !plan.buffer<rows, cols, f32>, !plan.buffer<one, rows, f32>,
        !plan.buffer<one, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32, %ai: f32, %bi: f32):
      %x = arith.mulf %wi, %ai : f32
      %y = arith.mulf %x, %bi : f32
      plan.yield %y : f32
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_sweep
// Where buffers lie is loaded for each row.
// CHECK: memref.extract_aligned_pointer_as_index
// CHECK: scf.for
// CHECK: %[[W:.*]] = builtin.unrealized_conversion_cast
// CHECK: %[[A:.*]] = builtin.unrealized_conversion_cast
// CHECK: %[[B:.*]] = builtin.unrealized_conversion_cast
// CHECK: %[[AI:.*]] = memref.load %[[A]][%c0
// CHECK: %[[ALL:.*]] = vector.broadcast %[[AI]] : f32 to vector<4xf32>
// CHECK: %[[LOADED:.*]]:2 = scf.if
// CHECK: vector.load %[[W]][%{{.*}}, %[[COL:.*]]] {alignment = 16 : i64}
// CHECK: vector.load %[[B]][%c0{{[_0-9]*}}, %[[COL]]] {alignment = 16 : i64}
// CHECK: arith.mulf %[[LOADED]]#0, %[[ALL]]
