// RUN: descent-opt %s -convert-descent-to-plan="storage=f64 fuse=false" | FileCheck %s

// Without fusion every operation has a stage of its own, which stores what it computes as soon as that is allowed.
// CHECK-LABEL: plan.program @separate segments 1
// CHECK: %[[G:.*]] = plan.gradient
// CHECK: %[[A:.*]] = plan.scratch worker : <rows, cols, f64>
// CHECK: plan.sweep {{.*}} writes(%[[A]] :
// CHECK: arith.mulf
// CHECK-NEXT: plan.yield
// CHECK: plan.sweep {{.*}} reads(%[[A]], %[[G]] :
// CHECK: arith.addf
// CHECK-NEXT: plan.yield
// CHECK: plan.sweep {{.*}}
// CHECK: arith.subf
// CHECK-NEXT: plan.yield
// CHECK-NOT: arith.
descent.optimizer @rule(%w: param, %g: grad, %m: state, %beta: hyper = 0.9) {
  %betas = descent.broadcast %beta : f64 to tensor<?x?xf64>
  %old = arith.mulf %m, %betas : tensor<?x?xf64>
  %m1 = arith.addf %old, %g : tensor<?x?xf64>
  %w1 = arith.subf %w, %m1 : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @separate {
  descent.group "all" uses @rule class any
}
