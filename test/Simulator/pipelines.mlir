// Products of a warpgroup, whose factors a thread of another one copies to stages of workgroup memory. The inner extent
// is no multiple of a stage's: what lies beyond is zero.
// RUN: descent-opt %s --gpu-to-simulator | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: %simulate %t.ll -o %t
// RUN: %t inner_last 1 256 '*bf16[64x312]=small' '*bf16[16x312]=small' 'f32[64x16]=none' map0=64x64/128 map1=16x64/128 i32=5 dynamic=21600 | grep 'argument 2' > %t.last
// RUN: %python %S/Inputs/product.py 64 16 312 inner_last | diff - %t.last
// RUN: %t inner_first 1 256 '*bf16[312x64]=small' '*bf16[312x32]=small' 'f32[64x32]=none' map0=64x64/128 map1=64x16/32 i32=5 dynamic=25696 | grep 'argument 2' > %t.first
// RUN: %python %S/Inputs/product.py 64 32 312 inner_first | diff - %t.first
// A stage fewer of memory than the kernel takes:
// RUN: not %t inner_last 1 256 '*bf16[64x312]=small' '*bf16[16x312]=small' 'f32[64x16]=none' map0=64x64/128 map1=16x64/128 i32=5 dynamic=10400 | FileCheck %s --check-prefix=MEMORY
// MEMORY: outside of all buffers

!sums16 = !llvm.struct<(f32, f32, f32, f32, f32, f32, f32, f32)>
!sums32 = !llvm.struct<(f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32)>

gpu.module @kernels {
  // Neighbours of both factors are along the inner dimension; rows of 128 bytes are swizzled.
  gpu.func @inner_last(%a: !llvm.ptr, %b: !llvm.ptr, %c: memref<64x16xf32>, %a_map: !llvm.ptr, %b_map: !llvm.ptr, %steps: i32)
      kernel attributes {plan.registers = 128 : i64} {
    %i0 = llvm.mlir.constant(0 : i32) : i32
    %i1 = llvm.mlir.constant(1 : i32) : i32
    %i4 = llvm.mlir.constant(4 : i32) : i32
    %i16 = llvm.mlir.constant(16 : i32) : i32
    %i64 = llvm.mlir.constant(64 : i32) : i32
    %i128 = llvm.mlir.constant(128 : i32) : i32
    %stages = llvm.mlir.constant(2 : i32) : i32
    %ticks = llvm.mlir.constant(1000 : i32) : i32
    %stage_bytes = llvm.mlir.constant(10240 : i32) : i32
    %thread = gpu.thread_id x
    %number = arith.index_cast %thread : index to i32
    // Dynamic memory begins at a multiple of 16 bytes, stages at one of 1,024; then a full and an empty barrier each.
    %dynamic = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %address = memref.extract_aligned_pointer_as_index %dynamic : memref<?xi8, #gpu.address_space<workgroup>> -> index
    %c1023 = arith.constant 1023 : index
    %c1024 = arith.constant 1024 : index
    %beyond = arith.addi %address, %c1023 : index
    %lines = arith.divui %beyond, %c1024 : index
    %aligned = arith.muli %lines, %c1024 : index
    %begin = arith.index_cast %aligned : index to i64
    %base = llvm.inttoptr %begin : i64 to !llvm.ptr<3>
    %barriers = llvm.getelementptr %base[20480] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %is_first = arith.cmpi eq, %number, %i0 : i32
    scf.if %is_first {
      scf.for %s = %i0 to %stages step %i1 : i32 {
        %two = arith.addi %s, %s : i32
        %full = llvm.getelementptr %barriers[%two] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
        %empty = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
        nvvm.mbarrier.init %full, %i1 : !llvm.ptr<3>, i32
        nvvm.mbarrier.init %empty, %i4 : !llvm.ptr<3>, i32
      }
      nvvm.fence.mbarrier.init
    }
    gpu.barrier
    %is_loader = arith.cmpi slt, %number, %i128 : i32
    scf.if %is_loader {
      nvvm.setmaxregister decrease 40
      scf.if %is_first {
        nvvm.fence.proxy.acquire #nvvm.mem_scope<gpu> %a_map, %i128
        nvvm.fence.proxy.acquire #nvvm.mem_scope<gpu> %b_map, %i128
        scf.for %k = %i0 to %steps step %i1 : i32 {
          %s = arith.remui %k, %stages : i32
          %turn = arith.divui %k, %stages : i32
          %next = arith.addi %turn, %i1 : i32
          %parity = arith.andi %next, %i1 : i32
          %two = arith.addi %s, %s : i32
          %full = llvm.getelementptr %barriers[%two] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
          %empty = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
          nvvm.mbarrier.try_wait.parity %empty, %parity, %ticks : !llvm.ptr<3>, i32, i32
          nvvm.mbarrier.arrive.expect_tx %full, %stage_bytes : !llvm.ptr<3>, i32
          %inner = arith.muli %k, %i64 : i32
          %offset = arith.muli %s, %stage_bytes : i32
          %a_tile = llvm.getelementptr %base[%offset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %b_tile = llvm.getelementptr %a_tile[8192] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
          nvvm.cp.async.bulk.tensor.shared.cluster.global %a_tile, %a_map, %full, box[%inner, %i0] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
          nvvm.cp.async.bulk.tensor.shared.cluster.global %b_tile, %b_map, %full, box[%inner, %i0] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
        }
      }
    } else {
      nvvm.setmaxregister increase 216
      %in_group = arith.subi %number, %i128 : i32
      %in_group_index = arith.index_cast %in_group : i32 to index
      %lane = gpu.lane_id
      %c0 = arith.constant 0 : index
      %is_lane = arith.cmpi eq, %lane, %c0 : index
      %a_fixed = llvm.mlir.constant(4611686293305360384 : i64) : i64
      %b_fixed = llvm.mlir.constant(4611686293305360384 : i64) : i64
      %four = llvm.mlir.constant(4 : i64) : i64
      %field = llvm.mlir.constant(16383 : i64) : i64
      %zeros = llvm.mlir.zero : !sums16
      %sums = scf.for %k = %i0 to %steps step %i1 iter_args(%before = %zeros) -> (!sums16) : i32 {
        %s = arith.remui %k, %stages : i32
        %turn = arith.divui %k, %stages : i32
        %parity = arith.andi %turn, %i1 : i32
        %two = arith.addi %s, %s : i32
        %full = llvm.getelementptr %barriers[%two] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
        %empty = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
        nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
        %offset = arith.muli %s, %stage_bytes : i32
        %offset64 = arith.extui %offset : i32 to i64
        %a_begin = arith.addi %begin, %offset64 : i64
        %a_bytes = llvm.mlir.constant(8192 : i64) : i64
        %b_begin = arith.addi %a_begin, %a_bytes : i64
        nvvm.wgmma.fence.aligned
        %after = scf.for %j = %i0 to %i4 step %i1 iter_args(%sofar = %before) -> (!sums16) : i32 {
          %j64 = arith.extui %j : i32 to i64
          %a_step = llvm.mlir.constant(32 : i64) : i64
          %b_step = llvm.mlir.constant(32 : i64) : i64
          %a_offset = arith.muli %j64, %a_step : i64
          %b_offset = arith.muli %j64, %b_step : i64
          %a_address = arith.addi %a_begin, %a_offset : i64
          %b_address = arith.addi %b_begin, %b_offset : i64
          %a_units = arith.shrui %a_address, %four : i64
          %b_units = arith.shrui %b_address, %four : i64
          %a_place = arith.andi %a_units, %field : i64
          %b_place = arith.andi %b_units, %field : i64
          %a_where = arith.ori %a_place, %a_fixed : i64
          %b_where = arith.ori %b_place, %b_fixed : i64
          %sum = nvvm.wgmma.mma_async %a_where, %b_where, %sofar, <m = 64, n = 16, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>] : !sums16 -> !sums16
          scf.yield %sum : !sums16
        }
        nvvm.wgmma.commit.group.sync.aligned
        nvvm.wgmma.wait.group.sync.aligned 0
        scf.if %is_lane {
          %state = nvvm.mbarrier.arrive %empty : !llvm.ptr<3> -> i64
        }
        scf.yield %after : !sums16
      }
      %c2 = arith.constant 2 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      %c16 = arith.constant 16 : index
      %c32 = arith.constant 32 : index
      %warp = arith.divui %in_group_index, %c32 : index
      %down = arith.divui %lane, %c4 : index
      %right = arith.remui %lane, %c4 : index
      %warp_row = arith.muli %warp, %c16 : index
      %row = arith.addi %warp_row, %down : index
      %row8 = arith.addi %row, %c8 : index
      %col0 = arith.muli %right, %c2 : index
      %col8 = arith.addi %col0, %c8 : index
      %e0 = llvm.extractvalue %sums[0] : !sums16
      %e1 = llvm.extractvalue %sums[1] : !sums16
      %p0 = vector.from_elements %e0, %e1 : vector<2xf32>
      vector.store %p0, %c[%row, %col0] : memref<64x16xf32>, vector<2xf32>
      %e2 = llvm.extractvalue %sums[2] : !sums16
      %e3 = llvm.extractvalue %sums[3] : !sums16
      %p2 = vector.from_elements %e2, %e3 : vector<2xf32>
      vector.store %p2, %c[%row8, %col0] : memref<64x16xf32>, vector<2xf32>
      %e4 = llvm.extractvalue %sums[4] : !sums16
      %e5 = llvm.extractvalue %sums[5] : !sums16
      %p4 = vector.from_elements %e4, %e5 : vector<2xf32>
      vector.store %p4, %c[%row, %col8] : memref<64x16xf32>, vector<2xf32>
      %e6 = llvm.extractvalue %sums[6] : !sums16
      %e7 = llvm.extractvalue %sums[7] : !sums16
      %p6 = vector.from_elements %e6, %e7 : vector<2xf32>
      vector.store %p6, %c[%row8, %col8] : memref<64x16xf32>, vector<2xf32>
    }
    gpu.return
  }

  // Neighbours are along rows and along columns. The right factor's boxes of 16 columns stand side by side.
  gpu.func @inner_first(%a: !llvm.ptr, %b: !llvm.ptr, %c: memref<64x32xf32>, %a_map: !llvm.ptr, %b_map: !llvm.ptr, %steps: i32)
      kernel attributes {plan.registers = 128 : i64} {
    %i0 = llvm.mlir.constant(0 : i32) : i32
    %i1 = llvm.mlir.constant(1 : i32) : i32
    %i4 = llvm.mlir.constant(4 : i32) : i32
    %i16 = llvm.mlir.constant(16 : i32) : i32
    %i64 = llvm.mlir.constant(64 : i32) : i32
    %i128 = llvm.mlir.constant(128 : i32) : i32
    %stages = llvm.mlir.constant(2 : i32) : i32
    %ticks = llvm.mlir.constant(1000 : i32) : i32
    %stage_bytes = llvm.mlir.constant(12288 : i32) : i32
    %thread = gpu.thread_id x
    %number = arith.index_cast %thread : index to i32
    // Dynamic memory begins at a multiple of 16 bytes, stages at one of 1,024; then a full and an empty barrier each.
    %dynamic = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %address = memref.extract_aligned_pointer_as_index %dynamic : memref<?xi8, #gpu.address_space<workgroup>> -> index
    %c1023 = arith.constant 1023 : index
    %c1024 = arith.constant 1024 : index
    %beyond = arith.addi %address, %c1023 : index
    %lines = arith.divui %beyond, %c1024 : index
    %aligned = arith.muli %lines, %c1024 : index
    %begin = arith.index_cast %aligned : index to i64
    %base = llvm.inttoptr %begin : i64 to !llvm.ptr<3>
    %barriers = llvm.getelementptr %base[24576] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %is_first = arith.cmpi eq, %number, %i0 : i32
    scf.if %is_first {
      scf.for %s = %i0 to %stages step %i1 : i32 {
        %two = arith.addi %s, %s : i32
        %full = llvm.getelementptr %barriers[%two] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
        %empty = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
        nvvm.mbarrier.init %full, %i1 : !llvm.ptr<3>, i32
        nvvm.mbarrier.init %empty, %i4 : !llvm.ptr<3>, i32
      }
      nvvm.fence.mbarrier.init
    }
    gpu.barrier
    %is_loader = arith.cmpi slt, %number, %i128 : i32
    scf.if %is_loader {
      nvvm.setmaxregister decrease 40
      scf.if %is_first {
        nvvm.fence.proxy.acquire #nvvm.mem_scope<gpu> %a_map, %i128
        nvvm.fence.proxy.acquire #nvvm.mem_scope<gpu> %b_map, %i128
        scf.for %k = %i0 to %steps step %i1 : i32 {
          %s = arith.remui %k, %stages : i32
          %turn = arith.divui %k, %stages : i32
          %next = arith.addi %turn, %i1 : i32
          %parity = arith.andi %next, %i1 : i32
          %two = arith.addi %s, %s : i32
          %full = llvm.getelementptr %barriers[%two] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
          %empty = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
          nvvm.mbarrier.try_wait.parity %empty, %parity, %ticks : !llvm.ptr<3>, i32, i32
          nvvm.mbarrier.arrive.expect_tx %full, %stage_bytes : !llvm.ptr<3>, i32
          %inner = arith.muli %k, %i64 : i32
          %offset = arith.muli %s, %stage_bytes : i32
          %a_tile = llvm.getelementptr %base[%offset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %b_tile = llvm.getelementptr %a_tile[8192] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
          nvvm.cp.async.bulk.tensor.shared.cluster.global %a_tile, %a_map, %full, box[%i0, %inner] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
          nvvm.cp.async.bulk.tensor.shared.cluster.global %b_tile, %b_map, %full, box[%i0, %inner] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
          %b_right = llvm.getelementptr %b_tile[2048] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
          nvvm.cp.async.bulk.tensor.shared.cluster.global %b_right, %b_map, %full, box[%i16, %inner] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
        }
      }
    } else {
      nvvm.setmaxregister increase 216
      %in_group = arith.subi %number, %i128 : i32
      %in_group_index = arith.index_cast %in_group : i32 to index
      %lane = gpu.lane_id
      %c0 = arith.constant 0 : index
      %is_lane = arith.cmpi eq, %lane, %c0 : index
      %a_fixed = llvm.mlir.constant(4611686293305360384 : i64) : i64
      %b_fixed = llvm.mlir.constant(-4611685949699522560 : i64) : i64
      %four = llvm.mlir.constant(4 : i64) : i64
      %field = llvm.mlir.constant(16383 : i64) : i64
      %zeros = llvm.mlir.zero : !sums32
      %sums = scf.for %k = %i0 to %steps step %i1 iter_args(%before = %zeros) -> (!sums32) : i32 {
        %s = arith.remui %k, %stages : i32
        %turn = arith.divui %k, %stages : i32
        %parity = arith.andi %turn, %i1 : i32
        %two = arith.addi %s, %s : i32
        %full = llvm.getelementptr %barriers[%two] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
        %empty = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
        nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
        %offset = arith.muli %s, %stage_bytes : i32
        %offset64 = arith.extui %offset : i32 to i64
        %a_begin = arith.addi %begin, %offset64 : i64
        %a_bytes = llvm.mlir.constant(8192 : i64) : i64
        %b_begin = arith.addi %a_begin, %a_bytes : i64
        nvvm.wgmma.fence.aligned
        %after = scf.for %j = %i0 to %i4 step %i1 iter_args(%sofar = %before) -> (!sums32) : i32 {
          %j64 = arith.extui %j : i32 to i64
          %a_step = llvm.mlir.constant(2048 : i64) : i64
          %b_step = llvm.mlir.constant(512 : i64) : i64
          %a_offset = arith.muli %j64, %a_step : i64
          %b_offset = arith.muli %j64, %b_step : i64
          %a_address = arith.addi %a_begin, %a_offset : i64
          %b_address = arith.addi %b_begin, %b_offset : i64
          %a_units = arith.shrui %a_address, %four : i64
          %b_units = arith.shrui %b_address, %four : i64
          %a_place = arith.andi %a_units, %field : i64
          %b_place = arith.andi %b_units, %field : i64
          %a_where = arith.ori %a_place, %a_fixed : i64
          %b_where = arith.ori %b_place, %b_fixed : i64
          %sum = nvvm.wgmma.mma_async %a_where, %b_where, %sofar, <m = 64, n = 32, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <col>], B[<bf16>, <one>, <row>] : !sums32 -> !sums32
          scf.yield %sum : !sums32
        }
        nvvm.wgmma.commit.group.sync.aligned
        nvvm.wgmma.wait.group.sync.aligned 0
        scf.if %is_lane {
          %state = nvvm.mbarrier.arrive %empty : !llvm.ptr<3> -> i64
        }
        scf.yield %after : !sums32
      }
      %c2 = arith.constant 2 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      %c16 = arith.constant 16 : index
      %c32 = arith.constant 32 : index
      %warp = arith.divui %in_group_index, %c32 : index
      %down = arith.divui %lane, %c4 : index
      %right = arith.remui %lane, %c4 : index
      %warp_row = arith.muli %warp, %c16 : index
      %row = arith.addi %warp_row, %down : index
      %row8 = arith.addi %row, %c8 : index
      %col0 = arith.muli %right, %c2 : index
      %col8 = arith.addi %col0, %c8 : index
      %col16 = arith.addi %col8, %c8 : index
      %col24 = arith.addi %col16, %c8 : index
      %e0 = llvm.extractvalue %sums[0] : !sums32
      %e1 = llvm.extractvalue %sums[1] : !sums32
      %p0 = vector.from_elements %e0, %e1 : vector<2xf32>
      vector.store %p0, %c[%row, %col0] : memref<64x32xf32>, vector<2xf32>
      %e2 = llvm.extractvalue %sums[2] : !sums32
      %e3 = llvm.extractvalue %sums[3] : !sums32
      %p2 = vector.from_elements %e2, %e3 : vector<2xf32>
      vector.store %p2, %c[%row8, %col0] : memref<64x32xf32>, vector<2xf32>
      %e4 = llvm.extractvalue %sums[4] : !sums32
      %e5 = llvm.extractvalue %sums[5] : !sums32
      %p4 = vector.from_elements %e4, %e5 : vector<2xf32>
      vector.store %p4, %c[%row, %col8] : memref<64x32xf32>, vector<2xf32>
      %e6 = llvm.extractvalue %sums[6] : !sums32
      %e7 = llvm.extractvalue %sums[7] : !sums32
      %p6 = vector.from_elements %e6, %e7 : vector<2xf32>
      vector.store %p6, %c[%row8, %col8] : memref<64x32xf32>, vector<2xf32>
      %e8 = llvm.extractvalue %sums[8] : !sums32
      %e9 = llvm.extractvalue %sums[9] : !sums32
      %p8 = vector.from_elements %e8, %e9 : vector<2xf32>
      vector.store %p8, %c[%row, %col16] : memref<64x32xf32>, vector<2xf32>
      %e10 = llvm.extractvalue %sums[10] : !sums32
      %e11 = llvm.extractvalue %sums[11] : !sums32
      %p10 = vector.from_elements %e10, %e11 : vector<2xf32>
      vector.store %p10, %c[%row8, %col16] : memref<64x32xf32>, vector<2xf32>
      %e12 = llvm.extractvalue %sums[12] : !sums32
      %e13 = llvm.extractvalue %sums[13] : !sums32
      %p12 = vector.from_elements %e12, %e13 : vector<2xf32>
      vector.store %p12, %c[%row, %col24] : memref<64x32xf32>, vector<2xf32>
      %e14 = llvm.extractvalue %sums[14] : !sums32
      %e15 = llvm.extractvalue %sums[15] : !sums32
      %p14 = vector.from_elements %e14, %e15 : vector<2xf32>
      vector.store %p14, %c[%row8, %col24] : memref<64x32xf32>, vector<2xf32>
    }
    gpu.return
  }
}
