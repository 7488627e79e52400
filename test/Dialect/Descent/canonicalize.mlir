// RUN: descent-opt %s -canonicalize -split-input-file | FileCheck %s

// lmo(2 x) = lmo(x)
// CHECK-LABEL: func.func @lmo_ignores_a_positive_factor(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK-NEXT: %[[U:.*]] = descent.lmo #descent.max, %[[X]]
// CHECK-NEXT: return %[[U]]
func.func @lmo_ignores_a_positive_factor(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant 2.0 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// The method adds 1e-7 to the norm that it divides by.
// CHECK-LABEL: func.func @factor_under_an_epsilon_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.lmo #descent.spectral, %[[CX]]
func.func @factor_under_an_epsilon_is_kept(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant 2.0 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.spectral, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// Without an epsilon the method does ignore the factor.
// CHECK-LABEL: func.func @factor_without_an_epsilon_is_dropped(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK-NEXT: descent.lmo #descent.spectral<{{.*}}>, %[[X]]
func.func @factor_without_an_epsilon_is_dropped(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant 2.0 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %cs, %x : tensor<?x?xf64>
  %u = descent.lmo #descent.spectral<lmo = <jordan, epsilon = 0.0>>, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @negative_factor_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.lmo #descent.max, %[[CX]]
func.func @negative_factor_is_kept(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant -2.0 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// A zero, a NaN or a negative number may come at run time.
// CHECK-LABEL: func.func @unknown_factor_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.lmo #descent.max, %[[CX]]
func.func @unknown_factor_is_kept(%x: tensor<?x?xf64>, %c: f64) -> tensor<?x?xf64> {
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// An average is stored: its scale is what a checkpoint holds, and what the next gradients meet.
// CHECK-LABEL: descent.optimizer @clip_inside_an_average_is_kept
// CHECK: %[[HALF:.*]] = arith.mulf %g
// CHECK: %[[M1:.*]] = descent.momentum ema %m, %[[HALF]], %beta
// CHECK: descent.lmo #descent.max, %[[M1]]
// CHECK: descent.update %w = %{{.*}}, %m = %[[M1]]
descent.optimizer @clip_inside_an_average_is_kept(%w: param, %g: grad, %m: state, %lr: hyper = 0.1, %beta: hyper = 0.9) {
  %c = arith.constant 0.5 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %half = arith.mulf %g, %cs : tensor<?x?xf64>
  %m1 = descent.momentum ema %m, %half, %beta : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %m1 : tensor<?x?xf64>
  %w1 = descent.apply %w, %u, %lr : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// The product is stored as it is; only the oracle sees the state without the factor.
// CHECK-LABEL: descent.optimizer @scaled_state_is_stored_scaled
// CHECK: %[[M1:.*]] = arith.mulf
// CHECK: descent.lmo #descent.max, %g
// CHECK: descent.update %w = %{{.*}}, %m = %[[M1]]
descent.optimizer @scaled_state_is_stored_scaled(%w: param, %g: grad, %m: state, %lr: hyper = 0.1) {
  %c = arith.constant 0.5 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %m1 = arith.mulf %g, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %m1 : tensor<?x?xf64>
  %x = arith.addf %u, %m : tensor<?x?xf64>
  %w1 = descent.apply %w, %x, %lr : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

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
