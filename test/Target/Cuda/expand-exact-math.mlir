// RUN: descent-opt %s -cuda-expand-exact-math | FileCheck %s

// CHECK-LABEL: func.func @roots_are_instructions
func.func @roots_are_instructions(%x: vector<4xf32>, %y: f64) -> (vector<4xf32>, f64) {
  // CHECK: llvm.call_intrinsic "llvm.sqrt"(%arg0) : (vector<4xf32>) -> vector<4xf32>
  // CHECK: llvm.call_intrinsic "llvm.sqrt"(%arg1) : (f64) -> f64
  %a = math.sqrt %x : vector<4xf32>
  %b = math.sqrt %y : f64
  return %a, %b : vector<4xf32>, f64
}

// CHECK-LABEL: func.func @inverse_roots_are_divisions
func.func @inverse_roots_are_divisions(%x: vector<4xf32>, %y: f64) -> (vector<4xf32>, f64) {
  // CHECK: %[[ROOT:.*]] = llvm.call_intrinsic "llvm.sqrt"(%arg0)
  // CHECK: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : vector<4xf32>
  // CHECK: arith.divf %[[ONE]], %[[ROOT]] : vector<4xf32>
  // CHECK: arith.divf {{.*}} : f64
  %a = math.rsqrt %x : vector<4xf32>
  %b = math.rsqrt %y : f64
  return %a, %b : vector<4xf32>, f64
}

// CHECK-LABEL: func.func @what_is_exact_needs_no_library
func.func @what_is_exact_needs_no_library(%x: f32, %y: f32) -> f32 {
  // CHECK: "llvm.fabs"(%arg0)
  // CHECK: "llvm.copysign"
  // CHECK: "llvm.floor"
  // CHECK: "llvm.ceil"
  // CHECK: "llvm.trunc"
  // CHECK: "llvm.roundeven"
  // CHECK: "llvm.fma"({{.*}}) : (f32, f32, f32) -> f32
  %a = math.absf %x : f32
  %b = math.copysign %a, %y : f32
  %c = math.floor %b : f32
  %d = math.ceil %c : f32
  %e = math.trunc %d : f32
  %f = math.roundeven %e : f32
  %g = math.fma %f, %x, %y : f32
  return %g : f32
}

// CHECK-LABEL: func.func @other_functions_are_the_librarys
func.func @other_functions_are_the_librarys(%x: f32) -> f32 {
  // CHECK: math.exp
  // CHECK: math.powf
  %a = math.exp %x : f32
  %b = math.powf %a, %x : f32
  return %b : f32
}
