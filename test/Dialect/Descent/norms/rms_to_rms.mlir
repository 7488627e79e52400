// RUN: descent-opt %s -split-input-file -verify-diagnostics --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -split-input-file -verify-diagnostics -descent-expand-norms | FileCheck %s

// SYNTAX-LABEL: func.func private @reads_back()
// SYNTAX-SAME: attributes {{.*}}a = #descent.rms_to_rms, b = #descent.rms_to_rms<dual = <polar_express, steps = 9, safety = 1.010000e+00, normalize = add, scale = 1.010000e+00, epsilon = 9.9999999999999995E-8, form = auto, restarts = [3, 6]>>{{[}]}}
func.func private @reads_back() attributes {a = #descent.rms_to_rms, b = #descent.rms_to_rms<dual = <polar_express, steps = 9>>}

// -----

// CHECK-LABEL: func.func @polar_factor_times_root_of_aspect(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// The norm is rows^(-1/2) cols^(1/2) times the largest singular value, the LMO divides by it.
// CHECK: %[[O:.*]] = descent.orthogonalize #descent.newton_schulz<jordan, {{.*}}>, %[[X]]
// CHECK: %[[MINUS:.*]] = arith.negf %[[O]]
// CHECK: descent.size rows
// CHECK: descent.size cols
// CHECK: arith.mulf %[[MINUS]], %{{.*}}
func.func @polar_factor_times_root_of_aspect(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.rms_to_rms, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @nuclear_norm_times_root_of_aspect(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[O:.*]] = descent.orthogonalize #descent.newton_schulz<polar_express, {{.*}}>, %[[X]]
// CHECK: %[[N:.*]] = descent.inner %[[X]], %[[O]]
// CHECK: %[[ROWS:.*]] = descent.size rows
// CHECK: %[[R:.*]] = math.sqrt %[[ROWS]]
// CHECK: %[[INVERSE:.*]] = arith.divf %{{.*}}, %[[R]]
// CHECK: %[[COLS:.*]] = descent.size cols
// CHECK: %[[C:.*]] = math.sqrt %[[COLS]]
// CHECK: %[[S:.*]] = arith.mulf %{{.*}}, %[[C]]
// CHECK: arith.divf %[[N]], %[[S]]
func.func @nuclear_norm_times_root_of_aspect(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.rms_to_rms, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @vectors_have_no_singular_values {
  // expected-error @below {{norm '#descent.rms_to_rms' needs a group of class matrix, but the group has class vector}}
  descent.group "a" uses @steepest norm = #descent.rms_to_rms class vector
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @orientation_is_needed {
  // expected-error @below {{needs 'stored out_in' or 'stored in_out': rule '@steepest' depends on which axis is the output}}
  descent.group "a" uses @steepest norm = #descent.rms_to_rms class matrix
}
