// RUN: descent-opt %s -split-input-file -simulator-check-accesses -verify-diagnostics | FileCheck %s

// The texts name operations and their places; of two from one line, the second has a number.
// CHECK-LABEL: gpu.module @texts
// CHECK-DAG: llvm.mlir.global internal constant @descent_sim_text("memref.load at {{.*}}check-accesses.mlir:[[#@LINE+7]]:14\00")
// CHECK-DAG: llvm.mlir.global internal constant @descent_sim_text_0("memref.store at elsewhere.mlir:5:7\00")
// CHECK-DAG: llvm.mlir.global internal constant @descent_sim_text_1("memref.store #2 at elsewhere.mlir:5:7\00")
// CHECK-DAG: llvm.mlir.global internal constant @descent_sim_text_2("memref.store at an unknown place\00")
gpu.module @texts {
  gpu.func @kernel(%x: memref<?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %entry = memref.load %x[%c0] : memref<?xf32>
    memref.store %entry, %x[%c0] : memref<?xf32> loc("elsewhere.mlir":5:7)
    memref.store %entry, %x[%c0] : memref<?xf32> loc(fused["a rule", "elsewhere.mlir":5:7])
    memref.store %entry, %x[%c0] : memref<?xf32> loc(unknown)
    gpu.return
  }
}

// -----

// Bytes, alignment, and a kind: 1 a store, 2 of workgroup memory, 4 of global memory.
// CHECK-LABEL: gpu.func @kinds
// CHECK-DAG: %[[SELF:.*]] = llvm.call @descent_sim_self() : () -> !llvm.ptr
// CHECK: %[[BYTES:.*]] = llvm.mlir.constant(4 : i64)
// CHECK: %[[ALIGNMENT:.*]] = llvm.mlir.constant(4 : i32)
// CHECK: %[[KIND:.*]] = llvm.mlir.constant(0 : i32)
// CHECK: llvm.call @descent_sim_access(%[[SELF]], %{{.*}}, %{{.*}}, %[[BYTES]], %[[ALIGNMENT]], %[[KIND]])
// CHECK-NEXT: memref.load
// CHECK: %[[BYTES:.*]] = llvm.mlir.constant(16 : i64)
// CHECK: %[[ALIGNMENT:.*]] = llvm.mlir.constant(16 : i32)
// CHECK: %[[KIND:.*]] = llvm.mlir.constant(5 : i32)
// CHECK: llvm.call @descent_sim_access(%[[SELF]], %{{.*}}, %{{.*}}, %[[BYTES]], %[[ALIGNMENT]], %[[KIND]])
// CHECK-NEXT: vector.store
// CHECK: %[[KIND:.*]] = llvm.mlir.constant(3 : i32)
// CHECK: llvm.call @descent_sim_access(%[[SELF]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[KIND]])
// CHECK-NEXT: memref.store
// CHECK: %[[BYTES:.*]] = llvm.mlir.constant(8 : i64)
// CHECK: %[[ALIGNMENT:.*]] = llvm.mlir.constant(2 : i32)
// CHECK: %[[KIND:.*]] = llvm.mlir.constant(4 : i32)
// CHECK: llvm.call @descent_sim_access(%[[SELF]], %{{.*}}, %{{.*}}, %[[BYTES]], %[[ALIGNMENT]], %[[KIND]])
// CHECK-NEXT: vector.load
// CHECK: %[[GENERIC:.*]] = llvm.addrspacecast
// CHECK: %[[BYTES:.*]] = llvm.mlir.constant(8 : i64)
// CHECK: %[[ALIGNMENT:.*]] = llvm.mlir.constant(8 : i32)
// CHECK: llvm.call @descent_sim_access(%[[SELF]], %{{.*}}, %[[GENERIC]], %[[BYTES]], %[[ALIGNMENT]], %{{.*}})
// CHECK-NEXT: llvm.load
gpu.module @kernels {
  gpu.func @kinds(%x: memref<?xf32>, %y: memref<?xf32, 1>, %p: memref<?xbf16, #gpu.address_space<global>>, %q: !llvm.ptr<1>)
      workgroup(%tile: memref<8xf32, #gpu.address_space<workgroup>>) kernel {
    %c0 = arith.constant 0 : index
    %entry = memref.load %x[%c0] : memref<?xf32>
    %four = vector.broadcast %entry : f32 to vector<4xf32>
    vector.store %four, %y[%c0] {alignment = 16} : memref<?xf32, 1>, vector<4xf32>
    memref.store %entry, %tile[%c0] : memref<8xf32, #gpu.address_space<workgroup>>
    %halves = vector.load %p[%c0] : memref<?xbf16, #gpu.address_space<global>>, vector<4xbf16>
    %slot = llvm.load %q : !llvm.ptr<1> -> f64
    gpu.return
  }
}

// -----

// Dimensions of constant size are checked one by one; the last two of a buffer together.
// CHECK-LABEL: gpu.func @indices
// CHECK-COUNT-2: llvm.call @descent_sim_index
// CHECK-NOT: descent_sim_entry
// CHECK: memref.load
// CHECK-NOT: descent_sim_index
// CHECK: llvm.call @descent_sim_entry
// CHECK-NOT: descent_sim_index
// CHECK: memref.store
gpu.module @kernels {
  gpu.func @indices(%x: memref<?x?xf32, strided<[?, 1]>>) workgroup(%tile: memref<8x9xf32, 3>) kernel {
    %c0 = arith.constant 0 : index
    %entry = memref.load %tile[%c0, %c0] : memref<8x9xf32, 3>
    memref.store %entry, %x[%c0, %c0] : memref<?x?xf32, strided<[?, 1]>>
    gpu.return
  }
}

// -----

// A thread's own memory: nobody else sees it, but its indices count.
// CHECK-LABEL: gpu.func @private_memory
// CHECK-NOT: descent_sim_access
// CHECK: llvm.call @descent_sim_index
// CHECK-NOT: descent_sim_access
// CHECK: gpu.return
gpu.module @kernels {
  gpu.func @private_memory() private(%own: memref<4xf32, 5>) kernel {
    %c0 = arith.constant 0 : index
    %one = llvm.mlir.constant(1 : i64) : i64
    %entry = memref.load %own[%c0] : memref<4xf32, 5>
    %more = memref.alloca() : memref<2x2xf32>
    %row = memref.subview %more[1, 0] [1, 2] [1, 1] : memref<2x2xf32> to memref<2xf32, strided<[1], offset: 2>>
    memref.store %entry, %row[%c0] : memref<2xf32, strided<[1], offset: 2>>
    %word = llvm.alloca %one x f32 : (i64) -> !llvm.ptr
    llvm.store %entry, %word : f32, !llvm.ptr
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @unknown_access(%x: memref<?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %one = arith.constant 1.0 : f32
    // expected-error@+1 {{'memref.atomic_rmw' op accesses memory in a way that the simulator does not know; load and store with 'memref', 'vector' or 'llvm' operations}}
    %old = memref.atomic_rmw addf %one, %x[%c0] : (f32, memref<?xf32>) -> f32
    gpu.return
  }
}
