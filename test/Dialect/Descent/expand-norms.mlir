// RUN: descent-opt %s -descent-expand-norms -split-input-file | FileCheck %s

// What each norm expands to is in norms/. Here: every query is replaced, and what is no norm stays.
// CHECK-LABEL: descent.optimizer @every_query_is_expanded
// CHECK: descent.momentum ema
// CHECK-NOT: descent.{{norm|dual_norm|lmo|project}}
// CHECK: descent.apply
descent.optimizer @every_query_is_expanded(%w: param, %g: grad, %m: state, %lr: hyper = 0.1, %beta: hyper = 0.9) {
  %m1 = descent.momentum ema %m, %g, %beta : tensor<?x?xf64>
  %u = descent.lmo #descent.l2, %m1 : tensor<?x?xf64>
  %d = descent.dual_norm #descent.max, %g : tensor<?x?xf64>
  %n = descent.norm #descent.rms, %w : tensor<?x?xf64>
  %p = descent.project #descent.l2, %u, %n : tensor<?x?xf64>
  %eta = arith.mulf %lr, %d : f64
  %w1 = descent.apply %w, %p, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// The two methods differ, so there are two polar factors.
// CHECK-LABEL: func.func @polar_factors_are_left(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: descent.orthogonalize #descent.newton_schulz<jordan, {{.*}}>, %[[X]]
// CHECK: descent.orthogonalize #descent.newton_schulz<polar_express, {{.*}}>, %[[X]]
func.func @polar_factors_are_left(%x: tensor<?x?xf64>) -> (tensor<?x?xf64>, f64) {
  %u = descent.lmo #descent.spectral, %x : tensor<?x?xf64>
  %d = descent.dual_norm #descent.spectral, %x : tensor<?x?xf64>
  return %u, %d : tensor<?x?xf64>, f64
}
