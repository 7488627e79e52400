// RUN: descent-opt %s -split-input-file -verify-diagnostics -convert-descent-to-plan=storage=f64

// The published number needs the total, and the contribution needs the published number.
descent.shared @shared() {
  %n = descent.total sum @circle : f64
  descent.publish "n" = %n
}
descent.optimizer @rule(%w: param, %g: grad) {
  // expected-error @+1 {{'descent.published' op depends on itself through totals, a cycle}}
  %n = descent.published @shared "n"
  %ns = descent.broadcast %n : f64 to tensor<?x?xf64>
  %x = arith.mulf %g, %ns : tensor<?x?xf64>
  %s = descent.reduce sum %x : tensor<?x?xf64> to f64
  descent.contribute sum %s to @circle
  %w1 = arith.subf %w, %x : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @a_cycle_is_refused {
  descent.group "all" uses @rule class any
}

// -----

descent.shared @shared() {
  // expected-error @+1 {{'descent.total' op reads '@model.nothing', to which nothing contributes}}
  %n = descent.total sum @nothing : f64
  descent.publish "n" = %n
}
descent.optimizer @rule(%w: param, %g: grad) {
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @a_total_without_contributions_is_refused {
  descent.group "all" uses @rule class any
}

// -----

descent.optimizer @rule(%w: param, %g: grad) {
  // expected-error @+1 {{'descent.lmo' op has no place in a plan; lower it first ('descent-expand')}}
  %u = descent.lmo #descent.max, %g : tensor<?x?xf64>
  descent.update %w = %u : tensor<?x?xf64>
}
descent.recipe @a_norm_must_be_lowered_first {
  descent.group "all" uses @rule class any
}

// -----

descent.optimizer @rule(%w: param, %g: grad) {
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @rules_are_instantiated_first {
  descent.group "a" uses @rule class any
  // expected-error @+1 {{'descent.group' op shares its rule with another group; instantiate it first}}
  descent.group "b" uses @rule class any
}

// -----

descent.shared @first(%loss: loss) {
  // expected-note @+1 {{the first is here}}
  descent.skip_when %loss
}
descent.shared @second(%loss: loss) {
  // expected-error @+1 {{'descent.skip_when' op is the second one; add what they decide to one number}}
  descent.skip_when %loss
}
descent.optimizer @rule(%w: param, %g: grad) {
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @one_decision_to_skip {
  descent.group "all" uses @rule class any
}

// -----

descent.optimizer @rule(%w: param, %g: grad) {
  %n = descent.reduce sum %g : tensor<?x?xf64> to f64
  %a = descent.over_layers max %n in model named "t"
  // expected-error @+1 {{named "t" takes the sum, but another with this name the max}}
  %b = descent.over_layers sum %n in model named "t"
  %c = arith.addf %a, %b : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %w1 = arith.subf %w, %cs : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @a_name_means_one_total {
  descent.group "all" uses @rule class any
}

// -----

descent.shared @shared(%loss: loss) {
  // expected-note @+1 {{the first is here}}
  descent.gradient_norm %loss
  // expected-error @+1 {{'descent.gradient_norm' op is the second one; 'descent.clip_global_norm' tells one too}}
  descent.gradient_norm %loss
}
descent.optimizer @rule(%w: param, %g: grad) {
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @one_norm_is_told {
  descent.group "all" uses @rule class any
}

// -----

descent.optimizer @rule(%w: param, %g: grad) {
  %n = descent.reduce sum %g : tensor<?x?xf64> to f64
  // expected-note @+1 {{the first is here}}
  descent.nonfinite %n
  // expected-error @+1 {{'descent.nonfinite' op is the second one; 'descent.skip_nonfinite' makes one in every rule}}
  descent.nonfinite %n
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @one_number_tells_of_a_layer {
  descent.group "all" uses @rule class any
}

// -----

// expected-error @+1 {{needs one 'descent.recipe', found 0}}
module {
}
