// RUN: descent-opt %s -descent-guard-gradients -split-input-file | FileCheck %s

// The totals are those of the gradient as it is given; the rule sees it scaled and clipped.
// CHECK-LABEL: descent.optimizer @clipped_and_skipped
// CHECK: %[[SCALE:.*]] = descent.gradient_scale
// CHECK: %[[CLIP:.*]] = descent.published @model_guard "scale"
// CHECK: %[[FACTOR:.*]] = arith.mulf %[[SCALE]], %[[CLIP]] : f64
// CHECK: %[[FACTORS:.*]] = descent.broadcast %[[FACTOR]]
// CHECK: %[[G:.*]] = arith.mulf %g, %[[FACTORS]]
// CHECK: %[[SQUARES:.*]] = descent.reduce sum_squares %g : tensor<?x?xf64> to f64
// CHECK: descent.contribute sum %[[SQUARES]] to @model_square_norm
// CHECK: %[[FINITE:.*]] = math.isfinite %g : tensor<?x?xf64>
// CHECK: %[[BAD:.*]] = arith.select %[[FINITE]], %{{.*}}, %{{.*}}
// CHECK: %[[COUNT:.*]] = descent.reduce sum %[[BAD]] : tensor<?x?xf64> to f64
// CHECK: descent.nonfinite %[[COUNT]]
// CHECK: descent.contribute sum %[[COUNT]] to @model_nonfinite
// CHECK: descent.apply %w, %[[G]], %lr
descent.optimizer @clipped_and_skipped(%w: param, %g: grad, %lr: hyper = 0.1) {
  %w1 = descent.apply %w, %g, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
// CHECK-LABEL: descent.shared @model_guard() {
// CHECK: %[[SQUARES:.*]] = descent.total sum @model_square_norm : f64
// CHECK: %[[SCALE:.*]] = descent.gradient_scale
// CHECK: %[[SIZE:.*]] = math.absf %[[SCALE]]
// CHECK: %[[ROOT:.*]] = math.sqrt %[[SQUARES]]
// CHECK: %[[NORM:.*]] = arith.mulf %[[SIZE]], %[[ROOT]]
// CHECK: descent.gradient_norm %[[NORM]]
// CHECK: %[[EPSILON:.*]] = arith.constant 9.9999999999999995E-7
// CHECK: %[[DIVISOR:.*]] = arith.addf %[[NORM]], %[[EPSILON]]
// CHECK: %[[LIMIT:.*]] = arith.constant 2.500000e+00
// CHECK: %[[RATIO:.*]] = arith.divf %[[LIMIT]], %[[DIVISOR]]
// CHECK: %[[CLIP:.*]] = arith.minimumf %{{.*}}, %[[RATIO]]
// CHECK: descent.publish "scale" = %[[CLIP]]
// CHECK: %[[COUNT:.*]] = descent.total sum @model_nonfinite : f64
// CHECK: descent.skip_when %[[COUNT]]
// CHECK: descent.recipe @model attributes {descent.clip_global_norm = 2.500000e+00 : f64, descent.skip_nonfinite} {
// CHECK-NEXT: descent.group
// CHECK-NEXT: }
descent.recipe @model {
  descent.group "all" uses @clipped_and_skipped class any
  descent.clip_global_norm 2.5
  descent.skip_nonfinite
}

// -----

// CHECK-LABEL: descent.optimizer @skipped_only
// CHECK-NOT: sum_squares
// CHECK: math.isfinite
// CHECK-LABEL: descent.shared @model_guard() {
// CHECK-NOT: descent.gradient_norm
// CHECK-NOT: descent.publish
// CHECK: descent.skip_when
// CHECK: descent.recipe @model attributes {descent.skip_nonfinite} {
descent.optimizer @skipped_only(%w: param, %g: grad, %lr: hyper = 0.1) {
  %w1 = descent.apply %w, %g, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "all" uses @skipped_only class any
  descent.skip_nonfinite
}

// -----

// CHECK-LABEL: descent.optimizer @clipped_only
// CHECK: descent.published
// CHECK-NOT: math.isfinite
// CHECK-LABEL: descent.shared @model_guard() {
// CHECK-NOT: descent.skip_when
// CHECK: descent.recipe @model attributes {descent.clip_global_norm = 1.000000e+00 : f64} {
descent.optimizer @clipped_only(%w: param, %g: grad, %lr: hyper = 0.1) {
  %w1 = descent.apply %w, %g, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "all" uses @clipped_only class any
  descent.clip_global_norm 1.0
}

// -----

// Every gradient is scaled as the caller says; a rule of two groups, once. Other inputs are not.
// CHECK-LABEL: descent.optimizer @scaled_only
// CHECK: %[[SCALE:.*]] = descent.gradient_scale
// CHECK-NEXT: %[[SCALES:.*]] = descent.broadcast %[[SCALE]]
// CHECK-NEXT: %[[G:.*]] = arith.mulf %g, %[[SCALES]]
// CHECK-NEXT: %[[X:.*]] = arith.divf %[[G]], %hessian
// CHECK-NOT: descent.shared
// CHECK: descent.recipe @model {
descent.optimizer @scaled_only(%w: param, %g: grad, %hessian: input, %lr: hyper = 0.1) {
  %x = arith.divf %g, %hessian : tensor<?x?xf64>
  %w1 = descent.apply %w, %x, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "a" uses @scaled_only class any
  descent.group "b" uses @scaled_only class vector
}

// -----

// The names are taken.
// CHECK-LABEL: descent.optimizer @own_total
// CHECK: descent.published @model_guard_0 "scale"
// CHECK: descent.contribute sum %{{.*}} to @model_square_norm_{{$}}
// CHECK: descent.contribute sum %lr to @model_square_norm{{$}}
// CHECK: descent.shared @model_guard(
// CHECK: descent.shared @model_guard_0() {
// CHECK: descent.total sum @model_square_norm_ : f64
descent.optimizer @own_total(%w: param, %g: grad, %lr: hyper = 0.1) {
  descent.contribute sum %lr to @model_square_norm
  %w1 = descent.apply %w, %g, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.shared @model_guard(%k: step) {
  descent.skip_when %k
}
descent.recipe @model {
  descent.group "all" uses @own_total class any
  descent.clip_global_norm 1.0
}
