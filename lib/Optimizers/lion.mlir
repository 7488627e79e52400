// Lion: steps by the sign of one average, while another with a longer memory is kept.
// Source: Chen et al., arXiv 2302.06675; github.com/google/automl, lion.
// lr: learning rate; beta1: memory of the average whose sign is taken; beta2: memory of the one that is kept;
// weight_decay: decoupled, times lr.
descent.optimizer @lion(
    %w: param, %g: grad, %m: state,
    %lr: hyper = 1.0e-4, %beta1: hyper = 0.9, %beta2: hyper = 0.99, %weight_decay: hyper = 0.0) {
  %one = arith.constant 1.0 : f64
  %decay = arith.mulf %lr, %weight_decay : f64
  %keep = arith.subf %one, %decay : f64
  %keeps = descent.broadcast %keep : f64 to tensor<?x?xf64>
  %decayed = arith.mulf %w, %keeps : tensor<?x?xf64>
  %c = descent.momentum ema %m, %g, %beta1 : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %c : tensor<?x?xf64>
  %w1 = descent.apply %decayed, %u, %lr : tensor<?x?xf64>
  %m1 = descent.momentum ema %m, %g, %beta2 : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
