// RUN: descent-opt %s -descent-instantiate-groups | FileCheck %s

// The group's norm takes the place of #descent.given, its dictionary that of defaults; other norms stay.
// CHECK-LABEL: descent.optimizer @gpt_hidden(
// CHECK-SAME: %lr: hyper = 1.000000e-02, %beta: hyper = 9.000000e-01)
// CHECK-SAME: descent.norm = "#descent.rms_to_rms", descent.rule = "steepest", sym_visibility = "private"
// CHECK: descent.lmo #descent.rms_to_rms, %{{.*}}
// CHECK: descent.norm #descent.l2, %{{.*}}
// CHECK: descent.over_layers max %{{.*}} in group
// CHECK-NOT: named
// CHECK: descent.over_layers sum %{{.*}} in model named "steepest_0"
// CHECK: descent.over_layers max %{{.*}} in model named "steepest_1"

// Copies of one rule meet in the model: their reductions have the same names.
// CHECK-LABEL: descent.optimizer @gpt_rest(
// CHECK-SAME: %lr: hyper = 1.000000e+00, %beta: hyper = 5.000000e-01)
// CHECK-SAME: descent.norm = "#descent.max", descent.rule = "steepest", sym_visibility = "private"
// CHECK: descent.lmo #descent.max, %{{.*}}
// CHECK: descent.over_layers sum %{{.*}} in model named "steepest_0"
// CHECK: descent.over_layers max %{{.*}} in model named "steepest_1"

// The name is taken. A rule without #descent.given has no norm to record.
// CHECK-LABEL: descent.optimizer @gpt_plain_0(
// CHECK-SAME: attributes {descent.rule = "plain", sym_visibility = "private"}
// CHECK-LABEL: descent.recipe @gpt {
// CHECK-NEXT: descent.group "hidden" uses @gpt_hidden class matrix stored out_in{{$}}
// CHECK-NEXT: descent.group "rest" uses @gpt_rest class any{{$}}
// CHECK-NEXT: descent.group "plain" uses @gpt_plain_0 class any{{$}}
// CHECK-NEXT: descent.skip_nonfinite

// Rules are gone, those that no group uses too; shared bodies stay.
// CHECK-NOT: descent.optimizer
// CHECK: descent.shared @gpt_plain(
// CHECK-NOT: descent.optimizer
descent.optimizer @steepest(%w: param, %g: grad, %lr: hyper, %beta: hyper = 0.9) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  %n = descent.norm #descent.l2, %g : tensor<?x?xf64>
  %a = descent.over_layers max %n in group
  %b = descent.over_layers sum %a in model
  %c = descent.over_layers max %b in model
  %eta = arith.mulf %lr, %c : f64
  %w1 = descent.apply %w, %u, %eta : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.optimizer @plain(%w: param, %g: grad, %lr: hyper = 0.1) {
  %w1 = descent.apply %w, %g, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.optimizer @unused(%w: param, %g: grad) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @gpt {
  descent.group "hidden" uses @steepest norm = #descent.rms_to_rms class matrix stored out_in {lr = 0.01}
  descent.group "rest" uses @steepest norm = #descent.max class any {beta = 0.5, lr = 1.0 : f32}
  descent.group "plain" uses @plain class any
  descent.skip_nonfinite
}
descent.shared @gpt_plain(%k: step) {
  descent.publish "step" = %k
}
