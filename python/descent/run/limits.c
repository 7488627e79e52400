/* What this machine can do: bytes a second of a sweep, multiply-adds a second of vectors.
 *
 * Each is measured by `threads` threads for about `seconds`; a result is the sum over the threads.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

enum { MOST_THREADS = 256, VECTOR_BYTES = 64, CHAINS = 24, REPEATS = 20000 };

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));

typedef struct work {
  double (*pass)(const struct work *own); /* returns how many units it did */
  double seconds;
  double rate;          /* units a second */
  float *w, *m, *v, *g; /* of sweeps */
  int64_t count;
  pthread_barrier_t *start;
} work;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Bytes. Four streams read and three written in place, as AdamW does it; all loads come before all stores. */
static double sweep(const work *own) {
  float *restrict w = own->w, *restrict m = own->m, *restrict v = own->v;
  const float *restrict g = own->g;
  for (int64_t i = 0; i < own->count; ++i) {
    const float w0 = w[i], m1 = 0.5f * m[i] + g[i], v1 = 0.5f * v[i] + g[i];
    w[i] = w0 + m1;
    m[i] = m1;
    v[i] = v1;
  }
  return 28.0 * (double)own->count;
}

static volatile float kept;

/* Operations, a multiply-add being two. */
static double multiply_add(const work *own) {
  (void)own;
  vector sums[CHAINS], a, b;
  memset(sums, 0, sizeof(sums));
  for (int i = 0; i < VECTOR_BYTES / 4; ++i) {
    a[i] = 0.999f;
    b[i] = 0.001f;
  }
  for (int repeat = 0; repeat < REPEATS; ++repeat)
    for (int c = 0; c < CHAINS; ++c)
      sums[c] = sums[c] * a + b;
  for (int c = 1; c < CHAINS; ++c)
    sums[0] += sums[c];
  kept = sums[0][0];
  return 2.0 * REPEATS * CHAINS * (VECTOR_BYTES / 4);
}

#if defined(__AVX512BF16__)
static double multiply_add_pairs(const work *own) {
  (void)own;
  __m512 sums[CHAINS];
  for (int c = 0; c < CHAINS; ++c)
    sums[c] = _mm512_setzero_ps();
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
  for (int repeat = 0; repeat < REPEATS; ++repeat)
    for (int c = 0; c < CHAINS; ++c)
      sums[c] = _mm512_dpbf16_ps(sums[c], a, a);
  for (int c = 1; c < CHAINS; ++c)
    sums[0] = _mm512_add_ps(sums[0], sums[c]);
  kept = _mm512_cvtss_f32(sums[0]);
  return 4.0 * REPEATS * CHAINS * 16;
}
#endif

/* The best of the passes: what the machine can do, not what else it did meanwhile. The first is not counted. */
static void *run(void *argument) {
  work *own = argument;
  own->pass(own);
  pthread_barrier_wait(own->start);
  for (double begin = now(), last = begin; last - begin < own->seconds;) {
    const double first = last, units = own->pass(own);
    last = now();
    const double rate = units / (last - first);
    own->rate = rate > own->rate ? rate : own->rate;
  }
  return 0;
}

/* The sum of the threads' rates; negative when threads could not be started. */
static double measure(work *all, int threads) {
  pthread_t handles[MOST_THREADS];
  pthread_barrier_t start;
  double sum = 0;
  pthread_barrier_init(&start, 0, (unsigned)threads);
  for (int t = 0; t < threads; ++t) {
    all[t].start = &start;
    if (pthread_create(&handles[t], 0, run, &all[t]))
      exit(2);
  }
  for (int t = 0; t < threads; ++t) {
    pthread_join(handles[t], 0);
    sum += all[t].rate;
  }
  pthread_barrier_destroy(&start);
  return sum;
}

/* Bytes a second. `floats` a stream and thread. */
double limit_sweep(int threads, int64_t floats, double seconds) {
  work all[MOST_THREADS] = {0};
  float *memory = aligned_alloc(64, (size_t)(threads * (4 * floats + 64)) * sizeof(float));
  if (!memory || threads > MOST_THREADS) {
    free(memory);
    return -1;
  }
  memset(memory, 0, (size_t)(threads * 4 * floats) * sizeof(float));
  for (int t = 0; t < threads; ++t) {
    float *own = memory + t * 4 * floats;
    all[t] = (work){sweep, seconds, 0, own, own + floats, own + 2 * floats, own + 3 * floats, floats, 0};
  }
  const double rate = measure(all, threads);
  free(memory);
  return rate;
}

/* Operations a second. bf16: 1 for products of bf16 numbers; 0 where the chip has none. */
double limit_flops(int threads, int bf16, double seconds) {
  work all[MOST_THREADS] = {0};
  if (threads > MOST_THREADS)
    return -1;
  for (int t = 0; t < threads; ++t) {
    all[t] = (work){.pass = multiply_add, .seconds = seconds};
#if defined(__AVX512BF16__)
    if (bf16)
      all[t].pass = multiply_add_pairs;
#endif
  }
#if !defined(__AVX512BF16__)
  if (bf16)
    return 0;
#endif
  return measure(all, threads);
}
