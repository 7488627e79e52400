#include "Simulator.h"

#include "Fiber.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_BYTES = 256 << 10 };

typedef enum waiting { RUNS, AT_BARRIER, AT_SHUFFLE, FINISHED } waiting;

typedef struct lane {
  descent_sim_thread seen; /* first: what generated code is given */
  descent_simulator *simulator;
  descent_fiber *fiber;
  waiting waiting;
  const char *where; /* of what it waits at */
  uint64_t value;
  int32_t offset, width, mode, valid;
} lane;

struct descent_simulator {
  descent_shadow *memory;
  lane *lanes;
  int64_t num_lanes; /* that have stacks */
  int64_t *thread_order, *block_order;
  int64_t num_ordered_blocks;
  char *workgroup;
  descent_sim_cell *cells; /* of workgroup memory */
  int64_t workgroup_bytes; /* that there is room for */
  uint64_t random;
  const descent_sim_launch *launch;
  uint32_t launch_stamp, block_stamp, epoch;
  bool failed;
  char message[768];
};

/* splitmix64 */
static uint64_t next_random(descent_simulator *simulator) {
  uint64_t z = simulator->random += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static void permute(descent_simulator *simulator, int64_t *order, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    order[i] = i;
  for (int64_t i = count - 1; i > 0; --i) {
    const int64_t j = (int64_t)(next_random(simulator) % (uint64_t)(i + 1)), moved = order[i];
    order[i] = order[j];
    order[j] = moved;
  }
}

/* Keeps the first fault of a launch. */
static void fail(descent_simulator *simulator, const lane *at, const char *format, ...) {
  if (simulator->failed)
    return;
  simulator->failed = true;
  size_t used = (size_t)snprintf(simulator->message, sizeof(simulator->message),
                                 "kernel '%s', block %" PRId64 ", thread %" PRId64 ", %s: ", simulator->launch->name,
                                 at->seen.block, at->seen.thread, at->where);
  if (used >= sizeof(simulator->message))
    return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(simulator->message + used, sizeof(simulator->message) - used, format, arguments);
  va_end(arguments);
}

/* Back to the scheduler; after a fault for ever. */
static void wait(lane *at, waiting reason) {
  at->waiting = reason;
  descent_fiber_yield(at->fiber);
}

void descent_sim_barrier(descent_sim_thread *thread, const char *where) {
  lane *at = (lane *)thread;
  at->where = where;
  wait(at, AT_BARRIER);
}

uint64_t descent_sim_shuffle(descent_sim_thread *thread, const char *where, uint64_t value, int32_t offset,
                             int32_t width, int32_t mode, int32_t *valid) {
  lane *at = (lane *)thread;
  at->where = where;
  at->value = value;
  at->offset = offset;
  at->width = width;
  at->mode = mode;
  wait(at, AT_SHUFFLE);
  *valid = at->valid;
  return at->value;
}

static void describe(const descent_simulator *simulator, const lane *at, descent_sim_finding finding, bool store,
                     int64_t bytes, const char *memory, char *text, size_t size) {
  const int64_t threads = simulator->launch->threads;
  char other[96];
  snprintf(other, sizeof(other), "%sthread %" PRId64 " of block %" PRId64,
           finding.several ? "other threads, such as " : "", (int64_t)finding.other % threads,
           (int64_t)finding.other / threads);
  const bool same_block = (int64_t)finding.other / threads == at->seen.block;
  const char *order = same_block ? "with no barrier in between" : "in the same launch";
  switch (finding.fault) {
  case DESCENT_SIM_OUTSIDE:
    snprintf(text, size, "%s %" PRId64 " bytes of %s at %p, outside of what it has", store ? "writes" : "reads", bytes,
             memory, (const void *)finding.byte);
    return;
  case DESCENT_SIM_UNWRITTEN:
    snprintf(text, size, "reads %" PRId64 " bytes of %s, where nothing was ever written", bytes, memory);
    return;
  case DESCENT_SIM_READ_RACE:
    snprintf(text, size, "reads %s that %s wrote %s", memory, other, order);
    return;
  case DESCENT_SIM_WRITE_RACE:
    snprintf(text, size, "writes %s that %s wrote %s", memory, other, order);
    return;
  default:
    snprintf(text, size, "writes %s that %s read %s", memory, other, order);
  }
}

void descent_sim_access(descent_sim_thread *thread, const char *where, const void *address, int64_t bytes,
                        int32_t kind) {
  lane *at = (lane *)thread;
  descent_simulator *simulator = at->simulator;
  const descent_sim_launch *launch = simulator->launch;
  const bool store = (kind & DESCENT_SIM_STORE) != 0, workgroup = (kind & DESCENT_SIM_WORKGROUP) != 0;
  descent_sim_actor actor = {workgroup ? simulator->block_stamp : simulator->launch_stamp,
                             (uint32_t)(thread->block * launch->threads + thread->thread), (uint32_t)launch->threads,
                             simulator->epoch};
  const descent_sim_finding finding = workgroup
                                          ? descent_cells_access(simulator->cells, simulator->workgroup,
                                                                 launch->workgroup_bytes, actor, address, bytes, store)
                                          : descent_shadow_access(simulator->memory, actor, address, bytes, store);
  if (finding.fault == DESCENT_SIM_FINE)
    return;
  char text[384];
  at->where = where;
  describe(simulator, at, finding, store, bytes, workgroup ? "workgroup memory" : "global memory", text, sizeof(text));
  fail(simulator, at, "%s", text);
  wait(at, FINISHED);
}

static void run_lane(void *argument) {
  lane *at = argument;
  const descent_sim_launch *launch = at->simulator->launch;
  launch->kernel(&at->seen, launch->arguments);
  at->waiting = FINISHED;
}

/* Which lane of its warp a shuffle asks for; -1: one that is not among its `width`. */
static int64_t source_lane(const lane *at) {
  const int64_t own = at->seen.thread % DESCENT_SIM_WARP, first = own / at->width * at->width;
  int64_t source = own;
  switch (at->mode) {
  case DESCENT_SIM_XOR:
    source = own ^ at->offset;
    break;
  case DESCENT_SIM_DOWN:
    source = own + at->offset;
    break;
  case DESCENT_SIM_UP:
    source = own - at->offset;
    break;
  default:
    source = first + at->offset;
  }
  return source >= first && source < first + at->width ? source : -1;
}

/* Exchanges the values of a warp whose lanes all wait at the same shuffle. */
static void exchange(descent_simulator *simulator, int64_t first, int64_t count) {
  uint64_t values[DESCENT_SIM_WARP];
  for (int64_t i = 0; i < count; ++i)
    values[i] = simulator->lanes[first + i].value;
  for (int64_t i = 0; i < count; ++i) {
    lane *at = &simulator->lanes[first + i];
    const int64_t source = source_lane(at);
    at->valid = source >= 0 && source < count;
    if (at->valid)
      at->value = values[source];
    at->waiting = RUNS;
  }
}

/* Whether all of `count` lanes from `first` on wait for the same thing at the same place; `*other` is one that does
 * not. */
static bool agree(descent_simulator *simulator, int64_t first, int64_t count, const lane **other) {
  const lane *one = &simulator->lanes[first];
  for (int64_t i = 1; i < count; ++i) {
    const lane *at = &simulator->lanes[first + i];
    if (at->waiting != one->waiting || (one->waiting != FINISHED && at->where != one->where)) {
      *other = at;
      return false;
    }
  }
  return true;
}

static const char *name_of(waiting reason) {
  return reason == AT_BARRIER ? "waits at a barrier" : reason == AT_SHUFFLE ? "waits at a shuffle" : "has finished";
}

/* Two lanes that were to meet and cannot. */
static void report_divergence(descent_simulator *simulator, const lane *one, const lane *other) {
  const lane *waits = one->waiting != FINISHED ? one : other, *differs = waits == one ? other : one;
  const bool shows = differs->waiting != FINISHED;
  fail(simulator, waits, "%s that thread %" PRId64 " never reaches: it %s%s%s", name_of(waits->waiting),
       differs->seen.thread, name_of(differs->waiting), shows ? ", " : "", shows ? differs->where : "");
}

/* Lets lanes go on that have met. */
static void meet(descent_simulator *simulator, int64_t threads) {
  const lane *other = NULL;
  bool shuffled = false;
  for (int64_t w = 0; w < threads; w += DESCENT_SIM_WARP) {
    const int64_t count = threads - w < DESCENT_SIM_WARP ? threads - w : DESCENT_SIM_WARP;
    bool any = false;
    for (int64_t i = 0; i < count; ++i)
      any = any || simulator->lanes[w + i].waiting == AT_SHUFFLE;
    if (!any)
      continue;
    if (!agree(simulator, w, count, &other)) {
      report_divergence(simulator, &simulator->lanes[w], other);
      return;
    }
    exchange(simulator, w, count);
    shuffled = true;
  }
  if (shuffled)
    return;
  if (!agree(simulator, 0, threads, &other)) {
    report_divergence(simulator, &simulator->lanes[0], other);
    return;
  }
  if (simulator->lanes[0].waiting != AT_BARRIER)
    return;
  ++simulator->epoch;
  for (int64_t i = 0; i < threads; ++i)
    simulator->lanes[i].waiting = RUNS;
}

static bool has_finished(const descent_simulator *simulator, int64_t threads) {
  for (int64_t i = 0; i < threads; ++i)
    if (simulator->lanes[i].waiting != FINISHED)
      return false;
  return true;
}

static void run_block(descent_simulator *simulator, int64_t block) {
  const descent_sim_launch *launch = simulator->launch;
  memset(simulator->workgroup, 0xA5, (size_t)launch->workgroup_bytes);
  descent_cells_forget(simulator->cells, launch->workgroup_bytes);
  ++simulator->block_stamp;
  simulator->epoch = 0;
  for (int64_t i = 0; i < launch->threads; ++i) {
    lane *at = &simulator->lanes[i];
    at->seen = (descent_sim_thread){i, launch->threads, block, launch->blocks, simulator->workgroup};
    at->waiting = RUNS;
    at->where = "at its begin";
    descent_fiber_start(at->fiber, run_lane, at);
  }
  while (!simulator->failed && !has_finished(simulator, launch->threads)) {
    permute(simulator, simulator->thread_order, launch->threads);
    for (int64_t i = 0; i < launch->threads && !simulator->failed; ++i) {
      lane *at = &simulator->lanes[simulator->thread_order[i]];
      if (at->waiting == RUNS)
        descent_fiber_resume(at->fiber);
    }
    if (!simulator->failed)
      meet(simulator, launch->threads);
  }
}

static bool make_room(descent_simulator *simulator, const descent_sim_launch *launch) {
  for (; simulator->num_lanes < launch->threads; ++simulator->num_lanes) {
    lane *at = &simulator->lanes[simulator->num_lanes];
    at->simulator = simulator;
    at->fiber = descent_fiber_create(STACK_BYTES);
    if (!at->fiber)
      return false;
  }
  if (simulator->num_ordered_blocks < launch->blocks) {
    free(simulator->block_order);
    simulator->block_order = calloc((size_t)launch->blocks, sizeof(int64_t));
    simulator->num_ordered_blocks = simulator->block_order ? launch->blocks : 0;
  }
  if (!simulator->workgroup || simulator->workgroup_bytes < launch->workgroup_bytes) {
    free(simulator->workgroup);
    free(simulator->cells);
    simulator->workgroup = aligned_alloc(128, ((size_t)launch->workgroup_bytes / 128 + 1) * 128);
    simulator->cells = descent_cells_create(launch->workgroup_bytes);
    simulator->workgroup_bytes = launch->workgroup_bytes;
  }
  return simulator->workgroup && simulator->cells && (launch->blocks == 0 || simulator->block_order);
}

bool descent_simulator_run(descent_simulator *simulator, const descent_sim_launch *launch, const char **message) {
  *message = simulator->message;
  simulator->launch = launch;
  simulator->failed = false;
  if (launch->threads < 1 || launch->threads > DESCENT_SIM_MOST_THREADS || launch->blocks < 0 ||
      launch->blocks > INT32_MAX / DESCENT_SIM_MOST_THREADS / 2) {
    snprintf(simulator->message, sizeof(simulator->message),
             "kernel '%s' is to run with %" PRId64 " blocks of %" PRId64 " threads, but 1 to %d threads are possible",
             launch->name, launch->blocks, launch->threads, DESCENT_SIM_MOST_THREADS);
    return false;
  }
  if (!make_room(simulator, launch)) {
    snprintf(simulator->message, sizeof(simulator->message), "no memory to simulate kernel '%s'", launch->name);
    return false;
  }
  ++simulator->launch_stamp;
  permute(simulator, simulator->block_order, launch->blocks);
  for (int64_t i = 0; i < launch->blocks && !simulator->failed; ++i)
    run_block(simulator, simulator->block_order[i]);
  return !simulator->failed;
}

descent_simulator *descent_simulator_create(uint64_t seed) {
  descent_simulator *simulator = calloc(1, sizeof(descent_simulator));
  if (!simulator)
    return NULL;
  simulator->random = seed;
  simulator->memory = descent_shadow_create();
  simulator->lanes = calloc(DESCENT_SIM_MOST_THREADS, sizeof(lane));
  simulator->thread_order = calloc(DESCENT_SIM_MOST_THREADS, sizeof(int64_t));
  if (simulator->memory && simulator->lanes && simulator->thread_order)
    return simulator;
  descent_simulator_destroy(simulator);
  return NULL;
}

void descent_simulator_destroy(descent_simulator *simulator) {
  if (!simulator)
    return;
  for (int64_t i = 0; i < simulator->num_lanes; ++i)
    descent_fiber_destroy(simulator->lanes[i].fiber);
  descent_shadow_destroy(simulator->memory);
  free(simulator->lanes);
  free(simulator->thread_order);
  free(simulator->block_order);
  free(simulator->workgroup);
  free(simulator->cells);
  free(simulator);
}

descent_shadow *descent_simulator_memory(descent_simulator *simulator) { return simulator->memory; }
