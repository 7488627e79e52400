// The kernels of a device's driver, which are the same for all optimizers: device.h says what they do and what their
// tables hold. They have one dimension and 256 threads a block, which take entries of tables in turn.

!gradient = !llvm.struct<(ptr, i64, ptr, ptr)>
!load = !llvm.struct<(ptr, ptr, i64)>
!key = !llvm.struct<(ptr, ptr, i64, i64, i64)>
!source = !llvm.struct<(ptr, ptr, i64)>
!group = !llvm.struct<(i64, i64, i64, i64)>
!store = !llvm.struct<(ptr, ptr, ptr, i64)>
!result = !llvm.struct<(i64, i32, i32, i64, f64)>

gpu.module @driver {

// Before the first stage: the numbers of this step, who is there, and whether it is skipped from the outset.
gpu.func @descent_begin(%gradients: !llvm.ptr, %loads: !llvm.ptr, %keys: !llvm.ptr, %found_inf: !llvm.ptr,
                        %skip: !llvm.ptr, %num_gradients: i32, %num_loads: i32, %num_keys: i32)
    kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %place = gpu.thread_id x
  %block = gpu.block_id x
  %size = gpu.block_dim x
  %blocks = gpu.grid_dim x
  %before = arith.muli %block, %size : index
  %thread = arith.addi %before, %place : index
  %all = arith.muli %size, %blocks : index
  %first = arith.index_cast %thread : index to i64
  %threads = arith.index_cast %all : index to i64
  %null = llvm.mlir.zero : !llvm.ptr

  %is_first = arith.cmpi eq, %first, %zero : i64
  scf.if %is_first {
    %number = llvm.load %found_inf : !llvm.ptr -> f32
    %none = arith.constant 0.0 : f32
    %found = arith.cmpf une, %number, %none : f32
    %word = arith.extui %found : i1 to i32
    llvm.store %word, %skip : i32, !llvm.ptr
  }

  %gradients_end = arith.extsi %num_gradients : i32 to i64
  scf.for %i = %first to %gradients_end step %threads : i64 {
    %given_at = llvm.getelementptr %gradients[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !gradient
    %given = llvm.load %given_at : !llvm.ptr -> !llvm.ptr
    %gradient = llvm.load %given : !llvm.ptr -> !llvm.ptr
    %is_there = llvm.icmp "ne" %gradient, %null : !llvm.ptr
    %present_at = llvm.getelementptr %gradients[%i, 3] : (!llvm.ptr, i64) -> !llvm.ptr, !gradient
    %present = llvm.load %present_at : !llvm.ptr -> !llvm.ptr
    %tells = llvm.icmp "ne" %present, %null : !llvm.ptr
    scf.if %tells {
      %word = arith.extui %is_there : i1 to i32
      llvm.store %word, %present : i32, !llvm.ptr
    }
    %data_at = llvm.getelementptr %gradients[%i, 2] : (!llvm.ptr, i64) -> !llvm.ptr, !gradient
    %data = llvm.load %data_at : !llvm.ptr -> !llvm.ptr
    %has_data = llvm.icmp "ne" %data, %null : !llvm.ptr
    %points = arith.andi %is_there, %has_data : i1
    scf.if %points {
      %offset_at = llvm.getelementptr %gradients[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !gradient
      %offset = llvm.load %offset_at : !llvm.ptr -> i64
      %moved = llvm.getelementptr %gradient[%offset] : (!llvm.ptr, i64) -> !llvm.ptr, i8
      llvm.store %moved, %data : !llvm.ptr, !llvm.ptr
    }
  }

  %loads_end = arith.extsi %num_loads : i32 to i64
  scf.for %i = %first to %loads_end step %threads : i64 {
    %slot_at = llvm.getelementptr %loads[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !load
    %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
    %source_at = llvm.getelementptr %loads[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !load
    %source = llvm.load %source_at : !llvm.ptr -> !llvm.ptr
    %type_at = llvm.getelementptr %loads[%i, 2] : (!llvm.ptr, i64) -> !llvm.ptr, !load
    %type = llvm.load %type_at : !llvm.ptr -> i64
    %is_f64 = arith.cmpi eq, %type, %zero : i64
    %value = scf.if %is_f64 -> f64 {
      %number = llvm.load %source : !llvm.ptr -> f64
      scf.yield %number : f64
    } else {
      %counts = arith.constant 16 : i64
      %is_count = arith.cmpi eq, %type, %counts : i64
      %more = arith.extui %is_count : i1 to i64
      %integer = llvm.load %source : !llvm.ptr -> i64
      %next = arith.addi %integer, %more : i64
      %number = arith.sitofp %next : i64 to f64
      scf.yield %number : f64
    }
    llvm.store %value, %slot : f64, !llvm.ptr
  }

  // Three steps of splitmix64: the step's number, the layer's id, the batch member.
  %keys_end = arith.extsi %num_keys : i32 to i64
  scf.for %i = %first to %keys_end step %threads : i64 {
    %slot_at = llvm.getelementptr %keys[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !key
    %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
    %step_at = llvm.getelementptr %keys[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !key
    %step_word = llvm.load %step_at : !llvm.ptr -> !llvm.ptr
    %step = llvm.load %step_word : !llvm.ptr -> i64
    %seed_at = llvm.getelementptr %keys[%i, 2] : (!llvm.ptr, i64) -> !llvm.ptr, !key
    %seed = llvm.load %seed_at : !llvm.ptr -> i64
    %id_at = llvm.getelementptr %keys[%i, 3] : (!llvm.ptr, i64) -> !llvm.ptr, !key
    %id = llvm.load %id_at : !llvm.ptr -> i64
    %member_at = llvm.getelementptr %keys[%i, 4] : (!llvm.ptr, i64) -> !llvm.ptr, !key
    %member = llvm.load %member_at : !llvm.ptr -> i64
    %three = arith.constant 3 : i64
    %mixed = scf.for %round = %zero to %three step %one iter_args(%sofar = %seed) -> (i64) : i64 {
      %is_step = arith.cmpi eq, %round, %zero : i64
      %is_id = arith.cmpi eq, %round, %one : i64
      %later = arith.select %is_id, %id, %member : i64
      %next = arith.select %is_step, %step, %later : i64
      %increment = arith.constant 0x9e3779b97f4a7c15 : i64
      %factor0 = arith.constant 0xbf58476d1ce4e5b9 : i64
      %factor1 = arith.constant 0x94d049bb133111eb : i64
      %shift0 = arith.constant 30 : i64
      %shift1 = arith.constant 27 : i64
      %shift2 = arith.constant 31 : i64
      %joined = arith.xori %sofar, %next : i64
      %z0 = arith.addi %joined, %increment : i64
      %high0 = arith.shrui %z0, %shift0 : i64
      %x0 = arith.xori %z0, %high0 : i64
      %z1 = arith.muli %x0, %factor0 : i64
      %high1 = arith.shrui %z1, %shift1 : i64
      %x1 = arith.xori %z1, %high1 : i64
      %z2 = arith.muli %x1, %factor1 : i64
      %high2 = arith.shrui %z2, %shift2 : i64
      %x2 = arith.xori %z2, %high2 : i64
      scf.yield %x2 : i64
    }
    %twelve = arith.constant 12 : i64
    %bits = arith.shrui %mixed, %twelve : i64
    %key = arith.uitofp %bits : i64 to f64
    llvm.store %key, %slot : f64, !llvm.ptr
  }
  gpu.return
}

// A cut. The block's threads fetch numbers, one of them folds them in the order of the table.
gpu.func @descent_fold(%groups: !llvm.ptr, %sources: !llvm.ptr, %targets: !llvm.ptr, %skip: !llvm.ptr, %combine: i32,
                       %num_groups: i32)
    workgroup(%numbers: memref<256xf64, #gpu.address_space<workgroup>>,
              %total: memref<1xf64, #gpu.address_space<workgroup>>)
    kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %threads = arith.constant 256 : i64
  %first = arith.constant 0 : index
  %place = gpu.thread_id x
  %thread = arith.index_cast %place : index to i64
  %block = gpu.block_id x
  %group_begin = arith.index_cast %block : index to i64
  %blocks = gpu.grid_dim x
  %group_step = arith.index_cast %blocks : index to i64
  %is_leader = arith.cmpi eq, %thread, %zero : i64
  %word = llvm.load %skip : !llvm.ptr -> i32
  %no_word = arith.constant 0 : i32
  %is_skipped = arith.cmpi ne, %word, %no_word : i32
  %group_count = arith.extsi %num_groups : i32 to i64
  %group_end = arith.select %is_skipped, %zero, %group_count : i64

  // Of nothing; an absent layer changes nothing.
  %sum_code = arith.constant 0 : i32
  %max_code = arith.constant 1 : i32
  %is_sum = arith.cmpi eq, %combine, %sum_code : i32
  %is_max = arith.cmpi eq, %combine, %max_code : i32
  %nothing = arith.constant 0.0 : f64
  %infinity = arith.constant 0x7ff0000000000000 : f64
  %minus_infinity = arith.constant 0xfff0000000000000 : f64
  %empty_choice = arith.select %is_max, %minus_infinity, %infinity : f64
  %empty = arith.select %is_sum, %nothing, %empty_choice : f64

  scf.for %i = %group_begin to %group_end step %group_step : i64 {
    %begin_at = llvm.getelementptr %groups[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !group
    %begin = llvm.load %begin_at : !llvm.ptr -> i64
    %end_at = llvm.getelementptr %groups[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !group
    %end = llvm.load %end_at : !llvm.ptr -> i64
    scf.if %is_leader {
      memref.store %empty, %total[%first] : memref<1xf64, #gpu.address_space<workgroup>>
    }
    scf.for %chunk = %begin to %end step %threads : i64 {
      %at = arith.addi %chunk, %thread : i64
      %is_within = arith.cmpi slt, %at, %end : i64
      scf.if %is_within {
        %present_at = llvm.getelementptr %sources[%at, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !source
        %present = llvm.load %present_at : !llvm.ptr -> !llvm.ptr
        %there = llvm.load %present : !llvm.ptr -> i32
        %is_there = arith.cmpi ne, %there, %no_word : i32
        %number = scf.if %is_there -> f64 {
          %slot_at = llvm.getelementptr %sources[%at, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !source
          %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
          %value = llvm.load %slot : !llvm.ptr -> f64
          scf.yield %value : f64
        } else {
          scf.yield %empty : f64
        }
        memref.store %number, %numbers[%place] : memref<256xf64, #gpu.address_space<workgroup>>
      }
      gpu.barrier
      scf.if %is_leader {
        %left = arith.subi %end, %chunk : i64
        %count = arith.minsi %left, %threads : i64
        %before = memref.load %total[%first] : memref<1xf64, #gpu.address_space<workgroup>>
        %folded = scf.for %j = %zero to %count step %one iter_args(%sofar = %before) -> (f64) : i64 {
          %from = arith.index_cast %j : i64 to index
          %value = memref.load %numbers[%from] : memref<256xf64, #gpu.address_space<workgroup>>
          %sum = arith.addf %sofar, %value : f64
          %is_greater = arith.cmpf ogt, %value, %sofar : f64
          %is_less = arith.cmpf olt, %value, %sofar : f64
          %is_nan = arith.cmpf uno, %value, %value : f64
          %is_better = arith.select %is_max, %is_greater, %is_less : i1
          %takes = arith.ori %is_better, %is_nan : i1
          %extreme = arith.select %takes, %value, %sofar : f64
          %next = arith.select %is_sum, %sum, %extreme : f64
          scf.yield %next : f64
        }
        memref.store %folded, %total[%first] : memref<1xf64, #gpu.address_space<workgroup>>
      }
      gpu.barrier // before the next numbers
    }
    gpu.barrier
    %result = memref.load %total[%first] : memref<1xf64, #gpu.address_space<workgroup>>
    %target_begin_at = llvm.getelementptr %groups[%i, 2] : (!llvm.ptr, i64) -> !llvm.ptr, !group
    %target_begin = llvm.load %target_begin_at : !llvm.ptr -> i64
    %target_end_at = llvm.getelementptr %groups[%i, 3] : (!llvm.ptr, i64) -> !llvm.ptr, !group
    %target_end = llvm.load %target_end_at : !llvm.ptr -> i64
    %target_first = arith.addi %target_begin, %thread : i64
    scf.for %t = %target_first to %target_end step %threads : i64 {
      %slot_at = llvm.getelementptr %targets[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.ptr
      %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
      llvm.store %result, %slot : f64, !llvm.ptr
    }
    gpu.barrier // before the next group's total
  }
  gpu.return
}

// Skips the rest of the step unless the number of the first source that is there is 0 or less. NaN skips.
gpu.func @descent_guard(%sources: !llvm.ptr, %skip: !llvm.ptr, %num_sources: i32)
    kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %no_word = arith.constant 0 : i32
  %nan = arith.constant 0x7ff8000000000000 : f64
  %none = arith.constant false
  %thread = gpu.thread_id x // of the only block
  %number = arith.index_cast %thread : index to i64
  %is_first = arith.cmpi eq, %number, %zero : i64
  scf.if %is_first {
    %end = arith.extsi %num_sources : i32 to i64
    %found:2 = scf.for %i = %zero to %end step %one iter_args(%sofar = %nan, %has = %none) -> (f64, i1) : i64 {
      %present_at = llvm.getelementptr %sources[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !source
      %present = llvm.load %present_at : !llvm.ptr -> !llvm.ptr
      %there = llvm.load %present : !llvm.ptr -> i32
      %is_there = arith.cmpi ne, %there, %no_word : i32
      %slot_at = llvm.getelementptr %sources[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !source
      %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
      %value = llvm.load %slot : !llvm.ptr -> f64
      %true = arith.constant true
      %is_new = arith.xori %has, %true : i1
      %takes = arith.andi %is_there, %is_new : i1
      %next = arith.select %takes, %value, %sofar : f64
      %has_one = arith.ori %has, %is_there : i1
      scf.yield %next, %has_one : f64, i1
    }
    %bound = arith.constant 0.0 : f64
    %skips = arith.cmpf ugt, %found#0, %bound : f64
    scf.if %skips {
      %word = arith.constant 1 : i32
      llvm.store %word, %skip : i32, !llvm.ptr
    }
  }
  gpu.return
}

// After the last stage: what layers keep as numbers, reports, and what the caller is told.
gpu.func @descent_finish(%stores: !llvm.ptr, %reported: !llvm.ptr, %reports: !llvm.ptr, %nonfinite: !llvm.ptr,
                         %norms: !llvm.ptr, %skip: !llvm.ptr, %result: !llvm.ptr, %num_stores: i32,
                         %num_reported: i32, %num_nonfinite: i32, %num_norms: i32)
    workgroup(%places: memref<256xi64, #gpu.address_space<workgroup>>)
    kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %no_word = arith.constant 0 : i32
  %place = gpu.thread_id x
  %thread = arith.index_cast %place : index to i64
  %block = gpu.block_id x
  %size = gpu.block_dim x
  %blocks = gpu.grid_dim x
  %before = arith.muli %block, %size : index
  %global = arith.addi %before, %place : index
  %first = arith.index_cast %global : index to i64
  %all = arith.muli %size, %blocks : index
  %threads = arith.index_cast %all : index to i64
  %word = llvm.load %skip : !llvm.ptr -> i32
  %is_skipped = arith.cmpi ne, %word, %no_word : i32

  %store_count = arith.extsi %num_stores : i32 to i64
  %stores_end = arith.select %is_skipped, %zero, %store_count : i64
  scf.for %i = %first to %stores_end step %threads : i64 {
    %present_at = llvm.getelementptr %stores[%i, 2] : (!llvm.ptr, i64) -> !llvm.ptr, !store
    %present = llvm.load %present_at : !llvm.ptr -> !llvm.ptr
    %there = llvm.load %present : !llvm.ptr -> i32
    %is_there = arith.cmpi ne, %there, %no_word : i32
    scf.if %is_there {
      %target_at = llvm.getelementptr %stores[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !store
      %target = llvm.load %target_at : !llvm.ptr -> !llvm.ptr
      %type_at = llvm.getelementptr %stores[%i, 3] : (!llvm.ptr, i64) -> !llvm.ptr, !store
      %type = llvm.load %type_at : !llvm.ptr -> i64
      %is_f64 = arith.cmpi eq, %type, %zero : i64
      scf.if %is_f64 {
        %slot_at = llvm.getelementptr %stores[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !store
        %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
        %number = llvm.load %slot : !llvm.ptr -> f64
        llvm.store %number, %target : f64, !llvm.ptr
      } else {
        %updates = llvm.load %target : !llvm.ptr -> i64
        %next = arith.addi %updates, %one : i64
        llvm.store %next, %target : i64, !llvm.ptr
      }
    }
  }

  %report_count = arith.extsi %num_reported : i32 to i64
  %reports_end = arith.select %is_skipped, %zero, %report_count : i64
  scf.for %i = %first to %reports_end step %threads : i64 {
    %present_at = llvm.getelementptr %reported[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !source
    %present = llvm.load %present_at : !llvm.ptr -> !llvm.ptr
    %there = llvm.load %present : !llvm.ptr -> i32
    %is_there = arith.cmpi ne, %there, %no_word : i32
    scf.if %is_there {
      %slot_at = llvm.getelementptr %reported[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !source
      %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
      %number = llvm.load %slot : !llvm.ptr -> f64
      %to_at = llvm.getelementptr %reported[%i, 2] : (!llvm.ptr, i64) -> !llvm.ptr, !source
      %to = llvm.load %to_at : !llvm.ptr -> i64
      %report = llvm.getelementptr %reports[%to] : (!llvm.ptr, i64) -> !llvm.ptr, f64
      llvm.store %number, %report : f64, !llvm.ptr
    }
  }

  // The first block tells the result. Each thread looks for the first of its layers that is not finite.
  %no_index = arith.constant 0 : index
  %is_first_block = arith.cmpi eq, %block, %no_index : index
  scf.if %is_first_block {
    %nowhere = arith.constant 0x7fffffffffffffff : i64
    %bound = arith.constant 0.0 : f64
    %width = arith.constant 256 : i64
    %nonfinite_end = arith.extsi %num_nonfinite : i32 to i64
    %own = scf.for %i = %thread to %nonfinite_end step %width iter_args(%sofar = %nowhere) -> (i64) : i64 {
      %present_at = llvm.getelementptr %nonfinite[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !source
      %present = llvm.load %present_at : !llvm.ptr -> !llvm.ptr
      %there = llvm.load %present : !llvm.ptr -> i32
      %is_there = arith.cmpi ne, %there, %no_word : i32
      %slot_at = llvm.getelementptr %nonfinite[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !source
      %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
      %number = llvm.load %slot : !llvm.ptr -> f64
      %is_bad = arith.cmpf ugt, %number, %bound : f64
      %counts = arith.andi %is_there, %is_bad : i1
      %layer_at = llvm.getelementptr %nonfinite[%i, 2] : (!llvm.ptr, i64) -> !llvm.ptr, !source
      %layer = llvm.load %layer_at : !llvm.ptr -> i64
      %candidate = arith.select %counts, %layer, %nowhere : i64
      %next = arith.minsi %sofar, %candidate : i64
      scf.yield %next : i64
    }
    memref.store %own, %places[%place] : memref<256xi64, #gpu.address_space<workgroup>>
    gpu.barrier
    %is_leader = arith.cmpi eq, %thread, %zero : i64
    scf.if %is_leader {
      %least = scf.for %i = %zero to %width step %one iter_args(%sofar = %nowhere) -> (i64) : i64 {
        %from = arith.index_cast %i : i64 to index
        %other = memref.load %places[%from] : memref<256xi64, #gpu.address_space<workgroup>>
        %next = arith.minsi %sofar, %other : i64
        scf.yield %next : i64
      }
      %is_nowhere = arith.cmpi eq, %least, %nowhere : i64
      %minus_one = arith.constant -1 : i64
      %told = arith.select %is_nowhere, %minus_one, %least : i64

      // The norm is that of the first source that is there.
      %nan = arith.constant 0x7ff8000000000000 : f64
      %none = arith.constant false
      %norms_end = arith.extsi %num_norms : i32 to i64
      %norm:2 = scf.for %i = %zero to %norms_end step %one iter_args(%sofar = %nan, %has = %none) -> (f64, i1) : i64 {
        %present_at = llvm.getelementptr %norms[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !source
        %present = llvm.load %present_at : !llvm.ptr -> !llvm.ptr
        %there = llvm.load %present : !llvm.ptr -> i32
        %is_there = arith.cmpi ne, %there, %no_word : i32
        %slot_at = llvm.getelementptr %norms[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !source
        %slot = llvm.load %slot_at : !llvm.ptr -> !llvm.ptr
        %value = llvm.load %slot : !llvm.ptr -> f64
        %true = arith.constant true
        %is_new = arith.xori %has, %true : i1
        %takes = arith.andi %is_there, %is_new : i1
        %next = arith.select %takes, %value, %sofar : f64
        %has_one = arith.ori %has, %is_there : i1
        scf.yield %next, %has_one : f64, i1
      }

      %bytes = arith.constant 32 : i64
      llvm.store %bytes, %result : i64, !llvm.ptr
      %skipped = arith.extui %is_skipped : i1 to i32
      %skipped_at = llvm.getelementptr %result[0, 1] : (!llvm.ptr) -> !llvm.ptr, !result
      llvm.store %skipped, %skipped_at : i32, !llvm.ptr
      %reserved_at = llvm.getelementptr %result[0, 2] : (!llvm.ptr) -> !llvm.ptr, !result
      llvm.store %no_word, %reserved_at : i32, !llvm.ptr
      %told_at = llvm.getelementptr %result[0, 3] : (!llvm.ptr) -> !llvm.ptr, !result
      llvm.store %told, %told_at : i64, !llvm.ptr
      %norm_at = llvm.getelementptr %result[0, 4] : (!llvm.ptr) -> !llvm.ptr, !result
      llvm.store %norm#0, %norm_at : f64, !llvm.ptr
    }
  }
  gpu.return
}

}
