// RUN: descent-opt %s -descent-narrow=compute=f32 -split-input-file | FileCheck %s --check-prefixes=CHECK,F32
// RUN: descent-opt %s -descent-narrow=compute=f64 -split-input-file | FileCheck %s --check-prefixes=CHECK,F64

// Numbers stay f64; so does one number a row.
// CHECK-LABEL: descent.optimizer @numbers_stay_real(
// F32-SAME: elements f32
// F64-NOT: elements
// CHECK: %[[KEEP:.*]] = arith.subf %one, %lr : f64
// F32: descent.broadcast %[[KEEP]] : f64 to tensor<?x?xf32>
// F64: descent.broadcast %[[KEEP]] : f64 to tensor<?x?xf64>
// F32: arith.mulf %g, %{{.*}} : tensor<?x?xf32>
// F32: descent.reduce sum %{{.*}} : tensor<?x?xf32> to tensor<?xf64, #descent.dims<rows>>
// F32: arith.addf %v, %{{.*}} : tensor<?xf64, #descent.dims<rows>>
// F32: descent.reduce sum_squares %{{.*}} : tensor<?x?xf32> to f64
// F32: arith.cmpf ogt, %{{.*}} : tensor<?x?xf32>
// F32: arith.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?xi1>, tensor<?x?xf32>
// CHECK: descent.update
// F32-SAME: : tensor<?x?xf32>, tensor<?xf64, #descent.dims<rows>>
descent.optimizer @numbers_stay_real(%w: param, %g: grad, %v: row_state, %lr: hyper = 0.1, %one: hyper = 1.0) {
  %keep = arith.subf %one, %lr : f64
  %keeps = descent.broadcast %keep : f64 to tensor<?x?xf64>
  %x = arith.mulf %g, %keeps : tensor<?x?xf64>
  %r = descent.reduce sum %x : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %v1 = arith.addf %v, %r : tensor<?xf64, #descent.dims<rows>>
  %n = descent.reduce sum_squares %x : tensor<?x?xf64> to f64
  %b = arith.cmpf ogt, %x, %w : tensor<?x?xf64>
  %y = arith.select %b, %x, %w : tensor<?x?xi1>, tensor<?x?xf64>
  %w1 = descent.apply %w, %y, %n : tensor<?x?xf64>
  descent.update %w = %w1, %v = %v1 : tensor<?x?xf64>, tensor<?xf64, #descent.dims<rows>>
}

// -----

// CHECK-LABEL: descent.optimizer @roundings_of_a_method
// F32: %[[R:.*]] = arith.truncf %g : tensor<?x?xf32> to tensor<?x?xbf16>
// F32: %[[Y:.*]] = descent.orient %[[R]] : tensor<?x?xbf16> to tensor<?x?xbf16, #descent.dims<short, long>>
// F32: %[[A:.*]] = descent.product %[[Y]], %[[Y]] transposed symmetric : {{.*}} to tensor<?x?xf32, #descent.dims<short, short>>
// F32: %[[E:.*]] = arith.extf %[[Y]] : {{.*}} to tensor<?x?xf32, #descent.dims<short, long>>
// F64-NOT: arith.truncf
// F64-NOT: arith.extf
// F64: descent.orient %g : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
// F64-NOT: arith.truncf
// F64-NOT: arith.extf
// CHECK: descent.update
descent.optimizer @roundings_of_a_method(%w: param, %g: grad) {
  %r = arith.truncf %g : tensor<?x?xf64> to tensor<?x?xbf16>
  %y = descent.orient %r : tensor<?x?xbf16> to tensor<?x?xbf16, #descent.dims<short, long>>
  %a = descent.product %y, %y transposed symmetric : tensor<?x?xbf16, #descent.dims<short, long>>, tensor<?x?xbf16, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, short>>
  %e = arith.extf %y : tensor<?x?xbf16, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %p = descent.product %a, %e : tensor<?x?xf64, #descent.dims<short, short>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %w1 = descent.orient %p : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// -----

// A rounding to the type that is computed in says nothing.
// CHECK-LABEL: descent.optimizer @rounding_to_f32
// CHECK-NOT: arith.truncf
// CHECK-NOT: arith.extf
// CHECK: descent.update %w = %g
descent.optimizer @rounding_to_f32(%w: param, %g: grad) {
  %r = arith.truncf %g : tensor<?x?xf64> to tensor<?x?xf32>
  %e = arith.extf %r : tensor<?x?xf32> to tensor<?x?xf64>
  descent.update %w = %e : tensor<?x?xf64>
}
