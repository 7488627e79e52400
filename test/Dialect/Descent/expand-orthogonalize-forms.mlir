// RUN: descent-opt %s -descent-expand-orthogonalize -cse -split-input-file | FileCheck %s
// RUN: not descent-opt %s -descent-expand-orthogonalize=form=wide 2>&1 | FileCheck %s --check-prefix=REFUSED
// REFUSED: error: expected form=auto, form=plain or form=gram, found 'wide'

// Two steps share a Gram matrix: Q = (a I + Z) and R = (a I + Z) R (a I + Z), then Q (a I + Z), then Q Y. All products
// but the first and the last are of square matrices, and symmetric.
// CHECK-LABEL: func.func @gram_form_of_two_steps(
// CHECK: %[[Y:.*]] = descent.orient
// CHECK: %[[R:.*]] = descent.product %[[Y]], %[[Y]] transposed symmetric
// CHECK: %[[RR:.*]] = descent.product %[[R]], %[[R]] symmetric
// CHECK: %[[Z:.*]] = arith.addf
// CHECK: %[[I:.*]] = descent.identity : tensor<?x?xf64, #descent.dims<short, short>>
// CHECK: %[[AI:.*]] = arith.mulf %[[I]],
// CHECK: %[[Q:.*]] = arith.addf %[[Z]], %[[AI]]
// CHECK: %[[RZ:.*]] = descent.product %[[R]], %[[Z]] symmetric
// CHECK: %[[T:.*]] = arith.addf %{{.*}}, %[[RZ]]
// CHECK: %[[ZT:.*]] = descent.product %[[Z]], %[[T]] symmetric
// CHECK: %[[R1:.*]] = arith.addf %{{.*}}, %[[ZT]]
// CHECK: descent.product %[[R1]], %[[R1]] symmetric
// CHECK: %[[Z1:.*]] = arith.addf
// CHECK: %[[QZ:.*]] = descent.product %[[Q]], %[[Z1]] symmetric
// CHECK: %[[Q1:.*]] = arith.addf %{{.*}}, %[[QZ]]
// CHECK: %[[O:.*]] = descent.product %[[Q1]], %[[Y]] : {{.*}} to tensor<?x?xf64, #descent.dims<short, long>>
// CHECK-NOT: descent.product
// CHECK: descent.orient %[[O]]
func.func @gram_form_of_two_steps(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<jordan, steps = 2, form = gram>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// Both forms share the orientation and the first Gram matrix and polynomial: 6 products of the plain form, 7 of the
// Gram form, two of them the same. One alternative is oriented back.
// CHECK-LABEL: func.func @both_forms_share_what_they_can(
// CHECK-COUNT-1: descent.orient %{{.*}} : tensor<?x?xf64> to
// CHECK-COUNT-11: descent.product
// CHECK-NOT: descent.product
// CHECK: %[[O:.*]] = descent.choose ["plain", "gram"](
// CHECK-NEXT: descent.orient %[[O]]
func.func @both_forms_share_what_they_can(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<jordan, steps = 2>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// A block of one step is a step of the plain form.
// CHECK-LABEL: func.func @no_choice_where_every_step_restarts(
// CHECK-NOT: descent.choose
// CHECK-NOT: descent.identity
func.func @no_choice_where_every_step_restarts(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<cans, steps = 5, compute = bf16>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// <x, polar(x)> in the Gram form, <Q, X Y^T>: of three blocks, two end with a wide product, and the third with a Gram
// product. Nothing is oriented back.
// CHECK-LABEL: func.func @nuclear_norm_needs_no_polar_factor(
// CHECK: %[[DIVISOR:.*]] = arith.addf
// CHECK: %[[X:.*]] = descent.orient
// CHECK-COUNT-2: descent.product {{.*}} to tensor<?x?xf64, #descent.dims<short, long>>
// CHECK-NOT: to tensor<?x?xf64, #descent.dims<short, long>>
// CHECK: %[[XY:.*]] = descent.product %[[X]], %{{.*}} transposed symmetric
// CHECK: %[[INNER:.*]] = descent.inner %{{.*}}, %[[XY]] : tensor<?x?xf64, #descent.dims<short, short>>
// CHECK: %[[NORM:.*]] = arith.mulf %[[INNER]], %[[DIVISOR]] : f64
// CHECK: return %[[NORM]]
func.func @nuclear_norm_needs_no_polar_factor(%x: tensor<?x?xf64>) -> f64 {
  %o = descent.orthogonalize #descent.newton_schulz<polar_express, steps = 8>, %x : tensor<?x?xf64>
  %n = descent.inner %x, %o : tensor<?x?xf64>
  return %n : f64
}

// -----

// CHECK-LABEL: func.func @nuclear_norm_of_the_plain_form_has_its_polar_factor(
// CHECK: %[[O:.*]] = descent.orient %{{.*}} : {{.*}} to tensor<?x?xf64>
// CHECK: descent.inner %{{.*}}, %[[O]] : tensor<?x?xf64>
func.func @nuclear_norm_of_the_plain_form_has_its_polar_factor(%x: tensor<?x?xf64>) -> f64 {
  %o = descent.orthogonalize #descent.newton_schulz<polar_express, steps = 8, form = plain>, %x : tensor<?x?xf64>
  %n = descent.inner %x, %o : tensor<?x?xf64>
  return %n : f64
}

// -----

// The polar factor is there anyway: one iteration serves both.
// CHECK-LABEL: func.func @polar_factor_that_is_used_is_not_computed_again(
// CHECK: %[[P:.*]] = descent.choose ["plain", "gram"]({{.*}}) : tensor
// CHECK: %[[O:.*]] = descent.orient %[[P]]
// CHECK: descent.inner %{{.*}}, %[[O]] : tensor<?x?xf64>
// CHECK-NOT: descent.choose
func.func @polar_factor_that_is_used_is_not_computed_again(%x: tensor<?x?xf64>) -> (tensor<?x?xf64>, f64) {
  %o = descent.orthogonalize #descent.newton_schulz<polar_express, steps = 8>, %x : tensor<?x?xf64>
  %n = descent.inner %x, %o : tensor<?x?xf64>
  return %o, %n : tensor<?x?xf64>, f64
}

// -----

// bf16 does not keep the accuracy of the Gram matrix's inner product.
// CHECK-LABEL: func.func @nuclear_norm_in_bf16_has_its_polar_factor(
// CHECK: descent.choose ["plain", "gram"]({{.*}}) : tensor
// CHECK: descent.inner %{{.*}}, %{{.*}} : tensor<?x?xf64>
func.func @nuclear_norm_in_bf16_has_its_polar_factor(%x: tensor<?x?xf64>) -> f64 {
  %o = descent.orthogonalize #descent.newton_schulz<polar_express, steps = 8, compute = bf16>, %x : tensor<?x?xf64>
  %n = descent.inner %x, %o : tensor<?x?xf64>
  return %n : f64
}

// -----

// A block that amplifies rounding too much leaves no accurate inner product, whatever the slopes' signs.
// CHECK-LABEL: func.func @nuclear_norm_of_a_steep_block_has_its_polar_factor(
// CHECK: descent.choose ["plain", "gram"]({{.*}}) : tensor
// CHECK: descent.inner %{{.*}}, %{{.*}} : tensor<?x?xf64>
func.func @nuclear_norm_of_a_steep_block_has_its_polar_factor(%x: tensor<?x?xf64>) -> f64 {
  %o = descent.orthogonalize #descent.newton_schulz<[[-80.0, 80.0, 0.0], [1.5, -0.5, 0.0]], restarts = []>, %x
      : tensor<?x?xf64>
  %n = descent.inner %x, %o : tensor<?x?xf64>
  return %n : f64
}

// -----

// One's own list restarts by its slopes unless it says where: here at every step, which is the plain form.
// CHECK-LABEL: func.func @steep_list_restarts_by_itself(
// CHECK-NOT: descent.choose
func.func @steep_list_restarts_by_itself(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<[[-80.0, 80.0, 0.0], [1.5, -0.5, 0.0]]>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// Rows of the normalized matrix are divided by the roots of its Gram matrix's row sums.
// CHECK-LABEL: func.func @aol_scales_rows(
// CHECK: descent.reduce sum_squares
// CHECK: arith.divf
// CHECK: %[[Y:.*]] = descent.orient %[[X:.*]] : tensor<?x?xf64>
// CHECK: %[[A:.*]] = descent.product %[[Y]], %[[Y]] transposed symmetric
// CHECK: %[[ABS:.*]] = math.absf %[[A]]
// CHECK: %[[SUMS:.*]] = descent.reduce sum %[[ABS]] : {{.*}} to tensor<?xf64, #descent.dims<short>>
// CHECK: %[[FLOOR:.*]] = arith.maximumf %[[SUMS]],
// CHECK: %[[ROOT:.*]] = math.sqrt %[[FLOOR]]
// CHECK: %[[ROOTS:.*]] = descent.broadcast %[[ROOT]] : {{.*}} to tensor<?x?xf64, #descent.dims<short, long>>
// CHECK: arith.divf %[[Y]], %[[ROOTS]]
func.func @aol_scales_rows(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<turbo, precondition = aol, form = plain>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: descent.optimizer @rule_says_its_methods(
// CHECK: attributes {descent.methods = ["newton_schulz jordan, 5 steps in bf16: singular values from 1e-3 to 1 become 0.471 .. 1.202"]}
descent.optimizer @rule_says_its_methods(%w: param, %g: grad) {
  %o = descent.orthogonalize #descent.newton_schulz<jordan, compute = bf16>, %g : tensor<?x?xf64>
  descent.update %w = %o : tensor<?x?xf64>
}
