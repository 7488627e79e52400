// RUN: descent-opt %s -descent-orient-storage -split-input-file | FileCheck %s
// RUN: descent-opt %s -descent-orient-storage -descent-orient-storage -split-input-file | FileCheck %s

// CHECK-LABEL: descent.optimizer @rows_become_columns(%w: param, %g: grad, %v: column_state, %c: row_state)
// CHECK-SAME: attributes {descent.as_stored}
// CHECK: descent.size cols
// CHECK: descent.size short
// CHECK: %[[V1:.*]] = descent.reduce sum %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
// CHECK: %[[V2:.*]] = arith.addf %v, %[[V1]] : tensor<?xf64, #descent.dims<cols>>
// CHECK: %[[C1:.*]] = arith.addf %c, %c : tensor<?xf64, #descent.dims<rows>>
// CHECK: descent.broadcast %[[V2]] : tensor<?xf64, #descent.dims<cols>> to tensor<?x?xf64>
// CHECK: descent.orient %{{.*}} : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
// CHECK: descent.update %w = %{{.*}}, %v = %[[V2]], %c = %[[C1]] : tensor<?x?xf64>, tensor<?xf64, #descent.dims<cols>>, tensor<?xf64, #descent.dims<rows>>
// CHECK: stored in_out
descent.optimizer @rows_become_columns(%w: param, %g: grad, %v: row_state, %c: column_state) {
  %rows = descent.size rows
  %short = descent.size short
  %v1 = descent.reduce sum %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %v2 = arith.addf %v, %v1 : tensor<?xf64, #descent.dims<rows>>
  %c1 = arith.addf %c, %c : tensor<?xf64, #descent.dims<cols>>
  %x = descent.broadcast %v2 : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %y = descent.orient %x : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %w1 = descent.apply %w, %x, %rows : tensor<?x?xf64>
  descent.update %w = %w1, %v = %v2, %c = %c1 : tensor<?x?xf64>, tensor<?xf64, #descent.dims<rows>>, tensor<?xf64, #descent.dims<cols>>
}
descent.recipe @model {
  descent.group "all" uses @rows_become_columns class matrix stored in_out
}

// -----

// CHECK-LABEL: descent.optimizer @out_in_is_left(%w: param, %g: grad) {
// CHECK: descent.size rows
descent.optimizer @out_in_is_left(%w: param, %g: grad) {
  %rows = descent.size rows
  %w1 = descent.apply %w, %g, %rows : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "all" uses @out_in_is_left class matrix stored out_in
}

// -----

// A vector is one row, whichever way matrices of its model are stored.
// CHECK-LABEL: descent.optimizer @vector_is_left(%w: param, %g: grad) {
// CHECK: descent.size rows
descent.optimizer @vector_is_left(%w: param, %g: grad) {
  %rows = descent.size rows
  %w1 = descent.apply %w, %g, %rows : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "all" uses @vector_is_left class vector stored in_out
}

// -----

// (X Y)^T = Y^T X^T, and a matrix over rows becomes one over columns.
// CHECK-LABEL: descent.optimizer @product_in_the_opposite_order
// CHECK: %[[P:.*]] = descent.broadcast %{{.*}} : f64 to tensor<?x?xf64, #descent.dims<cols, cols>>
// CHECK: descent.product %g, %[[P]] : tensor<?x?xf64>, tensor<?x?xf64, #descent.dims<cols, cols>> to tensor<?x?xf64>
descent.optimizer @product_in_the_opposite_order(%w: param, %g: grad, %lr: hyper = 0.1) {
  %p = descent.broadcast %lr : f64 to tensor<?x?xf64, #descent.dims<rows, rows>>
  %x = descent.product %p, %g : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64> to tensor<?x?xf64>
  descent.update %w = %x : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "all" uses @product_in_the_opposite_order class matrix stored in_out
}

// -----

// What is oriented by its short side does not know how it is stored.
// CHECK-LABEL: descent.optimizer @wide_product_is_left
// CHECK: %[[Y:.*]] = descent.orient %g
// CHECK: %[[A:.*]] = descent.product %[[Y]], %[[Y]] transposed symmetric : {{.*}} to tensor<?x?xf64, #descent.dims<short, short>>
// CHECK: descent.product %[[A]], %[[Y]] : {{.*}} to tensor<?x?xf64, #descent.dims<short, long>>
descent.optimizer @wide_product_is_left(%w: param, %g: grad) {
  %y = descent.orient %g : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %a = descent.product %y, %y transposed symmetric : tensor<?x?xf64, #descent.dims<short, long>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, short>>
  %z = descent.product %a, %y : tensor<?x?xf64, #descent.dims<short, short>>, tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
  %w1 = descent.orient %z : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @model {
  descent.group "all" uses @wide_product_is_left class matrix stored in_out
}
