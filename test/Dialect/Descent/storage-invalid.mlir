// RUN: descent-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{expected f32, f64, bf16, f16 or a field such as 'param = bf16', found 'half'}}
func.func private @unknown_name() attributes {s = #descent.storage<half>}

// -----

// expected-error @below {{expected f32, bf16, f16 or f64, found 'q8'}}
func.func private @parameters_have_no_codes() attributes {s = #descent.storage<param = q8>}

// -----

// expected-error @below {{expected f32, bf16, f16, f64 or q8, found 'q4'}}
func.func private @unknown_format() attributes {s = #descent.storage<states = q4>}

// -----

// expected-error @below {{'m' is said twice in '#descent.storage'}}
func.func private @once() attributes {s = #descent.storage<m = f32, m = bf16>}

// -----

// expected-error @below {{'q8' needs blocks of 64, 128 or 256 entries, found 96}}
func.func private @blocks() attributes {s = #descent.storage<states = q8<96>>}

// -----

// expected-error @below {{f64 is for checks: parameter, gradient and states are all f64, or none is}}
func.func private @mixed() attributes {s = #descent.storage<param = f64, grad = f32>}

// -----

// expected-error @below {{a master copy in f32 is for a bf16 or f16 parameter, found param = 'f32'}}
func.func private @a_copy_of_itself() attributes {s = #descent.storage<master = f32>}

// -----

// expected-error @below {{a remainder completes a bf16 parameter to f32, found param = 'f16'}}
func.func private @a_remainder_of_f16() attributes {s = #descent.storage<param = f16, master = remainder>}

// -----

// expected-error @below {{with a remainder nothing of the parameter is lost, and no state is bf16: it takes rounding = nearest}}
func.func private @nothing_to_round() attributes {s = #descent.storage<param = bf16, master = remainder, rounding = stochastic>}

// -----

// expected-error @below {{stochastic rounding is for bf16: neither the parameter nor a state is}}
func.func private @nothing_in_bf16() attributes {s = #descent.storage<param = f16, rounding = stochastic>}
