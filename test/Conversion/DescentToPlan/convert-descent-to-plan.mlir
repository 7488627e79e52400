// RUN: descent-opt %s -split-input-file -convert-descent-to-plan=storage=f64 | FileCheck %s

// Element-wise operations over the same entries share one sweep, and so do their stores.
// CHECK-LABEL: plan.program @elementwise_work_shares_a_sweep segments 1
// CHECK: %[[W:.*]] = plan.weight
// CHECK: %[[G:.*]] = plan.gradient
// CHECK: %[[M:.*]] = plan.state "m"
// CHECK: plan.sweep over <rows, cols>
// CHECK-SAME: reads(%{{[a-z0-9_]+}}, %{{[a-z0-9_]+}}, %{{[a-z0-9_]+}} :
// CHECK-SAME: writes(%[[W]], %[[M]]
// CHECK-NOT: plan.sweep
descent.optimizer @rule(%w: param, %g: grad, %m: state, %beta: hyper = 0.9) {
  %betas = descent.broadcast %beta : f64 to tensor<?x?xf64>
  %old = arith.mulf %m, %betas : tensor<?x?xf64>
  %m1 = arith.addf %old, %g : tensor<?x?xf64>
  %w1 = arith.subf %w, %m1 : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @elementwise_work_shares_a_sweep {
  descent.group "all" uses @rule class any
}

// -----

// What needs the whole norm is a second sweep; the first only reduces.
// CHECK-LABEL: plan.program @sweep_after_its_own_reduction_is_kept
// CHECK: plan.sweep over <rows, cols> reads(%{{.*}} : {{.*}}) reduces [sum]
// CHECK: plan.combine sum
// CHECK: plan.scalars
// CHECK: math.sqrt
// CHECK: plan.sweep over <rows, cols>
// CHECK-SAME: writes
descent.optimizer @rule(%w: param, %g: grad) {
  %n2 = descent.reduce sum_squares %g : tensor<?x?xf64> to f64
  %n = math.sqrt %n2 : f64
  %norms = descent.broadcast %n : f64 to tensor<?x?xf64>
  %u = arith.divf %g, %norms : tensor<?x?xf64>
  %w1 = arith.subf %w, %u : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @sweep_after_its_own_reduction_is_kept {
  descent.group "all" uses @rule class any
}

// -----

// A number a row is a reduction to blocks of columns and a fold; the state is stored in a sweep of its own shape.
// CHECK-LABEL: plan.program @numbers_of_rows_are_folded
// CHECK: %[[P:.*]] = plan.scratch worker : <col_blocks, rows, f64>
// CHECK: plan.sweep over <rows, cols> {{.*}} reduces [sum] into(%[[P]]
// CHECK: %[[R:.*]] = plan.scratch worker : <one, rows, f64>
// CHECK: plan.fold sum %[[P]] into %[[R]]
// CHECK: plan.sweep over <one, rows>
// CHECK: plan.sweep over <rows, cols>
// CHECK-SAME: <one, rows, f64>
descent.optimizer @rule(%w: param, %g: grad, %v: row_state) {
  %r = descent.reduce sum_squares %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %v1 = arith.addf %v, %r : tensor<?xf64, #descent.dims<rows>>
  %vs = descent.broadcast %v1 : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %u = arith.divf %g, %vs : tensor<?x?xf64>
  %w1 = arith.subf %w, %u : tensor<?x?xf64>
  descent.update %w = %w1, %v = %v1 : tensor<?x?xf64>, tensor<?xf64, #descent.dims<rows>>
}
descent.recipe @numbers_of_rows_are_folded {
  descent.group "all" uses @rule class any stored out_in
}

// -----

// The old momentum is read after the reduction, so the new one is not stored before.
// CHECK-LABEL: plan.program @a_state_is_stored_after_its_last_reader
// CHECK: %[[M:.*]] = plan.state "m"
// CHECK: plan.sweep
// CHECK-NOT: writes(%[[M]]
// CHECK: reduces [sum]
// CHECK: plan.combine
// CHECK: plan.sweep
// CHECK-SAME: writes(%{{[a-z0-9_]+}}, %[[M]] :
descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %n = descent.reduce sum %m1 : tensor<?x?xf64> to f64
  %ns = descent.broadcast %n : f64 to tensor<?x?xf64>
  %x = arith.mulf %m, %ns : tensor<?x?xf64>
  %w1 = arith.subf %w, %x : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @a_state_is_stored_after_its_last_reader {
  descent.group "all" uses @rule class any
}

// -----

// Two states that exchange their contents do so in one sweep.
// CHECK-LABEL: plan.program @states_can_be_exchanged
// CHECK: %[[A:.*]] = plan.state "a"
// CHECK: %[[B:.*]] = plan.state "b"
// CHECK: plan.sweep
// CHECK-SAME: writes(%{{[a-z0-9_]+}}, %[[A]], %[[B]] :
// CHECK-NOT: plan.sweep
descent.optimizer @rule(%w: param, %g: grad, %a: state, %b: state) {
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1, %a = %b, %b = %a : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @states_can_be_exchanged {
  descent.group "all" uses @rule class any
}

// -----

// What the cut does not need sinks below it: the products happen once the maximum is known, and no model-sized
// direction is kept over the cut.
// CHECK-LABEL: plan.program @a_direction_sinks_below_the_cut segments 2
// CHECK: plan.total max @layers.all.0 in group
// CHECK-NOT: plan.scratch layer
// CHECK-NOT: plan.product
// CHECK: plan.cut 0
// CHECK: plan.sweep over <short, long>
// CHECK: plan.product
descent.optimizer @all(%w: param, %g: grad) {
  %x = descent.orient %g : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %a = descent.product %x, %x transposed symmetric : tensor<?x?xf64, #descent.dims<short, long>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, short>>
  %y = descent.product %a, %x : tensor<?x?xf64, #descent.dims<short, short>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %u = descent.orient %y : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  %n = descent.reduce sum %g : tensor<?x?xf64> to f64
  %top = descent.over_layers max %n in group
  %tops = descent.broadcast %top : f64 to tensor<?x?xf64>
  %v = arith.mulf %u, %tops : tensor<?x?xf64>
  %w1 = arith.subf %w, %v : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @a_direction_sinks_below_the_cut {
  descent.group "all" uses @all class matrix
}

// -----

// What the maximum does need lives as long as the layer when it is used again behind the cut.
// CHECK-LABEL: plan.program @scratch_lives_over_a_cut
// CHECK: plan.scratch layer : <rows, cols, f64>
// CHECK: plan.cut 0
descent.optimizer @all(%w: param, %g: grad, %m: state) {
  %x = arith.mulf %m, %g : tensor<?x?xf64>
  %n = descent.reduce sum %x : tensor<?x?xf64> to f64
  %top = descent.over_layers max %n in group
  %tops = descent.broadcast %top : f64 to tensor<?x?xf64>
  %v = arith.mulf %x, %tops : tensor<?x?xf64>
  %w1 = arith.subf %w, %v : tensor<?x?xf64>
  descent.update %w = %w1, %m = %g : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @scratch_lives_over_a_cut {
  descent.group "all" uses @all class any
}

// -----

// Element-wise work on a product is its epilogue.
// CHECK-LABEL: plan.program @a_product_has_an_epilogue
// CHECK: plan.product %[[X:[a-z0-9_]+]], %[[X]] transposed symmetric
// CHECK: ^bb0(%[[ACC:[a-z0-9]+]]: f64
// CHECK: arith.mulf %[[ACC]]
// CHECK: plan.product
// CHECK-SAME: reads(%[[X]] : !plan.buffer<short, long, f64>)
descent.optimizer @rule(%w: param, %g: grad, %c: hyper = 2.0) {
  %x = descent.orient %g : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %a = descent.product %x, %x transposed symmetric : tensor<?x?xf64, #descent.dims<short, long>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, short>>
  %cs = descent.broadcast %c : f64 to tensor<?x?xf64, #descent.dims<short, short>>
  %b = arith.mulf %a, %cs : tensor<?x?xf64, #descent.dims<short, short>>
  %y = descent.product %b, %x : tensor<?x?xf64, #descent.dims<short, short>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %z = arith.addf %y, %x : tensor<?x?xf64, #descent.dims<short, long>>
  %u = descent.orient %z : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  %w1 = arith.subf %w, %u : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @a_product_has_an_epilogue {
  descent.group "all" uses @rule class matrix
}

// -----

// Nothing is stored before the decision to skip, though the sweep that counts could.
// CHECK-LABEL: plan.program @nothing_is_stored_before_the_decision_to_skip segments 3
// CHECK: plan.track @all
// CHECK: plan.sweep
// CHECK-NOT: writes
// CHECK: plan.cut 0
// CHECK: plan.cut 1
// CHECK: plan.sweep
// CHECK-SAME: writes
// CHECK: plan.track shared @guard
// CHECK: plan.guard
// CHECK: plan.cut 1
descent.shared @guard() {
  %n = descent.total sum @bad : f64
  descent.skip_when %n
}
descent.optimizer @rule(%w: param, %g: grad) {
  %n = descent.reduce sum %g : tensor<?x?xf64> to f64
  descent.contribute sum %n to @bad
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @nothing_is_stored_before_the_decision_to_skip {
  descent.group "all" uses @rule class any
}

// -----

// A truth value is computed again where it is used: it has no storage type.
// CHECK-LABEL: plan.program @truth_values_are_computed_again
// CHECK: plan.sweep
// CHECK: arith.cmpf
// CHECK: plan.sweep
// CHECK: arith.cmpf
// CHECK-NOT: xi1
descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %zero = arith.constant 0.0 : f64
  %zeros = descent.broadcast %zero : f64 to tensor<?x?xf64>
  %positive = arith.cmpf ogt, %m, %zeros : tensor<?x?xf64>
  %x = arith.select %positive, %g, %zeros : tensor<?x?xi1>, tensor<?x?xf64>
  %n = descent.reduce sum %x : tensor<?x?xf64> to f64
  %ns = descent.broadcast %n : f64 to tensor<?x?xf64>
  %y = arith.select %positive, %ns, %w : tensor<?x?xi1>, tensor<?x?xf64>
  descent.update %w = %y, %m = %g : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @truth_values_are_computed_again {
  descent.group "all" uses @rule class any
}

// -----

// What only one alternative needs belongs to it; what both need does not. Both write the memory that is read.
// CHECK-LABEL: plan.program @alternatives_write_one_buffer
// CHECK: plan.choice ["twice", "squared"]
// CHECK: plan.product {{.*}} over <short, short> writes(%[[A:[a-z0-9_]+]] : {{[^)]*}}) {
// CHECK: plan.product %[[A]], %[[A]] {{.*}} attributes {plan.alternative = #plan.alternative<0, 1>}
// CHECK: plan.product %[[A]], {{.*}} attributes {plan.alternative = #plan.alternative<0, 0>}
// CHECK: plan.product %[[A]], {{.*}} writes(%[[O:[a-z0-9_]+]] : {{.*}} attributes {plan.alternative = #plan.alternative<0, 0>}
// CHECK: plan.product {{.*}} writes(%[[O]] : {{.*}} attributes {plan.alternative = #plan.alternative<0, 1>}
// CHECK: plan.sweep {{.*}}%[[O]]
// CHECK-NOT: plan.alternative
!wide = tensor<?x?xf64, #descent.dims<short, long>>
!square = tensor<?x?xf64, #descent.dims<short, short>>
descent.optimizer @rule(%w: param, %g: grad) {
  %y = descent.orient %g : tensor<?x?xf64> to !wide
  %a = descent.product %y, %y transposed symmetric : !wide, !wide to !square
  %ay = descent.product %a, %y : !square, !wide to !wide
  %aay = descent.product %a, %ay : !square, !wide to !wide
  %aa = descent.product %a, %a symmetric : !square, !square to !square
  %once = descent.product %aa, %y : !square, !wide to !wide
  %o = descent.choose ["twice", "squared"](%aay, %once) : !wide
  %u = descent.orient %o : !wide to tensor<?x?xf64>
  %w1 = arith.subf %w, %u : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @alternatives_write_one_buffer {
  descent.group "all" uses @rule class matrix
}

// -----

// An alternative that every layer needs anyway keeps memory of its own, and is copied where it is chosen.
// CHECK-LABEL: plan.program @alternative_that_others_read_is_copied
// CHECK: plan.product {{.*}} writes(%[[A:[a-z0-9_]+]] : {{[^)]*}}) {
// CHECK: plan.sweep over <short, short> reads(%[[A]] : {{.*}} writes(%[[O:[a-z0-9_]+]] : {{.*}}#plan.alternative<0, 0>
// CHECK: plan.product {{.*}} writes(%[[O]] : {{.*}}#plan.alternative<0, 1>
// CHECK: plan.sweep over <short, short> reads({{.*}}%[[O]]
!wide = tensor<?x?xf64, #descent.dims<short, long>>
!square = tensor<?x?xf64, #descent.dims<short, short>>
descent.optimizer @rule(%w: param, %g: grad) {
  %y = descent.orient %g : tensor<?x?xf64> to !wide
  %a = descent.product %y, %y transposed symmetric : !wide, !wide to !square
  %aa = descent.product %a, %a symmetric : !square, !square to !square
  %o = descent.choose ["once", "squared"](%a, %aa) : !square
  %n = descent.inner %a, %o : !square
  %ns = descent.broadcast %n : f64 to tensor<?x?xf64>
  %x = arith.mulf %g, %ns : tensor<?x?xf64>
  %w1 = arith.subf %w, %x : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @alternative_that_others_read_is_copied {
  descent.group "all" uses @rule class matrix
}

// -----

// Numbers are selected by the number of the choice; what the other alternative left behind is not used.
// CHECK-LABEL: plan.program @numbers_are_selected
// CHECK: %[[C:.*]] = plan.choice ["squares", "product"]
// CHECK: plan.combine sum {{.*}} {plan.alternative = #plan.alternative<0, 0>}
// CHECK: plan.combine sum {{.*}} {plan.alternative = #plan.alternative<0, 1>}
// CHECK: plan.scalars(%{{.*}}, %{{.*}}, %[[C]])
// CHECK-NEXT: ^bb0(%[[X:.*]]: f64, %[[Y:.*]]: f64, %[[CHOSEN:.*]]: f64):
// CHECK: %[[IS:.*]] = arith.cmpf oeq, %[[CHOSEN]], %{{.*}}
// CHECK: arith.select %[[IS]], %[[X]], %[[Y]] : f64
descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %x = descent.reduce sum_squares %m : tensor<?x?xf64> to f64
  %y = descent.inner %m, %g : tensor<?x?xf64>
  %n = descent.choose ["squares", "product"](%x, %y) : f64
  %ns = descent.broadcast %n : f64 to tensor<?x?xf64>
  %w1 = arith.subf %w, %ns : tensor<?x?xf64>
  descent.update %w = %w1, %m = %g : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @numbers_are_selected {
  descent.group "all" uses @rule class matrix
}

// -----

// Both stages read m in any case, so that computing the product again costs what reading it would: it is not kept.
// CHECK-LABEL: plan.program @what_costs_no_more_to_compute_again_is_not_kept
// CHECK-NOT: plan.scratch layer
// CHECK: plan.sweep over <rows, cols> reads(
// CHECK-NOT: writes
// CHECK: plan.cut 0
// CHECK: arith.mulf
descent.optimizer @all(%w: param, %g: grad, %m: state) {
  %x = arith.mulf %m, %g : tensor<?x?xf64>
  %n = descent.reduce sum %x : tensor<?x?xf64> to f64
  %top = descent.over_layers max %n in group
  %tops = descent.broadcast %top : f64 to tensor<?x?xf64>
  %v = arith.mulf %x, %tops : tensor<?x?xf64>
  %w1 = arith.subf %w, %v : tensor<?x?xf64>
  %m1 = arith.mulf %m, %tops : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @what_costs_no_more_to_compute_again_is_not_kept {
  descent.group "all" uses @all class any
}

// -----

// Nothing that the product of three follows from is written, but three stages would read all of it: it is kept.
// CHECK-LABEL: plan.program @what_many_stages_would_read_much_for_is_kept
// CHECK: %[[X:.*]] = plan.scratch worker : <rows, cols, f64>
// CHECK: plan.sweep over <rows, cols> {{.*}} writes(%[[X]] :
// CHECK: plan.sweep over <rows, cols> reads(%[[X]] :
// CHECK: plan.sweep over <rows, cols> reads(%{{[a-z0-9_]+}}, %[[X]] :
descent.optimizer @all(%w: param, %g: grad, %a: input, %b: input) {
  %ga = arith.mulf %g, %a : tensor<?x?xf64>
  %x = arith.mulf %ga, %b : tensor<?x?xf64>
  %n = descent.reduce sum %x : tensor<?x?xf64> to f64
  %ns = descent.broadcast %n : f64 to tensor<?x?xf64>
  %c = arith.subf %x, %ns : tensor<?x?xf64>
  %s = descent.reduce sum_squares %c : tensor<?x?xf64> to f64
  %ss = descent.broadcast %s : f64 to tensor<?x?xf64>
  %u = arith.divf %x, %ss : tensor<?x?xf64>
  %w1 = arith.subf %w, %u : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @what_many_stages_would_read_much_for_is_kept {
  descent.group "all" uses @all class any
}

// -----

// The norm of a row is needed by the row itself: one sweep visits each row twice, and stores when it is done.
// CHECK-LABEL: plan.program @rows_are_reduced_within_a_sweep
// CHECK-NOT: plan.fold
// CHECK: plan.sweep over <rows, cols>
// CHECK-SAME: writes(%{{[a-z0-9_]+}}, %{{[a-z0-9_]+}} :
// CHECK: %[[M1:.*]] = arith.addf
// CHECK: %[[S:.*]] = plan.row_fold sum
// CHECK: %[[N:.*]] = math.sqrt %[[S]]
// CHECK: arith.divf %[[M1]], %[[N]]
// CHECK-NOT: plan.sweep
descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %s = descent.reduce sum_squares %m1 : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %n = math.sqrt %s : tensor<?xf64, #descent.dims<rows>>
  %ns = descent.broadcast %n : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %u = arith.divf %m1, %ns : tensor<?x?xf64>
  %w1 = arith.subf %w, %u : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @rows_are_reduced_within_a_sweep {
  descent.group "all" uses @rule class any stored out_in
}

// -----

// Other rows need the sum of all rows' norms, and columns are not whole in a tile: both take a pass of their own.
// CHECK-LABEL: plan.program @what_other_rows_need_takes_a_pass
// CHECK-NOT: plan.row_fold
// CHECK: plan.fold
// CHECK: plan.fold
// CHECK-NOT: plan.row_fold
descent.optimizer @rule(%w: param, %g: grad) {
  %s = descent.reduce sum_squares %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %c = descent.reduce sum_squares %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
  %n = math.sqrt %s : tensor<?xf64, #descent.dims<rows>>
  %all = descent.reduce sum %n : tensor<?xf64, #descent.dims<rows>> to f64
  %alls = descent.broadcast %all : f64 to tensor<?x?xf64>
  %cs = descent.broadcast %c : tensor<?xf64, #descent.dims<cols>> to tensor<?x?xf64>
  %u = arith.divf %g, %alls : tensor<?x?xf64>
  %v = arith.divf %u, %cs : tensor<?x?xf64>
  %w1 = arith.subf %w, %v : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @what_other_rows_need_takes_a_pass {
  descent.group "all" uses @rule class any stored out_in
}
