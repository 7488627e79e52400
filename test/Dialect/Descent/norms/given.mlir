// RUN: descent-opt %s --verify-roundtrip | FileCheck %s --check-prefix=SYNTAX
// RUN: descent-opt %s -descent-instantiate-groups -descent-expand-norms | FileCheck %s
// RUN: not descent-opt %s -descent-expand-norms 2>&1 | FileCheck %s --check-prefix=REFUSED

// It has no formula of its own; a group's norm takes its place.
// SYNTAX: descent.lmo #descent.given, %g
// REFUSED: error: 'descent.lmo' op has norm '#descent.given', which has no formula
// CHECK-LABEL: descent.optimizer @model_signs
// CHECK: arith.cmpf
// CHECK-LABEL: descent.optimizer @model_rows
// CHECK: descent.reduce sum_squares %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "signs" uses @steepest norm = #descent.max class any
  descent.group "rows" uses @steepest norm = #descent.row class matrix stored out_in
}
