// RUN: descent-opt %s --verify-roundtrip | FileCheck %s
// RUN: descent-opt %s --mlir-print-op-generic | descent-opt | FileCheck %s

// CHECK-LABEL: descent.optimizer @every_role(%w: param, %g: grad, %hvp: input, %m: state, %s: state init = 5.000000e-01,
// CHECK-SAME: %w0: state init = param, %g0: state init = grad, %v: row_state, %c: column_state init = 1.000000e+00,
// CHECK-SAME: %h: layer_state, %lr: hyper = 1.000000e-01, %radius: hyper, %weight: factor, %k: step, %t: updates, %f: loss) {
descent.optimizer @every_role(
    %w: param, %g: grad, %hvp: input, %m: state, %s: state init = 0.5, %w0: state init = param, %g0: state init = grad,
    %v: row_state, %c: column_state init = 1.0, %h: layer_state, %lr: hyper = 0.1, %radius: hyper, %weight: factor,
    %k: step, %t: updates, %f: loss) {
  // CHECK: descent.momentum ema %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?xf64>
  %m1 = descent.momentum ema %m, %g, %lr : tensor<?x?xf64>
  // CHECK: descent.momentum heavy_ball %{{.*}}, %{{.*}}, %{{.*}} : f64
  %h1 = descent.momentum heavy_ball %h, %f, %t : f64
  // CHECK: descent.look_ahead ema %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?xf64>
  %u = descent.look_ahead ema %m1, %hvp, %radius : tensor<?x?xf64>
  // CHECK: descent.reduce max %{{.*}} : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %rows = descent.reduce max %s : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  // CHECK: descent.reduce min %{{.*}} : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
  %columns = descent.reduce min %w0 : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
  %v1 = arith.addf %v, %rows : tensor<?xf64, #descent.dims<rows>>
  %c1 = arith.addf %c, %columns : tensor<?xf64, #descent.dims<cols>>
  // CHECK: descent.apply %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?xf64>
  %w1 = descent.apply %w, %u, %weight : tensor<?x?xf64>
  // CHECK: descent.report "noise" = %{{.*}}
  descent.report "noise" = %k
  // CHECK: descent.update %w = %{{.*}}, %h = %{{.*}} : tensor<?x?xf64>, f64, tensor<?x?xf64>,
  descent.update %w = %w1, %h = %h1, %m = %m1, %s = %g0, %w0 = %w0, %g0 = %g, %v = %v1, %c = %c1
    : tensor<?x?xf64>, f64, tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>,
      tensor<?xf64, #descent.dims<rows>>, tensor<?xf64, #descent.dims<cols>>
}

// Matrices of a narrowed rule have another element type; one number a row stays f64.
// CHECK-LABEL: descent.optimizer @narrowed(%w: param, %g: grad, %v: row_state, %lr: hyper = 1.000000e-01) elements f32 attributes {descent.rule = "sgd"} {
descent.optimizer @narrowed(%w: param, %g: grad, %v: row_state, %lr: hyper = 0.1) elements f32 attributes {descent.rule = "sgd"} {
  %v1 = descent.reduce sum_squares %g : tensor<?x?xf32> to tensor<?xf64, #descent.dims<rows>>
  %v2 = arith.addf %v, %v1 : tensor<?xf64, #descent.dims<rows>>
  %w1 = descent.apply %w, %g, %lr : tensor<?x?xf32>
  // CHECK: descent.update %w = %{{.*}}, %v = %{{.*}} : tensor<?x?xf32>, tensor<?xf64, #descent.dims<rows>>
  descent.update %w = %w1, %v = %v2 : tensor<?x?xf32>, tensor<?xf64, #descent.dims<rows>>
}

// CHECK-LABEL: func.func @norms
func.func @norms(%x: tensor<?x?xf64>, %radius: f64) {
  // CHECK: descent.norm #descent.l2, %{{.*}} : tensor<?x?xf64>
  %n = descent.norm #descent.l2, %x : tensor<?x?xf64>
  // CHECK: descent.dual_norm #descent.spectral, %{{.*}} : tensor<?x?xf64>
  %d = descent.dual_norm #descent.spectral, %x : tensor<?x?xf64>
  // CHECK: descent.lmo #descent.given, %{{.*}} : tensor<?x?xf64>
  %u = descent.lmo #descent.given, %x : tensor<?x?xf64>
  // CHECK: descent.project #descent.max, %{{.*}}, %{{.*}} : tensor<?x?xf64>
  %p = descent.project #descent.max, %x, %radius : tensor<?x?xf64>
  return
}

// Every field of a method is printed, so that no default can change what a file says.
// CHECK-LABEL: func.func @methods
func.func @methods(%x: tensor<?x?xf64>) {
  // CHECK: #descent.newton_schulz<jordan, steps = 5, normalize = add, scale = 1.000000e+00, epsilon = 9.9999999999999995E-8, form = auto, restarts = [3]>
  %a = descent.orthogonalize #descent.newton_schulz<jordan>, %x : tensor<?x?xf64>
  // CHECK: #descent.newton_schulz<you, steps = 3, normalize = max, scale = 1.000000e+00, epsilon = 0.000000e+00, compute = bf16, form = auto, restarts = [2]>
  %b = descent.orthogonalize #descent.newton_schulz<you, steps = 3, normalize = max, epsilon = 0.0, compute = bf16>, %x : tensor<?x?xf64>
  // CHECK: #descent.newton_schulz<polar_express, steps = 8, safety = 1.010000e+00, normalize = add, scale = 1.010000e+00, epsilon = 9.9999999999999995E-8, compute = f32, form = auto, restarts = [3, 6]>
  %c = descent.orthogonalize #descent.newton_schulz<polar_express, steps = 8, compute = f32>, %x : tensor<?x?xf64>
  return
}

// CHECK-LABEL: func.func @shapes
func.func @shapes(%x: tensor<?x?xf64>, %l: f64) {
  // CHECK: descent.broadcast %{{.*}} : f64 to tensor<?x?xf64>
  %a = descent.broadcast %l : f64 to tensor<?x?xf64>
  // CHECK: descent.inner %{{.*}}, %{{.*}} : tensor<?x?xf64>
  %b = descent.inner %x, %a : tensor<?x?xf64>
  // CHECK: descent.size long
  %c = descent.size long
  // CHECK: %[[WIDE:.*]] = descent.orient %{{.*}} : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %y = descent.orient %x : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  // CHECK: %[[GRAM:.*]] = descent.product %[[WIDE]], %[[WIDE]] transposed symmetric : tensor<?x?xf64, #descent.dims<short, long>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, short>>
  %g = descent.product %y, %y transposed symmetric : tensor<?x?xf64, #descent.dims<short, long>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, short>>
  // CHECK: descent.product %[[GRAM]], %[[WIDE]] : tensor<?x?xf64, #descent.dims<short, short>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %z = descent.product %g, %y : tensor<?x?xf64, #descent.dims<short, short>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  return
}

// CHECK-LABEL: descent.optimizer @meeting
descent.optimizer @meeting(%w: param, %g: grad, %lr: hyper = 0.1) {
  // CHECK: %[[SCALE:.*]] = descent.gradient_scale
  %scale = descent.gradient_scale
  %g2 = descent.reduce sum_squares %g : tensor<?x?xf64> to f64
  // CHECK: descent.over_layers max %{{.*}} in group
  %a = descent.over_layers max %g2 in group
  // CHECK: descent.over_layers min %{{.*}} in parameter
  %b = descent.over_layers min %g2 in parameter
  // CHECK: descent.over_layers sum %{{.*}} in model named "all"
  %c = descent.over_layers sum %g2 in model named "all"
  // CHECK: descent.contribute sum %{{.*}} to @squares
  descent.contribute sum %g2 to @squares
  // CHECK: descent.nonfinite %{{.*}}
  descent.nonfinite %c
  // CHECK: descent.published @body "factor"
  %f = descent.published @body "factor"
  %ab = arith.addf %a, %b : f64
  %abf = arith.addf %ab, %f : f64
  %eta = arith.mulf %abf, %scale : f64
  %w1 = descent.apply %w, %g, %eta : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// CHECK-LABEL: descent.shared @body(%k: step, %f: loss, %limit: hyper = 1.000000e+00) {
descent.shared @body(%k: step, %f: loss, %limit: hyper = 1.0) {
  // CHECK: descent.total sum @squares : f64
  %t = descent.total sum @squares : f64
  // CHECK: descent.publish "factor" = %{{.*}}
  descent.publish "factor" = %t
  // CHECK: descent.skip_when %{{.*}}
  descent.skip_when %f
  // CHECK: descent.gradient_norm %{{.*}}
  descent.gradient_norm %limit
}

// CHECK-LABEL: descent.recipe @model {
descent.recipe @model {
  // CHECK: descent.group "hidden" uses @meeting class matrix stored out_in {lr = 2.000000e-02 : f64}
  descent.group "hidden" uses @meeting class matrix stored out_in {lr = 0.02}
  // CHECK: descent.group "rest" uses @steepest norm = #descent.rms class vector
  descent.group "rest" uses @steepest norm = #descent.rms class vector
  // CHECK: descent.group "table" uses @steepest norm = #descent.row<p = 1> class matrix stored in_out
  descent.group "table" uses @steepest norm = #descent.row<p = 1> class matrix stored in_out
  // CHECK: descent.clip_global_norm 1.000000e+00
  descent.clip_global_norm 1.0
  // CHECK: descent.skip_nonfinite
  descent.skip_nonfinite
}
descent.optimizer @steepest(%w: param, %g: grad, %lr: hyper = 0.1) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  %w1 = descent.apply %w, %u, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// CHECK-LABEL: func.func @alternatives(
func.func @alternatives(%x: f64, %y: f64) -> f64 {
  // CHECK: descent.identity : tensor<?x?xf64, #descent.dims<short, short>>
  %i = descent.identity : tensor<?x?xf64, #descent.dims<short, short>>
  // CHECK: descent.choose ["one", "other"](%{{.*}}, %{{.*}}) : f64
  %z = descent.choose ["one", "other"](%x, %y) : f64
  return %z : f64
}

// CHECK-LABEL: func.func private @methods_as_data()
// CHECK-SAME: aol = #descent.newton_schulz<turbo, steps = 4, precondition = aol, epsilon = {{[-.0-9E]+}}, compute = bf16, form = auto, restarts = [1, 3]>
// CHECK-SAME: gram = #descent.newton_schulz<polar_express, steps = 5, safety = 1.050000e+00, normalize = add, scale = 1.000000e+00, epsilon = {{[-.0-9E]+}}, form = gram, restarts = [2]>
// CHECK-SAME: muon = #descent.newton_schulz<jordan, steps = 5, normalize = add, scale = 1.000000e+00, epsilon = {{[-.0-9E]+}}, compute = bf16, form = auto, restarts = [3]>
// CHECK-SAME: own = #descent.newton_schulz<{{\[\[}}1.500000e+00, -5.000000e-01, 0.000000e+00], [1.875000e+00, -1.250000e+00, 3.750000e-01]], steps = 2, normalize = max, scale = 1.000000e+00, epsilon = {{[-.0-9E]+}}, form = auto, restarts = [1]>
func.func private @methods_as_data() attributes {
  muon = #descent.newton_schulz<jordan, compute = bf16, restarts = [3]>,
  aol = #descent.newton_schulz<turbo, precondition = aol, compute = bf16>,
  gram = #descent.newton_schulz<polar_express, safety = 1.05, scale = 1.0, form = gram, restarts = [2]>,
  own = #descent.newton_schulz<[[1.5, -0.5, 0.0], [1.875, -1.25, 0.375]], normalize = max, restarts = [1]>
}
