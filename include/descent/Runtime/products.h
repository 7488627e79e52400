/* Matrix products by themselves, as optimizers have them inside: `descent-compile --emit=products -o products.so`
 * writes a library of them, for tests and benchmarks. It exports products_product_bytes, products_product_run,
 * products_workers_create and products_workers_destroy: the functions descent_rt_product_bytes and so on of artifact.h
 * without their first argument. */
#ifndef DESCENT_PRODUCTS_H
#define DESCENT_PRODUCTS_H

#include "descent/Runtime/descent.h"

#ifdef __cplusplus
extern "C" {
#endif

/* c = alpha a b + beta d. Of a symmetric kind ("square_...") b is a's transpose: b is not looked at, cols is rows, and
 * d has to be symmetric. The matrices are row-major, any row stride; c may be d and neither a nor b. Without d, or
 * with beta = 0, d is not read. */
typedef struct descent_product {
  uint64_t size;    /* sizeof(descent_product) */
  const char *kind; /* "gemm_f32", "gemm_bf16", "square_f32", "square_bf16": types of a, b, c, d */
  int64_t rows, cols, inner;
  descent_view a, b, c, d; /* batch_stride: unused */
  double alpha, beta;
  void *workspace; /* 64-byte aligned; products_product_bytes(product) tells how much, or -1 with an error: ask it
                      first, since it alone checks the processor */
  const descent_parallel *parallel; /* null: the caller's thread alone; as many workers for product_bytes as for
                                       product_run */
} descent_product;

/* products_workers_create(count): the caller's thread and count - 1 others; null if count is below 1 or the system has
 * no threads or memory for them. Products run in the default floating-point environment, whatever the caller's. */

#ifdef __cplusplus
}
#endif
#endif
