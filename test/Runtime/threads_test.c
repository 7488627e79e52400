/* The same bits whoever runs what; plans and pools used from several threads. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_setaffinity */
#endif

#include "Duo.h"
#include "ThreadPool.h"

#include <fenv.h>
#include <pthread.h>
#if defined(__linux__)
#include <dirent.h>
#include <sched.h>
#endif
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

enum { STEPS = 3 };

/* Three steps of a fresh model; the second without some of its gradients. Returns the bytes of the model. */
static char *train(const descent_plan_options *options, const descent_parallel *parallel, size_t *bytes) {
  model trained;
  model_create(&trained);
  descent_plan *plan = NULL;
  descent_step step = first_step();
  const void *gradients[LAYERS];
  for (int i = 0; i < LAYERS; ++i)
    gradients[i] = i == TALL || i == SCALES ? NULL : trained.layers[i].gradient.data;
  CHECK(descent_rt_plan_create(&duo, trained.layers, LAYERS, options, &plan, NULL) == DESCENT_OK);
  step.parallel = parallel;
  for (; step.step <= STEPS; ++step.step) {
    step.gradients = step.step == 2 ? gradients : NULL;
    CHECK(descent_rt_step(&duo, plan, &step, NULL, NULL) == DESCENT_OK);
  }
  descent_rt_plan_destroy(&duo, plan);
  *bytes = trained.bytes;
  return trained.block;
}

static char *reference;

static bool same_as_reference(const descent_plan_options *options, const descent_parallel *parallel) {
  size_t bytes;
  char *block = train(options, parallel, &bytes);
  const bool same = memcmp(block, reference, bytes) == 0;
  free(block);
  return same;
}

static void make_reference(void) {
  size_t bytes;
  const descent_plan_options options = plan_options(1);
  reference = train(&options, NULL, &bytes);
}

static void any_number_of_threads_gives_the_same_bits(void) {
  for (int64_t workers = 1; workers <= 4; ++workers) {
    const descent_plan_options options = plan_options(workers);
    CHECK(same_as_reference(&options, NULL));
  }
  CHECK(same_as_reference(NULL, NULL));
  descent_plan_options threadless = plan_options(3);
  threadless.own_pool = 0;
  CHECK(same_as_reference(&threadless, NULL));
}

/* A caller's parallel that runs tasks last to first, with as many workers as it says. */
static void run_backwards(void *context, int64_t tasks, void (*body)(void *, int64_t, int64_t), void *argument) {
  const int64_t workers = *(const int64_t *)context;
  for (int64_t task = tasks - 1; task >= 0; --task)
    body(argument, task, (task * 7 + 1) % workers);
}

typedef struct job {
  _Atomic int64_t next;
  _Atomic int64_t workers;
  int64_t tasks;
  void (*body)(void *, int64_t, int64_t);
  void *argument;
} job;

static void *work(void *opaque) {
  job *shared = opaque;
  const int64_t worker = atomic_fetch_add(&shared->workers, 1);
  for (int64_t task = atomic_fetch_add(&shared->next, 1); task < shared->tasks;
       task = atomic_fetch_add(&shared->next, 1))
    shared->body(shared->argument, task, worker);
  return NULL;
}

static void run_in_new_threads(void *context, int64_t tasks, void (*body)(void *, int64_t, int64_t), void *argument) {
  (void)context;
  job shared = {0, 0, tasks, body, argument};
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i)
    pthread_create(&threads[i], NULL, work, &shared);
  for (int i = 0; i < 3; ++i)
    pthread_join(threads[i], NULL);
}

static void the_callers_parallel_gives_the_same_bits(void) {
  for (int64_t workers = 1; workers <= 4; ++workers) {
    descent_plan_options options = plan_options(4);
    options.own_pool = workers % 2 == 0;
    const descent_parallel backwards = {sizeof(backwards), workers, run_backwards, &workers};
    CHECK(same_as_reference(&options, &backwards));
  }
  const descent_plan_options options = plan_options(3);
  const descent_parallel threads = {sizeof(threads), 3, run_in_new_threads, NULL};
  CHECK(same_as_reference(&options, &threads));
}

static void the_callers_rounding_changes_nothing(void) {
  const descent_plan_options alone = plan_options(1), options = plan_options(2);
  fesetround(FE_UPWARD);
#if defined(__x86_64__)
  const unsigned control = _mm_getcsr();
  _mm_setcsr(control | 0x8040); /* subnormal numbers count as 0, as -ffast-math sets it */
#endif
  CHECK(same_as_reference(&alone, NULL));
  CHECK(same_as_reference(&options, NULL));
  CHECK(fegetround() == FE_UPWARD);
#if defined(__x86_64__)
  CHECK((_mm_getcsr() & 0x8040) == 0x8040);
  _mm_setcsr(control);
#endif
  fesetround(FE_TONEAREST);
}

/* Every worker of the caller rounds its own way. */
static void run_rounding(void *context, int64_t tasks, void (*body)(void *, int64_t, int64_t), void *argument) {
  static const int ways[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  (void)context;
  for (int64_t task = 0; task < tasks; ++task) {
    fesetround(ways[task % 3]);
    body(argument, task, task % 3);
    CHECK(fegetround() == ways[task % 3]);
  }
  fesetround(FE_TONEAREST);
}

static void a_workers_rounding_changes_nothing(void) {
  const descent_plan_options options = plan_options(3);
  const descent_parallel parallel = {sizeof(parallel), 3, run_rounding, NULL};
  CHECK(same_as_reference(&options, &parallel));
}

static void *train_alone(void *same) {
  const descent_plan_options options = plan_options(2);
  *(bool *)same = same_as_reference(&options, NULL);
  return NULL;
}

static void two_plans_step_at_the_same_time(void) {
  pthread_t threads[2];
  bool same[2] = {false, false};
  for (int i = 0; i < 2; ++i)
    pthread_create(&threads[i], NULL, train_alone, &same[i]);
  for (int i = 0; i < 2; ++i)
    pthread_join(threads[i], NULL);
  CHECK(same[0] && same[1]);
}

typedef struct nested {
  descent_plan *plan;
  model *table;
  int32_t step_code, rebind_code;
  descent_error error;
} nested;

static void step_within(void *context, int64_t tasks, void (*body)(void *, int64_t, int64_t), void *argument) {
  nested *inner = context;
  const descent_step step = first_step();
  inner->step_code = descent_rt_step(&duo, inner->plan, &step, NULL, &inner->error);
  inner->rebind_code = descent_rt_plan_rebind(&duo, inner->plan, inner->table->layers, LAYERS, NULL);
  for (int64_t task = 0; task < tasks; ++task)
    body(argument, task, 0);
}

static void a_plan_in_use_is_refused(void) {
  model table;
  model_create(&table);
  const descent_plan_options options = plan_options(2);
  nested inner = {NULL, &table, 0, 0, {.size = sizeof(descent_error)}};
  CHECK(descent_rt_plan_create(&duo, table.layers, LAYERS, &options, &inner.plan, NULL) == DESCENT_OK);
  const descent_parallel parallel = {sizeof(parallel), 2, step_within, &inner};
  descent_step step = first_step();
  step.parallel = &parallel;
  CHECK(descent_rt_step(&duo, inner.plan, &step, NULL, NULL) == DESCENT_OK);
  CHECK_REFUSED(inner.step_code, DESCENT_INVALID_ARGUMENT, &inner.error, "in use by another thread");
  CHECK(inner.rebind_code == DESCENT_INVALID_ARGUMENT);
  step.parallel = NULL;
  CHECK(descent_rt_step(&duo, inner.plan, &step, NULL, NULL) == DESCENT_OK);
  descent_rt_plan_destroy(&duo, inner.plan);
  model_destroy(&table);
}

enum { POOL_TASKS = 100, POOL_JOBS = 300 };

typedef struct pool_user {
  descent_pool *pool;
  pthread_barrier_t *start;
  bool right;
  _Atomic int64_t done[POOL_TASKS];
  _Atomic int64_t busy[3];
  _Atomic bool clashed;
} pool_user;

static void count_task(void *argument, int64_t task, int64_t worker) {
  pool_user *user = argument;
  if (atomic_fetch_add(&user->busy[worker], 1) != 0)
    user->clashed = true;
  atomic_fetch_add(&user->done[task], 1);
  const struct timespec pause = {0, 1000};
  if (task % 16 == 0)
    nanosleep(&pause, NULL); /* long enough for the other caller to come in */
  atomic_fetch_sub(&user->busy[worker], 1);
}

static void *use_pool(void *opaque) {
  pool_user *user = opaque;
  user->right = true;
  pthread_barrier_wait(user->start);
  for (int64_t i = 0; i < POOL_JOBS; ++i) {
    descent_pool_run(user->pool, i % POOL_TASKS, count_task, user);
    for (int64_t t = 0; t < POOL_TASKS; ++t)
      user->right = user->right && atomic_exchange(&user->done[t], 0) == (t < i % POOL_TASKS);
  }
  return NULL;
}

static void a_pool_serves_one_caller_after_the_other(void) {
  descent_pool *pool = descent_pool_create(3);
  pool_user *users = calloc(2, sizeof(pool_user));
  pthread_t threads[2];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, 2);
  for (int i = 0; i < 2; ++i) {
    users[i].pool = pool;
    users[i].start = &start;
    pthread_create(&threads[i], NULL, use_pool, &users[i]);
  }
  for (int i = 0; i < 2; ++i) {
    pthread_join(threads[i], NULL);
    CHECK(users[i].right && !users[i].clashed);
  }
  pthread_barrier_destroy(&start);
  free(users);
  descent_pool_destroy(pool);
}

static void an_idle_pool_sleeps(void) {
  descent_pool *pool = descent_pool_create(2);
  pool_user *user = calloc(1, sizeof(pool_user));
  descent_pool_run(pool, POOL_TASKS, count_task, user);
  struct timespec before, after;
  const struct timespec pause = {0, 300000000};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  nanosleep(&pause, NULL);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  CHECK((double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec) < 0.1);
  free(user);
  descent_pool_destroy(pool);
}

static void a_forked_child_steps_alone(void) {
  model table;
  model_create(&table);
  descent_plan *plan = NULL;
  const descent_plan_options options = plan_options(2);
  const descent_step step = first_step();
  CHECK(descent_rt_plan_create(&duo, table.layers, LAYERS, &options, &plan, NULL) == DESCENT_OK);
  const pid_t child = fork();
  if (child == 0) {
    const int32_t code = descent_rt_step(&duo, plan, &step, NULL, NULL);
    descent_rt_plan_destroy(&duo, plan);
    _exit(code);
  }
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(descent_rt_step(&duo, plan, &step, NULL, NULL) == DESCENT_OK);
  descent_rt_plan_destroy(&duo, plan);
  model_destroy(&table);
}

#if defined(__linux__)
/* Threads of this process; one that has been joined may be seen for a moment. */
static int64_t count_threads(void) {
  int64_t count = 0;
  DIR *folder = opendir("/proc/self/task");
  for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
    count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

static bool has_threads(int64_t wanted) {
  const struct timespec pause = {0, 1000000};
  for (int i = 0; i < 1000 && count_threads() != wanted; ++i)
    nanosleep(&pause, NULL);
  return count_threads() == wanted;
}

/* A trainer's threads, which never sleep: between jobs they keep the processors busy. */
enum { TRAINERS = 4 };

typedef struct trainer {
  pthread_t threads[TRAINERS - 1];
  pthread_mutex_t lock; /* of what a job is */
  void (*body)(void *, int64_t, int64_t);
  void *argument;
  int64_t tasks, next;
  _Atomic int64_t left; /* tasks that are not done */
  _Atomic int64_t workers;
  _Atomic bool stop;
  int64_t most; /* threads seen */
} trainer;

/* Returns whether there was a task. */
static bool train_task(trainer *busy, int64_t worker) {
  pthread_mutex_lock(&busy->lock);
  const int64_t task = busy->next < busy->tasks ? busy->next++ : -1;
  pthread_mutex_unlock(&busy->lock);
  if (task < 0)
    return false;
  busy->body(busy->argument, task, worker);
  atomic_fetch_sub(&busy->left, 1);
  return true;
}

static void *spin(void *opaque) {
  trainer *busy = opaque;
  const int64_t worker = 1 + atomic_fetch_add(&busy->workers, 1);
  while (!atomic_load(&busy->stop))
    if (atomic_load(&busy->left) > 0)
      train_task(busy, worker);
  return NULL;
}

static void run_beside(void *context, int64_t tasks, void (*body)(void *, int64_t, int64_t), void *argument) {
  trainer *busy = context;
  const int64_t threads = count_threads();
  busy->most = threads > busy->most ? threads : busy->most;
  pthread_mutex_lock(&busy->lock);
  busy->body = body;
  busy->argument = argument;
  busy->tasks = tasks;
  busy->next = 0;
  atomic_store(&busy->left, tasks);
  pthread_mutex_unlock(&busy->lock);
  while (atomic_load(&busy->left) > 0)
    train_task(busy, 0);
}

static trainer *start_trainer(void) {
  trainer *busy = calloc(1, sizeof(trainer));
  pthread_mutex_init(&busy->lock, NULL);
  for (int i = 0; i < TRAINERS - 1; ++i)
    pthread_create(&busy->threads[i], NULL, spin, busy);
  return busy;
}

static void stop_trainer(trainer *busy) {
  atomic_store(&busy->stop, true);
  for (int i = 0; i < TRAINERS - 1; ++i)
    pthread_join(busy->threads[i], NULL);
  pthread_mutex_destroy(&busy->lock);
  free(busy);
}

static void a_busy_trainers_threads_give_the_same_bits(void) {
  trainer *busy = start_trainer();
  const int64_t before = count_threads();
  descent_plan_options options = plan_options(TRAINERS);
  const descent_parallel parallel = {sizeof(parallel), TRAINERS, run_beside, busy};
  options.own_pool = 0;
  CHECK(same_as_reference(&options, &parallel));
  CHECK(busy->most == before); /* the trainer's threads were all */
  options.own_pool = 1;        /* a pool beside them sleeps; its threads are those that were asked for */
  CHECK(same_as_reference(&options, &parallel));
  CHECK(busy->most == before + TRAINERS - 1);
  stop_trainer(busy);
}

static void a_pool_works_beside_a_busy_trainer(void) {
  trainer *busy = start_trainer();
  for (int64_t workers = 2; workers <= 4; ++workers) {
    const descent_plan_options options = plan_options(workers);
    CHECK(same_as_reference(&options, NULL));
  }
  stop_trainer(busy);
}

static void train_on_one_processor(int64_t workers, int64_t threads) {
  model table;
  model_create(&table);
  descent_plan *plan = NULL;
  const descent_plan_options options = plan_options(workers);
  const int64_t before = count_threads();
  CHECK(descent_rt_plan_create(&duo, table.layers, LAYERS, &options, &plan, NULL) == DESCENT_OK);
  CHECK(count_threads() == before + threads);
  descent_rt_plan_destroy(&duo, plan);
  model_destroy(&table);
  CHECK(has_threads(before));
  CHECK(same_as_reference(&options, NULL));
}

static void fewer_processors_than_workers_give_the_same_bits(void) {
  cpu_set_t all, one;
  CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
  int first = 0;
  while (!CPU_ISSET(first, &all))
    ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
  train_on_one_processor(4, 3);
  train_on_one_processor(0, 0); /* one for each processor */
  trainer *busy = start_trainer();
  const descent_plan_options options = plan_options(4);
  CHECK(same_as_reference(&options, NULL));
  stop_trainer(busy);
  CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
}
#endif

static void scratch_is_counted(void) {
  model table;
  model_create(&table);
  int64_t before = 0;
  for (int64_t workers = 1; workers <= 3; ++workers) {
    descent_plan *plan = NULL;
    const descent_plan_options options = plan_options(workers);
    CHECK(descent_rt_plan_create(&duo, table.layers, LAYERS, &options, &plan, NULL) == DESCENT_OK);
    const int64_t bytes = descent_rt_plan_workspace_bytes(&duo, plan);
    /* The layers' own scratch, and each worker's; WIDE is shared when there is more than one. */
    CHECK(bytes > (300 * 701 + 900 * 230) * 4 && bytes < 16 << 20);
    CHECK(workers < 3 || bytes > before);
    before = bytes;
    descent_rt_plan_destroy(&duo, plan);
  }
  CHECK(descent_rt_plan_workspace_bytes(&duo, NULL) == 0);
  model_destroy(&table);
}

void test_threads(void) {
  make_reference();
  RUN(any_number_of_threads_gives_the_same_bits);
  RUN(the_callers_parallel_gives_the_same_bits);
  RUN(the_callers_rounding_changes_nothing);
  RUN(a_workers_rounding_changes_nothing);
  RUN(two_plans_step_at_the_same_time);
  RUN(a_plan_in_use_is_refused);
  RUN(a_pool_serves_one_caller_after_the_other);
  RUN(an_idle_pool_sleeps);
  RUN(a_forked_child_steps_alone);
#if defined(__linux__)
  alarm(300); /* rather than wait forever */
  RUN(a_busy_trainers_threads_give_the_same_bits);
  RUN(a_pool_works_beside_a_busy_trainer);
  RUN(fewer_processors_than_workers_give_the_same_bits);
  alarm(0);
#endif
  RUN(scratch_is_counted);
  free(reference);
}
