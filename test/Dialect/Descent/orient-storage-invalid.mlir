// RUN: descent-opt %s -descent-orient-storage -split-input-file -verify-diagnostics

descent.optimizer @product_by_a_transpose(%w: param, %g: grad) {
  // expected-error @below {{has no form for a group stored in_out: it multiplies by a transpose, or mixes rows or columns with short or long}}
  %l = descent.product %g, %g transposed symmetric : tensor<?x?xf64>, tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<rows, rows>>
  %x = descent.product %l, %w : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64> to tensor<?x?xf64>
  descent.update %w = %x : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "all" uses @product_by_a_transpose class matrix stored in_out
}

// -----

descent.optimizer @mixed_sides(%w: param, %g: grad, %lr: hyper = 0.1) {
  %p = descent.broadcast %lr : f64 to tensor<?x?xf64, #descent.dims<rows, short>>
  %y = descent.orient %g : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  // expected-error @below {{has no form for a group stored in_out}}
  %z = descent.product %p, %y : tensor<?x?xf64, #descent.dims<rows, short>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<rows, long>>
  %n = descent.reduce sum %z : tensor<?x?xf64, #descent.dims<rows, long>> to f64
  %w1 = descent.apply %w, %g, %n : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "all" uses @mixed_sides class matrix stored in_out
}
