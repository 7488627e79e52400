// RUN: descent-opt %s -split-input-file -convert-plan-to-gpu=products=wgmma -canonicalize -cse | FileCheck %s

// One thread asks the copy engine for boxes of both factors, two groups of four warps multiply them. What the epilogue
// needs, and which maps the kernel wants, stands at the function. The right factor lies with the inner extent first: its
// panel is made of boxes of 64 columns.
// CHECK-LABEL: plan.program @general
plan.program @general segments 1 {
  plan.track @t class matrix {
    %a = plan.scratch worker : !plan.buffer<short, short, bf16>
    %x = plan.scratch worker : !plan.buffer<short, long, bf16>
    %y = plan.scratch worker : !plan.buffer<short, long, bf16>
    %two = plan.hyper "two" = 2.0
    // CHECK: plan.product {{.*}} attributes {plan.kernel = @kernels::@t_0_product,
    // CHECK-SAME: plan.tile = array<i64: 256, 32768, 128, 128, 256>}
    plan.product %a, %x : !plan.buffer<short, short, bf16>, !plan.buffer<short, long, bf16>
        over <short, long> reads(%x : !plan.buffer<short, long, bf16>) scalars(%two)
        writes(%y : !plan.buffer<short, long, bf16>) {
    ^bb0(%acc: f32, %xi: f32, %s: f64):
      %s32 = arith.truncf %s : f64 to f32
      %sx = arith.mulf %xi, %s32 : f32
      %r = arith.addf %sx, %acc : f32
      plan.yield %r : f32
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_product
// CHECK-SAME: %[[MAPS:[a-z0-9]*]]: !llvm.ptr) kernel attributes
// CHECK-SAME: known_block_size = array<i32: 384, 1, 1>, plan.blocks_per_processor = 1 : i64, plan.dynamic_bytes = 231488 : i64,
// CHECK-SAME: plan.maps = [array<i64: 0, 128, 64, 128>, array<i64: 1, 64, 64, 128>], plan.registers = 168 : i64
// CHECK: %[[MEMORY:.*]] = gpu.dynamic_shared_memory
// CHECK-COUNT-8: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: gpu.barrier
// CHECK: gpu.shuffle
// CHECK: scf.if
// CHECK-NEXT: nvvm.setmaxregister decrease 40
// The layer's maps are fenced when it begins.
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %c0_i32, %[[BEFORE:.*]] = %c-1)
// CHECK: scf.while
// CHECK: %[[NEW:.*]] = arith.cmpi ne, %{{.*}}, %[[BEFORE]]
// CHECK: scf.if %[[NEW]]
// CHECK-COUNT-2: nvvm.fence.proxy.acquire <sys>
// CHECK: %[[LHS:.*]] = llvm.getelementptr %[[MAPS]]
// CHECK: %[[RHS:.*]] = llvm.getelementptr %[[MAPS]]
// CHECK: scf.for
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: nvvm.mbarrier.arrive.expect_tx %[[FULL:.*]], %c49152_i32
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[LHS]], %[[FULL]], box[%[[INNER:.*]], %{{.*}}] {isCTAOnly = true}
// CHECK-COUNT-4: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[RHS]], %[[FULL]], box[%{{.*}}, %[[INNER]]] {isCTAOnly = true}
// CHECK-NOT: nvvm.cp.async
// CHECK: nvvm.setmaxregister increase 232
// Sums are touched when all products are done.
// CHECK: %[[SUMS:.*]] = scf.for
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK-NEXT: {{arith|nvvm.wgmma.fence}}
// CHECK-COUNT-4: nvvm.wgmma.mma_async {{.*}} <m = 64, n = 256, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <row>]
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// CHECK-NEXT: nvvm.wgmma.wait.group.sync.aligned 1
// CHECK: nvvm.mbarrier.arrive
// CHECK-NOT: llvm.extractvalue %[[SUMS]]
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0
// CHECK: nvvm.mbarrier.arrive
// The epilogue is that of other products, for the threads that multiply alone.
// CHECK: %[[PART:.*]] = memref.view %[[MEMORY]]{{.*}} to memref<32x264xf32, #gpu.address_space<workgroup>>
// CHECK-COUNT-64: vector.store {{.*}}, %[[PART]]
// CHECK: nvvm.barrier id = %c1_i32 number_of_threads = %c256_i32
// CHECK: vector.load %[[PART]]
// CHECK: arith.mulf {{.*}} : vector<8xf32>
// CHECK: vector.store {{.*}} {alignment = 16 : i64} : memref<?x?xbf16, strided<[?, 1]>, 1>, vector<8xbf16>
// CHECK: nvvm.barrier id = %c1_i32 number_of_threads = %c256_i32
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return

// -----

// A factor whose rows run along the inner extent is one box, whose columns the tensor cores take as they lie. Tiles of a
// triangle are square.
// CHECK-LABEL: plan.program @symmetric
plan.program @symmetric segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f16>
    %a = plan.scratch worker : !plan.buffer<short, short, f16>
    // CHECK: plan.product {{.*}} plan.tile = array<i64: 128, 16384, 128, 128, 128>, plan.triangle}
    plan.product %x, %x transposed symmetric : !plan.buffer<short, long, f16>, !plan.buffer<short, long, f16>
        over <short, short> writes(%a : !plan.buffer<short, short, f16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_product
// CHECK-SAME: plan.dynamic_bytes = 199760 : i64, plan.maps = [array<i64: 0, 128, 64, 128>, array<i64: 1, 128, 64, 128>]
// CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %c32768_i32
// CHECK-COUNT-2: nvvm.cp.async.bulk.tensor
// CHECK-NOT: nvvm.cp.async.bulk.tensor
// CHECK-COUNT-4: nvvm.wgmma.mma_async {{.*}} <m = 64, n = 128, k = 16>, D[<f32>, <one>], A[<f16>, <one>, <row>], B[<f16>, <one>, <col>]
// CHECK: memref.view {{.*}} to memref<64x136xf32, #gpu.address_space<workgroup>>
// CHECK: memref.view {{.*}} to memref<4160xf16, #gpu.address_space<workgroup>>

// -----

// What the epilogue keeps of columns leaves memory for fewer panels.
// CHECK-LABEL: plan.program @columns
plan.program @columns segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, bf16>
    %a = plan.scratch worker : !plan.buffer<short, short, bf16>
    %p = plan.scratch worker : !plan.buffer<row_blocks, short, f64>
    plan.product %x, %x transposed : !plan.buffer<short, long, bf16>, !plan.buffer<short, long, bf16>
        over <short, short> writes(%a : !plan.buffer<short, short, bf16>)
        reduces [max] into(%p : !plan.buffer<row_blocks, short, f64>) {
    ^bb0(%acc: f32):
      %d = arith.extf %acc : f32 to f64
      plan.yield %acc, %d : f32, f64
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_product
// CHECK-SAME: workgroup(%{{.*}} : memref<256x8xf64, #gpu.address_space<workgroup>>
// CHECK-SAME: plan.dynamic_bytes = 199760 : i64
// CHECK-COUNT-10: nvvm.mbarrier.init
// CHECK-NOT: nvvm.mbarrier.init

// -----

// The caller's matrices may lie anyhow, so that no map of them can be promised; nor do tensor cores multiply f32.
// CHECK-LABEL: plan.program @others
plan.program @others segments 1 {
  plan.track @t class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %x = plan.scratch worker : !plan.buffer<rows, cols, bf16>
    %f = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %a = plan.scratch worker : !plan.buffer<rows, rows, f32>
    plan.product %x, %g transposed : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%a : !plan.buffer<rows, rows, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    plan.product %f, %f transposed : !plan.buffer<rows, cols, f32>, !plan.buffer<rows, cols, f32>
        over <rows, rows> writes(%a : !plan.buffer<rows, rows, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
// CHECK-LABEL: gpu.func @t_0_product
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>, plan.registers
// CHECK: nvvm.mma.sync
// CHECK-LABEL: gpu.func @t_1_product
// CHECK: vector.fma
// CHECK-NOT: nvvm.wgmma
