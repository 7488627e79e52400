// Stochastic gradient descent with heavy-ball momentum and decoupled weight decay.
// Source: Polyak 1964 (doi 10.1016/0041-5553(64)90137-5); decoupled decay of Loshchilov and Hutter, arXiv 1711.05101.
// lr: learning rate; momentum: memory of the sum of gradients; weight_decay: times lr, taken from the parameter before
// the step.
descent.optimizer @sgdw(
    %w: param, %g: grad, %m: state,
    %lr: hyper = 1.0e-3, %momentum: hyper = 0.9, %weight_decay: hyper = 0.0) {
  %one = arith.constant 1.0 : f64
  %decay = arith.mulf %lr, %weight_decay : f64
  %keep = arith.subf %one, %decay : f64
  %keeps = descent.broadcast %keep : f64 to tensor<?x?xf64>
  %decayed = arith.mulf %w, %keeps : tensor<?x?xf64>
  %m1 = descent.momentum heavy_ball %m, %g, %momentum : tensor<?x?xf64>
  %eta = arith.negf %lr : f64
  %w1 = descent.apply %decayed, %m1, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
