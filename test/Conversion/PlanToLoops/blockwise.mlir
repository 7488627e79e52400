// RUN: descent-opt %s -split-input-file -convert-plan-to-loops=vector-bits=256 | FileCheck %s

// A block of a row is decoded into private memory, computed with, and encoded from there, before the next one.
plan.program @codes segments 1 {
  plan.track @t class any {
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, !plan.q8<128, signed>>
    %s = plan.state "m_scale" init value 0.0 scales %m : !plan.buffer<rows, cols, !plan.q8<128, signed>>
        : !plan.buffer<rows, cols, !plan.scale<128>>
    plan.sweep over <rows, cols>
        reads(%m, %g : !plan.buffer<rows, cols, !plan.q8<128, signed>>, !plan.buffer<rows, cols, f32>)
        writes(%m : !plan.buffer<rows, cols, !plan.q8<128, signed>>) {
    ^bb0(%mi: f32, %gi: f32):
      %m1 = arith.addf %mi, %gi : f32
      plan.yield %m1 : f32
    }
  }
}
// CHECK-DAG: memref.global "private" constant @descent_q8_signed : memref<256xf32>
// CHECK-DAG: memref.global "private" constant @descent_q8_signed_thresholds : memref<128xf32>
// CHECK-LABEL: func.func private @t_0_sweep
// CHECK-SAME: (%[[M:[a-z0-9]+]]: memref<?x?xi8, {{[^>]*}}>>, %[[S:[a-z0-9]+]]: memref<?x?xf32, {{[^>]*}}>>, %[[G:[a-z0-9]+]]: memref<?x?xf32
// CHECK-SAME: %[[OWN:[a-z0-9]+]]: memref<128xf32>)
// CHECK: scf.for %[[ROW:[a-z0-9]+]]
// CHECK: %[[BLOCK:.*]] = arith.constant 128 : index
// CHECK: scf.for %[[BEGIN:[a-z0-9]+]] = {{.*}} step %[[BLOCK]]
// CHECK: memref.load %[[S]][%[[ROW]],
// CHECK: scf.for
// CHECK: vector.load %[[M]][%[[ROW]]
// CHECK: vector.gather
// CHECK: vector.store {{.*}}, %[[OWN]]
// CHECK: vector.load %[[OWN]]{{.*}} : memref<128xf32>, vector<8xf32>
// CHECK: vector.load %[[G]]
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: vector.store {{.*}}, %[[OWN]]{{.*}} : memref<128xf32>, vector<8xf32>
// CHECK: vector.reduction <maxui>
// CHECK: memref.store {{.*}}, %[[S]][%[[ROW]]
// CHECK: math.fma
// CHECK: vector.store {{.*}}, %[[M]][%[[ROW]]

// -----

// Without codes there is no private memory, and rows without gaps are one.
plan.program @plain segments 1 {
  plan.track @t class any {
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, bf16>
    plan.sweep over <rows, cols> reads(%m : !plan.buffer<rows, cols, bf16>)
        writes(%m : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%mi: f32):
      plan.yield %mi : f32
    }
  }
}
// CHECK-LABEL: func.func private @t_0_sweep
// CHECK-NOT: memref<{{[0-9]+}}xf32>
// CHECK: memref.extract_strided_metadata

// -----

// Random bits are a hash of the entry's place, for which rows count all columns of the matrix.
plan.program @random segments 1 {
  plan.track @t class any {
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, f32>
    %key = plan.number random
    plan.sweep over <rows, cols> scalars(%key) writes(%m : !plan.buffer<rows, cols, f32>) {
    ^bb0(%k: f64):
      %bits = plan.random %k stream 1
      %x = arith.uitofp %bits : i32 to f32
      plan.yield %x : f32
    }
  }
}
// CHECK-LABEL: func.func private @t_0_sweep
// CHECK-SAME: (%[[M:[a-z0-9]+]]: memref{{[^:]*}}, %[[KEY:[a-z0-9]+]]: f64
// CHECK: scf.for %[[ROW:[a-z0-9]+]]
// CHECK: scf.for %[[COL:[a-z0-9]+]]
// CHECK: %[[COLS:.*]] = memref.dim %[[M]], %c1
// CHECK: %[[ABOVE:.*]] = arith.muli %[[ROW]], %[[COLS]] : index
// CHECK: %[[PLACE:.*]] = arith.addi %[[ABOVE]], %[[COL]] : index
// CHECK: arith.fptosi %[[KEY]] : f64 to i64
// CHECK: arith.constant 1048576 : i64
// CHECK-COUNT-4: arith.muli {{.*}} : vector<8xi32>
// CHECK: arith.uitofp {{.*}} : vector<8xi32> to vector<8xf32>
