// AdamW: steps along an average of gradients, entry by entry in units of their root mean square.
// Source: Loshchilov and Hutter, arXiv 1711.05101; moments of Kingma and Ba, arXiv 1412.6980. Epsilon and the
// corrections of bias are where github.com/pytorch/pytorch, torch/optim/adamw.py, has them.
// lr: learning rate; beta1, beta2: memory of the two averages; eps: added to the corrected root;
// weight_decay: decoupled, times lr.
descent.optimizer @adamw(
    %w: param, %g: grad, %m: state, %v: state, %t: updates,
    %lr: hyper = 1.0e-3, %beta1: hyper = 0.9, %beta2: hyper = 0.999, %eps: hyper = 1.0e-8,
    %weight_decay: hyper = 1.0e-2) {
  %one = arith.constant 1.0 : f64
  %m1 = descent.momentum ema %m, %g, %beta1 : tensor<?x?xf64>
  %g2 = arith.mulf %g, %g : tensor<?x?xf64>
  %v1 = descent.momentum ema %v, %g2, %beta2 : tensor<?x?xf64>

  %p1 = math.powf %beta1, %t : f64
  %p2 = math.powf %beta2, %t : f64
  %c1 = arith.subf %one, %p1 : f64
  %c2 = arith.subf %one, %p2 : f64
  %root_c2 = math.sqrt %c2 : f64
  %inverse = arith.divf %one, %root_c2 : f64
  %root = math.sqrt %v1 : tensor<?x?xf64>
  %inverses = descent.broadcast %inverse : f64 to tensor<?x?xf64>
  %corrected = arith.mulf %root, %inverses : tensor<?x?xf64>
  %epsilons = descent.broadcast %eps : f64 to tensor<?x?xf64>
  %denominator = arith.addf %corrected, %epsilons : tensor<?x?xf64>
  %direction = arith.divf %m1, %denominator : tensor<?x?xf64>

  %decay = arith.mulf %lr, %weight_decay : f64
  %keep = arith.subf %one, %decay : f64
  %keeps = descent.broadcast %keep : f64 to tensor<?x?xf64>
  %decayed = arith.mulf %w, %keeps : tensor<?x?xf64>
  %rate = arith.divf %lr, %c1 : f64
  %eta = arith.negf %rate : f64
  %w1 = descent.apply %decayed, %direction, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1, %v = %v1 : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>
}
