// RUN: descent-opt %s -cpu-split-fma | FileCheck %s

// CHECK-LABEL: func.func @fused_pairs_are_split
func.func @fused_pairs_are_split(%a: vector<4xf32>, %b: vector<4xf32>, %c: vector<4xf32>, %x: f64) -> (vector<4xf32>, f64) {
  // CHECK: %[[PRODUCT:.*]] = arith.mulf %arg0, %arg1 : vector<4xf32>
  // CHECK: arith.addf %[[PRODUCT]], %arg2 : vector<4xf32>
  %d = vector.fma %a, %b, %c : vector<4xf32>
  // CHECK: %[[SQUARE:.*]] = arith.mulf %arg3, %arg3 : f64
  // CHECK: arith.addf %[[SQUARE]], %arg3 : f64
  %y = math.fma %x, %x, %x : f64
  return %d, %y : vector<4xf32>, f64
}

// The product of two f32 is an f64.
// CHECK-LABEL: func.func @one_rounding_of_f32_is_that_of_f64
func.func @one_rounding_of_f32_is_that_of_f64(%a: vector<4xf32>) -> vector<4xf32> {
  // CHECK: %[[A:.*]] = arith.extf %arg0 : vector<4xf32> to vector<4xf64>
  // CHECK: arith.mulf {{.*}} : vector<4xf64>
  // CHECK: %[[SUM:.*]] = arith.addf {{.*}} : vector<4xf64>
  // CHECK: arith.truncf %[[SUM]] : vector<4xf64> to vector<4xf32>
  %x = math.fma %a, %a, %a : vector<4xf32>
  return %x : vector<4xf32>
}

// CHECK-LABEL: func.func @other_arithmetic_is_left
func.func @other_arithmetic_is_left(%a: f32, %b: f32) -> f32 {
  // CHECK: math.sqrt
  // CHECK: arith.mulf
  %s = math.sqrt %a : f32
  %m = arith.mulf %s, %b : f32
  return %m : f32
}
