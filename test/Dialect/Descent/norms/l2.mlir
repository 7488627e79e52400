// RUN: descent-opt %s -split-input-file -verify-diagnostics --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -split-input-file -verify-diagnostics -descent-expand-norms | FileCheck %s

// SYNTAX-LABEL: func.func private @reads_back()
// SYNTAX-SAME: attributes {{.*}}a = #descent.l2{{[}]}}
func.func private @reads_back() attributes {a = #descent.l2}

// -----

// CHECK-LABEL: func.func @negated_unit_vector(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// Zero is divided by 1.
// CHECK: %[[SQUARES:.*]] = descent.reduce sum_squares %[[X]] : tensor<?x?xf64> to f64
// CHECK: %[[N:.*]] = math.sqrt %[[SQUARES]]
// CHECK: %[[ISZERO:.*]] = arith.cmpf oeq, %[[N]], %{{.*}} : f64
// CHECK: %[[MINUS:.*]] = arith.negf %[[N]]
// CHECK: %[[SAFE:.*]] = arith.select %[[ISZERO]], %{{.*}}, %[[MINUS]]
// CHECK: %[[ALL:.*]] = descent.broadcast %[[SAFE]]
// CHECK: arith.divf %[[X]], %[[ALL]]
func.func @negated_unit_vector(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.l2, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @its_own_dual(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[SQUARES:.*]] = descent.reduce sum_squares %[[X]]
// CHECK: math.sqrt %[[SQUARES]]
func.func @its_own_dual(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.l2, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @rescaled_outside(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>, %[[RADIUS:.*]]: f64)
// CHECK: %[[N:.*]] = math.sqrt
// CHECK: %[[INSIDE:.*]] = arith.cmpf ole, %[[N]], %[[RADIUS]]
// CHECK: %[[RATIO:.*]] = arith.divf %[[RADIUS]], %[[N]]
// CHECK: arith.select %[[INSIDE]], %{{.*}}, %[[RATIO]]
func.func @rescaled_outside(%x: tensor<?x?xf64>, %radius: f64) -> tensor<?x?xf64> {
  %p = descent.project #descent.l2, %x, %radius : tensor<?x?xf64>
  return %p : tensor<?x?xf64>
}

// -----

func.func @needs_a_matrix(%x: tensor<4xf64>) {
  // expected-error @below {{operand #0 must be tensor shaped like the parameter}}
  %u = descent.lmo #descent.l2, %x : tensor<4xf64>
  return
}
