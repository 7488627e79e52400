// Stochastic gradient descent with Nesterov's momentum and decoupled weight decay.
// Source: Sutskever et al. 2013 (https://proceedings.mlr.press/v28/sutskever13.html); decoupled decay of Loshchilov
// and Hutter, arXiv 1711.05101.
// lr: learning rate; momentum: memory of the sum of gradients; weight_decay: times lr, taken from the parameter before
// the step.
descent.optimizer @sgdw_nesterov(
    %w: param, %g: grad, %m: state,
    %lr: hyper = 1.0e-3, %momentum: hyper = 0.9, %weight_decay: hyper = 0.0) {
  %one = arith.constant 1.0 : f64
  %decay = arith.mulf %lr, %weight_decay : f64
  %keep = arith.subf %one, %decay : f64
  %keeps = descent.broadcast %keep : f64 to tensor<?x?xf64>
  %decayed = arith.mulf %w, %keeps : tensor<?x?xf64>
  %m1 = descent.momentum heavy_ball %m, %g, %momentum : tensor<?x?xf64>
  %u = descent.look_ahead heavy_ball %m1, %g, %momentum : tensor<?x?xf64>
  %eta = arith.negf %lr : f64
  %w1 = descent.apply %decayed, %u, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
