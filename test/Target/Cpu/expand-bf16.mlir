// RUN: descent-opt %s -cpu-expand-bf16 | FileCheck %s

// CHECK-LABEL: @rounding_is_integer_arithmetic
// CHECK-SAME: (%[[X:.*]]: vector<4xf32>)
// CHECK: %[[BITS:.*]] = arith.bitcast %[[X]] : vector<4xf32> to vector<4xi32>
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[X]], %[[X]]
// CHECK: arith.select %[[NAN]], {{.*}} : vector<4xi1>, vector<4xi32>
// CHECK: arith.trunci {{.*}} : vector<4xi32> to vector<4xi16>
// CHECK: arith.bitcast {{.*}} : vector<4xi16> to vector<4xbf16>
func.func @rounding_is_integer_arithmetic(%x: vector<4xf32>) -> vector<4xbf16> {
  %y = arith.truncf %x : vector<4xf32> to vector<4xbf16>
  return %y : vector<4xbf16>
}

// CHECK-LABEL: @widening_is_a_shift
// CHECK: arith.extui {{.*}} : i16 to i32
// CHECK: arith.shli
// CHECK: arith.bitcast {{.*}} : i32 to f32
func.func @widening_is_a_shift(%x: bf16) -> f32 {
  %y = arith.extf %x : bf16 to f32
  return %y : f32
}

// CHECK-LABEL: @other_types_are_left
// CHECK: arith.truncf {{.*}} : f32 to f16
func.func @other_types_are_left(%x: f32) -> f16 {
  %y = arith.truncf %x : f32 to f16
  return %y : f16
}

// Where nothing is lost, nothing is rounded.
// CHECK-LABEL: @a_cleared_half_is_cut_off
// CHECK: %[[KEPT:.*]] = arith.andi
// CHECK-NOT: arith.cmpf
// CHECK: arith.shrui %[[KEPT]]
func.func @a_cleared_half_is_cut_off(%bits: vector<4xi32>) -> vector<4xbf16> {
  %mask = arith.constant dense<0xffff0000> : vector<4xi32>
  %kept = arith.andi %bits, %mask : vector<4xi32>
  %x = arith.bitcast %kept : vector<4xi32> to vector<4xf32>
  %y = arith.truncf %x : vector<4xf32> to vector<4xbf16>
  return %y : vector<4xbf16>
}

// CHECK-LABEL: @half_a_cleared_half_is_rounded
// CHECK: arith.cmpf uno
func.func @half_a_cleared_half_is_rounded(%bits: vector<4xi32>) -> vector<4xbf16> {
  %mask = arith.constant dense<0xffffff00> : vector<4xi32>
  %kept = arith.andi %bits, %mask : vector<4xi32>
  %x = arith.bitcast %kept : vector<4xi32> to vector<4xf32>
  %y = arith.truncf %x : vector<4xf32> to vector<4xbf16>
  return %y : vector<4xbf16>
}
