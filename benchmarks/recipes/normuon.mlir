// NorMuon for hidden matrices, AdamW for the rest.
descent.recipe @normuon_model {
  descent.group "hidden" uses @normuon class matrix stored out_in
  descent.group "embed" uses @adamw class matrix
  descent.group "vectors" uses @adamw class vector
}
