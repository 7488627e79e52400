/* The begin and the end of what goes on asynchronously in a block. */
#include "Asynchronous.h"

#include "Lanes.h"

#include <inttypes.h>
#include <string.h>

void descent_sim_begin_asynchronous(descent_simulator *simulator) {
  descent_sim_asynchronous *all = simulator->asynchronous;
  simulator->num_actors = 0;
  memset(simulator->fenced, 0, sizeof(simulator->fenced));
  all->num_mbarriers = all->num_flights = all->num_fenced_maps = 0;
  for (int32_t i = 0; i < DESCENT_SIM_MOST_NAMED; ++i)
    all->named[i].arrived = 0;
  for (int32_t i = 0; i < DESCENT_SIM_MOST_WARPGROUPS; ++i) {
    all->warpgroups[i].place = 0;
    all->warpgroups[i].num_products = 0;
    all->warpgroups[i].registers = 0;
  }
  const uint64_t random = descent_sim_random(simulator);
  all->elected = (int32_t)(random % DESCENT_SIM_WARP);
  all->haste = (int32_t)(random / DESCENT_SIM_WARP % 4) * 2;
}

/* The first of a block's threads that knows what an actor did last; null: none does. */
static const descent_sim_lane *find_witness(const descent_simulator *simulator, uint32_t place) {
  const int64_t threads = simulator->launch->threads;
  for (int64_t i = 0; i < threads; ++i)
    if (descent_sim_knows(&simulator->lanes[i], place, simulator->asyncs[place].last))
      return &simulator->lanes[i];
  return NULL;
}

void descent_sim_end_asynchronous(descent_simulator *simulator) {
  for (uint32_t place = (uint32_t)simulator->launch->threads; place < simulator->num_actors; ++place) {
    const descent_sim_async *async = &simulator->asyncs[place];
    const bool is_over = !async->where || async->kind == DESCENT_SIM_STORE_WRITES || find_witness(simulator, place);
    if (is_over)
      continue;
    descent_sim_lane *lane = &simulator->lanes[async->thread];
    lane->where = async->where;
    descent_sim_fail(simulator, lane, "may still go on when the block ends: nobody waits for it");
  }
  while (descent_sim_land_copies(simulator, true))
    continue;
}

void descent_sim_commit_group(descent_sim_lane *lane, const char *where, descent_sim_groups *groups) {
  if (groups->count == DESCENT_SIM_MOST_GROUPS)
    descent_sim_stop(lane, where, "is one too many: a thread has at most %d groups that it does not wait for",
                     DESCENT_SIM_MOST_GROUPS);
  lane->where = where;
  groups->ends[groups->count++] = descent_sim_tick(lane);
}

uint32_t descent_sim_drop_groups(descent_sim_groups *groups, int64_t left) {
  if (groups->count <= left)
    return 0;
  const int32_t dropped = groups->count - (int32_t)left;
  const uint32_t end = groups->ends[dropped - 1];
  memmove(groups->ends, groups->ends + dropped, (size_t)left * sizeof(uint32_t));
  groups->count = (int32_t)left;
  return end;
}
