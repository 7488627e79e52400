// One wrong kernel for each kind of fault, and what is said of it.
// RUN: descent-opt %s --gpu-to-simulator | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: %simulate %t.ll -o %t
// RUN: not %t barrier_in_a_branch 1 64 | FileCheck %s --check-prefix=BRANCH
// RUN: not %t two_barriers 1 64 | FileCheck %s --check-prefix=TWO
// RUN: not %t shuffle_in_a_branch 1 32 'f32[32]=ramp' | FileCheck %s --check-prefix=SHUFFLE
// RUN: not %t shuffle_before_a_barrier 1 32 'f32[32]=ramp' | FileCheck %s --check-prefix=MEET
// RUN: not %t odd_width 1 32 'f32[32]=ramp' | FileCheck %s --check-prefix=WIDTH
// RUN: not %t beyond_a_tile 1 32 | FileCheck %s --check-prefix=TILE
// RUN: not %t beyond_a_row 1 32 'f32[8x24:32]=ramp' | FileCheck %s --check-prefix=ROW
// RUN: %t beyond_a_row 1 32 'f32[8x24]=ramp' | FileCheck %s --check-prefix=GAPLESS
// RUN: not %t beyond_a_buffer 1 32 '*f32[31]=ramp' | FileCheck %s --check-prefix=BUFFER
// RUN: not %t vector_beyond_the_end 1 8 'f32[30]=ramp' | FileCheck %s --check-prefix=VECTOR
// RUN: not %t unaligned_vector 1 1 'f32[30]=ramp' | FileCheck %s --check-prefix=ALIGNMENT
// RUN: not %t unwritten_workgroup_memory 1 32 'f32[32]=ramp' | FileCheck %s --check-prefix=UNWRITTEN
// RUN: not %t workgroup_memory_of_another_block 2 1 'f32[2]=none' | FileCheck %s --check-prefix=BLOCKS
// RUN: not %t unwritten_scratch 1 32 '*f32[32]=none' | FileCheck %s --check-prefix=SCRATCH
// RUN: not %t no_barrier 1 64 'f32[64]=ramp' | FileCheck %s --check-prefix=RACE
// RUN: not %t one_barrier_too_few 1 32 'f32[32]=ramp' | FileCheck %s --check-prefix=OVERWRITE
// RUN: not %t shuffles_order_no_memory 1 32 'f32[32]=ramp' | FileCheck %s --check-prefix=WARP
// RUN: not %t all_blocks_write 4 32 'f32[1]=none' | FileCheck %s --check-prefix=WRITE
// RUN: not %t constant_written 1 1 | FileCheck %s --check-prefix=CONSTANT
// RUN: not %t too_much_memory 1 1 | FileCheck %s --check-prefix=MEMORY
// RUN: not %t no_barrier 1 2000 'f32[64]=ramp' | FileCheck %s --check-prefix=LAUNCH

gpu.module @kernels {
  gpu.func @barrier_in_a_branch() kernel {
    %c40 = arith.constant 40 : index
    %thread = gpu.thread_id x
    %is_low = arith.cmpi ult, %thread, %c40 : index
    scf.if %is_low {
      gpu.barrier
    }
    gpu.return
  }
  // BRANCH: kernel 'barrier_in_a_branch', block 0, thread 0, gpu.barrier at {{.*}}faults.mlir:[[#@LINE-4]]:7: waits at a barrier that thread 40 never reaches: it has finished

  gpu.func @two_barriers() kernel {
    %c40 = arith.constant 40 : index
    %thread = gpu.thread_id x
    %is_low = arith.cmpi ult, %thread, %c40 : index
    scf.if %is_low {
      gpu.barrier
    } else {
      gpu.barrier
    }
    gpu.return
  }
  // TWO: kernel 'two_barriers', block 0, thread 0, gpu.barrier at {{.*}}faults.mlir:[[#@LINE-6]]:7: waits at a barrier that thread 40 does not reach: it waits at a barrier, gpu.barrier at {{.*}}faults.mlir:[[#@LINE-4]]:7

  gpu.func @shuffle_in_a_branch(%x: memref<?xf32>) kernel {
    %c16 = arith.constant 16 : index
    %one = arith.constant 1 : i32
    %width = arith.constant 32 : i32
    %thread = gpu.thread_id x
    %own = memref.load %x[%thread] : memref<?xf32>
    %is_low = arith.cmpi ult, %thread, %c16 : index
    scf.if %is_low {
      %other, %valid = gpu.shuffle xor %own, %one, %width : f32
      memref.store %other, %x[%thread] : memref<?xf32>
    }
    gpu.return
  }
  // SHUFFLE: kernel 'shuffle_in_a_branch', block 0, thread 0, gpu.shuffle at {{.*}}faults.mlir:[[#@LINE-5]]:24: waits at a shuffle that thread 16 never reaches: it has finished

  gpu.func @shuffle_before_a_barrier(%x: memref<?xf32>) kernel {
    %c16 = arith.constant 16 : index
    %one = arith.constant 1 : i32
    %width = arith.constant 32 : i32
    %thread = gpu.thread_id x
    %own = memref.load %x[%thread] : memref<?xf32>
    %is_low = arith.cmpi ult, %thread, %c16 : index
    scf.if %is_low {
      %other, %valid = gpu.shuffle xor %own, %one, %width : f32
      memref.store %other, %x[%thread] : memref<?xf32>
    }
    gpu.barrier
    gpu.return
  }
  // MEET: kernel 'shuffle_before_a_barrier', block 0, thread 0, gpu.shuffle at {{.*}}faults.mlir:[[#@LINE-6]]:24: waits at a shuffle that thread 16 does not reach: it waits at a barrier, gpu.barrier at {{.*}}faults.mlir:[[#@LINE-3]]:5

  gpu.func @odd_width(%x: memref<?xf32>) kernel {
    %one = arith.constant 1 : i32
    %width = arith.constant 24 : i32
    %thread = gpu.thread_id x
    %own = memref.load %x[%thread] : memref<?xf32>
    %other, %valid = gpu.shuffle xor %own, %one, %width : f32
    memref.store %other, %x[%thread] : memref<?xf32>
    gpu.return
  }
  // WIDTH: gpu.shuffle at {{.*}}faults.mlir:[[#@LINE-4]]:22: has width 24, but widths are 1, 2, 4, 8, 16 and 32

  // A row further would still lie in the tile: indices are checked, not addresses alone.
  gpu.func @beyond_a_tile() workgroup(%tile: memref<8x24xf32, #gpu.address_space<workgroup>>) kernel {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %thread = gpu.thread_id x
    memref.store %zero, %tile[%c0, %thread] : memref<8x24xf32, #gpu.address_space<workgroup>>
    gpu.return
  }
  // TILE: kernel 'beyond_a_tile', block 0, thread {{2[4-9]|3[01]}}, memref.store at {{.*}}faults.mlir:[[#@LINE-3]]:5: has index {{2[4-9]|3[01]}} in dimension 1 of size 24

  // Rows without gaps may be taken for one, rows with gaps may not.
  gpu.func @beyond_a_row(%x: memref<?x?xf32, strided<[?, 1]>>) kernel {
    %c2 = arith.constant 2 : index
    %zero = arith.constant 0.0 : f32
    %thread = gpu.thread_id x
    memref.store %zero, %x[%c2, %thread] : memref<?x?xf32, strided<[?, 1]>>
    gpu.return
  }
  // ROW: memref.store at {{.*}}faults.mlir:[[#@LINE-3]]:5: has index {{2[4-9]|3[01]}} in columns of size 24
  // GAPLESS: argument 0, row 2: 0 0
  // GAPLESS: argument 0, row 3: 0 0 0 0 0 0 0 0 80 81

  gpu.func @beyond_a_buffer(%x: !llvm.ptr) kernel {
    %thread = gpu.thread_id x
    %number = arith.index_cast %thread : index to i64
    %place = llvm.getelementptr %x[%number] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %entry = llvm.load %place : !llvm.ptr -> f32
    llvm.store %entry, %place : f32, !llvm.ptr
    gpu.return
  }
  // BUFFER: kernel 'beyond_a_buffer', block 0, thread 31, llvm.load at {{.*}}faults.mlir:[[#@LINE-4]]:14: reads 4 bytes of global memory, outside of all buffers

  gpu.func @vector_beyond_the_end(%x: memref<?xf32>) kernel {
    %c4 = arith.constant 4 : index
    %thread = gpu.thread_id x
    %place = arith.muli %thread, %c4 : index
    %four = vector.load %x[%place] : memref<?xf32>, vector<4xf32>
    vector.store %four, %x[%place] : memref<?xf32>, vector<4xf32>
    gpu.return
  }
  // VECTOR: kernel 'vector_beyond_the_end', block 0, thread 7, vector.load at {{.*}}faults.mlir:[[#@LINE-4]]:13: has indices 28 to 31 in dimension 0 of size 30

  gpu.func @unaligned_vector(%x: memref<?xf32>) kernel {
    %c2 = arith.constant 2 : index
    %four = vector.load %x[%c2] {alignment = 16} : memref<?xf32>, vector<4xf32>
    vector.store %four, %x[%c2] {alignment = 16} : memref<?xf32>, vector<4xf32>
    gpu.return
  }
  // ALIGNMENT: vector.load at {{.*}}faults.mlir:[[#@LINE-4]]:13: reads 16 bytes at an address that is no multiple of 16

  gpu.func @unwritten_workgroup_memory(%x: memref<?xf32>) workgroup(%tile: memref<32xf32, 3>) kernel {
    %c1 = arith.constant 1 : index
    %c31 = arith.constant 31 : index
    %thread = gpu.thread_id x
    %own = memref.load %x[%thread] : memref<?xf32>
    %is_inner = arith.cmpi ult, %thread, %c31 : index
    scf.if %is_inner {
      memref.store %own, %tile[%thread] : memref<32xf32, 3>
    }
    gpu.barrier
    %other = memref.load %tile[%thread] : memref<32xf32, 3>
    memref.store %other, %x[%thread] : memref<?xf32>
    gpu.return
  }
  // UNWRITTEN: kernel 'unwritten_workgroup_memory', block 0, thread 31, memref.load at {{.*}}faults.mlir:[[#@LINE-4]]:14: reads 4 bytes of workgroup memory that nobody has written

  // What one block leaves is nothing to the next.
  gpu.func @workgroup_memory_of_another_block(%x: memref<?xf32>) workgroup(%tile: memref<1xf32, 3>) kernel {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %block = gpu.block_id x
    %is_first = arith.cmpi eq, %block, %c0 : index
    scf.if %is_first {
      memref.store %zero, %tile[%c0] : memref<1xf32, 3>
    }
    %entry = memref.load %tile[%c0] : memref<1xf32, 3>
    memref.store %entry, %x[%block] : memref<?xf32>
    gpu.return
  }
  // BLOCKS: kernel 'workgroup_memory_of_another_block', block 1, thread 0, memref.load at {{.*}}faults.mlir:[[#@LINE-4]]:14: reads 4 bytes of workgroup memory that nobody has written

  gpu.func @unwritten_scratch(%x: !llvm.ptr) kernel {
    %entry = llvm.load %x : !llvm.ptr -> f32
    llvm.store %entry, %x : f32, !llvm.ptr
    gpu.return
  }
  // SCRATCH: llvm.load at {{.*}}faults.mlir:[[#@LINE-4]]:14: reads 4 bytes of global memory that nobody has written

  gpu.func @no_barrier(%x: memref<?xf32>) workgroup(%tile: memref<64xf32, 3>) kernel {
    %c63 = arith.constant 63 : index
    %thread = gpu.thread_id x
    %own = memref.load %x[%thread] : memref<?xf32>
    memref.store %own, %tile[%thread] : memref<64xf32, 3>
    %mirrored = arith.subi %c63, %thread : index
    %other = memref.load %tile[%mirrored] : memref<64xf32, 3>
    memref.store %other, %x[%thread] : memref<?xf32>
    gpu.return
  }
  // Whichever of two threads is first: it reads what nobody has written, or the other what it has.
  // RACE: kernel 'no_barrier', block 0, thread [[#]], memref.load at {{.*}}faults.mlir:[[#@LINE-5]]:14: reads {{4 bytes of workgroup memory that nobody has written|workgroup memory that thread [0-9]+ writes \(memref.store at .*faults.mlir:[0-9]+:5\), with no barrier in between}}

  // The tile is written again though others read it since the last barrier.
  gpu.func @one_barrier_too_few(%x: memref<?xf32>) workgroup(%tile: memref<32xf32, 3>) kernel {
    %c31 = arith.constant 31 : index
    %one = arith.constant 1 : i32
    %width = arith.constant 32 : i32
    %thread = gpu.thread_id x
    %own = memref.load %x[%thread] : memref<?xf32>
    memref.store %own, %tile[%thread] : memref<32xf32, 3>
    gpu.barrier
    %mirrored = arith.subi %c31, %thread : index
    %other = memref.load %tile[%mirrored] : memref<32xf32, 3>
    %neighbour, %valid = gpu.shuffle xor %other, %one, %width : f32
    memref.store %neighbour, %tile[%thread] : memref<32xf32, 3>
    gpu.return
  }
  // OVERWRITE: kernel 'one_barrier_too_few', block 0, thread {{[0-9]+}}, memref.store at {{.*}}faults.mlir:[[#@LINE-3]]:5: writes workgroup memory that thread {{[0-9]+}} reads (memref.load at {{.*}}faults.mlir:[[#@LINE-5]]:14), with no barrier in between

  // Lanes meet at the shuffle, but what they wrote need not be seen: that takes a barrier of the warp.
  gpu.func @shuffles_order_no_memory(%x: memref<?xf32>) workgroup(%tile: memref<32xf32, 3>) kernel {
    %c31 = arith.constant 31 : index
    %one = arith.constant 1 : i32
    %width = arith.constant 32 : i32
    %thread = gpu.thread_id x
    %own = memref.load %x[%thread] : memref<?xf32>
    memref.store %own, %tile[%thread] : memref<32xf32, 3>
    %neighbour, %valid = gpu.shuffle xor %own, %one, %width : f32
    %mirrored = arith.subi %c31, %thread : index
    %other = memref.load %tile[%mirrored] : memref<32xf32, 3>
    %sum = arith.addf %neighbour, %other : f32
    memref.store %sum, %x[%thread] : memref<?xf32>
    gpu.return
  }
  // WARP: kernel 'shuffles_order_no_memory', block 0, thread {{[0-9]+}}, memref.load at {{.*}}faults.mlir:[[#@LINE-5]]:14: reads workgroup memory that thread {{[0-9]+}} writes (memref.store at {{.*}}faults.mlir:[[#@LINE-8]]:5), with no barrier in between

  gpu.func @all_blocks_write(%x: memref<?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %thread = gpu.thread_id x
    %is_first = arith.cmpi eq, %thread, %c0 : index
    scf.if %is_first {
      memref.store %zero, %x[%c0] : memref<?xf32>
    }
    gpu.return
  }
  // WRITE: kernel 'all_blocks_write', block [[#]], thread 0, memref.store at {{.*}}faults.mlir:[[#@LINE-4]]:7: writes global memory that thread 0 of block [[#]] writes (memref.store at {{.*}}faults.mlir:[[#@LINE-4]]:7) in the same launch

  llvm.mlir.global internal constant @seven(7.0 : f32) : f32
  gpu.func @constant_written() kernel {
    %zero = arith.constant 0.0 : f32
    %pointer = llvm.mlir.addressof @seven : !llvm.ptr
    llvm.store %zero, %pointer : f32, !llvm.ptr
    gpu.return
  }
  // CONSTANT: llvm.store at {{.*}}faults.mlir:[[#@LINE-3]]:5: writes 4 bytes of a constant

  gpu.func @too_much_memory() workgroup(%tile: memref<60000xf32, 3>) kernel {
    gpu.return
  }
  // MEMORY: kernel 'too_much_memory', block 0, thread 0, at its begin: needs workgroup buffer 0 of 240000 bytes beside 0, but a block has at most 64 buffers with 232448 bytes

  // LAUNCH: kernel 'no_barrier' cannot run as 1 blocks of 2000 threads with 0 bytes of workgroup memory: there are at most 1048576 blocks of 1 to 1024 threads with 232448 bytes
}
