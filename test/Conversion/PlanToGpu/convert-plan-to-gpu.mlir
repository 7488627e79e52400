// RUN: descent-opt %s -split-input-file -convert-plan-to-gpu | FileCheck %s

// A sweep that sees nothing but entries takes the domain as one long row. Whole vectors are accessed at once where all
// buffers are aligned, the others entry by entry.
plan.program @entries segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, bf16>
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, f32>
    %lr = plan.hyper "lr" = 0.1
    plan.sweep over <rows, cols> reads(%w, %m : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, f32>)
        scalars(%lr) writes(%w : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%wi: f32, %mi: f32, %l: f64):
      %s = arith.truncf %l : f64 to f32
      %u = arith.mulf %mi, %s : f32
      %w1 = arith.subf %wi, %u : f32
      plan.yield %w1 : f32
    }
  }
}
// CHECK: plan.sweep {{.*}} {plan.kernel = @kernels::@t_0_sweep, plan.tile = array<i64: 8192, 8192, 0, 0, 1>}
// CHECK: gpu.module @kernels
// CHECK-LABEL: gpu.func @t_0_sweep
// CHECK-SAME: i32, %arg10: !llvm.ptr) kernel
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>
// No block begins a step that is skipped; blocks take tiles in turn, of layers that are there.
// CHECK: scf.if
// CHECK: %[[FIRST:.*]] = gpu.block_id x
// CHECK: %[[STEP:.*]] = gpu.grid_dim x
// CHECK: scf.for %{{.*}} = %[[FIRST]] to %{{.*}} step %[[STEP]]
// CHECK: scf.while
// CHECK: scf.if
// CHECK: %[[W:.*]] = builtin.unrealized_conversion_cast {{.*}} to memref<?x?xbf16, strided<[?, 1]>, 1>
// CHECK: %[[M:.*]] = builtin.unrealized_conversion_cast {{.*}} to memref<?x?xf32, strided<[?, 1]>, 1>
// CHECK: %[[S:.*]] = arith.truncf %{{.*}} : f64 to f32
// CHECK: %[[SS:.*]] = vector.broadcast %[[S]] : f32 to vector<4xf32>
// CHECK: memref.extract_aligned_pointer_as_index %[[W]]
// CHECK: memref.extract_aligned_pointer_as_index %[[M]]
// Where an entry lies takes a division, unless memory is without gaps.
// CHECK: %[[PLACE:.*]]:2 = scf.if %{{.*}} -> (index, index)
// CHECK: } else {
// CHECK: arith.divui
// CHECK: %[[LOADED:.*]]:2 = scf.if %[[WHOLE:.*]] -> (vector<4xbf16>, vector<4xf32>)
// CHECK: vector.load %[[W]][%[[PLACE]]#0, %[[PLACE]]#1] {alignment = 8 : i64} : {{.*}}, vector<4xbf16>
// CHECK: vector.load %[[M]][%[[PLACE]]#0, %[[PLACE]]#1] {alignment = 16 : i64} : {{.*}}, vector<4xf32>
// CHECK: } else {
// CHECK-COUNT-4: memref.load %[[W]]
// CHECK: arith.mulf %[[LOADED]]#1, %[[SS]] : vector<4xf32>
// CHECK: arith.truncf {{.*}} : vector<4xf32> to vector<4xbf16>
// CHECK: scf.if
// CHECK: vector.store %{{.*}}, %[[W]][%[[PLACE]]#0, %[[PLACE]]#1] {alignment = 8 : i64}
// CHECK: } else {
// CHECK-COUNT-4: memref.store %{{.*}}, %[[W]]
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return

// -----

// Work on numbers up to the next stage is one kernel, a block a layer; its operands follow one another.
plan.program @numbers segments 1 {
  plan.track @t class any {
    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>)
        reduces [sum] into(%p : !plan.buffer<one, tiles, f64>) {
    ^bb0(%gi: f32):
      %x = arith.extf %gi : f32 to f64
      plan.yield %x : f64
    }
    %sum = plan.combine sum %p : !plan.buffer<one, tiles, f64>
    %root = plan.scalars(%sum) -> (f64) {
    ^bb0(%s: f64):
      %r = math.sqrt %s : f64
      plan.yield %r : f64
    }
    plan.report "norm" = %root
  }
}
// CHECK-LABEL: plan.program @numbers
// CHECK: plan.combine {{.*}}{plan.kernel = @kernels::@t_1_numbers}
// CHECK: plan.scalars{{.*}}{plan.kernel = @kernels::@t_1_numbers}
// The tile's number, the same in all threads, is stored by the first one.
// CHECK-LABEL: gpu.func @t_0_sweep
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<4xf64>)
// CHECK: vector.create_mask
// CHECK: vector.shuffle {{.*}} [2, 3]
// CHECK: gpu.shuffle xor
// CHECK: gpu.barrier
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %{{.*}}, %{{.*}} : index
// CHECK: scf.if %[[FIRST]]
// CHECK: llvm.store %{{.*}} : f64, !llvm.ptr<1>
// CHECK-LABEL: gpu.func @t_1_numbers
// Threads take partial results in turn.
// CHECK: %[[OWN:.*]] = scf.for %{{.*}} = %thread_id_x to
// CHECK: memref.load
// CHECK: arith.addf
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: llvm.store
// The next stage reads what the first thread has written.
// CHECK: gpu.barrier
// CHECK: %[[SUM:.*]] = llvm.load {{.*}} -> f64
// CHECK: math.sqrt %[[SUM]]
// CHECK: llvm.store
// CHECK: gpu.barrier
// CHECK: gpu.return

// -----

// Stages with the same body share a kernel, whatever their buffers; a cut lies between their numbers.
plan.program @shared segments 2 {
  plan.total max @top in group
  plan.track @t class any {
    %a = plan.factor "a"
    %x = plan.scalars(%a) -> (f64) {
    ^bb0(%s: f64):
      %y = math.sqrt %s : f64
      plan.yield %y : f64
    }
    %top = plan.cut 0 contributes(%x to @top) receives(@top)
    %z = plan.scalars(%top) -> (f64) {
    ^bb0(%s: f64):
      %y = math.sqrt %s : f64
      plan.yield %y : f64
    }
    plan.report "z" = %z
  }
}
// CHECK-LABEL: plan.program @shared
// CHECK: plan.scalars{{.*}}plan.kernel = @kernels::@t_0_numbers
// CHECK: plan.scalars{{.*}}plan.kernel = @kernels::@t_0_numbers
// CHECK: gpu.func @t_0_numbers
// CHECK-NOT: gpu.func
