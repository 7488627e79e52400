// AdamW for every layer, the baseline. Matrices and embeddings decay, vectors do not.
descent.recipe @gpt_adamw {
  descent.group "hidden" uses @adamw class matrix stored out_in {lr = 2.0e-3, beta2 = 0.95, weight_decay = 0.1}
  descent.group "embed" uses @adamw class matrix {lr = 2.0e-3, beta2 = 0.95, weight_decay = 0.1}
  descent.group "vectors" uses @adamw class vector {lr = 1.0e-3, beta2 = 0.95, weight_decay = 0.0}
  descent.clip_global_norm 1.0
  descent.skip_nonfinite
}
