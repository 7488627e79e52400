// RUN: descent-opt %s -convert-plan-to-gpu | FileCheck %s

// Eight codes a thread: sixteen threads have a block of 128. They find its largest magnitude together, and the first of
// them alone loads and stores the scale. Tables lie in workgroup memory from before the first tile on.
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
// CHECK: plan.tile = array<i64: 16384, 16384, 0, 0, 128>
// CHECK-DAG: memref.global "private" constant @q8_signed : memref<256xf32, 1>
// CHECK-DAG: memref.global "private" constant @q8_signed_thresholds : memref<128xf32, 1>
// CHECK: gpu.func @t_0_sweep
// CHECK-SAME: workgroup(%[[NUMBERS:.*]] : memref<256xf32, #gpu.address_space<workgroup>>
// CHECK-SAME: %[[THRESHOLDS:.*]] : memref<128xf32, #gpu.address_space<workgroup>>
// CHECK: memref.get_global @q8_signed
// CHECK: memref.store %{{.*}}, %[[NUMBERS]]
// CHECK: memref.get_global @q8_signed_thresholds
// CHECK: memref.store %{{.*}}, %[[THRESHOLDS]]
// CHECK: gpu.barrier
// CHECK: gpu.block_id
// CHECK: vector.load {{.*}} {alignment = 8 : i64} : {{.*}}, vector<8xi8>
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : {{.*}}, vector<8xf32>
// CHECK: %[[OWN:.*]] = scf.if %{{.*}} -> (f32)
// CHECK: %[[SCALE:.*]], %{{.*}} = gpu.shuffle idx %[[OWN]]
// CHECK-COUNT-8: memref.load %[[NUMBERS]]
// CHECK: vector.broadcast %[[SCALE]]
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: vector.reduction <maxui>
// CHECK: gpu.shuffle xor %{{.*}}, %c8_i32
// CHECK: gpu.shuffle xor %{{.*}}, %c4_i32
// CHECK: gpu.shuffle xor %{{.*}}, %c2_i32
// CHECK: gpu.shuffle xor %{{.*}}, %c1_i32
// CHECK-NOT: gpu.shuffle
// CHECK: memref.store %{{.*}} : memref<?x?xf32, strided<[?, 1]>, 1>
// CHECK-COUNT-7: vector.fma
// CHECK-COUNT-8: memref.load %[[THRESHOLDS]]
// CHECK: math.fma
// CHECK: vector.store {{.*}} {alignment = 8 : i64} : {{.*}}, vector<8xi8>
