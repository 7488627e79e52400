// RUN: descent-opt %s -split-input-file -verify-diagnostics --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -split-input-file -verify-diagnostics -descent-expand-norms | FileCheck %s

// SYNTAX-LABEL: func.func private @reads_back()
// SYNTAX-SAME: attributes {{.*}}a = #descent.l1{{[}]}}
func.func private @reads_back() attributes {a = #descent.l1}

// -----

// CHECK-LABEL: func.func @mass_is_shared_by_the_largest(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// With a NaN all entries are among the largest, as the comparison is unordered, and their number is NaN.
// CHECK: %[[M:.*]] = descent.reduce max %{{.*}} : tensor<?x?xf64> to f64
// CHECK: %[[MS:.*]] = descent.broadcast
// CHECK: %[[A:.*]] = math.absf %[[X]]
// CHECK: %[[LARGEST:.*]] = arith.cmpf ueq, %[[A]], %[[MS]]
// CHECK: %[[ONES:.*]] = arith.select %[[LARGEST]]
// CHECK: %[[COUNT:.*]] = descent.reduce sum %[[ONES]] : tensor<?x?xf64> to f64
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %{{.*}}, %{{.*}} : f64
// CHECK: %[[SAFE:.*]] = arith.select %[[NAN]], %{{.*}}, %[[COUNT]] : f64
// CHECK: %[[COUNTS:.*]] = descent.broadcast %[[SAFE]]
// CHECK: %[[SHARE:.*]] = arith.divf %{{.*}}, %[[COUNTS]]
// CHECK: arith.select %[[LARGEST]], %[[SHARE]], %{{.*}}
func.func @mass_is_shared_by_the_largest(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %u = descent.lmo #descent.l1, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @largest_absolute_entry(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[A:.*]] = math.absf %[[X]]
// CHECK: descent.reduce max %[[A]]
func.func @largest_absolute_entry(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.dual_norm #descent.l1, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @sum_of_absolute_entries(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[A:.*]] = math.absf %[[X]]
// CHECK: descent.reduce sum %[[A]]
func.func @sum_of_absolute_entries(%x: tensor<?x?xf64>) -> f64 {
  %d = descent.norm #descent.l1, %x : tensor<?x?xf64>
  return %d : f64
}

// -----

func.func @projection_needs_sorting(%x: tensor<?x?xf64>, %radius: f64) {
  // expected-error @below {{norm '#descent.l1' has no formula for its projection with a fixed number of operations}}
  %p = descent.project #descent.l1, %x, %radius : tensor<?x?xf64>
  return
}
