#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "ThreadPool.h"

#include <fenv.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

enum { CACHE_LINE = 64, SPINS = 2000 }; /* about 50 microseconds: the gap between two stages, not between two steps */

struct descent_pool {
  /* What every claim of a task writes is apart from what waiting threads read. */
  _Alignas(CACHE_LINE) _Atomic int64_t next;
  _Alignas(CACHE_LINE) _Atomic uint64_t generation; /* of jobs; written under `lock` */
  _Alignas(CACHE_LINE) _Atomic int64_t inside;      /* threads that work on the present job; written under `lock` */
  _Alignas(CACHE_LINE) pthread_mutex_t turn;        /* held by the caller whose job this is */
  pthread_mutex_t lock;
  pthread_cond_t start, finish;
  void (*body)(void *argument, int64_t task, int64_t worker);
  void *argument;
  int64_t tasks;
  bool open; /* the job still admits threads */
  bool stop;
  int spins;
  pid_t process;
  int64_t count, numbered; /* threads, and those that have taken a worker's number */
  pthread_t threads[];
};

#if defined(__linux__)
/* Processors' time that a container may use, rounded up; `most` when it is not limited. */
static int64_t read_quota(int64_t most) {
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
  int64_t quota, period;
  if (!file)
    return most;
  const int found = fscanf(file, "%" SCNd64 " %" SCNd64, &quota, &period); /* or the word `max` */
  fclose(file);
  if (found != 2 || quota <= 0 || period <= 0 || quota / period >= most)
    return most;
  return (quota + period - 1) / period;
}
#endif

int64_t descent_processors(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
    return read_quota(CPU_COUNT(&set));
#endif
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? count : 1;
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

static void claim_tasks(descent_pool *pool, int64_t worker) {
  for (;;) {
    const int64_t task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (task >= pool->tasks)
      return;
    pool->body(pool->argument, task, worker);
  }
}

/* Returns with `lock` held when there is a job later than `seen`, or the end. */
static void await_job(descent_pool *pool, uint64_t seen) {
  for (int i = 0; i < pool->spins && atomic_load_explicit(&pool->generation, memory_order_acquire) == seen; ++i)
    relax();
  pthread_mutex_lock(&pool->lock);
  while (!pool->stop && atomic_load_explicit(&pool->generation, memory_order_relaxed) == seen)
    pthread_cond_wait(&pool->start, &pool->lock);
}

static void *thread_main(void *argument) {
  descent_pool *pool = argument;
  /* Flush-to-zero and rounding modes are the creator's otherwise, and could differ from those of the step's caller. */
  fesetenv(FE_DFL_ENV);
  pthread_mutex_lock(&pool->lock);
  const int64_t worker = ++pool->numbered;
  pthread_mutex_unlock(&pool->lock);
  uint64_t seen = 0;
  for (;;) {
    await_job(pool, seen);
    const bool stop = pool->stop, join = pool->open;
    seen = atomic_load_explicit(&pool->generation, memory_order_relaxed);
    if (join)
      atomic_fetch_add_explicit(&pool->inside, 1, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    if (stop)
      return NULL;
    if (!join) /* it came too late: the others have done it all */
      continue;
    claim_tasks(pool, worker);
    pthread_mutex_lock(&pool->lock);
    if (atomic_fetch_sub_explicit(&pool->inside, 1, memory_order_release) == 1)
      pthread_cond_signal(&pool->finish);
    pthread_mutex_unlock(&pool->lock);
  }
}

static void open_job(descent_pool *pool, int64_t tasks, void (*body)(void *, int64_t, int64_t), void *argument) {
  pthread_mutex_lock(&pool->lock);
  pool->tasks = tasks;
  pool->body = body;
  pool->argument = argument;
  pool->open = true;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->start);
  pthread_mutex_unlock(&pool->lock);
}

static void close_job(descent_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  pool->open = false;
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->spins && atomic_load_explicit(&pool->inside, memory_order_acquire) != 0; ++i)
    relax();
  pthread_mutex_lock(&pool->lock);
  while (atomic_load_explicit(&pool->inside, memory_order_acquire) != 0)
    pthread_cond_wait(&pool->finish, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

void descent_pool_run(void *opaque, int64_t tasks, void (*body)(void *argument, int64_t task, int64_t worker),
                      void *argument) {
  descent_pool *pool = opaque;
  if (pool->process != getpid()) { /* after a fork only the calling thread lives on */
    for (int64_t task = 0; task < tasks; ++task)
      body(argument, task, 0);
    return;
  }
  pthread_mutex_lock(&pool->turn);
  open_job(pool, tasks, body, argument);
  claim_tasks(pool, 0);
  close_job(pool);
  pthread_mutex_unlock(&pool->turn);
}

static bool init_locks(descent_pool *pool) {
  if (pthread_mutex_init(&pool->turn, NULL) != 0)
    return false;
  if (pthread_mutex_init(&pool->lock, NULL) == 0) {
    if (pthread_cond_init(&pool->start, NULL) == 0) {
      if (pthread_cond_init(&pool->finish, NULL) == 0)
        return true;
      pthread_cond_destroy(&pool->start);
    }
    pthread_mutex_destroy(&pool->lock);
  }
  pthread_mutex_destroy(&pool->turn);
  return false;
}

descent_pool *descent_pool_create(int64_t workers) {
  size_t bytes = sizeof(descent_pool) + (size_t)(workers - 1) * sizeof(pthread_t);
  bytes = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
  descent_pool *pool = aligned_alloc(CACHE_LINE, bytes);
  if (!pool)
    return NULL;
  atomic_init(&pool->next, 0);
  atomic_init(&pool->generation, 0);
  atomic_init(&pool->inside, 0);
  pool->open = pool->stop = false;
  pool->spins = workers <= descent_processors() ? SPINS : 0; /* else a spinning thread keeps a working one waiting */
  pool->process = getpid();
  pool->count = pool->numbered = 0;
  pool->tasks = 0;
  if (!init_locks(pool)) {
    free(pool);
    return NULL;
  }
  /* The program's signal handlers run on the program's threads; a thread's own faults and a profiler stay its own. */
  static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPROF};
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); ++i)
    sigdelset(&blocked, own[i]);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  while (pool->count < workers - 1 && pthread_create(&pool->threads[pool->count], NULL, thread_main, pool) == 0)
    ++pool->count;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (pool->count == workers - 1)
    return pool;
  descent_pool_destroy(pool);
  return NULL;
}

void descent_pool_destroy(descent_pool *pool) {
  if (!pool)
    return;
  if (pool->process == getpid()) {
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    for (int64_t i = 0; i < pool->count; ++i)
      pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->finish);
    pthread_cond_destroy(&pool->start);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->turn);
  }
  free(pool);
}
