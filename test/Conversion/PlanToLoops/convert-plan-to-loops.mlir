// RUN: descent-opt %s -split-input-file -convert-plan-to-loops=vector-bits=256 | FileCheck %s

// What depends on scalars is computed once; the main loop has no mask, the remainder has one.
plan.program @sweep segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, bf16>
    %lr = plan.hyper "lr" = 0.1
    // CHECK: plan.sweep over {{.*}} kernel @t_0_sweep
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, bf16>) scalars(%lr)
        writes(%w : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%wi: f32, %l: f64):
      %two = arith.constant 2.0 : f64
      %t = arith.mulf %l, %two : f64
      %s = arith.truncf %t : f64 to f32
      %u = arith.mulf %wi, %s : f32
      plan.yield %u : f32
    }
  }
}
// CHECK-LABEL: func.func private @t_0_sweep
// CHECK-SAME: (%[[W:.*]]: memref<?x?xbf16, strided<[?, 1]>>, %[[LR:.*]]: f64, %[[R0:.*]]: index, %[[R1:.*]]: index,
// CHECK: %[[T:.*]] = arith.mulf %[[LR]], %{{.*}} : f64
// CHECK: %[[S:.*]] = arith.truncf %[[T]] : f64 to f32
// CHECK: %[[V:.*]] = vector.broadcast %[[S]] : f32 to vector<8xf32>
// Rows without gaps are one row.
// CHECK: memref.extract_strided_metadata
// CHECK: scf.for %[[I:[a-z0-9]+]] =
// CHECK: scf.for %[[J:[a-z0-9]+]] =
// CHECK-NEXT: %[[X:.*]] = vector.load %[[W]][%[[I]], %[[J]]]
// CHECK-NEXT: %[[E:.*]] = arith.extf %[[X]] : vector<8xbf16> to vector<8xf32>
// CHECK-NEXT: %[[U:.*]] = arith.mulf %[[E]], %[[V]] : vector<8xf32>
// CHECK-NEXT: %[[N:.*]] = arith.truncf %[[U]] : vector<8xf32> to vector<8xbf16>
// CHECK-NEXT: vector.store %[[N]], %[[W]][%[[I]], %[[J]]]
// CHECK-NEXT: }
// CHECK: scf.if
// CHECK: %[[M:.*]] = vector.create_mask
// CHECK: vector.maskedload %[[W]][{{.*}}], %[[M]]
// CHECK: vector.maskedstore %[[W]][{{.*}}], %[[M]]

// -----

// Reductions fold f64 by lane. Masked lanes fold nothing: 0 times NaN is NaN.
plan.program @reductions segments 1 {
  plan.track @t class any {
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    %v = plan.state "v" init value 0.0 : !plan.buffer<one, rows, f32>
    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %r = plan.scratch worker : !plan.buffer<col_blocks, rows, f64>
    %c = plan.scratch worker : !plan.buffer<row_blocks, cols, f64>
    plan.sweep over <rows, cols> reads(%g, %v : !plan.buffer<rows, cols, f32>, !plan.buffer<one, rows, f32>)
        reduces [max, sum, sum] into(%p, %r, %c : !plan.buffer<one, tiles, f64>, !plan.buffer<col_blocks, rows, f64>,
                                                  !plan.buffer<row_blocks, cols, f64>) {
    ^bb0(%gi: f32, %vi: f32):
      %q = arith.mulf %gi, %vi : f32
      %x = arith.extf %q : f32 to f64
      plan.yield %x, %x, %x : f64, f64, f64
    }
    // CHECK: plan.combine max {{.*}} kernel @t_1_combine
    %m = plan.combine max %p : !plan.buffer<one, tiles, f64>
    // CHECK: plan.fold sum {{.*}} kernel @t_2_fold
    plan.fold sum %r into %v : !plan.buffer<col_blocks, rows, f64>, !plan.buffer<one, rows, f32>
  }
}
// CHECK-LABEL: func.func private @t_0_sweep
// CHECK-SAME: %{{[a-z0-9]+}}: memref<?x?xf64, strided<[?, 1]>>, %[[ROWS:[a-z0-9]+]]: memref<?x?xf64, strided<[?, 1]>>, %[[COLS:[a-z0-9]+]]: memref<?x?xf64, strided<[?, 1]>>
// CHECK-SAME: %[[R0:[a-z0-9]+]]: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index
// CHECK-SAME: %[[RB:[a-z0-9]+]]: index, %[[CB:[a-z0-9]+]]: index) -> f64
// CHECK: %[[ONE:.*]] = scf.for %[[I:[a-z0-9]+]] = {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<8xf64>)
// CHECK: vector.broadcast {{.*}} : f32 to vector<8xf32>
// CHECK: %[[MAIN:.*]]:2 = scf.for %[[J:[a-z0-9]+]] = {{.*}} -> (vector<8xf64>, vector<8xf64>)
// CHECK: arith.maximumf
// CHECK: arith.cmpi eq, %[[I]], %[[R0]]
// CHECK: vector.load %[[COLS]][%[[RB]], %[[J]]]
// CHECK: vector.store {{.*}}, %[[COLS]][%[[RB]], %[[J]]]
// CHECK: scf.if
// CHECK: %[[M:.*]] = vector.create_mask
// CHECK: arith.select %[[M]], {{.*}} : vector<8xi1>, vector<8xf64>
// Halves, and their halves.
// CHECK: vector.shuffle {{.*}} [4, 5, 6, 7]
// CHECK: vector.shuffle {{.*}} [2, 3]
// CHECK: vector.shuffle {{.*}} [1]
// CHECK: memref.store {{.*}}, %[[ROWS]][%[[CB]], %[[I]]]
// CHECK: return %{{.*}} : f64

// CHECK-LABEL: func.func private @t_1_combine
// CHECK: scf.for {{.*}} step %c1{{.*}} -> (f64)
// CHECK: arith.maximumf
