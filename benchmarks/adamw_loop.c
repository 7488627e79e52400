/* AdamW by hand, in place: what a compiled step is measured against.
 *
 *     m <- b1 m + (1 - b1) g ,   v <- b2 v + (1 - b2) g^2
 *     w <- (1 - lr wd) w - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 *
 * One pass over four streams, of which three are written: 28 bytes an entry. Every thread takes an equal share of all
 * entries. Threads are started in every step, which takes some 50 microseconds, while a step takes tens of
 * milliseconds.
 */
#include <math.h>
#include <pthread.h>
#include <stdint.h>

typedef struct adamw_tensor {
  float *w, *m, *v;
  const float *g;
  int64_t count;
} adamw_tensor;

typedef struct adamw_numbers {
  double lr, beta1, beta2, eps, weight_decay;
  int64_t step;
} adamw_numbers;

typedef struct share {
  const adamw_tensor *tensors;
  int64_t count, begin, end; /* entries of all tensors, one after the other */
  const adamw_numbers *numbers;
} share;

enum { MOST_THREADS = 64 };

static void update(const adamw_tensor *tensor, int64_t begin, int64_t end, const adamw_numbers *n) {
  float *restrict w = tensor->w, *restrict m = tensor->m, *restrict v = tensor->v;
  const float *restrict g = tensor->g;
  const double c1 = 1.0 - pow(n->beta1, (double)n->step), c2 = 1.0 - pow(n->beta2, (double)n->step);
  const float beta1 = (float)n->beta1, rest1 = (float)(1.0 - n->beta1);
  const float beta2 = (float)n->beta2, rest2 = (float)(1.0 - n->beta2);
  const float keep = (float)(1.0 - n->lr * n->weight_decay), eta = (float)(n->lr / c1);
  const float inverse = (float)(1.0 / sqrt(c2)), eps = (float)n->eps;
  for (int64_t i = begin; i < end; ++i) {
    /* All loads before all stores: streams a multiple of 4096 bytes apart would wait for each other otherwise. */
    const float w0 = w[i], m1 = beta1 * m[i] + rest1 * g[i], v1 = beta2 * v[i] + rest2 * (g[i] * g[i]);
    w[i] = keep * w0 - eta * (m1 / (sqrtf(v1) * inverse + eps));
    m[i] = m1;
    v[i] = v1;
  }
}

static void *run_share(void *argument) {
  const share *own = argument;
  int64_t first = 0; /* of the tensor, among all entries */
  for (int64_t i = 0; i < own->count; ++i) {
    const int64_t count = own->tensors[i].count;
    const int64_t begin = own->begin > first ? own->begin - first : 0;
    const int64_t end = own->end < first + count ? own->end - first : count;
    if (begin < end)
      update(&own->tensors[i], begin, end, own->numbers);
    first += count;
  }
  return 0;
}

/* 0, or what pthread_create says. */
int adamw_loop(const adamw_tensor *tensors, int64_t count, const adamw_numbers *numbers, int threads) {
  share shares[MOST_THREADS];
  pthread_t handles[MOST_THREADS];
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i)
    total += tensors[i].count;
  threads = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
  int started = 1, code = 0;
  for (int t = 0; t < threads; ++t)
    shares[t] = (share){tensors, count, total * t / threads, total * (t + 1) / threads, numbers};
  while (started < threads && !code) {
    code = pthread_create(&handles[started], 0, run_share, &shares[started]);
    started += !code;
  }
  run_share(&shares[0]);
  for (int t = 1; t < started; ++t)
    pthread_join(handles[t], 0);
  return code;
}
