// RUN: descent-opt %s -split-input-file -verify-diagnostics --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -split-input-file -verify-diagnostics -descent-expand-norms | FileCheck %s

// SYNTAX-LABEL: func.func private @reads_back()
// SYNTAX-SAME: attributes {{.*}}a = #descent.scaled<#descent.row, cols = 5.000000e-01>, b = #descent.scaled<#descent.max, factor = 3.000000e+00, rows = -1.000000e+00>{{[}]}}
func.func private @reads_back() attributes {a = #descent.scaled<#descent.row, cols = 0.5>, b = #descent.scaled<#descent.max, factor = 3.0, rows = -1.0>}

// -----

// CHECK-LABEL: func.func @lmo_is_divided(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[MINUS:.*]] = arith.negf
// CHECK: %[[ROWS:.*]] = descent.size rows
// CHECK: %[[INVERSE:.*]] = arith.divf %{{.*}}, %[[ROWS]]
// CHECK: %[[S:.*]] = arith.mulf %{{.*}}, %[[INVERSE]]
// CHECK: %[[R:.*]] = arith.divf %{{.*}}, %[[S]]
// CHECK: %[[ALL:.*]] = descent.broadcast %[[R]]
// CHECK: arith.mulf %[[MINUS]], %[[ALL]]
func.func @lmo_is_divided(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.scaled<#descent.max, factor = 3.0, rows = -1.0>, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @dual_norm_is_divided(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// An exponent without a root of its own is a power.
// CHECK: %[[N:.*]] = descent.reduce sum
// CHECK: %[[COLS:.*]] = descent.size cols
// CHECK: math.powf %[[COLS]], %{{.*}}
// CHECK: arith.divf %[[N]], %{{.*}}
func.func @dual_norm_is_divided(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.scaled<#descent.max, cols = 0.25>, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @norm_is_multiplied(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[N:.*]] = arith.maximumf
// CHECK: %[[TWO:.*]] = arith.constant 2.0
// CHECK: arith.mulf %[[N]], %[[TWO]]
func.func @norm_is_multiplied(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.norm #descent.scaled<#descent.max, factor = 2.0>, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @radius_is_divided(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>, %[[RADIUS:.*]]: f64)
// CHECK: %[[R:.*]] = arith.divf %[[RADIUS]], %{{.*}}
// CHECK: arith.cmpf ole, %{{.*}}, %[[R]]
func.func @radius_is_divided(%x: tensor<?x?xf64>, %radius: f64) -> tensor<?x?xf64> {
  %p = descent.project #descent.scaled<#descent.l2, factor = 2.0>, %x, %radius : tensor<?x?xf64>
  return %p : tensor<?x?xf64>
}

// -----

// expected-error @below {{'#descent.scaled' needs a positive finite factor, found 0.000000e+00}}
func.func private @zero() attributes {n = #descent.scaled<#descent.max, factor = 0.0>}

// -----

// expected-error @below {{'#descent.scaled' needs a norm with a formula, found '#descent.given'}}
func.func private @given_inside() attributes {n = #descent.scaled<#descent.given, factor = 2.0>}

// -----

// expected-error @below {{'#descent.scaled' needs a norm, found 1.000000e+00 : f64}}
func.func private @number_inside() attributes {n = #descent.scaled<1.0>}

// -----

// expected-error @below {{unknown field 'power' of '#descent.scaled': expected factor, rows or cols}}
func.func private @unknown_field() attributes {n = #descent.scaled<#descent.max, power = 2.0>}

// -----

func.func @inner_norm_has_no_projection(%x: tensor<?x?xf64>, %radius: f64) {
  // expected-error @below {{norm '#descent.l1' has no formula for its projection}}
  %p = descent.project #descent.scaled<#descent.l1, factor = 2.0>, %x, %radius : tensor<?x?xf64>
  return
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @orientation_is_needed {
  // expected-error @below {{needs 'stored out_in' or 'stored in_out'}}
  descent.group "a" uses @steepest norm = #descent.scaled<#descent.max, rows = 1.0> class matrix
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @inner_norm_needs_a_matrix {
  // expected-error @below {{norm '#descent.spectral' needs a group of class matrix}}
  descent.group "a" uses @steepest norm = #descent.scaled<#descent.spectral, factor = 2.0> class vector
}
