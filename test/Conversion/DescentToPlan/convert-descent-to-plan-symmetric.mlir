// RUN: descent-opt %s -convert-descent-to-plan=storage=f64 | FileCheck %s

// One triangle of a product is enough where all that its stage writes is symmetric.
// CHECK-LABEL: plan.track @polynomial
// CHECK: plan.product {{.*}} transposed symmetric
// CHECK: plan.product {{.*}} symmetric {{.*}} reads(
// CHECK: arith.addf
descent.optimizer @polynomial(%w: param, %g: grad) {
  %a = descent.product %g, %g transposed symmetric : tensor<?x?xf64>, tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<rows, rows>>
  %p = descent.product %a, %a symmetric : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64, #descent.dims<rows, rows>> to tensor<?x?xf64, #descent.dims<rows, rows>>
  %z = arith.addf %a, %p : tensor<?x?xf64, #descent.dims<rows, rows>>
  %w1 = descent.product %z, %g : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64> to tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// A sum with a matrix that is not symmetric needs the whole product, and so does an inner product with one.
// CHECK-LABEL: plan.track @sum
// CHECK: plan.product {{.*}} transposed :
// CHECK: plan.product {{.*}} transposed : {{.*}} reads(
// CHECK: arith.addf
descent.optimizer @sum(%w: param, %g: grad) {
  %b = descent.product %w, %g transposed : tensor<?x?xf64>, tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<rows, rows>>
  %a = descent.product %g, %g transposed symmetric : tensor<?x?xf64>, tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<rows, rows>>
  %z = arith.addf %a, %b : tensor<?x?xf64, #descent.dims<rows, rows>>
  %w1 = descent.product %z, %g : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64> to tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}

// CHECK-LABEL: plan.track @inner
// CHECK: plan.product {{.*}} transposed :
// CHECK: plan.product {{.*}} transposed : {{.*}} reads({{.*}} reduces [sum]
descent.optimizer @inner(%w: param, %g: grad) {
  %b = descent.product %w, %g transposed : tensor<?x?xf64>, tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<rows, rows>>
  %a = descent.product %g, %g transposed symmetric : tensor<?x?xf64>, tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<rows, rows>>
  %n = descent.inner %a, %b : tensor<?x?xf64, #descent.dims<rows, rows>>
  %rate = descent.broadcast %n : f64 to tensor<?x?xf64>
  %w1 = arith.mulf %w, %rate : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @symmetric {
  descent.group "polynomial" uses @polynomial class matrix stored out_in
  descent.group "sum" uses @sum class matrix stored out_in
  descent.group "inner" uses @inner class matrix stored out_in
}
