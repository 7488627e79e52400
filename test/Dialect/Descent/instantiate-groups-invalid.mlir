// RUN: descent-opt %s -descent-instantiate-groups -split-input-file -verify-diagnostics

// expected-error @below {{needs one 'descent.recipe', found none; write one, or let}}
module {
  descent.optimizer @plain(%w: param, %g: grad) {
    descent.update %w = %g : tensor<?x?xf64>
  }
}

// -----

descent.optimizer @plain(%w: param, %g: grad) {
  descent.update %w = %g : tensor<?x?xf64>
}
// expected-note @below {{the first is '@a'}}
descent.recipe @a {
  descent.group "all" uses @plain class any
}
// expected-error @below {{is the second recipe of its module: an artifact has one}}
descent.recipe @b {
  descent.group "all" uses @plain class any
}
