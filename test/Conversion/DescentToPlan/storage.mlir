// RUN: descent-opt %s -split-input-file --descent-expand --convert-descent-to-plan -canonicalize | FileCheck %s

// A rule's mathematics is that of f32; what memory keeps of its results differs.
descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %w1 = arith.subf %w, %m1 : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
// CHECK-LABEL: plan.track @types
// CHECK: %[[W:.*]] = plan.weight : <rows, cols, f16>
// CHECK: %[[G:.*]] = plan.gradient : <rows, cols, bf16>
// CHECK: %[[M:.*]] = plan.state "m" {{.*}} : <rows, cols, bf16>
// CHECK: plan.sweep {{.*}} reads(%[[W]], %[[M]], %[[G]]
// CHECK-SAME: writes(%[[W]], %[[M]]

// The master copy is read, both are written.
// CHECK-LABEL: plan.track @copy
// CHECK: %[[W:.*]] = plan.weight : <rows, cols, bf16>
// CHECK: %[[MASTER:.*]] = plan.state "master" init parameter {{.*}} : <rows, cols, f32>
// CHECK: plan.sweep {{.*}} reads(%[[MASTER]], %m
// CHECK-SAME: writes(%[[MASTER]], %[[W]], %m

// Two halves are added, and split again.
// CHECK-LABEL: plan.track @remainder
// CHECK: %[[REST:.*]] = plan.state "remainder" init value 0.0{{.*}} : <rows, cols, i16>
// CHECK: plan.sweep {{.*}} reads(%w, %[[REST]]
// CHECK: ^bb0(%[[HIGH:.*]]: f32, %[[LOW:.*]]: i32,
// CHECK: %[[BITS:.*]] = arith.bitcast %[[HIGH]] : f32 to i32
// CHECK: %[[SUM:.*]] = arith.addi %[[BITS]], %[[LOW]]
// CHECK: arith.bitcast %[[SUM]] : i32 to f32
// CHECK: plan.yield {{.*}} : f32, i32, f32

// Only what is bf16 is rounded by chance; the weight has stream 0, the first state 1.
// CHECK-LABEL: plan.track @chance
// CHECK: %[[KEY:.*]] = plan.number random
// CHECK: plan.sweep {{.*}} scalars(%gradient_scale, %[[KEY]])
// CHECK: plan.random %{{.*}} stream 0
// CHECK-NOT: plan.random
// CHECK: plan.track @state_by_chance
// CHECK-NOT: stream 0
// CHECK: plan.random %{{.*}} stream 1
descent.recipe @policies storage = #descent.storage<param = f16, grad = bf16, m = bf16> {
  descent.group "types" uses @rule class any
  descent.group "copy" uses @rule class any storage = #descent.storage<param = bf16, master = f32>
  descent.group "remainder" uses @rule class any storage = #descent.storage<param = bf16, master = remainder>
  descent.group "chance" uses @rule class any storage = #descent.storage<param = bf16, rounding = stochastic>
  descent.group "state_by_chance" uses @rule class any storage = #descent.storage<m = bf16, rounding = stochastic>
}

// -----

// Codes have scales beside them. An average of squares is never negative, an average is; a policy may say otherwise.
descent.optimizer @rule(%w: param, %g: grad, %m: state, %v: state, %beta: hyper = 0.9) {
  %m1 = descent.momentum ema %m, %g, %beta : tensor<?x?xf64>
  %g2 = arith.mulf %g, %g : tensor<?x?xf64>
  %v1 = descent.momentum ema %v, %g2, %beta : tensor<?x?xf64>
  %r = math.sqrt %v1 : tensor<?x?xf64>
  %u = arith.mulf %m1, %r : tensor<?x?xf64>
  %w1 = arith.subf %w, %u : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1, %v = %v1 : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>
}
// CHECK-LABEL: plan.track @proved
// CHECK: %[[M:.*]] = plan.state "m" init value 0.0{{.*}} : <rows, cols, !plan.q8<256, signed>>
// CHECK: plan.state "m_scale" init value 0.0{{.*}} scales %[[M]] : !plan.buffer<{{.*}}> : <rows, cols, !plan.scale<256>>
// CHECK: %[[V:.*]] = plan.state "v" init value 0.0{{.*}} : <rows, cols, !plan.q8<256, unsigned>>
// CHECK: plan.state "v_scale"
// CHECK: plan.sweep {{.*}} writes(%w, %[[M]], %[[V]]
// CHECK-LABEL: plan.track @said
// CHECK: plan.state "v" {{.*}} : <rows, cols, !plan.q8<64, signed>>
descent.recipe @codes storage = #descent.storage<states = q8> {
  descent.group "proved" uses @rule class any
  descent.group "said" uses @rule class any storage = #descent.storage<states = q8<64>, v = q8<64, signed>>
}

// -----

// Matrices that are not read entry by entry are decoded, or put together, as wholes.
descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %x = descent.orient %m : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %y = descent.orient %w : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %a = descent.product %x, %y transposed : tensor<?x?xf64, #descent.dims<short, long>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, short>>
  %z = descent.product %a, %x : tensor<?x?xf64, #descent.dims<short, short>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %u = descent.orient %z : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %w1 = arith.subf %w, %u : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
// CHECK-LABEL: plan.track @oriented
// CHECK: %[[WHOLE_M:.*]] = plan.scratch worker : <rows, cols, f32>
// CHECK: plan.sweep over <rows, cols> reads(%m : {{.*}}) writes(%[[WHOLE_M]]
// CHECK: plan.sweep over <short, long> reads(%[[WHOLE_M]]
// CHECK-NOT: plan.sweep over <short, long> reads(%w
descent.recipe @wholes storage = #descent.storage<param = bf16, master = remainder, states = q8> {
  descent.group "oriented" uses @rule class matrix stored out_in
}

// -----

// Tiles of a product do not begin where blocks of codes do: a sweep decodes what the epilogue reads, and another encodes
// what it writes.
descent.optimizer @rule(%w: param, %g: grad, %m: state) {
  %a = descent.product %g, %g transposed symmetric : tensor<?x?xf64>, tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<rows, rows>>
  %y = descent.product %a, %g : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64> to tensor<?x?xf64>
  %m1 = arith.addf %m, %y : tensor<?x?xf64>
  %w1 = arith.subf %w, %m1 : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
// CHECK-LABEL: plan.track @product
// CHECK: plan.sweep over <rows, cols> reads(%m : {{.*}}) writes(%[[OLD:scratch[_0-9]*]]
// CHECK: plan.product {{.*}} over <rows, cols> reads({{.*}}%[[OLD]]{{.*}}) {{.*}}writes({{.*}}%[[NEW:scratch[_0-9]*]]
// CHECK: plan.sweep over <rows, cols> reads(%[[NEW]] : {{.*}}) writes(%m
descent.recipe @epilogues storage = #descent.storage<states = q8> {
  descent.group "product" uses @rule class matrix stored out_in
}
