// LANTON with three norms for three kinds of layers: each steps by steepest descent under its norm, and within a group a
// layer whose gradient is noisier than its group's takes smaller steps.
descent.recipe @gpt_lanton {
  descent.group "hidden" uses @lanton norm = #descent.rms_to_rms class matrix stored out_in {lr = 2.0e-2}
  descent.group "embed" uses @lanton norm = #descent.max class matrix {lr = 2.0e-3}
  descent.group "vectors" uses @lanton norm = #descent.rms class vector {lr = 2.0e-3}
  descent.clip_global_norm 1.0
  descent.skip_nonfinite
}
