// RUN: descent-opt %s -convert-plan-to-loops=vector-bits=256 | FileCheck %s

// Each row is visited for the fold, lane by lane and with the remainder masked, then for what is stored. The tile holds
// whole rows.
plan.program @normalized segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f64>
    // CHECK: plan.sweep {{.*}} kernel @t_0_sweep attributes {plan.tile = array<i64: 1099511627776, 32768>}
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f64>) writes(%w : !plan.buffer<rows, cols, f64>) {
    ^bb0(%wi: f64):
      %sum = plan.row_fold max %wi : f64
      %w1 = arith.divf %wi, %sum : f64
      plan.yield %w1 : f64
    }
  }
}
// CHECK-LABEL: func.func private @t_0_sweep
// CHECK-SAME: (%[[W:[a-z0-9]+]]: memref
// CHECK: scf.for %[[I:[a-z0-9]+]] =
// CHECK: %[[MAIN:.*]] = scf.for %[[J:[a-z0-9]+]] = {{.*}} iter_args(%[[SOFAR:.*]] = %{{.*}})
// CHECK: %[[X:.*]] = vector.load %[[W]][%[[I]], %[[J]]]
// CHECK: %[[NEXT:.*]] = arith.maximumf %[[SOFAR]], %[[X]]
// CHECK: scf.yield %[[NEXT]]
// CHECK: scf.if
// CHECK: %[[R:.*]] = vector.maskedload %[[W]]
// CHECK: %[[S:.*]] = arith.select %{{.*}}, %[[R]], %{{.*}} : vector<4xi1>, vector<4xf64>
// CHECK: arith.maximumf %[[MAIN]], %[[S]]
// CHECK: vector.shuffle
// CHECK: %[[NUMBER:.*]] = vector.extract
// CHECK: %[[ALL:.*]] = vector.broadcast %[[NUMBER]]
// CHECK: scf.for
// CHECK: %[[Y:.*]] = vector.load %[[W]]
// CHECK: %[[Q:.*]] = arith.divf %[[Y]], %[[ALL]]
// CHECK: vector.store %[[Q]], %[[W]]
// CHECK: vector.maskedstore %[[W]]
