// RUN: descent-opt %s -convert-plan-to-gpu | FileCheck %s

// A block of 32 rows and 32 columns of a tall matrix comes through workgroup memory, where a row has one entry more
// than it needs. Every thread loads 4 entries, neighbours along its rows. A wide matrix is read where it lies.
plan.program @oriented segments 1 {
  plan.track @t class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    plan.sweep over <short, long> reads(%g : !plan.buffer<rows, cols, bf16>)
        writes(%x : !plan.buffer<short, long, f32>) {
    ^bb0(%gi: f32):
      %d = arith.addf %gi, %gi : f32
      plan.yield %d : f32
    }
  }
}
// CHECK: plan.tile = array<i64: 256, 8192, 0, 0, 16>
// CHECK: gpu.func @t_0_sweep
// CHECK-SAME: workgroup(%[[BLOCK:.*]] : memref<32x33xbf16, #gpu.address_space<workgroup>>
// CHECK: %[[ROWS:.*]] = memref.dim %{{.*}}, %c0
// CHECK: %[[TALL:.*]] = arith.cmpi ne, %[[ROWS]], %{{.*}} : index
// CHECK: scf.for
// CHECK: %[[G:.*]] = builtin.unrealized_conversion_cast {{.*}} to memref<?x?xbf16, strided<[?, 1]>, 1>
// CHECK: scf.if %[[TALL]] {
// CHECK: gpu.barrier
// CHECK-COUNT-4: memref.load %[[G]]
// CHECK-COUNT-4: memref.store %{{.*}}, %[[BLOCK]]
// CHECK: gpu.barrier
// CHECK: scf.if %[[TALL]] -> (vector<4xbf16>)
// CHECK-COUNT-4: memref.load %[[BLOCK]]
// CHECK: } else {
// CHECK: vector.load %[[G]]{{.*}} {alignment = 8 : i64} : {{.*}}, vector<4xbf16>
// CHECK: } else {
// CHECK-COUNT-4: memref.load %[[G]]
// CHECK: arith.addf
// CHECK: vector.store {{.*}}, vector<4xf32>
