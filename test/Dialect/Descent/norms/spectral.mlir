// RUN: descent-opt %s -split-input-file -verify-diagnostics --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -split-input-file -verify-diagnostics -descent-expand-norms | FileCheck %s

// SYNTAX-LABEL: func.func private @reads_back()
// SYNTAX-SAME: attributes {{.*}}a = #descent.spectral, b = #descent.spectral<lmo = <jordan, steps = 5, normalize = add, scale = 1.000000e+00, epsilon = 9.9999999999999995E-8, form = auto, restarts = [3]>, approximate = true>{{[}]}}
func.func private @reads_back() attributes {a = #descent.spectral, b = #descent.spectral<lmo = <jordan>, approximate = true>}

// -----

// CHECK-LABEL: func.func @negated_polar_factor(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[O:.*]] = descent.orthogonalize #descent.newton_schulz<jordan, steps = 5, normalize = add, {{.*}}, compute = bf16, {{.*}}>, %[[X]]
// CHECK: arith.negf %[[O]]
func.func @negated_polar_factor(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.spectral, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @other_method_for_directions(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: descent.orthogonalize #descent.newton_schulz<you, steps = 4, {{.*}}>, %[[X]]
func.func @other_method_for_directions(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.spectral<lmo = <you, steps = 4>>, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @nuclear_norm(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[O:.*]] = descent.orthogonalize #descent.newton_schulz<polar_express, steps = 8, {{.*}}, scale = 1.010000e+00, {{.*}}, compute = f32, {{.*}}>, %[[X]]
// CHECK: descent.inner %[[X]], %[[O]]
func.func @nuclear_norm(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.spectral, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @method_for_directions_when_marked_approximate(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: descent.orthogonalize #descent.newton_schulz<jordan, {{.*}}>, %[[X]]
func.func @method_for_directions_when_marked_approximate(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.spectral<dual = <jordan>, approximate = true>, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

func.func @method_for_directions(%x: tensor<?x?xf64>) {
  // expected-error @below {{which is accurate for directions only; use polar_express with 8 steps in f32, or say 'approximate = true'}}
  %n = descent.dual_norm #descent.spectral<dual = <jordan>>, %x : tensor<?x?xf64>
  return
}

// -----

func.func @norm_has_no_formula(%x: tensor<?x?xf64>) {
  // expected-error @below {{norm '#descent.spectral' has no formula for its norm}}
  %n = descent.norm #descent.spectral, %x : tensor<?x?xf64>
  return
}

// -----

func.func @projection_has_no_formula(%x: tensor<?x?xf64>, %radius: f64) {
  // expected-error @below {{norm '#descent.spectral' has no formula for its projection}}
  %p = descent.project #descent.spectral, %x, %radius : tensor<?x?xf64>
  return
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @vectors_have_no_singular_values {
  // expected-error @below {{norm '#descent.spectral' needs a group of class matrix, but the group has class any; rms, l2, max and l1 are defined there}}
  descent.group "a" uses @steepest norm = #descent.spectral class any
}
