// RUN: descent-opt %s -descent-expand | FileCheck %s
// RUN: descent-opt %s -descent-expand=compute=f64 | FileCheck %s --check-prefix=F64

// The pipeline: nothing is left but arithmetic, reductions, orientations, products and what layers say to each other.
// CHECK-LABEL: descent.optimizer @model_hidden
// CHECK-SAME: elements f32

// The state that starts as the gradient starts as the scaled and clipped one.
// CHECK: %[[CLIP:.*]] = descent.published @model_guard "scale"
// CHECK: %[[G:.*]] = arith.mulf %g, %{{.*}} : tensor<?x?xf32>
// CHECK: arith.select %{{.*}}, %[[G]], %g0
// CHECK-NOT: descent.{{momentum|look_ahead|apply|norm|dual_norm|lmo|project|orthogonalize}}

// One polar factor serves the oracle and the dual norm, as both have the same method: three products a step, beside 27
// of the Gram form.
// CHECK-COUNT-51: descent.product
// CHECK-NOT: descent.product
// CHECK: descent.choose ["plain", "gram"]
// CHECK-NOT: descent.choose
// CHECK: descent.update

// F64-LABEL: descent.optimizer @model_hidden
// F64-SAME: {{.*}} {{[{]$}}
// F64-NOT: f32
// F64-NOT: bf16
// F64: descent.update
descent.optimizer @rule(%w: param, %g: grad, %g0: state init = grad, %lr: hyper = 0.1) {
  %x = arith.addf %g, %g0 : tensor<?x?xf64>
  %u = descent.lmo #descent.given, %x : tensor<?x?xf64>
  %d = descent.dual_norm #descent.given, %x : tensor<?x?xf64>
  %eta = arith.mulf %lr, %d : f64
  %w1 = descent.apply %w, %u, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %g0 = %g : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "hidden" uses @rule norm = #descent.spectral<lmo = <polar_express, steps = 8, compute = f32>> class matrix
  descent.clip_global_norm 1.0
}
