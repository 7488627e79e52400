// RUN: descent-opt %s -convert-plan-to-loops=vector-bits=256 | FileCheck %s

// Tall layers are transposed, eight rows of eight through registers and the ragged edges by entry; others are copied.
plan.program @orient segments 1 {
  plan.track @t class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    %x = plan.scratch worker : !plan.buffer<short, long, bf16>
    plan.orient %g into %x : !plan.buffer<rows, cols, f32>, !plan.buffer<short, long, bf16>
  }
}
// CHECK-LABEL: func.func private @t_0_orient
// CHECK-SAME: (%[[G:.*]]: memref<?x?xf32, strided<[?, 1]>>, %[[X:.*]]: memref<?x?xbf16, strided<[?, 1]>>
// CHECK: %[[ROWS:.*]] = memref.dim %[[G]], %c0
// CHECK: %[[SHORT:.*]] = memref.dim %[[X]], %c0
// CHECK: %[[TALL:.*]] = arith.cmpi ne, %[[ROWS]], %[[SHORT]]
// CHECK: scf.if %[[TALL]]
// CHECK-COUNT-8: vector.load %[[G]]
// CHECK-COUNT-24: vector.shuffle
// CHECK-COUNT-8: vector.store {{.*}}, %[[X]]
// CHECK: memref.load %[[G]]
// CHECK: memref.store {{.*}}, %[[X]]
// CHECK: } else {
// CHECK-NOT: vector.shuffle
// CHECK: vector.maskedstore %[[X]]
