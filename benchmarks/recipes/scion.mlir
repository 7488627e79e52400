// Scion for all tensors of a model, with a norm for each kind.
descent.recipe @scion_model {
  descent.group "hidden" uses @scion norm = #descent.rms_to_rms class matrix stored out_in
  descent.group "embed" uses @scion norm = #descent.max class matrix
  descent.group "vectors" uses @scion norm = #descent.rms class vector
}
