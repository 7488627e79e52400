// RUN: descent-opt %s -split-input-file -simulator-lower-kernels -verify-diagnostics | FileCheck %s

// Arguments are where the simulator says; numbers are fields of its thread; nothing has a memory space any more.
// CHECK-LABEL: func.func @numbers_simulated
// CHECK-SAME: (%[[SELF:.*]]: !llvm.ptr, %[[ARGUMENTS:.*]]: !llvm.ptr)
// CHECK: %[[PLACE:.*]] = llvm.getelementptr %[[ARGUMENTS]][0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK: %[[ADDRESS:.*]] = llvm.load %[[PLACE]] : !llvm.ptr -> !llvm.ptr
// CHECK: %[[DESCRIPTOR:.*]] = llvm.load %[[ADDRESS]] : !llvm.ptr -> !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
// CHECK: %[[X:.*]] = builtin.unrealized_conversion_cast %[[DESCRIPTOR]] : {{.*}} to memref<?xindex>
// CHECK: llvm.getelementptr %[[ARGUMENTS]][1]
// CHECK: %[[INTEGER:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i64
// CHECK: %[[N:.*]] = arith.index_cast %[[INTEGER]] : i64 to index
// CHECK: llvm.getelementptr %[[SELF]][0] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK: %[[THREAD:.*]] = arith.index_cast
// CHECK: %[[ROW:.*]] = arith.constant 0 : index
// CHECK: llvm.getelementptr %[[SELF]][2]
// CHECK: llvm.getelementptr %[[SELF]][1]
// CHECK: %[[HEIGHT:.*]] = arith.constant 1 : index
// CHECK: llvm.getelementptr %[[SELF]][3]
// CHECK: memref.store %[[ROW]], %[[X]][%[[THREAD]]] : memref<?xindex>
// CHECK: memref.store %[[HEIGHT]], %[[X]][%[[N]]] : memref<?xindex>
// CHECK: return
gpu.module @kernels {
  gpu.func @numbers(%x: memref<?xindex, 1>, %n: index) kernel {
    %thread = gpu.thread_id x
    %row = gpu.thread_id y
    %block = gpu.block_id x
    %threads = gpu.block_dim x
    %height = gpu.block_dim z
    %blocks = gpu.grid_dim x
    memref.store %row, %x[%thread] : memref<?xindex, 1>
    memref.store %height, %x[%n] : memref<?xindex, 1>
    gpu.return
  }
}

// -----

// Workgroup memory is the simulator's, by number; private memory lies on the stack.
// CHECK-LABEL: func.func @memory_simulated
// CHECK: %[[ZERO:.*]] = llvm.mlir.constant(0 : i64)
// CHECK: %[[BYTES:.*]] = llvm.mlir.constant(48 : i64)
// CHECK: %[[DATA:.*]] = llvm.call @descent_sim_workgroup(%{{.*}}, %[[ZERO]], %[[BYTES]])
// CHECK: llvm.insertvalue %[[DATA]]
// CHECK: %[[TILE:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<4x6xbf16>
// CHECK: %[[OWN:.*]] = memref.alloca() : memref<2xbf16>
// CHECK: memref.load %[[TILE]]
// CHECK: memref.store %{{.*}}, %[[OWN]]
gpu.module @kernels {
  gpu.func @memory() workgroup(%tile: memref<4x6xbf16, #gpu.address_space<workgroup>>) private(%own: memref<2xbf16, 5>) kernel {
    %c0 = arith.constant 0 : index
    %entry = memref.load %tile[%c0, %c0] : memref<4x6xbf16, #gpu.address_space<workgroup>>
    memref.store %entry, %own[%c0] : memref<2xbf16, 5>
    gpu.return
  }
}

// -----

// Threads meet in the simulator. The texts of two barriers differ by address, whatever they say.
// CHECK-LABEL: func.func @meetings_simulated
// CHECK: llvm.mlir.addressof @[[FIRST:.*]] : !llvm.ptr
// CHECK: llvm.call @descent_sim_barrier
// CHECK-NOT: llvm.mlir.addressof @[[FIRST]] :
// CHECK: llvm.call @descent_sim_barrier
// CHECK: llvm.call @descent_sim_warp_barrier
// CHECK: %[[BITS:.*]] = arith.bitcast %{{.*}} : f32 to i32
// CHECK: %[[WIDE:.*]] = arith.extui %[[BITS]] : i32 to i64
// CHECK: %[[MODE:.*]] = llvm.mlir.constant(2 : i32)
// CHECK: %[[RESULT:.*]] = llvm.call @descent_sim_shuffle(%{{.*}}, %{{.*}}, %[[WIDE]], %{{.*}}, %{{.*}}, %[[MODE]], %{{.*}})
// CHECK: %[[NARROW:.*]] = arith.trunci %[[RESULT]] : i64 to i32
// CHECK: arith.bitcast %[[NARROW]] : i32 to f32
gpu.module @kernels {
  gpu.func @meetings(%x: memref<?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %one = arith.constant 1 : i32
    %width = arith.constant 32 : i32
    %all = arith.constant -1 : i32
    gpu.barrier loc("a.mlir":1:1)
    gpu.barrier loc("a.mlir":1:1)
    nvvm.bar.warp.sync %all : i32
    %own = memref.load %x[%c0] : memref<?xf32>
    %other, %valid = gpu.shuffle up %own, %one, %width : f32
    memref.store %other, %x[%c0] : memref<?xf32>
    gpu.return
  }
}

// -----

// Sums of products are followed through loops: the first use of each block is told which product may still write them.
// CHECK-LABEL: func.func @sums_simulated
// CHECK: llvm.call @descent_sim_fence_registers
// CHECK: scf.for
// CHECK: %[[FLAGS:.*]] = llvm.mlir.constant(4 : i32)
// CHECK: llvm.call @descent_sim_warpgroup_product(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[FLAGS]])
// CHECK: llvm.call @descent_sim_commit_products
// CHECK: llvm.call @descent_sim_wait_products
// CHECK: llvm.call @descent_sim_use_sum
// CHECK-NOT: llvm.call @descent_sim_use_sum
// CHECK: return
gpu.module @kernels {
  gpu.func @sums(%x: memref<?xf32>, %left: i64, %right: i64, %steps: i32) kernel {
    %c0 = arith.constant 0 : index
    %i0 = arith.constant 0 : i32
    %i1 = arith.constant 1 : i32
    %zeros = llvm.mlir.zero : !llvm.struct<(f32, f32, f32, f32)>
    nvvm.wgmma.fence.aligned
    %sums = scf.for %k = %i0 to %steps step %i1 iter_args(%before = %zeros) -> (!llvm.struct<(f32, f32, f32, f32)>) : i32 {
      %after = nvvm.wgmma.mma_async %left, %right, %before, <m = 64, n = 8, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <row>] : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
      scf.yield %after : !llvm.struct<(f32, f32, f32, f32)>
    }
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.wgmma.wait.group.sync.aligned 0
    %first = llvm.extractvalue %sums[0] : !llvm.struct<(f32, f32, f32, f32)>
    %second = llvm.extractvalue %sums[1] : !llvm.struct<(f32, f32, f32, f32)>
    %sum = arith.addf %first, %second : f32
    memref.store %sum, %x[%c0] : memref<?xf32>
    gpu.return
  }
}

// -----

// Constants become the module's, under another name if there is one already.
// CHECK: llvm.mlir.global internal constant @table(1.000000e+00 : f32)
// CHECK: llvm.mlir.global internal constant @[[OTHER:table_.*]](2.000000e+00 : f32) {addr_space = 0 : i32}
// CHECK-LABEL: func.func @constants_simulated
// CHECK: llvm.mlir.addressof @[[OTHER]] : !llvm.ptr
// CHECK: llvm.call @descent_sim_constant
llvm.mlir.global internal constant @table(1.0 : f32) : f32
gpu.module @kernels {
  llvm.mlir.global internal constant @table(2.0 : f32) {addr_space = 4 : i32} : f32
  gpu.func @constants(%x: !llvm.ptr<1>) kernel {
    %table = llvm.mlir.addressof @table : !llvm.ptr<4>
    %entry = llvm.load %table : !llvm.ptr<4> -> f32
    llvm.store %entry, %x : f32, !llvm.ptr<1>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @unknown_operation(%x: i32) kernel {
    // expected-error@+1 {{'gpu.subgroup_reduce' op is nothing that the simulator knows}}
    %sum = gpu.subgroup_reduce add %x : (i32) -> i32
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error@+1 {{'llvm.mlir.global' op is neither a kernel nor a constant, as the simulator wants; workgroup memory is a kernel's 'workgroup' attribution}}
  llvm.mlir.global internal @shared() {addr_space = 3 : i32} : !llvm.array<8 x f32>
}

// -----

gpu.module @kernels {
  gpu.func @unknown_product(%a: i32, %b: i32, %c: i32) kernel {
    // expected-error@+1 {{'nvvm.mma.sync' op is no product that the simulator knows: m16n8k8 or m16n8k16 of bf16 or f16, to f32}}
    %d = nvvm.mma.sync A[%a, %a] B[%b] C[%c, %c, %c, %c] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, intOverflowBehavior = #nvvm.mma_int_overflow<satfinite>, multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @of_a_cluster() kernel {
    // expected-error@+1 {{'nvvm.cluster.arrive' op is of a cluster: the simulator runs block by block}}
    nvvm.cluster.arrive
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @to_several_blocks(%tile: !llvm.ptr<7>, %map: !llvm.ptr, %mbarrier: !llvm.ptr<3>, %at: i32, %mask: i16) kernel {
    // expected-error@+1 {{op has more than one block to copy to, which the simulator does not know}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %mbarrier, box[%at, %at] multicast_mask = %mask : !llvm.ptr<7>, !llvm.ptr
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @of_three_dimensions(%tile: !llvm.ptr<3>, %map: !llvm.ptr, %at: i32) kernel {
    // expected-error@+1 {{op has a mode other than tiles of two dimensions, which the simulator does not know}}
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[%at, %at, %at] : !llvm.ptr, !llvm.ptr<3>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @relaxed(%mbarrier: !llvm.ptr<3>) kernel {
    // expected-error@+1 {{op has relaxed semantics, which the simulator does not know}}
    %state = nvvm.mbarrier.arrive %mbarrier {relaxed = true} : !llvm.ptr<3> -> i64
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @with_a_predicate(%mbarrier: !llvm.ptr<3>, %count: i32, %if: i1) kernel {
    // expected-error@+1 {{op has a predicate, which the simulator does not know}}
    nvvm.mbarrier.init %mbarrier, %count, predicate = %if : !llvm.ptr<3>, i32, i1
    gpu.return
  }
}
