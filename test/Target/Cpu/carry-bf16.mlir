// RUN: descent-opt %s -cpu-carry-bf16 | FileCheck %s

// CHECK-LABEL: @moves_are_those_of_integers
// CHECK-SAME: %[[P:.*]]: !llvm.ptr
llvm.func @moves_are_those_of_integers(%p: !llvm.ptr, %c: i1) {
  // CHECK-DAG: %[[ONE:.*]] = llvm.mlir.constant(16256 : i16) : i16
  // CHECK-DAG: %[[ZEROS:.*]] = llvm.mlir.constant(dense<0> : vector<4xi16>) : vector<4xi16>
  %one = llvm.mlir.constant(1.0 : bf16) : bf16
  %zeros = llvm.mlir.constant(dense<0.0> : vector<4xbf16>) : vector<4xbf16>
  // CHECK: %[[AT:.*]] = llvm.getelementptr %[[P]][1] : (!llvm.ptr) -> !llvm.ptr, i16
  %at = llvm.getelementptr %p[1] : (!llvm.ptr) -> !llvm.ptr, bf16
  // CHECK: llvm.load %[[AT]] : !llvm.ptr -> i16
  %x = llvm.load %at : !llvm.ptr -> bf16
  %y = llvm.select %c, %x, %one : i1, bf16
  %i = llvm.mlir.constant(2 : i32) : i32
  // CHECK: llvm.insertelement %{{.*}}, %[[ZEROS]][%{{.*}} : i32] : vector<4xi16>
  %v = llvm.insertelement %y, %zeros[%i : i32] : vector<4xbf16>
  llvm.store %v, %p : vector<4xbf16>, !llvm.ptr
  llvm.return
}

// CHECK-LABEL: @other_numbers_are_left_alone
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> f16
// CHECK: llvm.fpext %{{.*}} : f16 to f32
llvm.func @other_numbers_are_left_alone(%p: !llvm.ptr) -> f32 {
  %x = llvm.load %p : !llvm.ptr -> f16
  %y = llvm.fpext %x : f16 to f32
  llvm.return %y : f32
}
