// Two rules and two kinds of layers; what its layers do to each other goes through LANTON's group maximum.
descent.recipe @model {
  descent.group "hidden" uses @lanton norm = #descent.rms_to_rms class matrix stored out_in {lr = 2.0e-2}
  descent.group "rest" uses @adamw class any
}
