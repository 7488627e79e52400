// Muon as torch.optim.Muon has it with adjust_lr_fn = "match_rms_adamw": updates have the root mean square of AdamW's.
// Source: Liu et al., arXiv 2502.16982; github.com/pytorch/pytorch, torch/optim/_muon.py.
// lr: learning rate; momentum: memory of the average of gradients; weight_decay: decoupled, times lr.
descent.optimizer @muon_match_rms(
    %w: param, %g: grad, %m: state,
    %lr: hyper = 1.0e-3, %momentum: hyper = 0.95, %weight_decay: hyper = 0.1) {
  %one = arith.constant 1.0 : f64
  %decay = arith.mulf %lr, %weight_decay : f64
  %keep = arith.subf %one, %decay : f64
  %keeps = descent.broadcast %keep : f64 to tensor<?x?xf64>
  %decayed = arith.mulf %w, %keeps : tensor<?x?xf64>
  %m1 = descent.momentum ema %m, %g, %momentum : tensor<?x?xf64>
  %u = descent.look_ahead ema %m1, %g, %momentum : tensor<?x?xf64>
  %o = descent.orthogonalize #descent.newton_schulz<jordan, steps = 5, normalize = max,
      epsilon = 1.0e-7, compute = bf16>, %u : tensor<?x?xf64>
  %long = descent.size long
  %root = math.sqrt %long : f64
  %fifth = arith.constant 0.2 : f64
  %factor = arith.mulf %root, %fifth : f64
  %rate = arith.mulf %lr, %factor : f64
  %eta = arith.negf %rate : f64
  %w1 = descent.apply %decayed, %o, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
