/* Where threads wait for each other: barriers of a block, and what the lanes of a warp do together. */
#include "Lanes.h"

#include <inttypes.h>

void descent_sim_barrier(descent_sim_thread *thread, const char *where) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->where = where;
  descent_sim_wait(lane, DESCENT_SIM_AT_BARRIER);
}

void descent_sim_warp_barrier(descent_sim_thread *thread, const char *where) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->where = where;
  descent_sim_wait(lane, DESCENT_SIM_AT_WARP_BARRIER);
}

static bool is_power_of_two(int32_t number) { return number > 0 && (number & (number - 1)) == 0; }

uint64_t descent_sim_shuffle(descent_sim_thread *thread, const char *where, uint64_t value, int32_t offset,
                             int32_t width, int32_t mode, int32_t *valid) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->where = where;
  if (!is_power_of_two(width) || width > DESCENT_SIM_WARP) {
    descent_sim_fail(lane->simulator, lane, "has width %" PRId32 ", but widths are 1, 2, 4, 8, 16 and 32", width);
    descent_sim_wait(lane, DESCENT_SIM_FINISHED);
  }
  lane->value = value;
  lane->offset = offset;
  lane->width = width;
  lane->mode = mode;
  descent_sim_wait(lane, DESCENT_SIM_AT_SHUFFLE);
  *valid = lane->valid;
  return lane->value;
}

/* Which lane of its warp a shuffle asks for; -1: one that is not among its `width`. */
static int64_t source_lane(const descent_sim_lane *lane) {
  const int64_t own = lane->seen.thread % DESCENT_SIM_WARP, first = own / lane->width * lane->width;
  int64_t source = own;
  switch (lane->mode) {
  case DESCENT_SIM_XOR:
    source = own ^ lane->offset;
    break;
  case DESCENT_SIM_DOWN:
    source = own + lane->offset;
    break;
  case DESCENT_SIM_UP:
    source = own - lane->offset;
    break;
  default:
    source = first + lane->offset;
  }
  return source >= first && source < first + lane->width ? source : -1;
}

/* Exchanges the values of a warp whose lanes all wait at the same shuffle. */
static void exchange(descent_sim_lane *warp, int64_t count) {
  uint64_t values[DESCENT_SIM_WARP];
  for (int64_t i = 0; i < count; ++i)
    values[i] = warp[i].value;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t source = source_lane(&warp[i]);
    warp[i].valid = source >= 0 && source < count;
    if (warp[i].valid)
      warp[i].value = values[source];
  }
}

/* The first of `count` lanes that does not wait for the same thing at the same place as the first one; null: all do. */
static const descent_sim_lane *find_stray(const descent_sim_lane *lanes, int64_t count) {
  for (int64_t i = 1; i < count; ++i) {
    const bool agrees = lanes[i].waiting == lanes->waiting &&
                        (lanes->waiting == DESCENT_SIM_FINISHED || lanes[i].where == lanes->where);
    if (!agrees)
      return &lanes[i];
  }
  return NULL;
}

static const char *name_of(descent_sim_waiting waiting) {
  switch (waiting) {
  case DESCENT_SIM_AT_BARRIER:
    return "a barrier";
  case DESCENT_SIM_AT_WARP_BARRIER:
    return "a barrier of its warp";
  case DESCENT_SIM_AT_SHUFFLE:
    return "a shuffle";
  case DESCENT_SIM_AT_PRODUCT:
    return "a product";
  default:
    return "a load of matrices";
  }
}

/* Two lanes that were to meet, and cannot. */
static void fail_divergence(descent_simulator *simulator, const descent_sim_lane *one, const descent_sim_lane *other) {
  const descent_sim_lane *waits = one->waiting != DESCENT_SIM_FINISHED ? one : other;
  const descent_sim_lane *stray = waits == one ? other : one;
  if (stray->waiting == DESCENT_SIM_FINISHED)
    descent_sim_fail(simulator, waits, "waits at %s that thread %" PRId64 " never reaches: it has finished",
                     name_of(waits->waiting), stray->seen.thread);
  else
    descent_sim_fail(simulator, waits, "waits at %s that thread %" PRId64 " does not reach: it waits at %s, %s",
                     name_of(waits->waiting), stray->seen.thread, name_of(stray->waiting), stray->where);
}

static bool needs_whole_warp(descent_sim_waiting waiting) {
  return waiting == DESCENT_SIM_AT_PRODUCT || waiting == DESCENT_SIM_AT_MATRICES;
}

static bool is_of_warp(descent_sim_waiting waiting) {
  return waiting == DESCENT_SIM_AT_WARP_BARRIER || waiting == DESCENT_SIM_AT_SHUFFLE || needs_whole_warp(waiting);
}

/* What the lanes of a warp wait for happens. */
static void resume_warp(descent_simulator *simulator, descent_sim_lane *warp, int64_t count) {
  if (warp->waiting == DESCENT_SIM_AT_SHUFFLE)
    exchange(warp, count);
  if (warp->waiting == DESCENT_SIM_AT_PRODUCT)
    descent_sim_multiply(warp);
  if (warp->waiting == DESCENT_SIM_AT_MATRICES)
    descent_sim_hand_out_matrices(warp);
  const bool orders = warp->waiting == DESCENT_SIM_AT_WARP_BARRIER;
  simulator->now += orders;
  for (int64_t i = 0; i < count; ++i) {
    warp[i].waiting = DESCENT_SIM_RUNS;
    warp[i].actor.now = simulator->now;
    warp[i].actor.warp_since = orders ? simulator->now : warp[i].actor.warp_since;
  }
}

/* Lets a warp go on if its lanes wait for each other; false if they do not, or cannot meet. */
static bool meet_warp(descent_simulator *simulator, descent_sim_lane *warp, int64_t count) {
  bool waits = false;
  for (int64_t i = 0; i < count; ++i)
    waits = waits || is_of_warp(warp[i].waiting);
  if (!waits)
    return false;
  const descent_sim_lane *stray = find_stray(warp, count);
  if (stray)
    fail_divergence(simulator, warp, stray);
  else if (needs_whole_warp(warp->waiting) && count < DESCENT_SIM_WARP)
    descent_sim_fail(simulator, warp, "needs a whole warp, but its warp has %" PRId64 " threads", count);
  else
    resume_warp(simulator, warp, count);
  return !simulator->failed;
}

void descent_sim_meet(descent_simulator *simulator) {
  const int64_t threads = simulator->launch->threads;
  descent_sim_lane *lanes = simulator->lanes;
  bool met = false;
  for (int64_t w = 0; w < threads && !simulator->failed; w += DESCENT_SIM_WARP) {
    const int64_t left = threads - w;
    met = meet_warp(simulator, &lanes[w], left < DESCENT_SIM_WARP ? left : DESCENT_SIM_WARP) || met;
  }
  if (met || simulator->failed)
    return;
  const descent_sim_lane *stray = find_stray(lanes, threads);
  if (stray)
    fail_divergence(simulator, lanes, stray);
  if (stray || lanes->waiting != DESCENT_SIM_AT_BARRIER)
    return;
  ++simulator->now;
  for (int64_t i = 0; i < threads; ++i) {
    lanes[i].waiting = DESCENT_SIM_RUNS;
    lanes[i].actor.now = lanes[i].actor.block_since = simulator->now;
  }
}
