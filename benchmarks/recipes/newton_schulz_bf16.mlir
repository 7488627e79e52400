// Five steps of Newton-Schulz in bf16, and nothing else: the weight becomes the gradient's polar factor.
descent.optimizer @newton_schulz_bf16(%w: param, %g: grad) {
  %o = descent.orthogonalize #descent.newton_schulz<jordan, steps = 5, normalize = add,
      epsilon = 1.0e-7, compute = bf16>, %g : tensor<?x?xf64>
  descent.update %w = %o : tensor<?x?xf64>
}
