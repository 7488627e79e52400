// RUN: descent-opt %s -descent-expand-initial-gradient -split-input-file | FileCheck %s

// CHECK-LABEL: descent.optimizer @first_read_is_the_gradient(
// CHECK-SAME: %g0: state, %m: state init = 5.000000e-01, %lr: hyper = 1.000000e-01, %updates: updates) {
// CHECK: %[[T:.*]] = descent.broadcast %updates
// CHECK: %[[ONE:.*]] = descent.broadcast %{{.*}}
// CHECK: %[[FIRST:.*]] = arith.cmpf oeq, %[[T]], %[[ONE]] : tensor<?x?xf64>
// CHECK: %[[READ:.*]] = arith.select %[[FIRST]], %g, %g0
// CHECK: arith.subf %g, %[[READ]]
// CHECK: arith.mulf %[[READ]], %m
// CHECK: descent.update %w = %{{.*}}, %g0 = %g, %m = %{{.*}}
descent.optimizer @first_read_is_the_gradient(
    %w: param, %g: grad, %g0: state init = grad, %m: state init = 0.5, %lr: hyper = 0.1) {
  %x = arith.subf %g, %g0 : tensor<?x?xf64>
  %m1 = arith.mulf %g0, %m : tensor<?x?xf64>
  %w1 = descent.apply %w, %x, %lr : tensor<?x?xf64>
  descent.update %w = %w1, %g0 = %g, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// CHECK-LABEL: descent.optimizer @count_of_updates_is_reused(%w: param, %g: grad, %t: updates, %g0: state) {
// CHECK: descent.broadcast %t
descent.optimizer @count_of_updates_is_reused(%w: param, %g: grad, %t: updates, %g0: state init = grad) {
  %x = arith.subf %g, %g0 : tensor<?x?xf64>
  descent.update %w = %x, %g0 = %g : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// CHECK-LABEL: descent.optimizer @name_is_taken(%w: param, %g: grad, %updates: state, %updates_: updates) {
descent.optimizer @name_is_taken(%w: param, %g: grad, %updates: state init = grad) {
  %x = arith.subf %g, %updates : tensor<?x?xf64>
  descent.update %w = %x, %updates = %g : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// CHECK-LABEL: descent.optimizer @other_states_are_left(%w: param, %g: grad, %m: state, %w0: state init = param) {
// CHECK-NOT: arith.select
descent.optimizer @other_states_are_left(%w: param, %g: grad, %m: state, %w0: state init = param) {
  %x = arith.subf %g, %m : tensor<?x?xf64>
  descent.update %w = %x, %m = %g, %w0 = %w0 : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>
}
