// RUN: descent-opt %s --verify-roundtrip | FileCheck %s

descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %w1 = arith.subf %w, %m1 : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}

// A policy of the recipe, and of groups that have another.
// CHECK-LABEL: descent.recipe @policies storage = #descent.storage<bf16>
descent.recipe @policies storage = #descent.storage<param = bf16, grad = bf16, states = f32> {
  // CHECK: class any storage = #descent.storage<f64>
  descent.group "whole" uses @rule class any storage = #descent.storage<f64>
  // Fields come in any order; what is left out has its default.
  // CHECK: class any storage = #descent.storage<param = bf16, grad = bf16, states = q8<256>, m = f32, master = remainder>
  descent.group "fields" uses @rule class any storage = #descent.storage<master = remainder, m = f32, states = q8, param = bf16>
  // CHECK: storage = #descent.storage<param = f32, grad = f16, states = q8<64, unsigned>, m = bf16, rounding = stochastic>
  descent.group "codes" uses @rule class any
      storage = #descent.storage<grad = f16, states = q8<64, unsigned>, m = bf16, rounding = stochastic>
  // CHECK: storage = #descent.storage<f32>
  descent.group "nothing_new" uses @rule class any storage = #descent.storage<rounding = nearest, master = none>
}
