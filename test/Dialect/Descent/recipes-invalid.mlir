// RUN: descent-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{needs at least one 'descent.group'}}
descent.recipe @recipe_r1_empty {
  descent.skip_nonfinite
}

// -----

descent.optimizer @plain(%w: param, %g: grad) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @recipe_r1_name_of_another {
  descent.group "a" uses @plain class any
  // expected-error @below {{has the name "a" of another group}}
  descent.group "a" uses @plain class any
}

// -----

descent.optimizer @plain(%w: param, %g: grad) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @recipe_r1_keyword {
  // expected-error @below {{needs a name that C and C++ allow, found "default"}}
  descent.group "default" uses @plain class any
}

// -----

descent.optimizer @plain(%w: param, %g: grad) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @recipe_r2_clipping_twice {
  descent.group "a" uses @plain class any
  descent.clip_global_norm 1.0
  // expected-error @below {{is said twice in recipe '@recipe_r2_clipping_twice'}}
  descent.clip_global_norm 2.0
}

// -----

descent.optimizer @plain(%w: param, %g: grad) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @recipe_r2_other_operation {
  descent.group "a" uses @plain class any
  // expected-error @below {{is not part of a recipe: expected 'descent.group', 'descent.clip_global_norm' or 'descent.skip_nonfinite'}}
  %c = arith.constant 1.0 : f64
}

// -----

descent.optimizer @plain(%w: param, %g: grad) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @clip_global_norm_r1_negative {
  descent.group "a" uses @plain class any
  // expected-error @below {{needs a positive finite limit, found -1}}
  descent.clip_global_norm -1.0
}

// -----

descent.recipe @group_r1_no_such_rule {
  // expected-error @below {{uses '@plain', which is no 'descent.optimizer' of this module}}
  descent.group "a" uses @plain class any
}

// -----

descent.optimizer @plain(%w: param, %g: grad, %lr: hyper = 0.1, %beta: hyper = 0.9) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @group_r2_unknown_hyperparameter {
  // expected-error @below {{sets 'betas', but the hyperparameters of '@plain' are lr beta}}
  descent.group "a" uses @plain class any {betas = 0.9}
}

// -----

descent.optimizer @plain(%w: param, %g: grad, %lr: hyper = 0.1) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @group_r2_no_number {
  // expected-error @below {{needs a finite number for 'lr', found "high"}}
  descent.group "a" uses @plain class any {lr = "high"}
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @group_r3_norm_is_missing {
  // expected-error @below {{needs 'norm = ...': rule '@steepest' uses '#descent.given'}}
  descent.group "a" uses @steepest class any
}

// -----

descent.optimizer @plain(%w: param, %g: grad) {
  descent.update %w = %g : tensor<?x?xf64>
}
descent.recipe @group_r3_norm_is_unused {
  // expected-error @below {{gives a norm, but rule '@plain' does not use '#descent.given'}}
  descent.group "a" uses @plain norm = #descent.l2 class any
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @group_r4_vector_has_no_spectral_norm {
  // expected-error @below {{cannot use rule '@steepest': norm '#descent.spectral' needs a group of class matrix, but the group has class vector}}
  descent.group "a" uses @steepest norm = #descent.spectral class vector
}

// -----

descent.optimizer @polar(%w: param, %g: grad) {
  %u = descent.orthogonalize #descent.newton_schulz<you>, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @group_r4_vector_has_no_polar_factor {
  // expected-error @below {{cannot use rule '@polar': 'descent.orthogonalize' needs a group of class matrix, but the group has class any}}
  descent.group "a" uses @polar class any
}

// -----

descent.optimizer @measured(%w: param, %g: grad) {
  %d = descent.dual_norm #descent.given, %g : tensor<?x?xf64>
  %w1 = descent.apply %w, %g, %d : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @group_r4_dual_norm_is_not_accurate {
  // expected-error @below {{cannot use rule '@measured': norm '#descent.spectral<dual = <jordan, steps = 5, normalize = add, scale = 1.000000e+00, epsilon = 9.9999999999999995E-8, form = auto, restarts = [3]>>' would compute a dual norm}}
  descent.group "a" uses @measured norm = #descent.spectral<dual = <jordan>> class matrix
}

// -----

descent.optimizer @steepest(%w: param, %g: grad) {
  %u = descent.lmo #descent.given, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @group_r5_norm_has_an_orientation {
  // expected-error @below {{needs 'stored out_in' or 'stored in_out': rule '@steepest' depends on which axis is the output}}
  descent.group "a" uses @steepest norm = #descent.rms_to_rms class matrix
}

// -----

descent.optimizer @by_outputs(%w: param, %g: grad, %lr: hyper = 0.1) {
  %n = descent.size rows
  %eta = arith.divf %lr, %n : f64
  %w1 = descent.apply %w, %g, %eta : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @group_r5_size_has_an_orientation {
  // A vector is one row; only a matrix can lie the other way.
  descent.group "a" uses @by_outputs class vector
  // expected-error @below {{needs 'stored out_in' or 'stored in_out': rule '@by_outputs' depends on which axis is the output}}
  descent.group "b" uses @by_outputs class any
}

// -----

descent.optimizer @damped(%w: param, %g: grad, %v: row_state) {
  %vs = descent.broadcast %v : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %w1 = arith.divf %g, %vs : tensor<?x?xf64>
  descent.update %w = %w1, %v = %v : tensor<?x?xf64>, tensor<?xf64, #descent.dims<rows>>
}
descent.recipe @group_r5_row_state_has_an_orientation {
  // expected-error @below {{needs 'stored out_in' or 'stored in_out': rule '@damped' depends on which axis is the output}}
  descent.group "a" uses @damped class matrix
}

// -----

descent.optimizer @tuned(%w: param, %g: grad, %lr: hyper) {
  %w1 = descent.apply %w, %g, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @group_r6_no_default {
  descent.group "a" uses @tuned class any {lr = 1.0}
  // expected-error @below {{needs a value for hyperparameter 'lr' of '@tuned', which has no default}}
  descent.group "b" uses @tuned class any
}
