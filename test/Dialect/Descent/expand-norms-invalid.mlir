// RUN: descent-opt %s -descent-expand-norms -verify-diagnostics

func.func @given_norm_has_no_formula(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  // expected-error @below {{has norm '#descent.given', which has no formula; a group's norm takes its place in descent-instantiate-groups}}
  %u = descent.lmo #descent.given, %x : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}
