// RUN: descent-opt %s -split-input-file -verify-diagnostics --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -split-input-file -verify-diagnostics -descent-expand-norms | FileCheck %s

// SYNTAX-LABEL: func.func private @reads_back()
// SYNTAX-SAME: attributes {{.*}}a = #descent.rms{{[}]}}
func.func private @reads_back() attributes {a = #descent.rms}

// -----

// CHECK-LABEL: func.func @unit_vector_times_root_of_entries(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// sqrt(d) with d = short * long, which knows no orientation: a group needs no `stored`.
// CHECK: descent.reduce sum_squares %[[X]]
// CHECK: %[[U:.*]] = arith.divf %[[X]], %{{.*}}
// CHECK: descent.size short
// CHECK: descent.size long
// CHECK: arith.mulf %[[U]], %{{.*}}
func.func @unit_vector_times_root_of_entries(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.rms, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @root_of_entries_times_l2(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: descent.reduce sum_squares %[[X]]
// CHECK: %[[N:.*]] = math.sqrt
// CHECK: descent.size short
// CHECK: descent.size long
// CHECK: arith.divf %[[N]], %{{.*}}
func.func @root_of_entries_times_l2(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.rms, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @l2_over_root_of_entries(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: descent.reduce sum_squares %[[X]]
// CHECK: descent.size short
// CHECK: descent.size long
func.func @l2_over_root_of_entries(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.norm #descent.rms, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @l2_projection_with_a_larger_radius(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>, %[[RADIUS:.*]]: f64)
// CHECK: %[[R:.*]] = arith.divf %[[RADIUS]], %{{.*}}
// CHECK: arith.cmpf ole, %{{.*}}, %[[R]]
func.func @l2_projection_with_a_larger_radius(%x: tensor<?x?xf64>, %radius: f64) -> tensor<?x?xf64> {
  %p = descent.project #descent.rms, %x, %radius : tensor<?x?xf64>
  return %p : tensor<?x?xf64>
}

// -----

func.func @needs_a_matrix(%x: tensor<4xf64>) {
  // expected-error @below {{operand #0 must be tensor shaped like the parameter}}
  %u = descent.lmo #descent.rms, %x : tensor<4xf64>
  return
}
