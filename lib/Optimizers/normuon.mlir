// NorMuon: Muon with each output's update divided by the root mean square that it had lately; its overall size is kept.
// Source: Li et al., arXiv 2510.05491; github.com/zichongli5/NorMuon.
// lr: learning rate; momentum: memory of the average of gradients; beta2: memory of the outputs' mean squares;
// weight_decay: decoupled, times lr.
descent.optimizer @normuon(
    %w: param, %g: grad, %m: state, %v: row_state,
    %lr: hyper = 0.02, %momentum: hyper = 0.95, %beta2: hyper = 0.95, %weight_decay: hyper = 0.0) {
  %one = arith.constant 1.0 : f64
  %decay = arith.mulf %lr, %weight_decay : f64
  %keep = arith.subf %one, %decay : f64
  %keeps = descent.broadcast %keep : f64 to tensor<?x?xf64>
  %decayed = arith.mulf %w, %keeps : tensor<?x?xf64>
  %m1 = descent.momentum ema %m, %g, %momentum : tensor<?x?xf64>
  %u = descent.look_ahead ema %m1, %g, %momentum : tensor<?x?xf64>
  %o = descent.orthogonalize #descent.newton_schulz<jordan, steps = 5, normalize = add,
      epsilon = 1.0e-7, compute = bf16>, %u : tensor<?x?xf64>
  %squares = descent.reduce sum_squares %o : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %cols = descent.size cols
  %counts = descent.broadcast %cols : f64 to tensor<?xf64, #descent.dims<rows>>
  %mean = arith.divf %squares, %counts : tensor<?xf64, #descent.dims<rows>>
  %v1 = descent.momentum ema %v, %mean, %beta2 : tensor<?xf64, #descent.dims<rows>>
  %root = math.sqrt %v1 : tensor<?xf64, #descent.dims<rows>>
  %epsilon = arith.constant 1.0e-10 : f64
  %epsilons = descent.broadcast %epsilon : f64 to tensor<?xf64, #descent.dims<rows>>
  %divisor = arith.addf %root, %epsilons : tensor<?xf64, #descent.dims<rows>>
  %divisors = descent.broadcast %divisor : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %q = arith.divf %o, %divisors : tensor<?x?xf64>
  %size_o = descent.norm #descent.l2, %o : tensor<?x?xf64>
  %size_q = descent.norm #descent.l2, %q : tensor<?x?xf64>
  %guarded = arith.addf %size_q, %epsilon : f64
  %restore = arith.divf %size_o, %guarded : f64
  %rows = descent.size rows
  %aspect = arith.divf %rows, %cols : f64
  %floor = arith.maximumf %aspect, %one : f64
  %factor = math.sqrt %floor : f64
  %step = arith.mulf %factor, %restore : f64
  %rate = arith.mulf %lr, %step : f64
  %eta = arith.negf %rate : f64
  %w1 = descent.apply %decayed, %q, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1, %v = %v1 : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?xf64, #descent.dims<rows>>
}
