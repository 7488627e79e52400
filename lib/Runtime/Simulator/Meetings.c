/* Where threads wait for each other: barriers of a block, and what the lanes of a warp or of a warpgroup do together.
 */
#include "Lanes.h"
#include "Pipelines.h"

#include <inttypes.h>
#include <string.h>

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

/* ---- Barriers of some of a block's threads: others may arrive at them and go on. ---- */

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
static bool arrive_at_named(descent_sim_lane *lane, const char *where, int32_t number, int32_t count) {
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
  if (arrive_at_named(lane, where, number, count)) {
    descent_sim_wait(lane, DESCENT_SIM_AT_NAMED_BARRIER);
    return;
  }
  descent_sim_acquire(lane, lane->simulator->asynchronous->named[number].clock);
  pass_named(lane->simulator, number);
}

void descent_sim_named_arrive(descent_sim_thread *thread, const char *where, int32_t number, int32_t count) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  if (!arrive_at_named(lane, where, number, count))
    pass_named(lane->simulator, number);
}

/* ---- What the lanes of a warp exchange ---- */

static bool is_power_of_two(int32_t number) { return number > 0 && (number & (number - 1)) == 0; }

uint64_t descent_sim_shuffle(descent_sim_thread *thread, const char *where, uint64_t value, int32_t offset,
                             int32_t width, int32_t mode, int32_t *valid) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  if (!is_power_of_two(width) || width > DESCENT_SIM_WARP)
    descent_sim_stop(lane, where, "has width %" PRId32 ", but widths are 1, 2, 4, 8, 16 and 32", width);
  lane->where = where;
  lane->value = value;
  lane->offset = offset;
  lane->width = width;
  lane->mode = mode;
  descent_sim_wait(lane, DESCENT_SIM_AT_SHUFFLE);
  *valid = lane->valid;
  return lane->value;
}

int32_t descent_sim_elect(descent_sim_thread *thread, const char *where) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->where = where;
  descent_sim_wait(lane, DESCENT_SIM_AT_ALIGNED);
  return thread->thread % DESCENT_SIM_WARP == lane->simulator->asynchronous->elected;
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
  case DESCENT_SIM_AT_MATRICES:
    return "a load of matrices";
  case DESCENT_SIM_AT_WARPGROUP_PRODUCT:
    return "a product of its warpgroup";
  case DESCENT_SIM_AT_NAMED_BARRIER:
    return "a barrier of some threads";
  case DESCENT_SIM_AT_PHASE:
  case DESCENT_SIM_TESTS_PHASE:
    return "a phase of an mbarrier";
  default:
    return "what its warps do together";
  }
}

static bool needs_whole_warp(descent_sim_waiting waiting) {
  return waiting == DESCENT_SIM_AT_PRODUCT || waiting == DESCENT_SIM_AT_MATRICES;
}

static bool is_of_warp(descent_sim_waiting waiting) {
  return waiting >= DESCENT_SIM_AT_WARP_BARRIER && waiting <= DESCENT_SIM_AT_ALIGNED;
}

static bool is_of_warpgroup(descent_sim_waiting waiting) {
  return waiting == DESCENT_SIM_AT_WARPGROUP_PRODUCT || waiting == DESCENT_SIM_AT_REGISTERS;
}

/* Whether others may still let it go on. */
static bool may_come(descent_sim_waiting waiting) {
  return waiting == DESCENT_SIM_AT_NAMED_BARRIER || waiting == DESCENT_SIM_AT_PHASE ||
         waiting == DESCENT_SIM_TESTS_PHASE;
}

/* ---- Who has met ---- */

static void resume(descent_sim_lane *lanes, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    lanes[i].waiting = DESCENT_SIM_RUNS;
}

/* A barrier of the warp, or of all threads of the block. */
static void pass_barrier(descent_simulator *simulator, descent_sim_lane *lanes, int64_t count) {
  const bool is_warp = lanes->waiting == DESCENT_SIM_AT_WARP_BARRIER;
  descent_sim_share_clocks(lanes, count);
  ++simulator->now;
  for (int64_t i = 0; i < count; ++i) {
    descent_sim_actor *actor = &lanes[i].actor;
    *(is_warp ? &actor->warp_since : &actor->block_since) = actor->now = simulator->now;
  }
}

/* What the lanes of a warp wait for happens. */
static void meet_warp(descent_simulator *simulator, descent_sim_lane *warp, int64_t count) {
  if (needs_whole_warp(warp->waiting) && count < DESCENT_SIM_WARP) {
    descent_sim_fail(simulator, warp, "needs a whole warp, but its warp has %" PRId64 " threads", count);
    return;
  }
  if (warp->waiting == DESCENT_SIM_AT_SHUFFLE)
    exchange(warp, count);
  if (warp->waiting == DESCENT_SIM_AT_PRODUCT)
    descent_sim_multiply(warp);
  if (warp->waiting == DESCENT_SIM_AT_MATRICES)
    descent_sim_hand_out_matrices(warp);
  if (warp->waiting == DESCENT_SIM_AT_WARP_BARRIER)
    pass_barrier(simulator, warp, count);
  resume(warp, count);
}

/* False if its lanes have met, but cannot go on yet. */
static bool meet_warpgroup(descent_simulator *simulator, descent_sim_lane *warpgroup, int64_t count) {
  if (count < DESCENT_SIM_WARPGROUP) {
    descent_sim_fail(simulator, warpgroup, "needs a whole warpgroup, but its warpgroup has %" PRId64 " threads", count);
    return true;
  }
  if (warpgroup->waiting == DESCENT_SIM_AT_REGISTERS && !descent_sim_change_registers(warpgroup))
    return false;
  if (warpgroup->waiting == DESCENT_SIM_AT_WARPGROUP_PRODUCT)
    descent_sim_multiply_warpgroup(warpgroup);
  resume(warpgroup, count);
  return true;
}

/* Lets `count` neighbours go on if all of them wait for each other. */
static bool meet_neighbours(descent_simulator *simulator, descent_sim_lane *lanes, int64_t count, bool is_warp) {
  const bool waits = is_warp ? is_of_warp(lanes->waiting) : is_of_warpgroup(lanes->waiting);
  if (!waits || find_stray(lanes, count))
    return false;
  if (!is_warp)
    return meet_warpgroup(simulator, lanes, count);
  meet_warp(simulator, lanes, count);
  return true;
}

static int64_t count_neighbours(const descent_simulator *simulator, int64_t first, int64_t most) {
  const int64_t left = simulator->launch->threads - first;
  return left < most ? left : most;
}

bool descent_sim_meet(descent_simulator *simulator) {
  const int64_t threads = simulator->launch->threads;
  descent_sim_lane *lanes = simulator->lanes;
  bool met = false;
  for (int64_t w = 0; w < threads && !simulator->failed; w += DESCENT_SIM_WARP)
    met = meet_neighbours(simulator, &lanes[w], count_neighbours(simulator, w, DESCENT_SIM_WARP), true) || met;
  for (int64_t g = 0; g < threads && !simulator->failed; g += DESCENT_SIM_WARPGROUP)
    met = meet_neighbours(simulator, &lanes[g], count_neighbours(simulator, g, DESCENT_SIM_WARPGROUP), false) || met;
  if (met || simulator->failed || lanes->waiting != DESCENT_SIM_AT_BARRIER || find_stray(lanes, threads))
    return met;
  pass_barrier(simulator, lanes, threads);
  resume(lanes, threads);
  return true;
}

/* ---- Why nothing goes on ---- */

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

/* Neighbours of whom one waits for the others. */
static void explain_neighbours(descent_simulator *simulator, descent_sim_lane *lanes, int64_t count, bool is_warp) {
  bool waits = false;
  for (int64_t i = 0; i < count; ++i)
    waits = waits || (is_warp ? is_of_warp(lanes[i].waiting) : is_of_warpgroup(lanes[i].waiting));
  const descent_sim_lane *stray = waits ? find_stray(lanes, count) : NULL;
  if (stray && !may_come(stray->waiting) && !may_come(lanes->waiting))
    fail_divergence(simulator, lanes, stray);
}

static void explain_phase(descent_simulator *simulator, const descent_sim_lane *lane) {
  const descent_sim_mbarrier *at = lane->mbarrier;
  descent_sim_fail(
      simulator, lane,
      "waits for the end of a phase of parity %" PRId64 " that never comes: the mbarrier at byte %d of "
      "workgroup memory is in phase %" PRId64 ", which lacks %" PRId32 " of %" PRId32 " arrivals and %" PRId64 " bytes",
      lane->parity, (int)(at->address - simulator->workgroup), at->phase, at->pending, at->expected, at->bytes);
}

static void explain_named(descent_simulator *simulator, const descent_sim_lane *lane) {
  const descent_sim_named *at = &simulator->asynchronous->named[lane->named];
  descent_sim_fail(simulator, lane, "waits at barrier %" PRId32 " for %" PRId32 " threads, of which %" PRId32 " come",
                   lane->named, at->count, at->arrived);
}

static void explain_registers(descent_simulator *simulator, const descent_sim_lane *lane) {
  descent_sim_fail(simulator, lane,
                   "waits for %" PRId32 " registers a thread, but the block's other warpgroups never give up enough",
                   lane->registers);
}

/* One of the lanes that others might have let go on. */
static void explain_lane(descent_simulator *simulator, const descent_sim_lane *lane) {
  if (lane->waiting == DESCENT_SIM_AT_PHASE || lane->waiting == DESCENT_SIM_TESTS_PHASE)
    explain_phase(simulator, lane);
  else if (lane->waiting == DESCENT_SIM_AT_NAMED_BARRIER)
    explain_named(simulator, lane);
}

/* First who can never meet, since others may wait for these. */
void descent_sim_explain(descent_simulator *simulator) {
  const int64_t threads = simulator->launch->threads;
  descent_sim_lane *lanes = simulator->lanes;
  for (int64_t w = 0; w < threads; w += DESCENT_SIM_WARP)
    explain_neighbours(simulator, &lanes[w], count_neighbours(simulator, w, DESCENT_SIM_WARP), true);
  for (int64_t g = 0; g < threads; g += DESCENT_SIM_WARPGROUP)
    explain_neighbours(simulator, &lanes[g], count_neighbours(simulator, g, DESCENT_SIM_WARPGROUP), false);
  for (int64_t i = 0; i < threads; ++i)
    explain_lane(simulator, &lanes[i]);
  for (int64_t g = 0; g < threads; g += DESCENT_SIM_WARPGROUP)
    if (lanes[g].waiting == DESCENT_SIM_AT_REGISTERS)
      explain_registers(simulator, &lanes[g]);
  const descent_sim_lane *stray = find_stray(lanes, threads);
  if (stray)
    fail_divergence(simulator, lanes, stray);
}
