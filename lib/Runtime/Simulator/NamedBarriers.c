/* Barriers that some of a block's threads wait at, and others may arrive at and go on. */
#include "Lanes.h"
#include "Pipelines.h"

#include <inttypes.h>
#include <string.h>

/* Those who wait go on, and know what all did who arrived. */
static void pass_named(descent_simulator *simulator, int32_t number) {
  descent_sim_named *named = &simulator->asynchronous->named[number];
  for (int64_t i = 0; i < simulator->launch->threads; ++i) {
    descent_sim_lane *each = &simulator->lanes[i];
    if (each->waiting != DESCENT_SIM_AT_NAMED_BARRIER || each->named != number)
      continue;
    descent_sim_acquire(each, named->clock);
    each->waiting = DESCENT_SIM_RUNS;
  }
  named->arrived = 0;
}

/* Returns whether the barrier waits for others. */
static bool arrive(descent_sim_lane *lane, const char *where, int32_t number, int32_t count) {
  const int64_t threads = lane->seen.threads;
  lane->where = where;
  if (number < 0 || number >= DESCENT_SIM_MOST_NAMED)
    descent_sim_stop(lane, where, "names barrier %" PRId32 ", but a block has barriers 0 to %d", number,
                     DESCENT_SIM_MOST_NAMED - 1);
  if (count < DESCENT_SIM_WARP || count % DESCENT_SIM_WARP != 0 || count > threads)
    descent_sim_stop(lane, where,
                     "waits for %" PRId32 " threads, but a barrier is of whole warps of a block of %" PRId64, count,
                     threads);
  descent_sim_keep_clocks(lane);
  descent_sim_named *named = &lane->simulator->asynchronous->named[number];
  if (named->arrived == 0) {
    named->count = count;
    memset(named->clock, 0, sizeof(named->clock));
  }
  if (named->count != count)
    descent_sim_stop(lane, where, "waits for %" PRId32 " threads at barrier %" PRId32 ", but others for %" PRId32,
                     count, number, named->count);
  descent_sim_release(lane, named->clock);
  return ++named->arrived < count;
}

void descent_sim_named_barrier(descent_sim_thread *thread, const char *where, int32_t number, int32_t count) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->named = number;
  if (arrive(lane, where, number, count)) {
    descent_sim_wait(lane, DESCENT_SIM_AT_NAMED_BARRIER);
    return;
  }
  descent_sim_acquire(lane, lane->simulator->asynchronous->named[number].clock);
  pass_named(lane->simulator, number);
}

void descent_sim_named_arrive(descent_sim_thread *thread, const char *where, int32_t number, int32_t count) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  if (!arrive(lane, where, number, count))
    pass_named(lane->simulator, number);
}
