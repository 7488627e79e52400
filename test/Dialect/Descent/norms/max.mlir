// RUN: descent-opt %s -split-input-file -verify-diagnostics --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -split-input-file -verify-diagnostics -descent-expand-norms | FileCheck %s

// SYNTAX-LABEL: func.func private @reads_back()
// SYNTAX-SAME: attributes {{.*}}a = #descent.max{{[}]}}
func.func private @reads_back() attributes {a = #descent.max}

// -----

// CHECK-LABEL: func.func @negated_sign(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// Zero and NaN are neither above nor below, and pass through.
// CHECK: %[[DOWN:.*]] = arith.cmpf olt, %[[X]], %{{.*}}
// CHECK: %[[LOW:.*]] = arith.select %[[DOWN]], %{{.*}}, %[[X]]
// CHECK: %[[UP:.*]] = arith.cmpf ogt, %[[X]], %{{.*}}
// CHECK: %[[SIGN:.*]] = arith.select %[[UP]], %{{.*}}, %[[LOW]]
// CHECK: arith.negf %[[SIGN]]
func.func @negated_sign(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.max, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @sum_of_absolute_entries(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[A:.*]] = math.absf %[[X]]
// CHECK: descent.reduce sum %[[A]]
func.func @sum_of_absolute_entries(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.max, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @largest_absolute_entry(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// Of no entries the maximum is -inf, the norm 0.
// CHECK: %[[A:.*]] = math.absf %[[X]]
// CHECK: %[[M:.*]] = descent.reduce max %[[A]]
// CHECK: arith.maximumf %[[M]], %{{.*}} : f64
func.func @largest_absolute_entry(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.norm #descent.max, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @clamp(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>, %[[RADIUS:.*]]: f64)
// CHECK: %[[HIGH:.*]] = descent.broadcast %[[RADIUS]]
// CHECK: %[[CAPPED:.*]] = arith.minimumf %[[X]], %[[HIGH]]
// CHECK: arith.maximumf %[[CAPPED]], %{{.*}}
func.func @clamp(%x: tensor<?x?xf64>, %radius: f64) -> tensor<?x?xf64> {
  %p = descent.project #descent.max, %x, %radius : tensor<?x?xf64>
  return %p : tensor<?x?xf64>
}

// -----

func.func @needs_a_matrix(%x: tensor<4xf64>) {
  // expected-error @below {{operand #0 must be tensor shaped like the parameter}}
  %u = descent.lmo #descent.max, %x : tensor<4xf64>
  return
}
