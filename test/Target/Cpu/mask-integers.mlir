// RUN: descent-opt %s -cpu-mask-integers | FileCheck %s

// CHECK-LABEL: @sixteen_bits_move_as_integers
// CHECK: %[[OTHER:.*]] = llvm.bitcast %{{.*}} : vector<8xbf16> to vector<8xi16>
// CHECK: %[[LOADED:.*]] = llvm.intr.masked.load %{{.*}}, %{{.*}}, %[[OTHER]] {{.*}} -> vector<8xi16>
// CHECK: llvm.bitcast %[[LOADED]] : vector<8xi16> to vector<8xbf16>
// CHECK: llvm.intr.masked.store %{{.*}} : vector<8xi16>
llvm.func @sixteen_bits_move_as_integers(%p: !llvm.ptr, %mask: vector<8xi1>, %other: vector<8xbf16>) {
  %x = llvm.intr.masked.load %p, %mask, %other {alignment = 2 : i32}
      : (!llvm.ptr, vector<8xi1>, vector<8xbf16>) -> vector<8xbf16>
  llvm.intr.masked.store %x, %p, %mask {alignment = 2 : i32} : vector<8xbf16>, vector<8xi1> into !llvm.ptr
  llvm.return
}

// CHECK-LABEL: @others_move_as_they_are
// CHECK-NOT: llvm.bitcast
llvm.func @others_move_as_they_are(%p: !llvm.ptr, %mask: vector<8xi1>, %x: vector<8xf32>) {
  llvm.intr.masked.store %x, %p, %mask {alignment = 4 : i32} : vector<8xf32>, vector<8xi1> into !llvm.ptr
  llvm.return
}
