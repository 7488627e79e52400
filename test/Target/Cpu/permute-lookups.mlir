// RUN: descent-opt %s -cpu-permute-lookups | FileCheck %s
// RUN: descent-opt %s -cpu-permute-lookups=permute-bytes | FileCheck %s --check-prefix=BYTES

memref.global "private" constant @words : memref<32xi16> = dense<7>
memref.global "private" constant @small : memref<64xf32> = dense<1.5>
memref.global "private" constant @large : memref<128xf32> = dense<1.5>
memref.global "private" constant @odd : memref<96xf32> = dense<1.5>
memref.global "private" @variable : memref<64xf32> = dense<1.5>

// One permutation of two registers for each half of 64 entries: 1.5 is 0x3fc00000.
// CHECK-LABEL: @one_permutation_reaches_64_entries
// CHECK-SAME: (%[[I:.*]]: vector<32xi16>)
// CHECK: %[[A:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.hi.512"({{.*}}, %[[I]], {{.*}})
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant dense<16320> : vector<32xi16>
// CHECK: %[[B:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.hi.512"(%[[HIGH]], %[[I]], {{.*}})
// CHECK: %[[S:.*]] = vector.interleave %[[A]], %[[B]]
// CHECK: vector.bitcast %[[S]] : vector<64xi16> to vector<32xi32>
func.func @one_permutation_reaches_64_entries(%i: vector<32xi16>) -> vector<32xf32> {
  %table = memref.get_global @small : memref<64xf32>
  %zero = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<32xi1>
  %none = arith.constant dense<0.0> : vector<32xf32>
  %x = vector.gather %table[%zero] [%i], %all, %none
      : memref<64xf32>, vector<32xi16>, vector<32xi1>, vector<32xf32> into vector<32xf32>
  return %x : vector<32xf32>
}

// The index's next bit chooses between two.
// CHECK-LABEL: @two_permutations_reach_128
// CHECK-COUNT-2: llvm.call_intrinsic
// CHECK: %[[BIT:.*]] = arith.cmpi ne
// CHECK: arith.select %[[BIT]]
// CHECK-COUNT-2: llvm.call_intrinsic
// CHECK: arith.select
// CHECK-NOT: vector.gather
func.func @two_permutations_reach_128(%i: vector<32xi16>) -> vector<32xf32> {
  %table = memref.get_global @large : memref<128xf32>
  %zero = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<32xi1>
  %none = arith.constant dense<0.0> : vector<32xf32>
  %x = vector.gather %table[%zero] [%i], %all, %none
      : memref<128xf32>, vector<32xi16>, vector<32xi1>, vector<32xf32> into vector<32xf32>
  return %x : vector<32xf32>
}

// CHECK-LABEL: @one_register_is_permuted_alone
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.hi.512"({{.*}}, %arg0)
// CHECK-NOT: vector.gather
func.func @one_register_is_permuted_alone(%i: vector<32xi16>) -> vector<32xi16> {
  %table = memref.get_global @words : memref<32xi16>
  %zero = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<32xi1>
  %none = arith.constant dense<0> : vector<32xi16>
  %x = vector.gather %table[%zero] [%i], %all, %none
      : memref<32xi16>, vector<32xi16>, vector<32xi1>, vector<32xi16> into vector<32xi16>
  return %x : vector<32xi16>
}

// Two registers of indices where words are permuted; where bytes are, one, and four of the entries' bytes.
// CHECK-LABEL: @longer_vectors_take_several_registers
// CHECK-COUNT-2: vector.extract_strided_slice
// CHECK-NOT: vector.gather
// BYTES-LABEL: @longer_vectors_take_several_registers
// BYTES: %[[I:.*]] = arith.trunci %arg0 : vector<64xi16> to vector<64xi8>
// BYTES-COUNT-4: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"({{.*}}, %[[I]], {{.*}})
// BYTES-COUNT-3: vector.interleave
// BYTES-NOT: vector.gather
func.func @longer_vectors_take_several_registers(%i: vector<64xi16>) -> vector<64xf32> {
  %table = memref.get_global @large : memref<128xf32>
  %zero = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<64xi1>
  %none = arith.constant dense<0.0> : vector<64xf32>
  %x = vector.gather %table[%zero] [%i], %all, %none
      : memref<128xf32>, vector<64xi16>, vector<64xi1>, vector<64xf32> into vector<64xf32>
  return %x : vector<64xf32>
}

// Another size, a table that may change, a mask.
// BYTES-LABEL: @other_gathers_are_left
// BYTES-COUNT-3: vector.gather
// CHECK-LABEL: @other_gathers_are_left
// CHECK-COUNT-3: vector.gather
func.func @other_gathers_are_left(%i: vector<32xi16>, %mask: vector<32xi1>)
    -> (vector<32xf32>, vector<32xf32>, vector<32xf32>) {
  %odd = memref.get_global @odd : memref<96xf32>
  %variable = memref.get_global @variable : memref<64xf32>
  %small = memref.get_global @small : memref<64xf32>
  %zero = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<32xi1>
  %none = arith.constant dense<0.0> : vector<32xf32>
  %x = vector.gather %odd[%zero] [%i], %all, %none
      : memref<96xf32>, vector<32xi16>, vector<32xi1>, vector<32xf32> into vector<32xf32>
  %y = vector.gather %variable[%zero] [%i], %all, %none
      : memref<64xf32>, vector<32xi16>, vector<32xi1>, vector<32xf32> into vector<32xf32>
  %z = vector.gather %small[%zero] [%i], %mask, %none
      : memref<64xf32>, vector<32xi16>, vector<32xi1>, vector<32xf32> into vector<32xf32>
  return %x, %y, %z : vector<32xf32>, vector<32xf32>, vector<32xf32>
}
