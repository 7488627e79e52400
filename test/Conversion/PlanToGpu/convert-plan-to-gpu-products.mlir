// RUN: descent-opt %s -split-input-file -convert-plan-to-gpu | FileCheck %s
// RUN: descent-opt %s -split-input-file -convert-plan-to-gpu=products=fma | FileCheck %s --check-prefix=PLAIN

// Threads load panels into registers, store them to the block's memory and multiply them there, a panel behind. Sums
// take the panels' place, for an epilogue that reads and writes vectors.
// CHECK-LABEL: plan.program @fused_multiply_adds
plan.program @fused_multiply_adds segments 1 {
  plan.track @t class matrix {
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %y = plan.scratch worker : !plan.buffer<short, long, f32>
    %two = plan.hyper "two" = 2.0
    // CHECK: plan.product {{.*}} attributes {plan.kernel = @kernels::@t_0_product,
    // CHECK-SAME: plan.tile = array<i64: 128, 16384, 128, 128, 128>}
    plan.product %a, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, long, f32>
        over <short, long> reads(%x : !plan.buffer<short, long, f32>) scalars(%two)
        writes(%y : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32, %xi: f32, %s: f64):
      %s32 = arith.truncf %s : f64 to f32
      %sx = arith.mulf %xi, %s32 : f32
      %r = arith.addf %sx, %acc : f32
      plan.yield %r : f32
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_product
// CHECK-SAME: workgroup(%[[MEMORY:.*]] : memref<33792xi8, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>, plan.registers = 128 : i64
// CHECK: %[[LHS:.*]] = memref.view %[[MEMORY]]{{.*}} to memref<2x8x132xf32, #gpu.address_space<workgroup>>
// CHECK: %[[RHS:.*]] = memref.view %[[MEMORY]]{{.*}} to memref<2x8x132xf32, #gpu.address_space<workgroup>>
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<?x?xf32, strided<[?, 1]>, 1>, vector<4xf32>
// CHECK-COUNT-4: memref.store {{.*}}, %[[LHS]]
// CHECK: vector.store {{.*}}, %[[RHS]]
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<?x?xf32, strided<[?, 1]>, 1>, vector<4xf32>
// CHECK-COUNT-2: vector.load %[[LHS]]
// CHECK-COUNT-2: vector.load %[[RHS]]
// CHECK-COUNT-128: vector.fma {{.*}} : vector<4xf32>
// CHECK-COUNT-4: memref.store {{.*}}, %[[LHS]]
// CHECK: gpu.barrier
// CHECK: %[[SUMS:.*]] = memref.view %[[MEMORY]]{{.*}} to memref<64x132xf32, #gpu.address_space<workgroup>>
// CHECK-COUNT-16: vector.store {{.*}}, %[[SUMS]]
// CHECK: gpu.barrier
// CHECK: vector.load %[[SUMS]]
// CHECK: arith.mulf {{.*}} : vector<4xf32>
// CHECK: vector.store {{.*}} : memref<?x?xf32, strided<[?, 1]>, 1>, vector<4xf32>
// CHECK: gpu.barrier

// -----

// Numbers of 64 bits have smaller tiles.
// CHECK-LABEL: plan.program @double_precision
plan.program @double_precision segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f64>
    %y = plan.scratch worker : !plan.buffer<short, short, f64>
    // CHECK: plan.product {{.*}} plan.tile = array<i64: 64, 4096, 64, 64, 64>}
    plan.product %x, %x transposed : !plan.buffer<short, long, f64>, !plan.buffer<short, long, f64>
        over <short, short> writes(%y : !plan.buffer<short, short, f64>) {
    ^bb0(%acc: f64):
      plan.yield %acc : f64
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_product
// CHECK-COUNT-64: vector.fma {{.*}} : vector<2xf64>

// -----

// A symmetric product works on a triangle of square tiles, which it mirrors; a sum counts what lies off the diagonal
// twice, a maximum does not.
// CHECK-LABEL: plan.program @triangle
plan.program @triangle segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %p2 = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %q = plan.scratch worker : !plan.buffer<col_blocks, short, f64>
    // CHECK: plan.product {{.*}} plan.tile = array<i64: 128, 16384, 128, 128, 128>, plan.triangle}
    plan.product %x, %x transposed symmetric : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>)
        reduces [sum, max] into(%p, %p2 : !plan.buffer<one, tiles, f64>, !plan.buffer<one, tiles, f64>) {
    ^bb0(%acc: f32):
      %d = arith.extf %acc : f32 to f64
      plan.yield %acc, %d, %d : f32, f64, f64
    }
    // A number a row wants all tiles.
    // CHECK: plan.product {{.*}} plan.tile = array<i64: 128, 16384, 128, 128, 128>}
    plan.product %x, %x transposed symmetric : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>)
        reduces [sum] into(%q : !plan.buffer<col_blocks, short, f64>) {
    ^bb0(%acc: f32):
      %d = arith.extf %acc : f32 to f64
      plan.yield %acc, %d : f32, f64
    }
  }
}
// Both factors lie across the panels that are multiplied.
// CHECK-LABEL: gpu.func @t_0_product
// CHECK-COUNT-2: scf.while
// CHECK: %[[LHS:.*]] = memref.view {{.*}} to memref<2x8x132xf32, #gpu.address_space<workgroup>>
// CHECK: %[[RHS:.*]] = memref.view {{.*}} to memref<2x8x132xf32, #gpu.address_space<workgroup>>
// CHECK-COUNT-4: memref.store {{.*}}, %[[LHS]]
// CHECK-COUNT-4: memref.store {{.*}}, %[[RHS]]
// CHECK: gpu.shuffle
// CHECK: %[[ONCE:.*]] = arith.constant 1.000000e+00 : f64
// CHECK: %[[TWICE:.*]] = arith.constant 2.000000e+00 : f64
// CHECK: %[[WEIGHT:.*]] = arith.select %{{.*}}, %[[ONCE]], %[[TWICE]] : f64
// CHECK: arith.mulf %{{.*}}, %[[WEIGHT]] : f64
// CHECK-NOT: arith.mulf {{.*}} : f64
// CHECK: %[[SQUARE:.*]] = memref.view {{.*}} to memref<4160xf32, #gpu.address_space<workgroup>>
// CHECK: memref.store {{.*}}, %[[SQUARE]]
// CHECK: gpu.barrier
// CHECK: memref.load %[[SQUARE]]
// CHECK: gpu.barrier
// CHECK-LABEL: gpu.func @t_1_product
// CHECK-NOT: memref<4160xf32
// CHECK: gpu.return

// -----

// Two factors in 16 bits are multiplied on tensor cores, from panels that lie as the factors do. Sums are f32.
// CHECK-LABEL: plan.program @tensor_cores
plan.program @tensor_cores segments 1 {
  plan.track @t class matrix {
    %a = plan.scratch worker : !plan.buffer<short, short, bf16>
    %x = plan.scratch worker : !plan.buffer<short, long, bf16>
    %y = plan.scratch worker : !plan.buffer<short, long, bf16>
    plan.product %a, %x : !plan.buffer<short, short, bf16>, !plan.buffer<short, long, bf16>
        over <short, long> writes(%y : !plan.buffer<short, long, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    plan.product %x, %x transposed : !plan.buffer<short, long, bf16>, !plan.buffer<short, long, bf16>
        over <short, short> writes(%a : !plan.buffer<short, short, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_product
// CHECK-SAME: plan.registers = 128 : i64
// CHECK: %[[LHS:.*]] = memref.view {{.*}} to memref<2x128x40xbf16, #gpu.address_space<workgroup>>
// CHECK: %[[RHS:.*]] = memref.view {{.*}} to memref<2x32x136xbf16, #gpu.address_space<workgroup>>
// CHECK-COUNT-2: vector.store {{.*}}, %[[LHS]][{{.*}} vector<8xbf16>
// CHECK-COUNT-2: vector.store {{.*}}, %[[RHS]][{{.*}} vector<8xbf16>
// CHECK-COUNT-2: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>, num = 4
// CHECK: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>, num = 4
// CHECK-COUNT-4: nvvm.mma.sync {{.*}} #nvvm.mma_type<bf16>, {{.*}} #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>, num = 4
// CHECK-COUNT-28: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK-COUNT-32: vector.store {{.*}} vector<2xf32>
// CHECK: arith.truncf {{.*}} to vector<8xbf16>
// CHECK-LABEL: gpu.func @t_1_product
// CHECK: memref.view {{.*}} to memref<2x128x40xbf16, #gpu.address_space<workgroup>>
// CHECK: memref.view {{.*}} to memref<2x128x40xbf16, #gpu.address_space<workgroup>>
// CHECK-COUNT-12: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>, num = 4
// CHECK: nvvm.mma.sync
// Elsewhere they are widened on their way to the block's memory.
// PLAIN-LABEL: gpu.func @t_0_product
// PLAIN: vector.load {{.*}} {alignment = 8 : i64} : memref<?x?xbf16, strided<[?, 1]>, 1>, vector<4xbf16>
// PLAIN: arith.extf {{.*}} : vector<4xbf16> to vector<4xf32>
// PLAIN-COUNT-128: vector.fma
// PLAIN-NOT: nvvm.mma.sync

// -----

// CHECK-LABEL: plan.program @half_precision
plan.program @half_precision segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f16>
    %w = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    plan.product %x, %x transposed : !plan.buffer<short, long, f16>, !plan.buffer<short, long, f16>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // Factors of two types have no tensor core.
    plan.product %x, %w transposed : !plan.buffer<short, long, f16>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_product
// CHECK: llvm.bitcast {{.*}} : i32 to vector<2xf16>
// CHECK: nvvm.mma.sync {{.*}} (vector<2xf16>, vector<2xf16>, f32)
// CHECK-LABEL: gpu.func @t_1_product
// CHECK-NOT: nvvm.mma.sync
// CHECK: vector.fma
