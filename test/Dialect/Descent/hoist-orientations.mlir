// RUN: descent-opt %s -descent-narrow -descent-hoist-orientations -canonicalize -split-input-file | FileCheck %s

// Division and rounding happen on the oriented matrix: only the rounded one is kept, though it comes first.
// CHECK-LABEL: descent.optimizer @normalized_while_it_is_oriented
// CHECK: %[[M1:.*]] = arith.addf %m, %g
// CHECK: %[[R:.*]] = arith.truncf %[[M1]]
// CHECK: %[[RX:.*]] = arith.extf %[[R]]
// CHECK: %[[S:.*]] = descent.reduce sum_squares %[[RX]]
// CHECK: %[[O:.*]] = descent.orient %[[R]] : tensor<?x?xbf16> to tensor<?x?xbf16, #descent.dims<short, long>>
// CHECK: %[[X:.*]] = arith.extf %[[O]]
// CHECK: %[[SS:.*]] = descent.broadcast %[[S]] : f64 to tensor<?x?xf32, #descent.dims<short, long>>
// CHECK: %[[Q:.*]] = arith.divf %[[X]], %[[SS]]
// CHECK: arith.truncf %[[Q]]
descent.optimizer @normalized_while_it_is_oriented(%w: param, %g: grad, %m: state) {
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %r = arith.truncf %m1 : tensor<?x?xf64> to tensor<?x?xbf16>
  %x = arith.extf %r : tensor<?x?xbf16> to tensor<?x?xf64>
  %s = descent.reduce sum_squares %x : tensor<?x?xf64> to f64
  %ss = descent.broadcast %s : f64 to tensor<?x?xf64>
  %q = arith.divf %x, %ss : tensor<?x?xf64>
  %y = arith.truncf %q : tensor<?x?xf64> to tensor<?x?xbf16>
  %o = descent.orient %y : tensor<?x?xbf16> to tensor<?x?xbf16, #descent.dims<short, long>>
  %n = arith.extf %o : tensor<?x?xbf16, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %d = descent.inner %n, %n : tensor<?x?xf64, #descent.dims<short, long>>
  %z = descent.broadcast %d : f64 to tensor<?x?xf64>
  %w1 = arith.subf %w, %z : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// What the caller has and the step leaves need not be kept at all.
// CHECK-LABEL: descent.optimizer @gradient_is_oriented_where_it_is
// CHECK: descent.orient %g : tensor<?x?xf32>
descent.optimizer @gradient_is_oriented_where_it_is(%w: param, %g: grad, %c: hyper = 2.0) {
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %x = arith.mulf %g, %cs : tensor<?x?xf64>
  %y = arith.truncf %x : tensor<?x?xf64> to tensor<?x?xbf16>
  %o = descent.orient %y : tensor<?x?xbf16> to tensor<?x?xbf16, #descent.dims<short, long>>
  %n = arith.extf %o : tensor<?x?xbf16, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %d = descent.inner %n, %n : tensor<?x?xf64, #descent.dims<short, long>>
  %z = descent.broadcast %d : f64 to tensor<?x?xf64>
  %w1 = arith.subf %w, %z : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// -----

// A state that is overwritten would have to wait for that; a matrix of more bits would be kept in place of one of fewer;
// and the sum of two would be two.
// CHECK-LABEL: descent.optimizer @kept_where_it_would_cost_more
// CHECK: %[[S:.*]] = arith.addf %m, %g
// CHECK: %[[R:.*]] = arith.truncf %[[S]]
// CHECK: descent.orient %[[R]] : tensor<?x?xbf16>
// CHECK: %[[D:.*]] = arith.negf %m
// CHECK: descent.orient %[[D]] : tensor<?x?xf32>
descent.optimizer @kept_where_it_would_cost_more(%w: param, %g: grad, %m: state) {
  %s = arith.addf %m, %g : tensor<?x?xf64>
  %r = arith.truncf %s : tensor<?x?xf64> to tensor<?x?xbf16>
  %o = descent.orient %r : tensor<?x?xbf16> to tensor<?x?xbf16, #descent.dims<short, long>>
  %e = arith.negf %m : tensor<?x?xf64>
  %p = descent.orient %e : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %n = arith.extf %o : tensor<?x?xbf16, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %q = arith.mulf %n, %p : tensor<?x?xf64, #descent.dims<short, long>>
  %d = descent.inner %q, %q : tensor<?x?xf64, #descent.dims<short, long>>
  %z = descent.broadcast %d : f64 to tensor<?x?xf64>
  %w1 = arith.subf %w, %z : tensor<?x?xf64>
  descent.update %w = %w1, %m = %s : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// One number a row is none of its other orientation.
// CHECK-LABEL: func.func @numbers_of_rows_are_kept(
// CHECK: %[[X:.*]] = arith.divf
// CHECK: descent.orient %[[X]]
func.func @numbers_of_rows_are_kept(%x: tensor<?x?xf64>, %r: tensor<?xf64, #descent.dims<rows>>)
    -> tensor<?x?xf64, #descent.dims<short, long>> {
  %rs = descent.broadcast %r : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %y = arith.divf %x, %rs : tensor<?x?xf64>
  %o = descent.orient %y : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  return %o : tensor<?x?xf64, #descent.dims<short, long>>
}
