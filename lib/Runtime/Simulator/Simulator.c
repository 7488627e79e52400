#include "Lanes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_BYTES = 256 << 10 };

/* splitmix64 */
uint64_t descent_sim_random(descent_simulator *simulator) {
  uint64_t z = simulator->random += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static void permute(descent_simulator *simulator, int64_t *order, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    order[i] = i;
  for (int64_t i = count - 1; i > 0; --i) {
    const int64_t j = (int64_t)((descent_sim_random(simulator) >> 32) * (uint64_t)(i + 1) >> 32), moved = order[i];
    order[i] = order[j];
    order[j] = moved;
  }
}

void descent_sim_fail(descent_simulator *simulator, const descent_sim_lane *lane, const char *format, ...) {
  if (simulator->failed)
    return;
  simulator->failed = true;
  size_t used = (size_t)snprintf(simulator->message, sizeof(simulator->message),
                                 "kernel '%s', block %" PRId64 ", thread %" PRId64 ", %s: ", simulator->launch->name,
                                 lane->seen.block, lane->seen.thread, lane->where);
  if (used >= sizeof(simulator->message))
    return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(simulator->message + used, sizeof(simulator->message) - used, format, arguments);
  va_end(arguments);
}

void descent_sim_stop(descent_sim_lane *lane, const char *where, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  lane->where = where;
  descent_sim_fail(lane->simulator, lane, "%s", text);
  for (;;)
    descent_sim_wait(lane, DESCENT_SIM_FINISHED);
}

void descent_sim_wait(descent_sim_lane *lane, descent_sim_waiting reason) {
  lane->waiting = reason;
  descent_fiber_yield(lane->fiber);
}

static void run_lane(void *argument) {
  descent_sim_lane *lane = argument;
  const descent_sim_launch *launch = lane->simulator->launch;
  launch->kernel(&lane->seen, launch->arguments);
  lane->waiting = DESCENT_SIM_FINISHED;
}

static bool has_finished(const descent_simulator *simulator) {
  for (int64_t i = 0; i < simulator->launch->threads; ++i)
    if (simulator->lanes[i].waiting != DESCENT_SIM_FINISHED)
      return false;
  return true;
}

static void begin_block(descent_simulator *simulator, int64_t block) {
  const descent_sim_launch *launch = simulator->launch;
  simulator->now = 0;
  simulator->dynamic = descent_sim_begin_workgroup(simulator);
  for (int64_t i = 0; i < launch->threads; ++i) {
    descent_sim_lane *lane = &simulator->lanes[i];
    lane->seen =
        (descent_sim_thread){i, launch->threads, block, launch->blocks, simulator->dynamic, launch->dynamic_bytes};
    lane->actor = (descent_sim_actor){.stamp = simulator->launch_stamp,
                                      .thread = descent_sim_thread_id(block, i),
                                      .threads = (uint32_t)launch->threads};
    lane->waiting = DESCENT_SIM_RUNS;
    lane->where = "at its begin";
    lane->products.count = lane->stores.count = 0;
    lane->registers_fenced = false;
    lane->store_reads = lane->store_writes = 0;
    descent_fiber_start(lane->fiber, run_lane, lane);
  }
  descent_sim_begin_asynchronous(simulator);
  if (!simulator->dynamic)
    descent_sim_fail(simulator, simulator->lanes, "there is no memory to simulate it");
}

/* Whether a thread tests an mbarrier's phase. */
static bool is_tested(const descent_simulator *simulator) {
  for (int64_t i = 0; i < simulator->launch->threads; ++i)
    if (simulator->lanes[i].waiting == DESCENT_SIM_TESTS_PHASE)
      return true;
  return false;
}

static bool can_go_on(const descent_sim_lane *lane) {
  return lane->waiting == DESCENT_SIM_RUNS || lane->waiting == DESCENT_SIM_TESTS_PHASE ||
         (lane->waiting == DESCENT_SIM_AT_PHASE && descent_sim_is_phase_over(lane));
}

/* Each thread that can go on has a turn. False if none did more than to test a phase that is not complete. */
static bool take_turns(descent_simulator *simulator) {
  const int64_t threads = simulator->launch->threads;
  bool happened = false;
  permute(simulator, simulator->thread_order, threads);
  for (int64_t i = 0; i < threads && !simulator->failed; ++i) {
    descent_sim_lane *lane = &simulator->lanes[simulator->thread_order[i]];
    if (!can_go_on(lane))
      continue;
    happened = happened || lane->waiting != DESCENT_SIM_TESTS_PHASE || descent_sim_is_phase_over(lane);
    descent_fiber_resume(lane->fiber);
  }
  return happened;
}

static void run_block(descent_simulator *simulator, int64_t block) {
  enum { MOST_FRUITLESS = 1000 }; /* turns of threads that test a phase: they may give up */
  begin_block(simulator, block);
  int fruitless = 0;
  while (!simulator->failed && !has_finished(simulator)) {
    bool happened = take_turns(simulator);
    happened = (!simulator->failed && descent_sim_meet(simulator)) || happened;
    happened = (!simulator->failed && descent_sim_land_copies(simulator, !happened)) || happened;
    fruitless = happened ? 0 : fruitless + 1;
    if (!happened && (fruitless > MOST_FRUITLESS || !is_tested(simulator)))
      descent_sim_explain(simulator);
  }
  if (!simulator->failed)
    descent_sim_end_asynchronous(simulator);
}

static bool make_room(descent_simulator *simulator, const descent_sim_launch *launch) {
  for (; simulator->num_lanes < launch->threads; ++simulator->num_lanes) {
    descent_sim_lane *lane = &simulator->lanes[simulator->num_lanes];
    lane->simulator = simulator;
    lane->fiber = descent_fiber_create(STACK_BYTES);
    if (!lane->fiber)
      return false;
  }
  if (simulator->num_ordered_blocks >= launch->blocks)
    return true;
  free(simulator->block_order);
  simulator->block_order = calloc((size_t)launch->blocks, sizeof(int64_t));
  simulator->num_ordered_blocks = simulator->block_order ? launch->blocks : 0;
  return simulator->block_order != NULL;
}

/* What no GPU launches. */
static bool is_possible(descent_simulator *simulator, const descent_sim_launch *launch) {
  const bool possible = launch->threads >= 1 && launch->threads <= DESCENT_SIM_MOST_THREADS && launch->blocks >= 0 &&
                        launch->blocks <= DESCENT_SIM_MOST_BLOCKS && launch->dynamic_bytes >= 0 &&
                        launch->dynamic_bytes <= DESCENT_SIM_WORKGROUP_BYTES;
  if (!possible)
    snprintf(simulator->message, sizeof(simulator->message),
             "kernel '%s' cannot run as %" PRId64 " blocks of %" PRId64 " threads with %" PRId64
             " bytes of workgroup memory: there are at most %d blocks of 1 to %d threads with %d bytes",
             launch->name, launch->blocks, launch->threads, launch->dynamic_bytes, DESCENT_SIM_MOST_BLOCKS,
             DESCENT_SIM_MOST_THREADS, DESCENT_SIM_WORKGROUP_BYTES);
  return possible;
}

bool descent_simulator_run(descent_simulator *simulator, const descent_sim_launch *launch, const char **message) {
  *message = simulator->message;
  simulator->launch = launch;
  simulator->failed = false;
  if (!is_possible(simulator, launch))
    return false;
  if (!make_room(simulator, launch)) {
    snprintf(simulator->message, sizeof(simulator->message), "no memory to simulate kernel '%s'", launch->name);
    return false;
  }
  simulator->launch_stamp += 1 + (simulator->launch_stamp == UINT32_MAX); /* not 0 */
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
  simulator->lanes = calloc(DESCENT_SIM_MOST_THREADS, sizeof(descent_sim_lane));
  simulator->thread_order = calloc(DESCENT_SIM_MOST_THREADS, sizeof(int64_t));
  simulator->workgroup = aligned_alloc(DESCENT_SIM_WORKGROUP_ROOM, DESCENT_SIM_WORKGROUP_ROOM);
  simulator->asynchronous = calloc(1, sizeof(descent_sim_asynchronous));
  if (simulator->memory && simulator->lanes && simulator->thread_order && simulator->workgroup &&
      simulator->asynchronous)
    return simulator;
  descent_simulator_destroy(simulator);
  return NULL;
}

void descent_simulator_destroy(descent_simulator *simulator) {
  if (!simulator)
    return;
  for (int64_t i = 0; i < simulator->num_lanes; ++i) {
    descent_fiber_destroy(simulator->lanes[i].fiber);
    free(simulator->lanes[i].clock);
  }
  free(simulator->asynchronous);
  descent_shadow_destroy(simulator->memory);
  free(simulator->lanes);
  free(simulator->thread_order);
  free(simulator->block_order);
  free(simulator->workgroup);
  free(simulator);
}

descent_shadow *descent_simulator_memory(descent_simulator *simulator) { return simulator->memory; }
