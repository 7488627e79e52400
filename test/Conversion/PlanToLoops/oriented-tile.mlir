// RUN: descent-opt %s -convert-plan-to-loops=vector-bits=256 | FileCheck %s

// Tall layers are transposed, a block of rows at a time and eight rows of eight through registers; wide ones are read
// where they are. Entries do the rest either way.
plan.program @oriented segments 1 {
  plan.track @t class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    plan.sweep over <short, long> reads(%g : !plan.buffer<rows, cols, bf16>) writes(%x : !plan.buffer<short, long, f32>) {
    ^bb0(%gi: f32):
      %d = arith.addf %gi, %gi : f32
      plan.yield %d : f32
    }
  }
}
// CHECK-LABEL: func.func private @t_0_sweep
// CHECK-SAME: (%[[G:.*]]: memref<?x?xbf16, strided<[?, 1]>>, %[[X:.*]]: memref<?x?xf32, strided<[?, 1]>>,
// CHECK-SAME: %[[DOMAIN:[a-z0-9]+]]: index, %[[MEMORY:[a-z0-9]+]]: memref<17408xi8>)
// CHECK: scf.for
// CHECK: %[[ROWS:.*]] = memref.dim %[[G]], %c0
// CHECK: %[[TALL:.*]] = arith.cmpi ne, %[[ROWS]], %[[DOMAIN]]
// CHECK: %[[CHOICE:.*]]:3 = scf.if %[[TALL]]
// CHECK: %[[BLOCK:.*]] = memref.view %[[MEMORY]]
// CHECK-COUNT-8: vector.load %[[G]]
// CHECK-COUNT-8: vector.maskedload %[[G]]
// CHECK-COUNT-24: vector.shuffle
// CHECK-COUNT-8: vector.store {{.*}}, %[[BLOCK]]
// CHECK: } else {
// CHECK: scf.yield %[[G]], %c0{{.*}}, %c0
// CHECK: %[[ENTRIES:.*]] = vector.load %[[CHOICE]]#0
// CHECK: %[[E:.*]] = arith.extf %[[ENTRIES]]
// CHECK: %[[D:.*]] = arith.addf %[[E]], %[[E]]
// CHECK: vector.store %[[D]], %[[X]]
