// Stochastic gradient descent with heavy-ball momentum and coupled weight decay, as torch.optim.SGD has it.
// Source: Polyak 1964 (doi 10.1016/0041-5553(64)90137-5); pytorch/pytorch on github.com, torch/optim/sgd.py.
// lr: learning rate; momentum: memory of the sum of gradients; weight_decay: of the parameter, added to the gradient.
descent.optimizer @sgd(
    %w: param, %g: grad, %m: state,
    %lr: hyper = 1.0e-3, %momentum: hyper = 0.9, %weight_decay: hyper = 0.0) {
  %decays = descent.broadcast %weight_decay : f64 to tensor<?x?xf64>
  %pull = arith.mulf %w, %decays : tensor<?x?xf64>
  %slope = arith.addf %g, %pull : tensor<?x?xf64>
  %m1 = descent.momentum heavy_ball %m, %slope, %momentum : tensor<?x?xf64>
  %eta = arith.negf %lr : f64
  %w1 = descent.apply %w, %m1, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
