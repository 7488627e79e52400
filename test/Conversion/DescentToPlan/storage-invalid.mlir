// RUN: descent-opt %s -split-input-file -verify-diagnostics --descent-expand --convert-descent-to-plan

descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %w1 = arith.subf %w, %m1 : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @names_are_those_of_states {
  // expected-error @below {{has a storage policy for 'v', which is no field and no state of its rule, whose states are m}}
  descent.group "all" uses @rule class any storage = #descent.storage<v = bf16>
}

// -----

descent.optimizer @rule(%w: param, %g: grad, %v: row_state) {
  %r = descent.reduce sum %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %v1 = arith.addf %v, %r : tensor<?xf64, #descent.dims<rows>>
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1, %v = %v1 : tensor<?x?xf64>, tensor<?xf64, #descent.dims<rows>>
}
descent.recipe @rows_have_no_codes {
  // expected-error @below {{keeps 'v' in 8 bits, but it is one number a row: those are f32, bf16 or f16}}
  descent.group "all" uses @rule class matrix stored out_in storage = #descent.storage<v = q8>
}

// -----

descent.optimizer @rule(%w: param, %g: grad, %master: state) {
  %m1 = arith.addf %master, %g : tensor<?x?xf64>
  %w1 = arith.subf %w, %m1 : tensor<?x?xf64>
  descent.update %w = %w1, %master = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @the_master_copy_has_its_name {
  // expected-error @below {{keeps a state 'master' for its storage policy, but its rule has a 'master' too; rename that}}
  descent.group "all" uses @rule class any storage = #descent.storage<param = bf16, master = f32>
}

// -----

descent.optimizer @rule(%w: param, %g: grad) {
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @checks_are_of_the_whole_recipe {
  // expected-error @below {{has the storage policy #descent.storage<f64>, which is computed in 'f64', but its rule is computed in 'f32'; groups of one recipe are all f64 or none is}}
  descent.group "all" uses @rule class any storage = #descent.storage<f64>
}
