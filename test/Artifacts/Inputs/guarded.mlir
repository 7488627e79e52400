descent.recipe @guarded {
  descent.group "hidden" uses @lanton norm = #descent.max class matrix
  descent.group "rest" uses @adamw class any
  descent.clip_global_norm 1.0
  descent.skip_nonfinite
}
