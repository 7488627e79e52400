// Scion: steepest descent under a norm that the group gives.
// Source: Pethick et al., arXiv 2502.07529; github.com/LIONS-EPFL/scion.
// lr: learning rate; momentum: weight of the new gradient in the average, 1 for no memory;
// radius: length of a step with lr = 1, in the norm.
descent.optimizer @scion(
    %w: param, %g: grad, %m: state,
    %lr: hyper = 1.0e-3, %momentum: hyper = 0.1, %radius: hyper = 1.0) {
  %one = arith.constant 1.0 : f64
  %beta = arith.subf %one, %momentum : f64
  %m1 = descent.momentum ema %m, %g, %beta : tensor<?x?xf64>
  %u = descent.lmo #descent.given, %m1 : tensor<?x?xf64>
  %eta = arith.mulf %lr, %radius : f64
  %w1 = descent.apply %w, %u, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
