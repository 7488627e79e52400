// Stochastic gradient descent with Nesterov's momentum and coupled weight decay, as torch.optim.SGD has it.
// Source: Sutskever et al. 2013 (https://proceedings.mlr.press/v28/sutskever13.html); pytorch/pytorch on github.com,
// torch/optim/sgd.py.
// lr: learning rate; momentum: memory of the sum of gradients; weight_decay: of the parameter, added to the gradient.
descent.optimizer @sgd_nesterov(
    %w: param, %g: grad, %m: state,
    %lr: hyper = 1.0e-3, %momentum: hyper = 0.9, %weight_decay: hyper = 0.0) {
  %decays = descent.broadcast %weight_decay : f64 to tensor<?x?xf64>
  %pull = arith.mulf %w, %decays : tensor<?x?xf64>
  %slope = arith.addf %g, %pull : tensor<?x?xf64>
  %m1 = descent.momentum heavy_ball %m, %slope, %momentum : tensor<?x?xf64>
  %u = descent.look_ahead heavy_ball %m1, %slope, %momentum : tensor<?x?xf64>
  %eta = arith.negf %lr : f64
  %w1 = descent.apply %w, %u, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
