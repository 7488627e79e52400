// LANTON for all tensors of a model, with a norm for each kind.
descent.recipe @lanton_model {
  descent.group "hidden" uses @lanton norm = #descent.rms_to_rms class matrix stored out_in
  descent.group "embed" uses @lanton norm = #descent.max class matrix
  descent.group "vectors" uses @lanton norm = #descent.rms class vector
}
