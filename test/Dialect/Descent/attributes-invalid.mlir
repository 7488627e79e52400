// RUN: descent-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{'#descent.newton_schulz' needs 1 to 32 steps, found 9223372036854775807}}
func.func private @f() attributes {m = #descent.newton_schulz<jordan, steps = 9223372036854775807>}

// -----

// expected-error @below {{'#descent.newton_schulz' needs 1 to 32 steps, found 0}}
func.func private @no_steps() attributes {m = #descent.newton_schulz<jordan, steps = 0>}

// -----

// expected-error @below {{'#descent.newton_schulz<you>' has coefficients for 5 steps, found 6}}
func.func private @list_ends() attributes {m = #descent.newton_schulz<you, steps = 6>}

// -----

// expected-error @below {{needs a scale from 1 to 2, so that no singular value exceeds 1, found 5.000000e-01}}
func.func private @small_scale() attributes {m = #descent.newton_schulz<jordan, scale = 0.5>}

// -----

// expected-error @below {{needs an epsilon from 0 to 1, found -1.000000e+00}}
func.func private @negative_epsilon() attributes {m = #descent.newton_schulz<jordan, epsilon = -1.0>}

// -----

// expected-error @below {{computes in bf16 or f32, found 'f16'}}
func.func private @half_precision() attributes {m = #descent.newton_schulz<jordan, compute = f16>}

// -----

// expected-error @below {{'#descent.newton_schulz<turbo>' has coefficients for 4 steps, found 5}}
func.func private @turbo_ends() attributes {m = #descent.newton_schulz<turbo, steps = 5>}

// -----

// expected-error @below {{'#descent.newton_schulz<[...]>' has coefficients for 1 steps, found 2}}
func.func private @own_list_ends() attributes {m = #descent.newton_schulz<[[1.5, -0.5, 0.0]], steps = 2>}

// -----

// expected-error @below {{a row of '#descent.newton_schulz' has three coefficients a, b and c, found 2}}
func.func private @cubic() attributes {m = #descent.newton_schulz<[[1.5, -0.5]]>}

// -----

// expected-error @below {{needs the name of a list or rows of three coefficients}}
func.func private @list_without_rows() attributes {m = #descent.newton_schulz<explicit, steps = 1>}

// -----

// expected-error @below {{needs the name of a list or rows of three coefficients}}
func.func private @steps_without_rows() attributes {m = #descent.newton_schulz<explicit, steps = 7>}

// -----

// expected-error @below {{has a safety factor for polar_express only, found 1.050000e+00}}
func.func private @safety_of_jordan() attributes {m = #descent.newton_schulz<jordan, safety = 1.05>}

// -----

// expected-error @below {{needs a safety factor from 1 to 1.2, found 9.000000e-01}}
func.func private @unsafe() attributes {m = #descent.newton_schulz<polar_express, safety = 0.9>}

// -----

// expected-error @below {{with 'precondition = aol' divides rows by their own sums; remove 'normalize' and 'scale', or the precondition}}
func.func private @aol_with_normalize() attributes {m = #descent.newton_schulz<turbo, precondition = aol, normalize = max>}

// -----

// expected-error @below {{needs restarts in order, from 1 to the last step 4, found 5}}
func.func private @restart_after_the_end() attributes {m = #descent.newton_schulz<jordan, restarts = [2, 5]>}

// -----

// expected-error @below {{needs restarts in order, from 1 to the last step 4, found 2}}
func.func private @restart_twice() attributes {m = #descent.newton_schulz<jordan, restarts = [2, 2]>}

// -----

// expected-error @below {{in bf16 needs a restart among steps 0 to 4, where rounding errors of the Gram matrix grow 2.0e+04 times, found none; at most 512 keep its eigenvalues positive. Add a restart, or say 'compute = f32'}}
func.func private @bf16_without_restart() attributes {m = #descent.newton_schulz<jordan, compute = bf16, form = gram, restarts = []>}

// -----

// What counts is the size of a slope, also of one below zero.
// expected-error @below {{in f32 needs a restart among steps 0 to 2, where rounding errors of the Gram matrix grow 1.0e+08 times, found none; at most 16777216 keep its eigenvalues positive. Add a restart, or say 'form = plain'}}
func.func private @f32_without_restart() attributes {m = #descent.newton_schulz<[[-100.0, 100.0, 0.0], [-100.0, 0.0, 0.0], [1.0, 0.0, 0.0]], compute = f32, restarts = []>}

// -----

// Nor is the slope at 0 the largest: 30 s^3 - 30 s^5 has none there.
// expected-error @below {{in f32 needs a restart among steps 0 to 4}}
func.func private @f32_steep_between() attributes {m = #descent.newton_schulz<[[0.0, 300.0, -300.0], [0.0, 300.0, 0.0], [0.0, 300.0, 0.0], [0.0, 300.0, 0.0], [1.0, 0.0, 0.0]], restarts = []>}

// -----

// expected-error @below {{unknown field 'coefficients' of '#descent.newton_schulz': expected steps, safety, precondition, normalize, scale, epsilon, compute, form or restarts}}
func.func private @unknown_field() attributes {m = #descent.newton_schulz<jordan, coefficients = 3>}

// -----

// expected-error @below {{expected one or two sides in '#descent.dims', found 3}}
func.func private @three_sides(tensor<?x?x?xf64, #descent.dims<rows, cols, long>>)

// -----

// expected-error @below {{unknown role 'weight': expected param, grad, input, state, row_state, column_state, layer_state, hyper, factor, step, updates or loss}}
descent.optimizer @unknown_role(%w: weight) {
}

// -----

// expected-error @below {{has 1 arguments but 2 roles}}
"descent.optimizer"() <{roles = [#descent.role<param, "w", value>, #descent.role<grad, "g", value>], sym_name = "f"}> ({
^bb0(%w: tensor<?x?xf64>):
  "descent.update"(%w) <{destinations = array<i64: 1>}> : (tensor<?x?xf64>) -> ()
}) : () -> ()

// -----

// expected-error @below {{requires attribute 'roles'}}
"descent.optimizer"() <{sym_name = "no_roles"}> ({
^bb0(%w: tensor<?x?xf64>):
  "descent.update"(%w) <{destinations = array<i64: 0>}> : (tensor<?x?xf64>) -> ()
}) : () -> ()

// -----

// expected-error @below {{attribute 'roles' failed to satisfy constraint: roles of the arguments}}
"descent.shared"() <{roles = [1 : i64], sym_name = "roles_are_numbers"}> ({
^bb0(%w: f64):
}) : () -> ()

// -----

// expected-error @below {{argument '%w' with role param needs type 'tensor<?x?xf64>', found 'f64'}}
"descent.optimizer"() <{roles = [#descent.role<param, "w", value>, #descent.role<grad, "g", value>], sym_name = "f"}> ({
^bb0(%w: f64, %g: tensor<?x?xf64>):
  "descent.update"(%w) <{destinations = array<i64: 0>}> : (f64) -> ()
}) : () -> ()

// -----

// expected-error @below {{failed to verify constraint: region with 1 blocks}}
"descent.optimizer"() <{roles = [], sym_name = "no_body"}> ({
}) : () -> ()

// -----

// expected-error @below {{expects a non-empty block}}
"descent.optimizer"() <{roles = [#descent.role<param, "w", value>, #descent.role<grad, "g", value>], sym_name = "f"}> ({
^bb0(%w: tensor<?x?xf64>, %g: tensor<?x?xf64>):
}) : () -> ()

// -----

"descent.optimizer"() <{roles = [#descent.role<param, "w", value>, #descent.role<grad, "g", value>], sym_name = "f"}> ({
^bb0(%w: tensor<?x?xf64>, %g: tensor<?x?xf64>):
  // expected-error @below {{has 2 destinations but 1 values}}
  "descent.update"(%g) <{destinations = array<i64: 0, 1>}> : (tensor<?x?xf64>) -> ()
}) : () -> ()

// -----

// expected-error @below {{'descent.update' op expects parent op 'descent.optimizer'}}
"descent.update"() <{destinations = array<i64>}> : () -> ()
