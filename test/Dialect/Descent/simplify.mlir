// RUN: descent-opt %s -descent-simplify -split-input-file | FileCheck %s

// lmo(2 x) = lmo(x)
// CHECK-LABEL: func.func @lmo_ignores_a_positive_factor(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK-NEXT: %[[U:.*]] = descent.lmo #descent.max, %[[X]]
// CHECK-NEXT: return %[[U]]
func.func @lmo_ignores_a_positive_factor(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant 2.0 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// The method adds 1e-7 to the norm that it divides by.
// CHECK-LABEL: func.func @factor_under_an_epsilon_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.lmo #descent.spectral, %[[CX]]
func.func @factor_under_an_epsilon_is_kept(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant 2.0 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.spectral, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// Without an epsilon the method does ignore the factor.
// CHECK-LABEL: func.func @factor_without_an_epsilon_is_dropped(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK-NEXT: descent.lmo #descent.spectral<{{.*}}>, %[[X]]
func.func @factor_without_an_epsilon_is_dropped(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant 2.0 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %cs, %x : tensor<?x?xf64>
  %u = descent.lmo #descent.spectral<lmo = <jordan, epsilon = 0.0>>, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @negative_factor_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.lmo #descent.max, %[[CX]]
func.func @negative_factor_is_kept(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant -2.0 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// A zero, a NaN or a negative number may come at run time.
// CHECK-LABEL: func.func @unknown_factor_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.lmo #descent.max, %[[CX]]
func.func @unknown_factor_is_kept(%x: tensor<?x?xf64>, %c: f64) -> tensor<?x?xf64> {
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// An average is stored: its scale is what a checkpoint holds, and what the next gradients meet.
// CHECK-LABEL: descent.optimizer @clip_inside_an_average_is_kept
// CHECK: %[[HALF:.*]] = arith.mulf %g
// CHECK: %[[M1:.*]] = descent.momentum ema %m, %[[HALF]], %beta
// CHECK: descent.lmo #descent.max, %[[M1]]
// CHECK: descent.update %w = %{{.*}}, %m = %[[M1]]
descent.optimizer @clip_inside_an_average_is_kept(%w: param, %g: grad, %m: state, %lr: hyper = 0.1, %beta: hyper = 0.9) {
  %c = arith.constant 0.5 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %half = arith.mulf %g, %cs : tensor<?x?xf64>
  %m1 = descent.momentum ema %m, %half, %beta : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %m1 : tensor<?x?xf64>
  %w1 = descent.apply %w, %u, %lr : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// The product is stored as it is; only the oracle sees the state without the factor.
// CHECK-LABEL: descent.optimizer @scaled_state_is_stored_scaled
// CHECK: %[[M1:.*]] = arith.mulf
// CHECK: descent.lmo #descent.max, %g
// CHECK: descent.update %w = %{{.*}}, %m = %[[M1]]
descent.optimizer @scaled_state_is_stored_scaled(%w: param, %g: grad, %m: state, %lr: hyper = 0.1) {
  %c = arith.constant 0.5 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %m1 = arith.mulf %g, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %m1 : tensor<?x?xf64>
  %x = arith.addf %u, %m : tensor<?x?xf64>
  %w1 = descent.apply %w, %x, %lr : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}

// -----

// What follows from sizes and constants is known to be positive.
// CHECK-LABEL: func.func @factor_known_to_be_positive_is_dropped(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x?xf64>
// CHECK: descent.lmo #descent.l2, %[[X]]
func.func @factor_known_to_be_positive_is_dropped(%x: tensor<?x?xf64>, %a: i1) -> tensor<?x?xf64> {
  %n = descent.size rows
  %two = arith.constant 2.0 : f64
  %third = arith.constant -0.3333 : f64
  %most = arith.maximumf %n, %two : f64
  %s = arith.addf %n, %two : f64
  %q = arith.divf %n, %s : f64
  %r = math.sqrt %q : f64
  %p = math.powf %most, %third : f64
  %least = arith.minimumf %r, %p : f64
  %either = arith.select %a, %least, %two : f64
  %c = arith.mulf %either, %two : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.divf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.l2, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// Clipping: the factor is 0 where the norm is infinite, and the LMO of 0 is 0.
// CHECK-LABEL: func.func @quotient_that_may_be_zero_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf {{.*}} : tensor
// CHECK: descent.lmo #descent.max, %[[CX]]
func.func @quotient_that_may_be_zero_is_kept(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %one = arith.constant 1.0 : f64
  %eps = arith.constant 1.0e-6 : f64
  %n = descent.norm #descent.l2, %x : tensor<?x?xf64>
  %d = arith.addf %n, %eps : f64
  %q = arith.divf %one, %d : f64
  %c = arith.minimumf %q, %one : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// Of a hyperparameter, that is: exp(-1000) is 0.
// CHECK-LABEL: func.func @exponential_that_may_be_zero_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf {{.*}} : tensor
// CHECK: descent.lmo #descent.max, %[[CX]]
func.func @exponential_that_may_be_zero_is_kept(%x: tensor<?x?xf64>, %a: f64) -> tensor<?x?xf64> {
  %c = math.exp %a : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// Entries are f32: there the factor is 0.
// CHECK-LABEL: func.func @factor_below_the_least_number_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf {{.*}} : tensor
// CHECK: descent.lmo #descent.max, %[[CX]]
func.func @factor_below_the_least_number_is_kept(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %c = arith.constant 1.0e-50 : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.max, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// A norm is zero at zero, and a square may be.
// CHECK-LABEL: func.func @factor_that_may_be_zero_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf {{.*}} : tensor
// CHECK: descent.lmo #descent.l2, %[[CX]]
func.func @factor_that_may_be_zero_is_kept(%x: tensor<?x?xf64>, %a: f64) -> tensor<?x?xf64> {
  %n = descent.norm #descent.l2, %x : tensor<?x?xf64>
  %aa = arith.mulf %a, %a : f64
  %c = arith.addf %n, %aa : f64
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.l2, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// Scale is lost on every row by itself, but the factor of a row is not one of the matrix.
// CHECK-LABEL: func.func @factor_of_rows_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.lmo #descent.l2, %[[CX]]
func.func @factor_of_rows_is_kept(%x: tensor<?x?xf64>, %a: tensor<?xf64, #descent.dims<rows>>) -> tensor<?x?xf64> {
  %e = math.exp %a : tensor<?xf64, #descent.dims<rows>>
  %cs = descent.broadcast %e : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %u = descent.lmo #descent.l2, %cx : tensor<?x?xf64>
  return %u : tensor<?x?xf64>
}

// -----

// dual_norm(c x) = |c| dual_norm(x)
// CHECK-LABEL: func.func @factor_of_a_dual_norm_is_taken_out(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x?xf64>, %[[C:[a-z0-9]*]]: f64)
// CHECK-DAG: %[[A:.*]] = math.absf %[[C]]
// CHECK-DAG: %[[D:.*]] = descent.dual_norm #descent.max, %[[X]]
// CHECK: arith.mulf %[[D]], %[[A]]
func.func @factor_of_a_dual_norm_is_taken_out(%x: tensor<?x?xf64>, %c: f64) -> f64 {
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %d = descent.dual_norm #descent.max, %cx : tensor<?x?xf64>
  return %d : f64
}

// -----

// The method adds an epsilon to what it divides by.
// CHECK-LABEL: func.func @factor_of_a_dual_norm_with_an_epsilon_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.dual_norm #descent.spectral<{{.*}}>, %[[CX]]
func.func @factor_of_a_dual_norm_with_an_epsilon_is_kept(%x: tensor<?x?xf64>, %c: f64) -> f64 {
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %d = descent.dual_norm #descent.spectral<dual = <polar_express, steps = 8, epsilon = 1.0e-7>>, %cx : tensor<?x?xf64>
  return %d : f64
}

// -----

// sum((x / c)^2) = sum(x^2) / c^2, also where one number a row is kept
// CHECK-LABEL: func.func @factor_of_a_sum_is_taken_out(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x?xf64>, %[[C:[a-z0-9]*]]: f64, %[[R:[a-z0-9]*]]: tensor<?xf64
// CHECK: %[[S:.*]] = descent.reduce sum_squares %[[X]] {{.*}} to f64
// CHECK: %[[T:.*]] = arith.divf %[[S]], %[[C]]
// CHECK: %[[U:.*]] = arith.divf %[[T]], %[[C]]
// CHECK: %[[ROWS:.*]] = descent.reduce sum %[[X]] {{.*}} to tensor<?xf64, #descent.dims<rows>>
// CHECK: %[[V:.*]] = arith.mulf %[[ROWS]], %[[R]]
// CHECK: return %[[U]], %[[V]]
func.func @factor_of_a_sum_is_taken_out(%x: tensor<?x?xf64>, %c: f64, %r: tensor<?xf64, #descent.dims<rows>>)
    -> (f64, tensor<?xf64, #descent.dims<rows>>) {
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.divf %x, %cs : tensor<?x?xf64>
  %s = descent.reduce sum_squares %cx : tensor<?x?xf64> to f64
  %rs = descent.broadcast %r : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %rx = arith.mulf %x, %rs : tensor<?x?xf64>
  %t = descent.reduce sum %rx : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  return %s, %t : f64, tensor<?xf64, #descent.dims<rows>>
}

// -----

// The largest entry of a multiple is not the multiple of the largest entry; the factor of a row does change from one
// entry of a column to the next.
// CHECK-LABEL: func.func @factor_of_other_reductions_is_kept(
// CHECK: %[[CX:.*]] = arith.mulf
// CHECK: descent.reduce max %[[CX]]
// CHECK: %[[RX:.*]] = arith.mulf
// CHECK: descent.reduce sum %[[RX]]
func.func @factor_of_other_reductions_is_kept(%x: tensor<?x?xf64>, %c: f64, %r: tensor<?xf64, #descent.dims<rows>>)
    -> (f64, tensor<?xf64, #descent.dims<cols>>) {
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64>
  %cx = arith.mulf %x, %cs : tensor<?x?xf64>
  %s = descent.reduce max %cx : tensor<?x?xf64> to f64
  %rs = descent.broadcast %r : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %rx = arith.mulf %x, %rs : tensor<?x?xf64>
  %t = descent.reduce sum %rx : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
  return %s, %t : f64, tensor<?xf64, #descent.dims<cols>>
}

// -----

// sum((x / z)^2) = sum of rowsum(x^2) / z^2, and sum(x^2) = sum of rowsum(x^2): no second pass over x.
// CHECK-LABEL: func.func @sums_of_rows_serve_the_whole(
// CHECK: %[[ROWS:.*]] = descent.reduce sum_squares %{{.*}} to tensor<?xf64, #descent.dims<rows>>
// CHECK: %[[Z:.*]] = math.sqrt %[[ROWS]]
// CHECK: %[[A:.*]] = arith.divf %[[ROWS]], %[[Z]]
// CHECK: %[[B:.*]] = arith.divf %[[A]], %[[Z]]
// CHECK: descent.reduce sum %[[B]]
// CHECK: descent.reduce sum %[[ROWS]]
// CHECK-NOT: descent.reduce
func.func @sums_of_rows_serve_the_whole(%x: tensor<?x?xf64>) -> (f64, f64) {
  %rows = descent.reduce sum_squares %x : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %z = math.sqrt %rows : tensor<?xf64, #descent.dims<rows>>
  %zs = descent.broadcast %z : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %q = arith.divf %x, %zs : tensor<?x?xf64>
  %s = descent.reduce sum_squares %q : tensor<?x?xf64> to f64
  %n = descent.reduce sum_squares %x : tensor<?x?xf64> to f64
  return %s, %n : f64, f64
}

// -----

// Without the sums of rows there is nothing to save; sums are none of squares; the numbers of columns are none of rows.
// CHECK-LABEL: func.func @sums_of_rows_that_are_not_there(
// CHECK: %[[Q:.*]] = arith.divf
// CHECK: descent.reduce sum_squares %[[Q]]
func.func @sums_of_rows_that_are_not_there(%x: tensor<?x?xf64>, %z: tensor<?xf64, #descent.dims<rows>>)
    -> (f64, tensor<?xf64, #descent.dims<rows>>, tensor<?xf64, #descent.dims<cols>>) {
  %sums = descent.reduce sum %x : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %cols = descent.reduce sum_squares %x : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
  %zs = descent.broadcast %z : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %q = arith.divf %x, %zs : tensor<?x?xf64>
  %s = descent.reduce sum_squares %q : tensor<?x?xf64> to f64
  return %s, %sums, %cols : f64, tensor<?xf64, #descent.dims<rows>>, tensor<?xf64, #descent.dims<cols>>
}

// -----

// What reduces a whole matrix does not mind its orientation.
// CHECK-LABEL: func.func @whole_is_reduced_as_it_lies(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x?xf64>, %[[Y:[a-z0-9]*]]: tensor<?x?xf64, #descent.dims<short, long>>)
// CHECK: %[[T:.*]] = descent.orient %[[X]]
// CHECK: descent.reduce max %[[Y]]
// CHECK: descent.inner %[[Y]], %[[T]]
func.func @whole_is_reduced_as_it_lies(%x: tensor<?x?xf64>, %y: tensor<?x?xf64, #descent.dims<short, long>>)
    -> (f64, f64, tensor<?x?xf64, #descent.dims<short, long>>) {
  %t = descent.orient %x : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %o = descent.orient %y : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  %m = descent.reduce max %o : tensor<?x?xf64> to f64
  %d = descent.inner %x, %o : tensor<?x?xf64>
  return %m, %d, %t : f64, f64, tensor<?x?xf64, #descent.dims<short, long>>
}

// -----

// Rows are rows of one orientation; and without an orientation of the other matrix none is made.
// CHECK-LABEL: func.func @orientation_that_matters_is_kept(
// CHECK: %[[O:.*]] = descent.orient
// CHECK: descent.reduce sum %[[O]]
// CHECK: descent.inner %{{.*}}, %[[O]] : tensor<?x?xf64>
func.func @orientation_that_matters_is_kept(%x: tensor<?x?xf64>, %y: tensor<?x?xf64, #descent.dims<short, long>>)
    -> (tensor<?xf64, #descent.dims<rows>>, f64) {
  %o = descent.orient %y : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  %r = descent.reduce sum %o : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %d = descent.inner %x, %o : tensor<?x?xf64>
  return %r, %d : tensor<?xf64, #descent.dims<rows>>, f64
}
