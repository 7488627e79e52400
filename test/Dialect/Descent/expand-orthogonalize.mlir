// RUN: descent-opt %s -descent-expand-orthogonalize=form=plain -cse -split-input-file | FileCheck %s

// One step of a method that rounds to bf16: products take the rounded matrices, their results are rounded again.
// CHECK-LABEL: func.func @rounded_once_before_the_norm(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf64>)
// CHECK: %[[R:.*]] = arith.truncf %[[X]] : tensor<?x?xf64> to tensor<?x?xbf16>
// CHECK: %[[E:.*]] = arith.extf %[[R]] : tensor<?x?xbf16> to tensor<?x?xf64>
// CHECK: %[[SQUARES:.*]] = descent.reduce sum_squares %[[E]] : tensor<?x?xf64> to f64
// CHECK: %[[NORM:.*]] = math.sqrt %[[SQUARES]]
// CHECK: %[[SCALED:.*]] = arith.mulf %[[NORM]], %{{.*}} : f64
// CHECK: %[[SUM:.*]] = arith.addf %[[SCALED]], %{{.*}} : f64
// CHECK: %[[SUMS:.*]] = descent.broadcast %[[SUM]]
// CHECK: %[[NORMALIZED:.*]] = arith.divf %[[E]], %[[SUMS]]
// CHECK: %[[Y0:.*]] = arith.truncf %[[NORMALIZED]]
// CHECK: %[[Y:.*]] = descent.orient %[[Y0]] : tensor<?x?xbf16> to tensor<?x?xbf16, #descent.dims<short, long>>
// CHECK: %[[GRAM:.*]] = descent.product %[[Y]], %[[Y]] transposed symmetric : {{.*}} to tensor<?x?xf64, #descent.dims<short, short>>
// CHECK: %[[A:.*]] = arith.truncf %[[GRAM]] : tensor<?x?xf64, #descent.dims<short, short>> to tensor<?x?xbf16, #descent.dims<short, short>>
// CHECK: %[[AA:.*]] = descent.product %[[A]], %[[A]] symmetric : {{.*}} to tensor<?x?xf64, #descent.dims<short, short>>
// CHECK: %[[AE:.*]] = arith.extf %[[A]]
// CHECK: %[[B:.*]] = arith.constant -4.775
// CHECK: %[[BA:.*]] = arith.mulf %[[AE]], %{{.*}}
// CHECK: %[[C:.*]] = arith.constant 2.0315
// CHECK: %[[CAA:.*]] = arith.mulf %[[AA]], %{{.*}}
// CHECK: %[[P:.*]] = arith.addf %[[BA]], %[[CAA]]
// CHECK: %[[PR:.*]] = arith.truncf %[[P]]
// CHECK: %[[PY:.*]] = descent.product %[[PR]], %[[Y]] : {{.*}} to tensor<?x?xf64, #descent.dims<short, long>>
// CHECK: %[[YE:.*]] = arith.extf %[[Y]]
// CHECK: arith.constant 3.4445
// CHECK: %[[AY:.*]] = arith.mulf %[[YE]], %{{.*}}
// CHECK: %[[SUMS:.*]] = arith.addf %[[AY]], %[[PY]]
// CHECK: %[[Y1:.*]] = arith.truncf %[[SUMS]]
// CHECK: %[[BACK:.*]] = descent.orient %[[Y1]] : tensor<?x?xbf16, #descent.dims<short, long>> to tensor<?x?xbf16>
// CHECK: %[[O:.*]] = arith.extf %[[BACK]] : tensor<?x?xbf16> to tensor<?x?xf64>
// CHECK: return %[[O]]
func.func @rounded_once_before_the_norm(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<jordan, steps = 1, compute = bf16>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @nothing_is_rounded_without_a_type(
// CHECK-NOT: arith.truncf
// CHECK-COUNT-6: descent.product
// CHECK-NOT: descent.product
// CHECK-NOT: arith.truncf
func.func @nothing_is_rounded_without_a_type(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<you, steps = 2>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// CHECK-LABEL: func.func @largest_of_norm_and_epsilon(
// CHECK: %[[SIZE:.*]] = arith.mulf %{{.*}}, %{{.*}} : f64
// CHECK: %[[EPSILON:.*]] = arith.constant 1.000000e-03
// CHECK: %[[DIVISOR:.*]] = arith.maximumf %[[SIZE]], %[[EPSILON]]
// CHECK: %[[DIVISORS:.*]] = descent.broadcast %[[DIVISOR]]
// CHECK: arith.divf %{{.*}}, %[[DIVISORS]]
// CHECK-NOT: arith.cmpf
func.func @largest_of_norm_and_epsilon(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<jordan, steps = 1, normalize = max, epsilon = 0.001>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// Without an epsilon, zero would be divided by zero.
// CHECK-LABEL: func.func @zero_without_epsilon_stays_zero(
// CHECK: %[[ISZERO:.*]] = arith.cmpf oeq, %[[DIVISOR:.*]], %{{.*}} : f64
// CHECK: %[[SAFE:.*]] = arith.select %[[ISZERO]], %{{.*}}, %[[DIVISOR]] : f64
// CHECK: descent.broadcast %[[SAFE]]
func.func @zero_without_epsilon_stays_zero(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<jordan, steps = 1, epsilon = 0.0>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}

// -----

// The safety factor divides the published coefficients of a row by its first, third and fifth power.
// CHECK-LABEL: func.func @polar_express_is_scaled_for_safety(
// CHECK-DAG: arith.constant 8.2051604
// CHECK-DAG: arith.constant -22.9019
// CHECK-DAG: arith.constant 16.4607
func.func @polar_express_is_scaled_for_safety(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %o = descent.orthogonalize #descent.newton_schulz<polar_express, steps = 1>, %x : tensor<?x?xf64>
  return %o : tensor<?x?xf64>
}
