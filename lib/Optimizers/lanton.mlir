// LANTON: steepest descent under a norm that the group gives; noisier layers take smaller steps.
// Source: Hao et al., arXiv 2510.14009; noise is the dual norm of the gradient's change since the layer's last update.
// lr: learning rate of the group's quietest layer; beta1: memory of the average of gradients; beta2: memory of the
// squared noise; alpha: the noise from which on a layer's steps become smaller.
descent.optimizer @lanton(
    %w: param, %g: grad, %m: state, %g0: state init = grad, %h: layer_state,
    %lr: hyper = 2.8e-3, %beta1: hyper = 0.95, %beta2: hyper = 0.9, %alpha: hyper = 1.0) {
  %m1 = descent.momentum ema %m, %g, %beta1 : tensor<?x?xf64>
  %u = descent.lmo #descent.given, %m1 : tensor<?x?xf64>

  %change = arith.subf %g, %g0 : tensor<?x?xf64>
  %noise = descent.dual_norm #descent.given, %change : tensor<?x?xf64>
  %noise2 = arith.mulf %noise, %noise : f64
  %h1 = descent.momentum ema %h, %noise2, %beta2 : f64
  %alpha2 = arith.mulf %alpha, %alpha : f64
  %sum = arith.addf %alpha2, %h1 : f64
  %root = math.sqrt %sum : f64
  %calm = arith.divf %alpha, %root : f64
  %calmest = descent.over_layers max %calm in group
  %share = arith.divf %calm, %calmest : f64
  %factor = math.sqrt %share : f64
  %eta = arith.mulf %lr, %factor : f64

  %w1 = descent.apply %w, %u, %eta : tensor<?x?xf64>
  descent.report "noise" = %h1
  descent.report "rate" = %eta
  descent.update %w = %w1, %m = %m1, %g0 = %g, %h = %h1 : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>, f64
}
