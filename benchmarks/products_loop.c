/* Seconds of repeated products, without what a call from Python costs. */
#include <stdint.h>
#include <time.h>

typedef int32_t product_function(const void *product, void *error);
typedef void gemm_function(int order, int a, int b, int64_t m, int64_t n, int64_t k, float alpha, const float *left,
                           int64_t left_stride, const float *right, int64_t right_stride, float beta, float *result,
                           int64_t result_stride);
typedef void syrk_function(int order, int triangle, int a, int64_t n, int64_t k, float alpha, const float *factor,
                           int64_t stride, float beta, float *result, int64_t result_stride);

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, LOWER = 122 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double time_products(int64_t repeats, product_function *run, const void *product) {
  const double begin = now();
  for (int64_t i = 0; i < repeats; ++i)
    run(product, 0);
  return now() - begin;
}

double time_gemm(int64_t repeats, gemm_function *gemm, int64_t m, int64_t n, int64_t k, const float *a, const float *b,
                 float *c) {
  const double begin = now();
  for (int64_t i = 0; i < repeats; ++i)
    gemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, m, n, k, 1.0f, a, k, b, n, 0.0f, c, n);
  return now() - begin;
}

double time_syrk(int64_t repeats, syrk_function *syrk, int64_t n, int64_t k, const float *a, float *c) {
  const double begin = now();
  for (int64_t i = 0; i < repeats; ++i)
    syrk(ROW_MAJOR, LOWER, NO_TRANSPOSE, n, k, 1.0f, a, k, 0.0f, c, n);
  return now() - begin;
}
