// RUN: descent-opt %s -canonicalize -split-input-file | FileCheck %s

// dual_norm(-x) = dual_norm(x)
// CHECK-LABEL: func.func @dual_norm_ignores_the_sign(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK-NEXT: descent.dual_norm #descent.spectral, %[[X]]
func.func @dual_norm_ignores_the_sign(%x: tensor<?x?xf64>) -> f64 {
  %y = arith.negf %x : tensor<?x?xf64>
  %d = descent.dual_norm #descent.spectral, %y : tensor<?x?xf64>
  return %d : f64
}

// -----

// CHECK-LABEL: func.func @sign_inside_an_oracle_is_kept(
// CHECK: %[[Y:.*]] = arith.negf
// CHECK: descent.lmo #descent.l2, %[[Y]]
func.func @sign_inside_an_oracle_is_kept(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %y = arith.negf %x : tensor<?x?xf64>
  %u = descent.lmo #descent.l2, %y : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// heavy_ball(s, x; 1) = s + x
// CHECK-LABEL: func.func @heavy_ball_without_decay_is_a_sum(
// CHECK-SAME: %[[S:.*]]: tensor<?x?xf64>, %[[X:.*]]: tensor<?x?xf64>)
// CHECK-NEXT: arith.addf %[[S]], %[[X]]
func.func @heavy_ball_without_decay_is_a_sum(%s: tensor<?x?xf64>, %x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %one = arith.constant 1.0 : f64
  %s1 = descent.momentum heavy_ball %s, %x, %one : tensor<?x?xf64>
  return %s1 : tensor<?x?xf64>
}

// -----

// ema(s, x; 1) = s only where x is finite.
// CHECK-LABEL: func.func @average_without_decay_is_kept(
// CHECK: descent.momentum ema
func.func @average_without_decay_is_kept(%s: tensor<?x?xf64>, %x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %one = arith.constant 1.0 : f64
  %s1 = descent.momentum ema %s, %x, %one : tensor<?x?xf64>
  return %s1 : tensor<?x?xf64>
}

// -----

// orient(orient(x)) = x
// CHECK-LABEL: func.func @there_and_back_is_nothing(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK-NEXT: return %[[X]]
func.func @there_and_back_is_nothing(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %y = descent.orient %x : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %z = descent.orient %y : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  return %z : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @rounding_on_the_way_is_kept(
// CHECK: descent.orient
// CHECK: arith.truncf
// CHECK: descent.orient
func.func @rounding_on_the_way_is_kept(%x: tensor<?x?xf64>) -> tensor<?x?xbf16> {
  %y = descent.orient %x : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %r = arith.truncf %y : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xbf16, #descent.dims<short, long>>
  %z = descent.orient %r : tensor<?x?xbf16, #descent.dims<short, long>> to tensor<?x?xbf16>
  return %z : tensor<?x?xbf16>
}
