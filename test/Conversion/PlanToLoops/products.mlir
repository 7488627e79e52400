// RUN: descent-opt %s -split-input-file -plan-pack-factors -convert-plan-to-loops=vector-bits=256 | FileCheck %s
// RUN: descent-opt %s -split-input-file -plan-pack-factors=pairs=true -convert-plan-to-loops=vector-bits=512 \
// RUN:   | FileCheck %s --check-prefix=PAIRS

// Stages with the same body share a kernel, those with the same factors the code that accumulates.
plan.program @shared_bodies segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %b = plan.scratch worker : !plan.buffer<short, short, f32>
    %two = plan.hyper "two" = 2.0
    // CHECK: plan.product {{.*}} kernel @t_1_product
    plan.product %x, %x transposed : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // CHECK: plan.product {{.*}} kernel @t_1_product
    plan.product %x, %x transposed : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%b : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // CHECK: plan.product {{.*}} kernel @t_3_product
    plan.product %x, %x transposed : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> scalars(%two) writes(%b : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32, %s: f64):
      %s32 = arith.truncf %s : f64 to f32
      %y = arith.mulf %acc, %s32 : f32
      plan.yield %y : f32
    }
  }
}
// The factor is transposed while it is packed: two vectors of columns make a panel.
// CHECK-LABEL: func.func private @t_0_pack
// CHECK: vector.shuffle
// CHECK: func.func private @multiply_f32(
// CHECK: call @multiply_f32_6x8(
// CHECK: call @multiply_f32_6x16(
// CHECK: call @multiply_f32_3x16(
// CHECK: call @multiply_f32_1x64(
// CHECK: func.func private @multiply_f32_6x8({{.*}} attributes {passthrough = ["noinline"]}
// CHECK-COUNT-6: vector.fma
// CHECK: func.func private @multiply_f32_6x16(
// CHECK: scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK-COUNT-12: vector.fma
// CHECK: func.func private @multiply_f32_3x16(
// CHECK-COUNT-6: vector.fma
// CHECK: func.func private @multiply_f32_1x64(
// CHECK-COUNT-8: vector.fma
// CHECK: func.func private @t_1_product
// CHECK: call @multiply_f32(
// CHECK-NOT: func.func private @t_2_product
// CHECK-NOT: func.func private @multiply
// CHECK: func.func private @t_3_product
// CHECK: call @multiply_f32(

// -----

// A symmetric product works on a triangle of square tiles, which it mirrors; a sum counts what lies off the diagonal
// twice.
// CHECK-LABEL: plan.program @triangle
plan.program @triangle segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %p2 = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %q = plan.scratch worker : !plan.buffer<col_blocks, short, f64>
    // CHECK: plan.product {{.*}} kernel @t_1_product attributes {plan.tile = array<i64: 96, 9216, 96, 48, 16>, plan.triangle}
    plan.product %x, %x transposed symmetric : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>)
        reduces [sum, max] into(%p, %p2 : !plan.buffer<one, tiles, f64>, !plan.buffer<one, tiles, f64>) {
    ^bb0(%acc: f32):
      %d = arith.extf %acc : f32 to f64
      plan.yield %acc, %d, %d : f32, f64, f64
    }
    // A number a row wants all tiles.
    // CHECK: plan.product {{.*}} kernel @t_2_product attributes {plan.tile = array<i64: 128, 12288, 96, 6, 16>}
    plan.product %x, %x transposed symmetric : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>)
        reduces [sum] into(%q : !plan.buffer<col_blocks, short, f64>) {
    ^bb0(%acc: f32):
      %d = arith.extf %acc : f32 to f64
      plan.yield %acc, %d : f32, f64
    }
  }
}
// CHECK: func.func private @mirror_f32
// CHECK: func.func private @t_1_product
// CHECK: %[[WEIGHT:.*]] = arith.select {{.*}} : f64
// CHECK: %[[SUM:.*]] = arith.mulf %{{.*}}, %[[WEIGHT]] : f64
// CHECK: call @mirror_f32
// CHECK: return %[[SUM]], %{{.*}} : f64, f64
// CHECK: func.func private @t_2_product
// CHECK-NOT: call @mirror_f32

// -----

// Pairs of bf16 lie in one lane; without them both factors are widened.
// CHECK-LABEL: plan.program @narrow
// CHECK: plan.scratch worker {plan.panels = array<i64: 16, 8, 0, 0>} : <long, short, f32, panels>
// PAIRS-LABEL: plan.program @narrow
// PAIRS: plan.scratch worker {plan.panels = array<i64: 32, 32, 0, 0>} : <long, short, bf16, panels>
plan.program @narrow segments 1 {
  plan.track @t class matrix {
    %a = plan.scratch worker : !plan.buffer<short, short, bf16>
    %x = plan.scratch worker : !plan.buffer<short, long, bf16>
    %y = plan.scratch worker : !plan.buffer<short, long, bf16>
    plan.product %a, %x : !plan.buffer<short, short, bf16>, !plan.buffer<short, long, bf16>
        over <short, long> writes(%y : !plan.buffer<short, long, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
// CHECK: func.func private @t_0_pack
// CHECK: arith.extf
// CHECK: func.func private @t_1_product
// CHECK: arith.extf
// CHECK: call @multiply_f32(
// PAIRS: func.func private @t_0_pack
// PAIRS: vector.interleave
// PAIRS-COUNT-16: vector.contract
// PAIRS: func.func private @t_1_product
// PAIRS: call @multiply_bf16(

// -----

// A factor in the type of accumulation may be taken unpacked: in place, or by copies of the tile's own.
// CHECK-LABEL: plan.program @in_place
// CHECK: plan.scratch worker {plan.panels = array<i64: 16, 8, 96, 3>} : <long, short, f32, panels>
plan.program @in_place segments 1 {
  plan.track @t class matrix {
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %y = plan.scratch worker : !plan.buffer<short, long, f32>
    plan.product %a, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, long, f32>
        over <short, long> writes(%y : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
// CHECK: func.func private @copy_f32(
// CHECK: func.func private @t_1_product
// CHECK: call @copy_f32(
// CHECK-COUNT-2: arith.select %{{.*}} : memref<?x?xf32, strided<[?, 1], offset: ?>>
