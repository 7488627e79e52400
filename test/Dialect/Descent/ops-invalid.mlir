// RUN: descent-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{needs exactly one argument with role grad, found 2}}
descent.optimizer @optimizer_r1_two_gradients(%w: param, %g: grad, %h: grad) {
  %w1 = arith.addf %g, %h : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// -----

// expected-error @below {{needs exactly one argument with role param, found 0}}
descent.optimizer @optimizer_r1_no_parameter(%g: grad, %m: state) {
  %m1 = arith.addf %g, %m : tensor<?x?xf64>
  descent.update %m = %m1 : tensor<?x?xf64>
}

// -----

// expected-error @below {{takes at most one argument with role updates, found 2}}
descent.optimizer @optimizer_r1_two_counts(%w: param, %g: grad, %t: updates, %s: updates) {
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

// expected-error @below {{argument '%double' needs a name that C and C++ allow}}
descent.optimizer @optimizer_r2_keyword(%w: param, %g: grad, %double: hyper = 1.0) {
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

// expected-error @below {{argument '%m.1' needs a name that C and C++ allow}}
descent.optimizer @optimizer_r2_point(%w: param, %g: grad, %m.1: state) {
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

// expected-error @below {{has two arguments named '%w'}}
"descent.optimizer"() <{roles = [#descent.role<param, "w", value>, #descent.role<grad, "w", value>],
    sym_name = "optimizer_r2_twice"}> ({
^bb0(%w: tensor<?x?xf64>, %g: tensor<?x?xf64>):
  "descent.update"(%g) <{destinations = array<i64: 0>}> : (tensor<?x?xf64>) -> ()
}) : () -> ()

// -----

// expected-error @below {{grad '%g' is never read; use it or remove the argument}}
descent.optimizer @optimizer_r3_gradient_unread(%w: param, %g: grad) {
  descent.update %w = %w : tensor<?x?xf64>
}

// -----

// expected-error @below {{input '%hvp' is never read; use it or remove the argument}}
descent.optimizer @optimizer_r3_input_unread(%w: param, %g: grad, %hvp: input) {
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

// expected-error @below {{state '%m' is never read; use it or remove the argument}}
descent.optimizer @optimizer_r4_state_unread(%w: param, %g: grad, %m: state) {
  descent.update %w = %g, %m = %g : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// expected-error @below {{state '%m' is never updated; add '%m = ...' to 'descent.update'}}
descent.optimizer @optimizer_r4_state_not_updated(%w: param, %g: grad, %m: state) {
  %w1 = arith.addf %g, %m : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// -----

// expected-error @below {{param '%w' is never updated; add '%w = ...' to 'descent.update'}}
descent.optimizer @optimizer_r5_parameter_not_updated(%w: param, %g: grad, %m: state) {
  %m1 = arith.addf %g, %m : tensor<?x?xf64>
  descent.update %m = %m1 : tensor<?x?xf64>
}

// -----

// expected-error @below {{argument '%g' with role grad has an initial value, which only states have}}
descent.optimizer @optimizer_r6_gradient_with_initial_value(%w: param, %g: grad init = param) {
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

// expected-error @below {{argument '%k' with role step has a default, which only hyperparameters have}}
descent.optimizer @optimizer_r6_step_with_default(%w: param, %g: grad, %k: step = 1.0) {
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

// expected-error @below {{argument '%lr' needs a finite number}}
descent.optimizer @optimizer_r6_infinite_default(%w: param, %g: grad, %lr: hyper = 0x7FF0000000000000) {
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

// expected-error @below {{argument '%h' starts as the gradient, so its role must be state, found layer_state}}
descent.optimizer @optimizer_r6_number_as_gradient(%w: param, %g: grad, %h: layer_state init = grad) {
  descent.update %w = %g, %h = %h : tensor<?x?xf64>, f64
}

// -----

// expected-error @below {{has an argument with role model_state, which this version does not have yet; a layer_state is kept for each layer}}
descent.optimizer @optimizer_r7_model_state(%w: param, %g: grad, %s: model_state) {
  descent.update %w = %g, %s = %s : tensor<?x?xf64>, f64
}

// -----

descent.optimizer @optimizer_r8_branch(%w: param, %g: grad, %k: step, %lr: hyper = 0.1) {
  %late = arith.cmpf ogt, %k, %lr : f64
  // expected-error @below {{is not supported in a rule yet; choose between values with 'arith.select'}}
  %eta = scf.if %late -> f64 {
    scf.yield %lr : f64
  } else {
    scf.yield %k : f64
  }
  %w1 = descent.apply %w, %g, %eta : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// -----

descent.optimizer @optimizer_r8_vector(%w: param, %g: grad, %lr: hyper = 0.1) {
  // expected-error @below {{is not an operation of a rule: expected arith, math or descent}}
  %x = vector.broadcast %lr : f64 to vector<4xf64>
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

descent.optimizer @optimizer_r8_fast_math(%w: param, %g: grad) {
  // expected-error @below {{has fast-math flags, with which results would depend on the compiler; remove them}}
  %w1 = arith.subf %w, %g fastmath<fast> : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// -----

descent.optimizer @optimizer_r8_arithmetic_in_bf16(%w: param, %g: grad) {
  %x = arith.truncf %g : tensor<?x?xf64> to tensor<?x?xbf16>
  // expected-error @below {{computes with bf16, which only rounds values between products; extend to f64 first}}
  %y = arith.addf %x, %x : tensor<?x?xbf16>
  %z = arith.extf %y : tensor<?x?xbf16> to tensor<?x?xf64>
  descent.update %w = %z : tensor<?x?xf64>
}

// -----

descent.optimizer @optimizer_r9_integer(%w: param, %g: grad, %k: step) {
  // expected-error @below {{gives a value of type 'i64': values of a rule are f64, i1, or tensors of dynamic sizes}}
  %i = arith.fptosi %k : f64 to i64
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

descent.optimizer @optimizer_r9_static_shape(%w: param, %g: grad) {
  // expected-error @below {{gives a value of type 'tensor<2xf64>'}}
  %x = arith.constant dense<1.0> : tensor<2xf64>
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

descent.optimizer @optimizer_r10_report_twice(%w: param, %g: grad, %lr: hyper = 0.1) {
  descent.report "rate" = %lr
  // expected-error @below {{reports "rate" a second time}}
  descent.report "rate" = %lr
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

descent.optimizer @report_r1_name_with_a_blank(%w: param, %g: grad, %lr: hyper = 0.1) {
  // expected-error @below {{needs a name that C and C++ allow, found "the rate"}}
  descent.report "the rate" = %lr
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

// expected-error @below {{takes arguments with role step, loss or hyper, found state}}
descent.shared @shared_r1_state(%m: state) {
  %c = arith.constant 1.0 : f64
}

// -----

descent.shared @shared_r2_published_twice(%k: step) {
  descent.publish "a" = %k
  // expected-error @below {{publishes "a" a second time}}
  descent.publish "a" = %k
}

// -----

descent.shared @shared_r3_size(%k: step) {
  // expected-error @below {{is not an operation of a shared body: expected arith or math on numbers}}
  %n = descent.size rows
  descent.publish "a" = %n
}

// -----

descent.shared @shared_r3_tensor(%k: step) {
  // expected-error @below {{is not an operation of a shared body: expected arith or math on numbers}}
  %x = arith.constant dense<1.0> : tensor<2xf64>
}

// -----

descent.optimizer @update_r1_gradient(%w: param, %g: grad) {
  // expected-error @below {{updates '%g' with role grad; only the parameter and states can be updated}}
  descent.update %w = %g, %g = %w : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

descent.optimizer @update_r1_twice(%w: param, %g: grad) {
  // expected-error @below {{updates '%w' twice}}
  descent.update %w = %g, %w = %g : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

"descent.optimizer"() <{roles = [#descent.role<param, "w", value>, #descent.role<grad, "g", value>],
    sym_name = "update_r1_no_such_argument"}> ({
^bb0(%w: tensor<?x?xf64>, %g: tensor<?x?xf64>):
  // expected-error @below {{updates argument 7, which the rule does not have}}
  "descent.update"(%g) <{destinations = array<i64: 7>}> : (tensor<?x?xf64>) -> ()
}) : () -> ()

// -----

descent.optimizer @update_r1_no_argument(%w: param, %g: grad) {
  %x = arith.addf %w, %g : tensor<?x?xf64>
  // expected-error @below {{'%x' is not an argument of the rule: only the parameter and states can be updated}}
  descent.update %x = %g : tensor<?x?xf64>
}

// -----

// In the custom syntax of @update_r2_other_type, a destination and its value share a type.
"descent.optimizer"() <{roles = [#descent.role<param, "w", value>, #descent.role<grad, "g", value>],
    sym_name = "update_r2_other_type"}> ({
^bb0(%w: tensor<?x?xf64>, %g: tensor<?x?xf64>):
  %n = "descent.reduce"(%g) <{kind = 0 : i32}> : (tensor<?x?xf64>) -> f64
  // expected-error @below {{stores a value of type 'f64' in '%w', which has type 'tensor<?x?xf64>'}}
  "descent.update"(%n) <{destinations = array<i64: 0>}> : (f64) -> ()
}) : () -> ()

// -----

func.func @norm_r1_spectral_norm_has_no_formula(%x: tensor<?x?xf64>) {
  // expected-error @below {{norm '#descent.spectral' has no formula for its norm}}
  %n = descent.norm #descent.spectral, %x : tensor<?x?xf64>
  return
}

// -----

func.func @dual_norm_r1_method_for_directions(%x: tensor<?x?xf64>) {
  // expected-error @below {{which is accurate for directions only; use polar_express with 8 steps in f32, or say 'approximate = true'}}
  %n = descent.dual_norm #descent.spectral<dual = #descent.newton_schulz<jordan>>, %x : tensor<?x?xf64>
  return
}

// -----

func.func @project_r1_l1_needs_sorting(%x: tensor<?x?xf64>, %radius: f64) {
  // expected-error @below {{norm '#descent.l1' has no formula for its projection with a fixed number of operations}}
  %p = descent.project #descent.l1, %x, %radius : tensor<?x?xf64>
  return
}

// -----

func.func @lmo_of_one_number_a_row(%x: tensor<?xf64, #descent.dims<rows>>) {
  // expected-error @below {{operand #0 must be tensor shaped like the parameter, of 64-bit float or 32-bit float or bfloat16 type values, but got 'tensor<?xf64, #descent.dims<rows>>'}}
  %u = descent.lmo #descent.l2, %x : tensor<?xf64, #descent.dims<rows>>
  return
}

// -----

func.func @reduction_of_a_static_shape(%x: tensor<4x4xf64>) {
  // expected-error @below {{operand #0 must be tensor of dynamic sizes, shaped like the parameter or with '#descent.dims'}}
  %u = descent.reduce sum %x : tensor<4x4xf64> to f64
  return
}

// -----

func.func @broadcast_r1_other_side(%x: tensor<?xf64, #descent.dims<short>>) {
  // expected-error @below {{needs f64 or one number a row or column of 'tensor<?x?xf64>', found 'tensor<?xf64, #descent.dims<short>>'}}
  %u = descent.broadcast %x : tensor<?xf64, #descent.dims<short>> to tensor<?x?xf64>
  return
}

// -----

func.func @broadcast_r1_square_has_two_sides_of_one_name(%x: tensor<?xf64, #descent.dims<short>>) {
  // expected-error @below {{needs f64 or one number a row or column of}}
  %u = descent.broadcast %x : tensor<?xf64, #descent.dims<short>> to tensor<?x?xf64, #descent.dims<short, short>>
  return
}

// -----

func.func @reduce_r1_matrix(%x: tensor<?x?xf64>) {
  // expected-error @below {{needs f64 or one number a row or column of 'tensor<?x?xf64>', found 'tensor<?x?xf64>'}}
  %u = descent.reduce sum %x : tensor<?x?xf64> to tensor<?x?xf64>
  return
}

// -----

func.func @orient_r1_long_side_first(%x: tensor<?x?xf64>) {
  // expected-error @below {{goes between a tensor shaped like the parameter and '#descent.dims<short, long>' of the same element type}}
  %y = descent.orient %x : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<long, short>>
  return
}

// -----

func.func @orient_r1_other_element_type(%x: tensor<?x?xf64>) {
  // expected-error @below {{goes between a tensor shaped like the parameter and '#descent.dims<short, long>' of the same element type}}
  %y = descent.orient %x : tensor<?x?xf64> to tensor<?x?xf32, #descent.dims<short, long>>
  return
}

// -----

func.func @product_r1_inner_sides_differ(%x: tensor<?x?xf64>) {
  // expected-error @below {{cannot multiply 'tensor<?x?xf64>' by 'tensor<?x?xf64>' to 'tensor<?x?xf64>'}}
  %y = descent.product %x, %x : tensor<?x?xf64>, tensor<?x?xf64> to tensor<?x?xf64>
  return
}

// -----

func.func @product_r2_not_square(%x: tensor<?x?xf64, #descent.dims<rows, rows>>, %y: tensor<?x?xf64>) {
  // expected-error @below {{is marked symmetric, but its result 'tensor<?x?xf64>' is not square}}
  %z = descent.product %x, %y symmetric : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64> to tensor<?x?xf64>
  return
}

// -----

descent.optimizer @over_layers_r1_name_of_a_group(%w: param, %g: grad, %lr: hyper = 0.1) {
  // expected-error @below {{has the name "all", but only a reduction in model has one; this is in group}}
  %a = descent.over_layers max %lr in group named "all"
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

descent.shared @total_r1_other_kind(%k: step) {
  // expected-error @below {{takes the max of '@t', but a rule contributes to its sum}}
  %t = descent.total max @t : f64
}
descent.optimizer @contributor(%w: param, %g: grad, %lr: hyper = 0.1) {
  // expected-note @below {{it contributes here}}
  descent.contribute sum %lr to @t
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

descent.optimizer @published_r1_no_such_body(%w: param, %g: grad) {
  // expected-error @below {{asks '@guard', which is no 'descent.shared' of this module}}
  %s = descent.published @guard "scale"
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

descent.shared @guard(%k: step) {
  descent.publish "limit" = %k
}
descent.optimizer @published_r1_no_such_name(%w: param, %g: grad) {
  // expected-error @below {{asks for "scale", which '@guard' does not publish}}
  %s = descent.published @guard "scale"
  descent.update %w = %g : tensor<?x?xf64>
}

// -----

func.func @identity_r1_of_a_wide_matrix() {
  // expected-error @below {{is square, found 'tensor<?x?xf64, #descent.dims<short, long>>'}}
  %i = descent.identity : tensor<?x?xf64, #descent.dims<short, long>>
  return
}

// -----

func.func @choose_r1_same_names(%x: f64, %y: f64) -> f64 {
  // expected-error @below {{needs two alternatives or more with a name of its own each, found 2 and names ["plain", "plain"]}}
  %z = descent.choose ["plain", "plain"](%x, %y) : f64
  return %z : f64
}

// -----

func.func @choose_r1_one_alternative(%x: f64) -> f64 {
  // expected-error @below {{needs two alternatives or more with a name of its own each, found 1 and names ["plain"]}}
  %z = descent.choose ["plain"](%x) : f64
  return %z : f64
}
