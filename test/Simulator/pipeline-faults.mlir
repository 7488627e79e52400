// Mistakes in kernels with asynchronous operations, and what is said of them.
// RUN: descent-opt %s --gpu-to-simulator | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: %simulate %t.ll -o %t
// RUN: %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=0 dynamic=10240 | FileCheck %s --check-prefix=RIGHT
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=1 dynamic=10240 | FileCheck %s --check-prefix=STAGE1
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=2 dynamic=10240 | FileCheck %s --check-prefix=STAGE2
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=3 dynamic=10240 | FileCheck %s --check-prefix=STAGE3
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=4 dynamic=10240 | FileCheck %s --check-prefix=STAGE4
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=5 dynamic=10240 | FileCheck %s --check-prefix=STAGE5
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=6 dynamic=10240 | FileCheck %s --check-prefix=STAGE6
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=7 dynamic=10240 | FileCheck %s --check-prefix=STAGE7
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=8 dynamic=10240 | FileCheck %s --check-prefix=STAGE8
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=9 dynamic=10240 | FileCheck %s --check-prefix=STAGE9
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=10 dynamic=10240 | FileCheck %s --check-prefix=STAGE10
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=11 dynamic=10240 | FileCheck %s --check-prefix=STAGE11
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=12 dynamic=10240 | FileCheck %s --check-prefix=STAGE12
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=13 dynamic=10240 | FileCheck %s --check-prefix=STAGE13
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=14 dynamic=10240 | FileCheck %s --check-prefix=STAGE14
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=15 dynamic=10240 | FileCheck %s --check-prefix=STAGE15
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=16 dynamic=10240 | FileCheck %s --check-prefix=STAGE16
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=17 dynamic=10240 | FileCheck %s --check-prefix=STAGE17
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=18 dynamic=10240 | FileCheck %s --check-prefix=STAGE18
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=19 dynamic=10240 | FileCheck %s --check-prefix=STAGE19
// RUN: not %t stage 1 128 '*bf16[64x64]=small' '*bf16[8x64]=small' 'f32[64x8]=zero' map0=64x64/128 map1=8x64/128 i32=20 dynamic=10240 | FileCheck %s --check-prefix=STAGE20
// RUN: %t store 1 128 'f32[10x32]=zero' map0=16x16/0 i32=0 | FileCheck %s --check-prefix=STORE
// RUN: not %t store 1 128 'f32[10x32]=zero' map0=16x16/0 i32=1 | FileCheck %s --check-prefix=STORE1
// RUN: not %t store 1 128 'f32[10x32]=zero' map0=16x16/0 i32=2 | FileCheck %s --check-prefix=STORE2
// RUN: not %t store 1 128 'f32[10x32]=zero' map0=16x16/0 i32=3 | FileCheck %s --check-prefix=STORE3
// RUN: not %t lonely_barrier 1 128 | FileCheck %s --check-prefix=LONELY
// RUN: not %t barrier_of_others 1 256 'f32[256]=ramp' | FileCheck %s --check-prefix=OTHERS
// RUN: not %t greedy 1 384 | FileCheck %s --check-prefix=GREEDY
// RUN: not %t wrong_way 1 384 | FileCheck %s --check-prefix=WAY

!sums = !llvm.struct<(f32, f32, f32, f32)>

gpu.module @kernels {
  // One stage, filled by thread 0 and multiplied by all. The kernel makes the mistake that its last argument says.
  gpu.func @stage(%a: !llvm.ptr, %b: !llvm.ptr, %c: memref<64x8xf32>, %a_map: !llvm.ptr, %b_map: !llvm.ptr,
                  %mistake: i32) workgroup(%ready: memref<1xi64, 3>) kernel {
    %c0 = arith.constant 0 : index
    %i0 = llvm.mlir.constant(0 : i32) : i32
    %i1 = llvm.mlir.constant(1 : i32) : i32
    %i128 = llvm.mlir.constant(128 : i32) : i32
    %ticks = llvm.mlir.constant(1000 : i32) : i32
    %thread = gpu.thread_id x
    %number = arith.index_cast %thread : index to i32
    %is_first = arith.cmpi eq, %number, %i0 : i32
    %dynamic = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %address = memref.extract_aligned_pointer_as_index %dynamic : memref<?xi8, #gpu.address_space<workgroup>> -> index
    %c1023 = arith.constant 1023 : index
    %c1024 = arith.constant 1024 : index
    %beyond = arith.addi %address, %c1023 : index
    %lines = arith.divui %beyond, %c1024 : index
    %aligned = arith.muli %lines, %c1024 : index
    %begin = arith.index_cast %aligned : index to i64
    %a_tile = llvm.inttoptr %begin : i64 to !llvm.ptr<3>
    %b_tile = llvm.getelementptr %a_tile[8192] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %ready_address = memref.extract_aligned_pointer_as_index %ready : memref<1xi64, 3> -> index
    %ready_integer = arith.index_cast %ready_address : index to i64
    %full = llvm.inttoptr %ready_integer : i64 to !llvm.ptr<3>
    %wrong_size = llvm.mlir.constant(8192 : i32) : i32
    scf.if %is_first {
      nvvm.mbarrier.init %full, %i1 : !llvm.ptr<3>, i32
      %fences_number = llvm.mlir.constant(1 : i32) : i32
      %fences = arith.cmpi ne, %mistake, %fences_number : i32
      scf.if %fences {
        nvvm.fence.mbarrier.init
      }
    }
    %meets_number = llvm.mlir.constant(2 : i32) : i32
    %meets = arith.cmpi ne, %mistake, %meets_number : i32
    scf.if %meets {
      gpu.barrier
    }
    scf.if %is_first {
      %fences_map_number = llvm.mlir.constant(3 : i32) : i32
      %fences_map = arith.cmpi ne, %mistake, %fences_map_number : i32
      scf.if %fences_map {
        nvvm.fence.proxy.acquire #nvvm.mem_scope<gpu> %a_map, %i128
      }
      nvvm.fence.proxy.acquire #nvvm.mem_scope<gpu> %b_map, %i128
      %right_bytes = llvm.mlir.constant(9216 : i32) : i32
      %wrong_bytes = llvm.mlir.constant(8192 : i32) : i32
      %is_short_number = llvm.mlir.constant(4 : i32) : i32
      %is_short = arith.cmpi eq, %mistake, %is_short_number : i32
      %bytes = arith.select %is_short, %wrong_bytes, %right_bytes : i32
      nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
      %arrives_again_number = llvm.mlir.constant(5 : i32) : i32
      %arrives_again = arith.cmpi eq, %mistake, %arrives_again_number : i32
      scf.if %arrives_again {
        %state = nvvm.mbarrier.arrive %full : !llvm.ptr<3> -> i64
      }
      %is_moved_number = llvm.mlir.constant(6 : i32) : i32
      %is_moved = arith.cmpi eq, %mistake, %is_moved_number : i32
      %moved_tile = llvm.getelementptr %b_tile[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
      %own_tile = llvm.select %is_moved, %moved_tile, %b_tile : i1, !llvm.ptr<3>
      nvvm.cp.async.bulk.tensor.shared.cluster.global %a_tile, %a_map, %full, box[%i0, %i0] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
      nvvm.cp.async.bulk.tensor.shared.cluster.global %own_tile, %b_map, %full, box[%i0, %i0] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    }
    %is_odd_number = llvm.mlir.constant(7 : i32) : i32
    %is_odd = arith.cmpi eq, %mistake, %is_odd_number : i32
    %parity = arith.select %is_odd, %i1, %i0 : i32
    %waits_number = llvm.mlir.constant(8 : i32) : i32
    %waits = arith.cmpi ne, %mistake, %waits_number : i32
    scf.if %waits {
      nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
    }
    %waits_again_number = llvm.mlir.constant(9 : i32) : i32
    %waits_again = arith.cmpi eq, %mistake, %waits_again_number : i32
    scf.if %waits_again {
      nvvm.mbarrier.try_wait.parity %full, %i1, %ticks : !llvm.ptr<3>, i32, i32
    }
    %peeks_number = llvm.mlir.constant(10 : i32) : i32
    %peeks = arith.cmpi eq, %mistake, %peeks_number : i32
    scf.if %peeks {
      %word = memref.load %ready[%c0] : memref<1xi64, 3>
    }
    %stores_number = llvm.mlir.constant(11 : i32) : i32
    %stores = arith.cmpi eq, %mistake, %stores_number : i32
    scf.if %stores {
      scf.if %is_first {
        llvm.store %i0, %a_tile : i32, !llvm.ptr<3>
      }
      gpu.barrier
    }
    %fixed = llvm.mlir.constant(4611686293305360384 : i64) : i64
    %four = llvm.mlir.constant(4 : i64) : i64
    %field = llvm.mlir.constant(16383 : i64) : i64
    %b_distance = llvm.mlir.constant(512 : i64) : i64
    %none = llvm.mlir.constant(0 : i64) : i64
    %units = arith.shrui %begin, %four : i64
    %place = arith.andi %units, %field : i64
    %a_right = arith.ori %place, %fixed : i64
    %b_where = arith.addi %a_right, %b_distance : i64
    %is_late_number = llvm.mlir.constant(12 : i32) : i32
    %is_late = arith.cmpi eq, %mistake, %is_late_number : i32
    %is_late_bits = llvm.mlir.constant(8 : i64) : i64 // from the second line on
    %is_late_wrong = arith.select %is_late, %is_late_bits, %none : i64
    %is_far_number = llvm.mlir.constant(13 : i32) : i32
    %is_far = arith.cmpi eq, %mistake, %is_far_number : i32
    %is_far_bits = llvm.mlir.constant(35184372088832 : i64) : i64 // rows far apart
    %is_far_wrong = arith.select %is_far, %is_far_bits, %none : i64
    %is_based_number = llvm.mlir.constant(14 : i32) : i32
    %is_based = arith.cmpi eq, %mistake, %is_based_number : i32
    %is_based_bits = llvm.mlir.constant(562949953421312 : i64) : i64 // another base
    %is_based_wrong = arith.select %is_based, %is_based_bits, %none : i64
    %is_reserved_number = llvm.mlir.constant(15 : i32) : i32
    %is_reserved = arith.cmpi eq, %mistake, %is_reserved_number : i32
    %is_reserved_bits = llvm.mlir.constant(16384 : i64) : i64 // a bit without meaning
    %is_reserved_wrong = arith.select %is_reserved, %is_reserved_bits, %none : i64
    %is_own_number = llvm.mlir.constant(16 : i32) : i32
    %is_own = arith.cmpi eq, %mistake, %is_own_number : i32
    %own_bits = arith.extui %number : i32 to i64
    %own_wrong = arith.select %is_own, %own_bits, %none : i64
    %wrong1 = arith.addi %is_late_wrong, %is_far_wrong : i64
    %wrong2 = arith.addi %is_based_wrong, %is_reserved_wrong : i64
    %wrong3 = arith.addi %wrong1, %wrong2 : i64
    %wrong = arith.addi %wrong3, %own_wrong : i64
    %a_where = arith.addi %a_right, %wrong : i64
    %fences_registers_number = llvm.mlir.constant(17 : i32) : i32
    %fences_registers = arith.cmpi ne, %mistake, %fences_registers_number : i32
    scf.if %fences_registers {
      nvvm.wgmma.fence.aligned
    }
    %zeros = llvm.mlir.zero : !sums
    %sums = nvvm.wgmma.mma_async %a_where, %b_where, %zeros, <m = 64, n = 8, k = 16>, D[<f32>, <zero>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>] : !sums -> !sums
    nvvm.wgmma.commit.group.sync.aligned
    %refills_number = llvm.mlir.constant(18 : i32) : i32
    %refills = arith.cmpi eq, %mistake, %refills_number : i32
    %refills_later_number = llvm.mlir.constant(19 : i32) : i32
    %refills_later = arith.cmpi eq, %mistake, %refills_later_number : i32
    %ends_number = llvm.mlir.constant(20 : i32) : i32
    %ends = arith.cmpi ne, %mistake, %ends_number : i32
    %refills_now = arith.andi %refills, %is_first : i1
    scf.if %refills_now {
      nvvm.cp.async.bulk.tensor.shared.cluster.global %a_tile, %a_map, %full, box[%i0, %i0] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    }
    scf.if %ends {
      nvvm.wgmma.wait.group.sync.aligned 0
    }
    %sum = llvm.extractvalue %sums[0] : !sums
    %c4 = arith.constant 4 : index
    %row = arith.divui %thread, %c4 : index
    %zero = arith.constant 0.0 : f32
    %is_even = arith.remui %thread, %c4 : index
    %is_shown = arith.cmpi eq, %is_even, %c0 : index
    scf.if %is_shown {
      memref.store %sum, %c[%row, %c0] : memref<64x8xf32>
    }
    gpu.barrier
    %refills_then = arith.andi %refills_later, %is_first : i1
    scf.if %refills_then {
      nvvm.mbarrier.arrive.expect_tx %full, %wrong_size : !llvm.ptr<3>, i32
      nvvm.cp.async.bulk.tensor.shared.cluster.global %a_tile, %a_map, %full, box[%i0, %i0] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    }
    gpu.return
  }
  // STAGE1: thread 0, nvvm.cp.async.bulk.tensor.shared.cluster.global at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: completes on an mbarrier that thread 0 initializes (nvvm.mbarrier.init at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}) and does not make visible to copies by fence.mbarrier.init or fence.proxy.async
  // STAGE2: kernel 'stage', block 0, thread {{[0-9]+}}, nvvm.mbarrier.try_wait.parity at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: uses an mbarrier {{where none has been initialized|that thread 0 initializes .*, with no barrier in between}}
  // STAGE3: thread 0, nvvm.cp.async.bulk.tensor.shared.cluster.global at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: takes a tensor map from global memory, for which the block executes no fence.proxy.acquire before
  // STAGE4: kernel 'stage', block 0, thread {{[0-9]+}}, nvvm.mbarrier.try_wait.parity at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: waits for the end of a phase of parity 0 that never comes: the mbarrier at byte {{[0-9]+}} of workgroup memory is in phase 0, which lacks 0 of 1 arrivals and -1024 bytes
  // STAGE5: thread 0, nvvm.mbarrier.arrive at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: arrives 1 times at an mbarrier whose phase lacks 0 of 1 arrivals
  // STAGE6: thread 0, nvvm.cp.async.bulk.tensor.shared.cluster.global at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: has a tile in workgroup memory at an address that is no multiple of 128
  // STAGE7: kernel 'stage', block 0, thread {{[0-9]+}}, nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: reads workgroup memory that a copy of thread 0 writes (nvvm.cp.async.bulk.tensor.shared.cluster.global at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}), whose mbarrier's phase is not waited for in between
  // STAGE8: kernel 'stage', block 0, thread {{[0-9]+}}, nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: reads workgroup memory that a copy of thread 0 writes (nvvm.cp.async.bulk.tensor.shared.cluster.global at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}), whose mbarrier's phase is not waited for in between
  // STAGE9: kernel 'stage', block 0, thread {{[0-9]+}}, nvvm.mbarrier.try_wait.parity at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: waits for the end of a phase of parity 1 that never comes: the mbarrier at byte {{[0-9]+}} of workgroup memory is in phase 1, which lacks 1 of 1 arrivals and 0 bytes
  // STAGE10: memref.load at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: reads an mbarrier, which is nothing but a barrier until it is invalidated
  // STAGE11: nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: reads asynchronously workgroup memory that thread 0 writes (llvm.store at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}), which executes no fence.proxy.async in between
  // STAGE12: nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: has a matrix descriptor of its left factor that does not begin in the first line of its swizzle's pattern
  // STAGE13: nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: reads 16 bytes of workgroup memory, outside of all buffers
  // STAGE14: nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: has a matrix descriptor of its left factor that has a base offset, which the simulator does not know
  // STAGE15: nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: has a matrix descriptor of its left factor that sets bits that have no meaning
  // STAGE16: thread 1, nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: has other matrix descriptors than thread 0 of its warpgroup
  // STAGE17: nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: writes registers with no wgmma.fence before, or none since other operations used them
  // STAGE18: thread 0, nvvm.cp.async.bulk.tensor.shared.cluster.global at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: writes workgroup memory that a product of thread 0 reads (nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}), which is not waited for in between by wgmma.wait_group
  // STAGE19: thread 0, nvvm.cp.async.bulk.tensor.shared.cluster.global at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: may still go on when the block ends: nobody waits for it
  // STAGE20: llvm.extractvalue at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: uses registers that a product (nvvm.wgmma.mma_async at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}) may still write: no wgmma.wait_group ends it
  // RIGHT: argument 2, row 0: 69
  // RIGHT: argument 2, row 31: -17 0

  // A box that all threads fill, two entries each, and thread 0 stores. Then they fill it again.
  gpu.func @store(%x: memref<10x32xf32>, %map: !llvm.ptr, %mistake: i32) workgroup(%tile: memref<256xf32, 3>) kernel {
    %i0 = llvm.mlir.constant(0 : i32) : i32
    %i1 = llvm.mlir.constant(1 : i32) : i32
    %i2 = llvm.mlir.constant(2 : i32) : i32
    %i3 = llvm.mlir.constant(3 : i32) : i32
    %i8 = llvm.mlir.constant(8 : i32) : i32
    %i128 = llvm.mlir.constant(128 : i32) : i32
    %c2 = arith.constant 2 : index
    %thread = gpu.thread_id x
    %number = arith.index_cast %thread : index to i32
    %entry = arith.sitofp %number : i32 to f32
    %place = arith.muli %thread, %c2 : index
    %pair = vector.broadcast %entry : f32 to vector<2xf32>
    vector.store %pair, %tile[%place] : memref<256xf32, 3>, vector<2xf32>
    %fences = arith.cmpi ne, %mistake, %i1 : i32
    scf.if %fences {
      nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    }
    gpu.barrier
    %is_first = arith.cmpi eq, %number, %i0 : i32
    %waits = arith.cmpi ne, %mistake, %i2 : i32
    %waits_first = arith.andi %is_first, %waits : i1
    %address = memref.extract_aligned_pointer_as_index %tile : memref<256xf32, 3> -> index
    %integer = arith.index_cast %address : index to i64
    %box = llvm.inttoptr %integer : i64 to !llvm.ptr<3>
    scf.if %is_first {
      nvvm.fence.proxy.acquire #nvvm.mem_scope<gpu> %map, %i128
      nvvm.cp.async.bulk.tensor.global.shared.cta %map, %box, box[%i8, %i1] : !llvm.ptr, !llvm.ptr<3>
      nvvm.cp.async.bulk.commit.group
    }
    scf.if %waits_first {
      nvvm.cp.async.bulk.wait_group 0 {read}
    }
    gpu.barrier
    %leaves = arith.cmpi eq, %mistake, %i3 : i32
    %reads = arith.andi %leaves, %is_first : i1
    scf.if %reads {
      %c8 = arith.constant 8 : index
      %stored = memref.load %x[%c2, %c8] : memref<10x32xf32>
    }
    vector.store %pair, %tile[%place] : memref<256xf32, 3>, vector<2xf32>
    gpu.return
  }
  // Of the box of 16 x 16 from row 1 and column 8 on, 9 rows lie in the matrix.
  // STORE: argument 0, row 1: 0 0 0 0 0 0 0 0 0 0 1 1 2 2 3 3 4 4 5 5 6 6 7 7 0
  // STORE: argument 0, row 9: 0 0 0 0 0 0 0 0 64 64 65 65 66 66 67 67 68 68 69 69 70 70 71 71 0
  // STORE1: nvvm.cp.async.bulk.tensor.global.shared.cta at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: reads asynchronously workgroup memory that thread {{[0-9]+}} writes (vector.store at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}), which executes no fence.proxy.async in between
  // STORE2: vector.store at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: writes workgroup memory that a store of thread 0 reads (nvvm.cp.async.bulk.tensor.global.shared.cta at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}), which is not waited for in between by cp.async.bulk.wait_group
  // STORE3: memref.load at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: reads global memory that a store of thread 0 writes (nvvm.cp.async.bulk.tensor.global.shared.cta at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}), which is not waited for in between by cp.async.bulk.wait_group without read

  // 96 threads wait for 128.
  gpu.func @lonely_barrier() kernel {
    %number = llvm.mlir.constant(3 : i32) : i32
    %count = llvm.mlir.constant(128 : i32) : i32
    %c96 = arith.constant 96 : index
    %thread = gpu.thread_id x
    %waits = arith.cmpi ult, %thread, %c96 : index
    scf.if %waits {
      nvvm.barrier id = %number number_of_threads = %count
    }
    gpu.return
  }
  // LONELY: kernel 'lonely_barrier', block 0, thread 0, nvvm.barrier at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: waits at barrier 3 for 128 threads, of which 96 come

  // The memory is a warpgroup's own from its barrier on, not before.
  gpu.func @barrier_of_others(%x: memref<256xf32>) workgroup(%tile: memref<256xf32, 3>) kernel {
    %count = llvm.mlir.constant(128 : i32) : i32
    %c1 = arith.constant 1 : index
    %c128 = arith.constant 128 : index
    %c255 = arith.constant 255 : index
    %thread = gpu.thread_id x
    %group = arith.divui %thread, %c128 : index
    %next = arith.addi %group, %c1 : index
    %number = arith.index_cast %next : index to i32
    %own = memref.load %x[%thread] : memref<256xf32>
    memref.store %own, %tile[%thread] : memref<256xf32, 3>
    nvvm.barrier id = %number number_of_threads = %count
    %other = arith.subi %c255, %thread : index
    %mirrored = memref.load %tile[%other] : memref<256xf32, 3>
    memref.store %mirrored, %x[%thread] : memref<256xf32>
    gpu.return
  }
  // OTHERS: kernel 'barrier_of_others', block 0, thread {{[0-9]+}}, memref.load at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: reads {{4 bytes of workgroup memory that nobody has written|workgroup memory that thread [0-9]+ writes .*, with no barrier in between}}

  gpu.func @greedy() kernel attributes {plan.registers = 168 : i64} {
    %c128 = arith.constant 128 : index
    %thread = gpu.thread_id x
    %is_loader = arith.cmpi ult, %thread, %c128 : index
    scf.if %is_loader {
      nvvm.setmaxregister decrease 104
    } else {
      nvvm.setmaxregister increase 240
    }
    gpu.return
  }
  // GREEDY: kernel 'greedy', block 0, thread {{128|256}}, nvvm.setmaxregister at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: waits for 240 registers a thread, but the block's other warpgroups never give up enough

  gpu.func @wrong_way() kernel attributes {plan.registers = 168 : i64} {
    nvvm.setmaxregister increase 40
    gpu.return
  }
  // WAY: kernel 'wrong_way', block 0, thread 0, nvvm.setmaxregister at {{.*}}pipeline-faults.mlir:{{[0-9]+:[0-9]+}}: increases a thread's registers to 40, but it has 168 of them
}
