// RUN: descent-opt %s -split-input-file -convert-plan-to-gpu | FileCheck %s

// A number a tile, a row and a column. Columns stay with one thread, which a tile is no wider for than threads reach.
plan.program @all_at_once segments 1 {
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
    plan.fold sum %r into %v : !plan.buffer<col_blocks, rows, f64>, !plan.buffer<one, rows, f32>
  }
}
// CHECK-LABEL: plan.program @all_at_once
// CHECK: plan.sweep {{.*}} plan.tile = array<i64: 1024, 65536, 64, 0, 16>
// CHECK: plan.fold {{.*}}{plan.kernel = @kernels::@t_1_fold, plan.tile = array<i64: 32, 32>
// CHECK-LABEL: gpu.func @t_0_sweep
// CHECK: scf.for {{.*}} -> (vector<4xf64>, vector<4xf64>, vector<4xf64>)
// CHECK: scf.for {{.*}} -> (vector<4xf64>, vector<4xf64>, vector<4xf64>)
// Entries that do not exist fold nothing: 0 times NaN is NaN.
// CHECK: %[[M:.*]] = vector.create_mask
// CHECK: arith.select %[[M]], {{.*}} : vector<4xi1>, vector<4xf64>
// CHECK: arith.maximumf {{.*}} : vector<4xf64>
// The row: across the lanes of the warp, then through the block's memory if it has more.
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: scf.if %{{.*}} -> (f64)
// CHECK: gpu.barrier
// CHECK: gpu.barrier
// CHECK: memref.store %{{.*}} : memref<?x?xf64, strided<[?, 1]>, 1>
// The tile.
// CHECK-COUNT-5: gpu.shuffle xor
// The columns, over the rows of threads.
// CHECK: %[[COLS:.*]] = scf.if %{{.*}} -> (vector<4xf64>)
// CHECK: vector.store %{{.*}} : memref<256x4xf64, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// CHECK: vector.load
// CHECK: gpu.barrier
// CHECK: vector.extract %[[COLS]][0]
// CHECK: llvm.store
// CHECK: gpu.return

// A warp's threads take a column each, and every warp some of the column's blocks.
// CHECK-LABEL: gpu.func @t_1_fold
// CHECK: %[[WARP:.*]] = arith.divui %thread_id_x
// CHECK: scf.for %{{.*}} = %[[WARP]] to
// CHECK: memref.load
// CHECK: gpu.barrier
// CHECK: arith.truncf {{.*}} : f64 to f32
// CHECK: memref.store {{.*}} : memref<?x?xf32, strided<[?, 1]>, 1>

// -----

// Each row is visited for the fold, then for what is stored. Rows stay whole, so that what a column has lies in memory:
// the tile's first rows start it.
plan.program @row_folds segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %c = plan.scratch worker : !plan.buffer<row_blocks, cols, f64>
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>)
        reduces [max] into(%c : !plan.buffer<row_blocks, cols, f64>) {
    ^bb0(%wi: f32):
      %x = arith.extf %wi : f32 to f64
      %sum = plan.row_fold sum %x : f64
      %y = arith.divf %x, %sum : f64
      %w1 = arith.truncf %y : f64 to f32
      plan.yield %w1, %y : f32, f64
    }
  }
}
// CHECK-LABEL: plan.program @row_folds
// CHECK: plan.tile = array<i64: 1099511627776, 65536, 0, 0, 16>
// CHECK-LABEL: gpu.func @t_0_sweep
// CHECK: scf.for
// CHECK: %[[SUM:.*]] = scf.for {{.*}} -> (vector<4xf64>)
// CHECK: arith.addf {{.*}} : vector<4xf64>
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: %[[NUMBER:.*]] = scf.if %{{.*}} -> (f64)
// CHECK: %[[ALL:.*]] = vector.broadcast %[[NUMBER]] : f64 to vector<4xf64>
// CHECK: scf.for
// CHECK: arith.divf %{{.*}}, %[[ALL]]
// CHECK: vector.store
// CHECK: %[[BEGUN:.*]] = arith.cmpi ne
// CHECK: gpu.barrier
// CHECK: gpu.barrier
// CHECK: scf.if %{{.*}} -> (vector<4xf64>)
// CHECK: memref.load {{.*}} : memref<?x?xf64, strided<[?, 1]>, 1>
// CHECK: arith.maximumf
// CHECK: memref.store {{.*}} : memref<?x?xf64, strided<[?, 1]>, 1>
