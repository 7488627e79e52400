// RUN: descent-opt %s -descent-expand-momentum -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @average_of_tensors(
// CHECK-SAME: %[[M:.*]]: tensor<?x?xf64>, %[[G:.*]]: tensor<?x?xf64>, %[[BETA:.*]]: f64)
// CHECK: %[[BETAS:.*]] = descent.broadcast %[[BETA]] : f64 to tensor<?x?xf64>
// CHECK: %[[KEPT:.*]] = arith.mulf %[[M]], %[[BETAS]]
// CHECK: %[[ONE:.*]] = arith.constant 1.0
// CHECK: %[[REST:.*]] = arith.subf %[[ONE]], %[[BETA]] : f64
// CHECK: %[[RESTS:.*]] = descent.broadcast %[[REST]] : f64 to tensor<?x?xf64>
// CHECK: %[[NEW:.*]] = arith.mulf %[[G]], %[[RESTS]]
// CHECK: %[[SUM:.*]] = arith.addf %[[KEPT]], %[[NEW]]
// CHECK: return %[[SUM]]
func.func @average_of_tensors(%m: tensor<?x?xf64>, %g: tensor<?x?xf64>, %beta: f64) -> tensor<?x?xf64> {
  %m1 = descent.momentum ema %m, %g, %beta : tensor<?x?xf64>
  return %m1 : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @sum_of_tensors(
// CHECK-SAME: %[[M:.*]]: tensor<?x?xf64>, %[[G:.*]]: tensor<?x?xf64>, %[[BETA:.*]]: f64)
// CHECK: %[[BETAS:.*]] = descent.broadcast %[[BETA]]
// CHECK: %[[KEPT:.*]] = arith.mulf %[[M]], %[[BETAS]]
// CHECK: arith.addf %[[KEPT]], %[[G]]
// CHECK-NOT: arith
func.func @sum_of_tensors(%m: tensor<?x?xf64>, %g: tensor<?x?xf64>, %beta: f64) -> tensor<?x?xf64> {
  %m1 = descent.momentum heavy_ball %m, %g, %beta : tensor<?x?xf64>
  return %m1 : tensor<?x?xf64>
}

// -----

// A layer's number needs no broadcast.
// CHECK-LABEL: func.func @average_of_numbers(
// CHECK-SAME: %[[H:.*]]: f64, %[[X:.*]]: f64, %[[BETA:.*]]: f64)
// CHECK-NOT: descent.broadcast
// CHECK: %[[KEPT:.*]] = arith.mulf %[[H]], %[[BETA]] : f64
// CHECK: %[[NEW:.*]] = arith.mulf %[[X]], %{{.*}} : f64
// CHECK: arith.addf %[[KEPT]], %[[NEW]] : f64
func.func @average_of_numbers(%h: f64, %x: f64, %beta: f64) -> f64 {
  %h1 = descent.momentum ema %h, %x, %beta : f64
  return %h1 : f64
}

// -----

// CHECK-LABEL: func.func @average_of_rows(
// CHECK: descent.broadcast %{{.*}} : f64 to tensor<?xf64, #descent.dims<rows>>
func.func @average_of_rows(%v: tensor<?xf64, #descent.dims<rows>>, %x: tensor<?xf64, #descent.dims<rows>>, %beta: f64)
    -> tensor<?xf64, #descent.dims<rows>> {
  %v1 = descent.momentum ema %v, %x, %beta : tensor<?xf64, #descent.dims<rows>>
  return %v1 : tensor<?xf64, #descent.dims<rows>>
}

// -----

// CHECK-LABEL: func.func @look_ahead(
// CHECK-SAME: %[[M1:.*]]: tensor<?x?xf64>, %[[G:.*]]: tensor<?x?xf64>, %[[BETA:.*]]: f64)
// CHECK: %[[KEPT:.*]] = arith.mulf %[[M1]], %{{.*}}
// CHECK: arith.addf %[[KEPT]], %[[G]]
func.func @look_ahead(%m1: tensor<?x?xf64>, %g: tensor<?x?xf64>, %beta: f64) -> tensor<?x?xf64> {
  %u = descent.look_ahead heavy_ball %m1, %g, %beta : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @apply_adds(
// CHECK-SAME: %[[W:.*]]: tensor<?x?xf64>, %[[U:.*]]: tensor<?x?xf64>, %[[ETA:.*]]: f64)
// CHECK: %[[ETAS:.*]] = descent.broadcast %[[ETA]]
// CHECK: %[[STEP:.*]] = arith.mulf %[[U]], %[[ETAS]]
// CHECK: arith.addf %[[W]], %[[STEP]]
func.func @apply_adds(%w: tensor<?x?xf64>, %u: tensor<?x?xf64>, %eta: f64) -> tensor<?x?xf64> {
  %w1 = descent.apply %w, %u, %eta : tensor<?x?xf64>
  return %w1 : tensor<?x?xf64>
}
