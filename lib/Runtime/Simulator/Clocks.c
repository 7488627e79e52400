#include "Clocks.h"

#include "Lanes.h"

#include <stdlib.h>
#include <string.h>

static uint32_t max_time(uint32_t one, uint32_t other) { return one > other ? one : other; }

static uint32_t place_of(const descent_sim_lane *lane) { return (uint32_t)lane->seen.thread; }

void descent_sim_keep_clocks(descent_sim_lane *lane) {
  descent_simulator *simulator = lane->simulator;
  const int64_t threads = simulator->launch->threads;
  if (simulator->num_actors > 0)
    return;
  bool has_memory = true;
  for (int64_t i = 0; i < threads; ++i) {
    descent_sim_lane *each = &simulator->lanes[i];
    if (!each->clock)
      each->clock = malloc(DESCENT_SIM_MOST_ACTORS * sizeof(uint32_t));
    has_memory = has_memory && each->clock;
    if (each->clock)
      memset(each->clock, 0, DESCENT_SIM_MOST_ACTORS * sizeof(uint32_t));
    each->actor.seen = each->clock;
  }
  if (!has_memory)
    descent_sim_stop(lane, lane->where, "there is no memory to simulate it");
  simulator->num_actors = (uint32_t)threads;
}

uint32_t descent_sim_add_async(descent_sim_lane *lane, descent_sim_async_kind kind) {
  descent_simulator *simulator = lane->simulator;
  descent_sim_keep_clocks(lane);
  if (simulator->num_actors == DESCENT_SIM_MOST_ACTORS)
    descent_sim_stop(lane, lane->where,
                     "is too much to simulate: a block has at most %d threads, mbarriers and others that do something "
                     "asynchronously",
                     DESCENT_SIM_MOST_ACTORS);
  const uint32_t place = simulator->num_actors++;
  simulator->asyncs[place] = (descent_sim_async){.kind = kind, .thread = lane->seen.thread};
  return place;
}

uint32_t descent_sim_tick(descent_sim_lane *lane) { return lane->actor.now = ++lane->simulator->now; }

bool descent_sim_knows(const descent_sim_lane *lane, uint32_t place, uint32_t time) {
  const uint32_t own = place_of(lane);
  if (lane->clock && lane->simulator->num_actors > 0 && time < lane->clock[place])
    return true;
  if (place >= lane->actor.threads)
    return false;
  const bool is_near = place / DESCENT_SIM_WARP == own / DESCENT_SIM_WARP;
  return place == own || time < lane->actor.block_since || (is_near && time < lane->actor.warp_since);
}

/* For each actor, the time before which the thread knows what it did. */
static void write_known(const descent_sim_lane *lane, uint32_t actors, uint32_t *known) {
  const uint32_t own = place_of(lane), threads = lane->actor.threads, block_since = lane->actor.block_since;
  const uint32_t first = own / DESCENT_SIM_WARP * DESCENT_SIM_WARP, left = threads - first;
  const uint32_t end = first + (left < DESCENT_SIM_WARP ? left : DESCENT_SIM_WARP);
  for (uint32_t i = 0; i < actors; ++i)
    known[i] = max_time(lane->clock[i], i < threads ? block_since : 0);
  for (uint32_t i = first; i < end; ++i)
    known[i] = max_time(known[i], lane->actor.warp_since);
  known[own] = lane->actor.now + 1;
}

void descent_sim_release(descent_sim_lane *lane, uint32_t *clock) {
  const uint32_t actors = lane->simulator->num_actors;
  uint32_t *known = lane->simulator->shared_clock;
  write_known(lane, actors, known);
  for (uint32_t i = 0; i < actors; ++i)
    clock[i] = max_time(clock[i], known[i]);
  descent_sim_tick(lane);
}

void descent_sim_acquire(descent_sim_lane *lane, const uint32_t *clock) {
  const uint32_t actors = lane->simulator->num_actors;
  for (uint32_t i = 0; i < actors; ++i)
    lane->clock[i] = max_time(lane->clock[i], clock[i]);
}

void descent_sim_share_clocks(descent_sim_lane *lanes, int64_t count) {
  descent_simulator *simulator = lanes->simulator;
  const uint32_t actors = simulator->num_actors;
  uint32_t *all = simulator->shared_clock;
  memset(all, 0, actors * sizeof(uint32_t));
  for (int64_t i = 0; i < count && actors > 0; ++i) {
    lanes[i].clock[place_of(&lanes[i])] = lanes[i].actor.now + 1;
    for (uint32_t a = 0; a < actors; ++a)
      all[a] = max_time(all[a], lanes[i].clock[a]);
  }
  for (int64_t i = 0; i < count && actors > 0; ++i)
    memcpy(lanes[i].clock, all, actors * sizeof(uint32_t));
}

descent_sim_actor descent_sim_begin_async(descent_sim_lane *lanes, int64_t count, uint32_t place, const char *where) {
  descent_simulator *simulator = lanes->simulator;
  const uint32_t actors = simulator->num_actors;
  uint32_t *known = simulator->shared_clock;
  uint32_t each[DESCENT_SIM_MOST_ACTORS];
  write_known(lanes, actors, known);
  for (int64_t i = 1; i < count; ++i) {
    write_known(&lanes[i], actors, each);
    for (uint32_t a = 0; a < actors; ++a)
      known[a] = each[a] < known[a] ? each[a] : known[a];
  }
  descent_sim_async *async = &simulator->asyncs[place];
  async->thread = lanes->seen.thread;
  async->last = ++simulator->now;
  async->where = where;
  descent_sim_actor actor = lanes->actor;
  actor.thread = descent_sim_thread_id(lanes->seen.block, place);
  actor.now = async->last;
  actor.block_since = actor.warp_since = 0;
  actor.seen = known;
  actor.fenced = simulator->fenced;
  actor.where = where;
  return actor;
}
