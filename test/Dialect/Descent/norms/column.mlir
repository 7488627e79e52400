// RUN: descent-opt %s -split-input-file -verify-diagnostics --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -split-input-file -verify-diagnostics -descent-expand-norms | FileCheck %s

// SYNTAX-LABEL: func.func private @reads_back()
// SYNTAX-SAME: attributes {{.*}}a = #descent.column, b = #descent.column<p = 1>, c = #descent.column{{[}]}}
func.func private @reads_back() attributes {a = #descent.column, b = #descent.column<p = 1>, c = #descent.column<p = 2>}

// -----

// CHECK-LABEL: func.func @unit_vectors(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[S:.*]] = descent.reduce sum_squares %[[X]] : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
// CHECK: %[[N:.*]] = math.sqrt %[[S]] : tensor<?xf64, #descent.dims<cols>>
// CHECK: %[[ISZERO:.*]] = arith.cmpf oeq, %[[N]], %{{.*}} : tensor<?xf64, #descent.dims<cols>>
// CHECK: %[[SAFE:.*]] = arith.select %[[ISZERO]]
// CHECK: %[[ALL:.*]] = descent.broadcast %[[SAFE]] : tensor<?xf64, #descent.dims<cols>> to tensor<?x?xf64>
// CHECK: arith.divf %[[X]], %[[ALL]]
func.func @unit_vectors(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.column, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @mass_is_shared_by_the_largest_of_each(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: descent.reduce max %{{.*}} : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
// CHECK: arith.cmpf ueq
// CHECK: descent.reduce sum %{{.*}} : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
func.func @mass_is_shared_by_the_largest_of_each(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.column<p = 1>, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @sum_of_l2_norms(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[S:.*]] = descent.reduce sum_squares %[[X]] : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
// CHECK: %[[N:.*]] = math.sqrt %[[S]]
// CHECK: descent.reduce sum %[[N]] : tensor<?xf64, #descent.dims<cols>> to f64
func.func @sum_of_l2_norms(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.column, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @sum_of_largest_absolute_entries(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: descent.reduce max %{{.*}} : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
// CHECK: descent.reduce sum %{{.*}} : tensor<?xf64, #descent.dims<cols>> to f64
func.func @sum_of_largest_absolute_entries(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.column<p = 1>, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @largest_sum_of_absolute_entries(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[S:.*]] = descent.reduce sum %{{.*}} : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
// CHECK: %[[M:.*]] = descent.reduce max %[[S]] : tensor<?xf64, #descent.dims<cols>> to f64
// CHECK: arith.maximumf %[[M]]
func.func @largest_sum_of_absolute_entries(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.norm #descent.column<p = 1>, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @each_is_rescaled_outside(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>, %[[RADIUS:.*]]: f64)
// CHECK: %[[LIMIT:.*]] = descent.broadcast %[[RADIUS]] : f64 to tensor<?xf64, #descent.dims<cols>>
// CHECK: arith.cmpf ole, %{{.*}}, %[[LIMIT]] : tensor<?xf64, #descent.dims<cols>>
func.func @each_is_rescaled_outside(%x: tensor<?x?xf64>, %radius: f64) -> tensor<?x?xf64> {
  %p = descent.project #descent.column, %x, %radius : tensor<?x?xf64>
  return %p : tensor<?x?xf64>
}

// -----

// expected-error @below {{'#descent.column' needs p = 1 or p = 2, found 3}}
func.func private @other_p() attributes {n = #descent.column<p = 3>}

// -----

func.func @projection_needs_sorting(%x: tensor<?x?xf64>, %radius: f64) {
  // expected-error @below {{norm '#descent.column<p = 1>' has no formula for its projection with a fixed number of operations; p = 2 has one}}
  %p = descent.project #descent.column<p = 1>, %x, %radius : tensor<?x?xf64>
  return
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @orientation_is_needed {
  // expected-error @below {{needs 'stored out_in' or 'stored in_out'}}
  descent.group "a" uses @steepest norm = #descent.column class matrix
}
