// Kernels that are right, whatever the order of blocks and threads.
// RUN: descent-opt %s --gpu-to-simulator | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: %simulate %t.ll -o %t
// RUN: %t sum 3 128 'f32[1000]=ramp' 'f32[3]=none' | FileCheck %s --check-prefix=SUM
// RUN: %t transpose 6 64 'f32[40x70:72]=ramp' 'f32[70x40:48]=none' | FileCheck %s --check-prefix=TRANSPOSE
// RUN: %t scan 2 96 'f64[192]=ramp' | FileCheck %s --check-prefix=SCAN
// RUN: %t rotate 1 32 'i32[32]=ramp' | FileCheck %s --check-prefix=ROTATE
// RUN: %t copy 2 32 'f32[103]=ramp' 'f32[103]=none' | FileCheck %s --check-prefix=COPY
// RUN: %t neighbours 1 64 dynamic=256 '*f32[64]=ramp' i32=3 | FileCheck %s --check-prefix=NEIGHBOURS
// RUN: %t lookup 1 8 'f32[8]=none' | FileCheck %s --check-prefix=LOOKUP

gpu.module @kernels {
  // Threads take entries in turn, lanes add up by shuffles, warps through workgroup memory.
  gpu.func @sum(%x: memref<?xf32>, %y: memref<?xf32>) workgroup(%warps: memref<4xf32, #gpu.address_space<workgroup>>) kernel {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %width = arith.constant 32 : i32
    %o16 = arith.constant 16 : i32
    %o8 = arith.constant 8 : i32
    %o4 = arith.constant 4 : i32
    %o2 = arith.constant 2 : i32
    %o1 = arith.constant 1 : i32
    %thread = gpu.thread_id x
    %threads = gpu.block_dim x
    %block = gpu.block_id x
    %blocks = gpu.grid_dim x
    %lane = gpu.lane_id
    %warp = gpu.subgroup_id : index
    %size = memref.dim %x, %c0 : memref<?xf32>
    %before = arith.muli %block, %threads : index
    %first = arith.addi %before, %thread : index
    %step = arith.muli %threads, %blocks : index
    %own = scf.for %i = %first to %size step %step iter_args(%sum = %zero) -> f32 {
      %entry = memref.load %x[%i] : memref<?xf32>
      %next = arith.addf %sum, %entry : f32
      scf.yield %next : f32
    }
    %from16, %v16 = gpu.shuffle xor %own, %o16, %width : f32
    %s16 = arith.addf %own, %from16 : f32
    %from8, %v8 = gpu.shuffle xor %s16, %o8, %width : f32
    %s8 = arith.addf %s16, %from8 : f32
    %from4, %v4 = gpu.shuffle xor %s8, %o4, %width : f32
    %s4 = arith.addf %s8, %from4 : f32
    %from2, %v2 = gpu.shuffle xor %s4, %o2, %width : f32
    %s2 = arith.addf %s4, %from2 : f32
    %from1, %v1 = gpu.shuffle xor %s2, %o1, %width : f32
    %s1 = arith.addf %s2, %from1 : f32
    %leads = arith.cmpi eq, %lane, %c0 : index
    scf.if %leads {
      memref.store %s1, %warps[%warp] : memref<4xf32, #gpu.address_space<workgroup>>
    }
    gpu.barrier
    %is_first = arith.cmpi eq, %thread, %c0 : index
    scf.if %is_first {
      %all = scf.for %w = %c0 to %c4 step %c1 iter_args(%sum = %zero) -> f32 {
        %part = memref.load %warps[%w] : memref<4xf32, #gpu.address_space<workgroup>>
        %next = arith.addf %sum, %part : f32
        scf.yield %next : f32
      }
      memref.store %all, %y[%block] : memref<?xf32>
    }
    gpu.return
  }
  // SUM: argument 1, row 0: 171840 196716 130944

  // A square of 32 x 32 a block, through workgroup memory with a column that keeps banks apart. Rows have gaps.
  gpu.func @transpose(%x: memref<?x?xf32, strided<[?, 1]>>, %y: memref<?x?xf32, strided<[?, 1]>>)
      workgroup(%tile: memref<32x33xf32, 3>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %thread = gpu.thread_id x
    %block = gpu.block_id x
    %rows = memref.dim %x, %c0 : memref<?x?xf32, strided<[?, 1]>>
    %cols = memref.dim %x, %c1 : memref<?x?xf32, strided<[?, 1]>>
    %tiles = arith.ceildivui %cols, %c32 : index
    %tile_row = arith.divui %block, %tiles : index
    %tile_col = arith.remui %block, %tiles : index
    %top = arith.muli %tile_row, %c32 : index
    %left = arith.muli %tile_col, %c32 : index
    %begin = arith.divui %thread, %c32 : index
    %j = arith.remui %thread, %c32 : index
    scf.for %i = %begin to %c32 step %c2 {
      %row = arith.addi %top, %i : index
      %col = arith.addi %left, %j : index
      %row_fits = arith.cmpi ult, %row, %rows : index
      %col_fits = arith.cmpi ult, %col, %cols : index
      %fits = arith.andi %row_fits, %col_fits : i1
      scf.if %fits {
        %entry = memref.load %x[%row, %col] : memref<?x?xf32, strided<[?, 1]>>
        memref.store %entry, %tile[%i, %j] : memref<32x33xf32, 3>
      }
    }
    gpu.barrier
    scf.for %i = %begin to %c32 step %c2 {
      %row = arith.addi %top, %j : index
      %col = arith.addi %left, %i : index
      %row_fits = arith.cmpi ult, %row, %rows : index
      %col_fits = arith.cmpi ult, %col, %cols : index
      %fits = arith.andi %row_fits, %col_fits : i1
      scf.if %fits {
        %entry = memref.load %tile[%j, %i] : memref<32x33xf32, 3>
        memref.store %entry, %y[%col, %row] : memref<?x?xf32, strided<[?, 1]>>
      }
    }
    gpu.return
  }
  // TRANSPOSE: argument 1, row 0: 0 72 144 216
  // TRANSPOSE: argument 1, row 1: 1 73 145 217
  // TRANSPOSE: argument 1, row 69: 69 141 {{.*}} 2805 2877{{$}}

  // Prefix sums of each warp.
  gpu.func @scan(%x: memref<?xf64>) kernel {
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %width = arith.constant 32 : i32
    %thread = gpu.thread_id x
    %threads = gpu.block_dim x
    %block = gpu.block_id x
    %before = arith.muli %block, %threads : index
    %place = arith.addi %before, %thread : index
    %own = memref.load %x[%place] : memref<?xf64>
    %one = arith.constant 1 : i32
    %all:2 = scf.while (%sum = %own, %distance = %one) : (f64, i32) -> (f64, i32) {
      %more = arith.cmpi slt, %distance, %width : i32
      scf.condition(%more) %sum, %distance : f64, i32
    } do {
    ^bb0(%sum: f64, %distance: i32):
      %other, %valid = gpu.shuffle up %sum, %distance, %width : f64
      %added = arith.addf %sum, %other : f64
      %next = arith.select %valid, %added, %sum : f64
      %twice = arith.addi %distance, %distance : i32
      scf.yield %next, %twice : f64, i32
    }
    memref.store %all#0, %x[%place] : memref<?xf64>
    gpu.return
  }
  // SCAN: argument 0, row 0: 0 1 3 6 {{.*}} 465 496 32 65 99
  // SCAN-SAME: 5616{{$}}

  // Among eight lanes the next one's number, the last one's own; plus that of lane 5, and, in 64 bits, of lane 1.
  gpu.func @rotate(%x: memref<?xi32>) kernel {
    %one = arith.constant 1 : i32
    %five = arith.constant 5 : i32
    %eight = arith.constant 8 : i32
    %thread = gpu.thread_id x
    %own = memref.load %x[%thread] : memref<?xi32>
    %next, %next_valid = gpu.shuffle down %own, %one, %eight : i32
    %fifth, %fifth_valid = gpu.shuffle idx %own, %five, %eight : i32
    %sum = arith.addi %next, %fifth : i32
    %wide = arith.extsi %own : i32 to i64
    %first, %first_valid = gpu.shuffle idx %wide, %one, %eight : i64
    %narrow = arith.trunci %first : i64 to i32
    %all = arith.addi %sum, %narrow : i32
    memref.store %all, %x[%thread] : memref<?xi32>
    gpu.return
  }
  // ROTATE: argument 0, row 0: 7 8 9 10 11 12 13 13 31 32

  // Vectors of four, then what is left one by one.
  gpu.func @copy(%x: memref<?xf32, 1>, %y: memref<?xf32, 1>) kernel {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %thread = gpu.thread_id x
    %threads = gpu.block_dim x
    %block = gpu.block_id x
    %blocks = gpu.grid_dim x
    %before = arith.muli %block, %threads : index
    %first = arith.addi %before, %thread : index
    %step = arith.muli %threads, %blocks : index
    %size = memref.dim %x, %c0 : memref<?xf32, 1>
    %vectors = arith.divui %size, %c4 : index
    scf.for %i = %first to %vectors step %step {
      %at = arith.muli %i, %c4 : index
      %four = vector.load %x[%at] {alignment = 16} : memref<?xf32, 1>, vector<4xf32>
      vector.store %four, %y[%at] {alignment = 16} : memref<?xf32, 1>, vector<4xf32>
    }
    %done = arith.muli %vectors, %c4 : index
    %begin = arith.addi %done, %first : index
    scf.for %i = %begin to %size step %step {
      %entry = memref.load %x[%i] : memref<?xf32, 1>
      memref.store %entry, %y[%i] : memref<?xf32, 1>
    }
    gpu.return
  }
  // COPY: argument 1, row 0: 0 1 2 3 {{.*}} 100 101 102{{$}}

  // Pointers, private memory, and workgroup memory of the launch's size: lanes pass numbers on within their warp.
  gpu.func @neighbours(%x: !llvm.ptr, %factor: i32) private(%own: memref<2xf32, 5>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %all = arith.constant -1 : i32
    %thread = gpu.thread_id x
    %number = arith.index_cast %thread : index to i64
    %global = llvm.addrspacecast %x : !llvm.ptr to !llvm.ptr<1>
    %place = llvm.getelementptr %global[%number] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %entry = llvm.load %place : !llvm.ptr<1> -> f32
    %times = arith.sitofp %factor : i32 to f32
    %scaled = arith.mulf %entry, %times : f32
    memref.store %scaled, %own[%c1] : memref<2xf32, 5>
    %bytes = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %shared = memref.view %bytes[%c0][] : memref<?xi8, #gpu.address_space<workgroup>> to memref<64xf32, #gpu.address_space<workgroup>>
    %back = memref.load %own[%c1] : memref<2xf32, 5>
    memref.store %back, %shared[%thread] : memref<64xf32, #gpu.address_space<workgroup>>
    nvvm.bar.warp.sync %all : i32
    %neighbour = arith.xori %thread, %c1 : index
    %other = memref.load %shared[%neighbour] : memref<64xf32, #gpu.address_space<workgroup>>
    llvm.store %other, %place : f32, !llvm.ptr<1>
    gpu.return
  }
  // NEIGHBOURS: argument 0, row 0: 3 0 9 6 15 12

  memref.global "private" constant @squares : memref<8xf32> = dense<[0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0]>
  llvm.mlir.global internal constant @offset(100.0 : f32) {addr_space = 4 : i32} : f32
  gpu.func @lookup(%x: memref<?xf32>) kernel {
    %thread = gpu.thread_id x
    %table = memref.get_global @squares : memref<8xf32>
    %square = memref.load %table[%thread] : memref<8xf32>
    %pointer = llvm.mlir.addressof @offset : !llvm.ptr<4>
    %offset = llvm.load %pointer : !llvm.ptr<4> -> f32
    %sum = arith.addf %square, %offset : f32
    memref.store %sum, %x[%thread] : memref<?xf32>
    gpu.return
  }
  // LOOKUP: argument 0, row 0: 100 101 104 109 116 125 136 149
}
