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

enum { MOST_THREADS = 256, VECTOR_BYTES = 64, CHAINS = 24 };

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));

typedef struct work {
  void (*run)(struct work *own);
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

/* Four streams read and three written in place, as AdamW does it; all loads come before all stores. */
static void sweep_once(const work *own) {
  float *restrict w = own->w, *restrict m = own->m, *restrict v = own->v;
  const float *restrict g = own->g;
  for (int64_t i = 0; i < own->count; ++i) {
    const float w0 = w[i], m1 = 0.5f * m[i] + g[i], v1 = 0.5f * v[i] + g[i];
    w[i] = w0 + m1;
    m[i] = m1;
    v[i] = v1;
  }
}

/* The best of the passes: what the memory can do, not what else the machine did meanwhile. */
static void run_sweep(work *own) {
  double best = 1e30;
  sweep_once(own);
  pthread_barrier_wait(own->start);
  for (double begin = now(), last = begin; last - begin < own->seconds;) {
    const double first = last;
    sweep_once(own);
    last = now();
    best = last - first < best ? last - first : best;
  }
  own->rate = 28.0 * (double)own->count / best;
}

static volatile float kept;

static void run_fma(work *own) {
  vector sums[CHAINS], a, b;
  memset(sums, 0, sizeof(sums));
  for (int i = 0; i < VECTOR_BYTES / 4; ++i) {
    a[i] = 0.999f;
    b[i] = 0.001f;
  }
  double best = 0;
  pthread_barrier_wait(own->start);
  for (double begin = now(), last = begin; last - begin < own->seconds;) {
    const double first = last;
    for (int round = 0; round < 20000; ++round)
      for (int c = 0; c < CHAINS; ++c)
        sums[c] = sums[c] * a + b;
    last = now();
    const double rate = 2.0 * 20000 * CHAINS * (VECTOR_BYTES / 4) / (last - first);
    best = rate > best ? rate : best;
  }
  for (int c = 1; c < CHAINS; ++c)
    sums[0] += sums[c];
  kept = sums[0][0];
  own->rate = best;
}

#if defined(__AVX512BF16__)
static void run_dot(work *own) {
  __m512 sums[CHAINS];
  for (int c = 0; c < CHAINS; ++c)
    sums[c] = _mm512_setzero_ps();
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
  double best = 0;
  pthread_barrier_wait(own->start);
  for (double begin = now(), last = begin; last - begin < own->seconds;) {
    const double first = last;
    for (int round = 0; round < 20000; ++round)
      for (int c = 0; c < CHAINS; ++c)
        sums[c] = _mm512_dpbf16_ps(sums[c], a, a);
    last = now();
    const double rate = 4.0 * 20000 * CHAINS * 16 / (last - first);
    best = rate > best ? rate : best;
  }
  for (int c = 1; c < CHAINS; ++c)
    sums[0] = _mm512_add_ps(sums[0], sums[c]);
  kept = _mm512_cvtss_f32(sums[0]);
  own->rate = best;
}
#endif

static void *run(void *argument) {
  work *own = argument;
  own->run(own);
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
    all[t] = (work){run_sweep, seconds, 0, own, own + floats, own + 2 * floats, own + 3 * floats, floats, 0};
  }
  const double rate = measure(all, threads);
  free(memory);
  return rate;
}

/* Operations a second, a multiply-add being two. bf16: 1 for products of bf16 numbers; 0 where the chip has none. */
double limit_flops(int threads, int bf16, double seconds) {
  work all[MOST_THREADS] = {0};
  if (threads > MOST_THREADS)
    return -1;
  for (int t = 0; t < threads; ++t) {
    all[t] = (work){.run = run_fma, .seconds = seconds};
#if defined(__AVX512BF16__)
    if (bf16)
      all[t].run = run_dot;
#endif
  }
#if !defined(__AVX512BF16__)
  if (bf16)
    return 0;
#endif
  return measure(all, threads);
}
