/* mbarriers: phases that end when all arrivals that they expect have come, and all bytes. And the fences that
 * asynchronous operations need. */
#include "Lanes.h"
#include "Pipelines.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_COUNT = (1 << 20) - 1, MBARRIER_BYTES = 8 };

static descent_sim_mbarrier *find_mbarrier(const descent_simulator *simulator, const void *address) {
  descent_sim_asynchronous *all = simulator->asynchronous;
  for (int32_t i = 0; i < all->num_mbarriers; ++i)
    if (all->mbarriers[i].address == address)
      return &all->mbarriers[i];
  return NULL;
}

bool descent_sim_is_mbarrier(const descent_simulator *simulator, const void *address, int64_t bytes) {
  const descent_sim_asynchronous *all = simulator->asynchronous;
  const uintptr_t begin = (uintptr_t)address, end = begin + (uintptr_t)bytes;
  for (int32_t i = 0; i < all->num_mbarriers; ++i) {
    const uintptr_t at = (uintptr_t)all->mbarriers[i].address;
    if (at && begin < at + MBARRIER_BYTES && at < end)
      return true;
  }
  return false;
}

descent_sim_mbarrier *descent_sim_use_mbarrier(descent_sim_lane *lane, const char *where, const void *address) {
  descent_sim_mbarrier *found = find_mbarrier(lane->simulator, address);
  lane->where = where;
  if (!found)
    descent_sim_stop(lane, where, "uses an mbarrier where none has been initialized");
  if (!descent_sim_knows(lane, found->init_thread, found->init_time))
    descent_sim_stop(lane, where,
                     "uses an mbarrier that thread %" PRIu32 " initializes (%s), with no barrier in between",
                     found->init_thread, found->init_where);
  return found;
}

/* A place in the table: one that was invalidated at this address, or a new one. */
static descent_sim_mbarrier *add_mbarrier(descent_sim_lane *lane, const char *where) {
  descent_sim_asynchronous *all = lane->simulator->asynchronous;
  if (all->num_mbarriers == DESCENT_SIM_MOST_MBARRIERS)
    descent_sim_stop(lane, where, "is one too many: a block has at most %d mbarriers", DESCENT_SIM_MOST_MBARRIERS);
  descent_sim_mbarrier *added = &all->mbarriers[all->num_mbarriers];
  memset(added, 0, sizeof(*added));
  added->place = descent_sim_add_async(lane, DESCENT_SIM_COPIES);
  ++all->num_mbarriers;
  return added;
}

void descent_sim_mbarrier_init(descent_sim_thread *thread, const char *where, void *address, int32_t count) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  if (find_mbarrier(lane->simulator, address))
    descent_sim_stop(lane, where, "initializes an mbarrier that is one already");
  if (count < 1 || count > MOST_COUNT)
    descent_sim_stop(lane, where, "expects %" PRId32 " arrivals, but an mbarrier expects 1 to %d", count, MOST_COUNT);
  descent_sim_access(thread, where, address, MBARRIER_BYTES, MBARRIER_BYTES, DESCENT_SIM_STORE | DESCENT_SIM_WORKGROUP);
  lane->where = where;
  descent_sim_mbarrier *added = add_mbarrier(lane, where);
  added->address = address;
  added->expected = added->pending = count;
  added->init_thread = (uint32_t)thread->thread;
  added->init_time = lane->actor.now;
  added->init_where = where;
}

void descent_sim_mbarrier_invalidate(descent_sim_thread *thread, const char *where, void *address) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_sim_use_mbarrier(lane, where, address)->address = NULL;
  descent_sim_access(thread, where, address, MBARRIER_BYTES, MBARRIER_BYTES, DESCENT_SIM_STORE | DESCENT_SIM_WORKGROUP);
}

/* ---- Phases ---- */

/* Of the mbarrier's copies, those are known to be done that were asked for before all that still go on. */
static uint32_t find_first_flight(const descent_simulator *simulator, const descent_sim_mbarrier *mbarrier) {
  const descent_sim_asynchronous *all = simulator->asynchronous;
  uint32_t first = UINT32_MAX;
  for (int32_t i = 0; i < all->num_flights; ++i)
    if (all->flights[i].mbarrier == mbarrier && all->flights[i].time < first)
      first = all->flights[i].time;
  return first;
}

static void end_phase_if_complete(descent_simulator *simulator, descent_sim_mbarrier *mbarrier) {
  if (mbarrier->pending > 0 || mbarrier->bytes != 0)
    return;
  ++mbarrier->phase;
  mbarrier->pending = mbarrier->expected;
  const uint32_t first = find_first_flight(simulator, mbarrier), now = ++simulator->now;
  memcpy(mbarrier->completed, mbarrier->arrived, simulator->num_actors * sizeof(uint32_t));
  mbarrier->completed[mbarrier->place] = first < now ? first : now;
}

static void expect(descent_sim_lane *lane, descent_sim_mbarrier *mbarrier, int64_t bytes) {
  mbarrier->bytes += bytes;
  if (bytes < 0 || mbarrier->bytes > MOST_COUNT)
    descent_sim_stop(lane, lane->where, "expects %" PRId64 " bytes, but an mbarrier counts at most %d",
                     bytes < 0 ? bytes : mbarrier->bytes, MOST_COUNT);
}

void descent_sim_copy_landed(descent_sim_mbarrier *mbarrier, int64_t bytes, descent_simulator *simulator) {
  mbarrier->bytes -= bytes;
  end_phase_if_complete(simulator, mbarrier);
}

void descent_sim_mbarrier_expect(descent_sim_thread *thread, const char *where, void *address, int32_t bytes) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  expect(lane, descent_sim_use_mbarrier(lane, where, address), bytes);
}

int64_t descent_sim_mbarrier_arrive(descent_sim_thread *thread, const char *where, void *address, int32_t count) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_sim_mbarrier *mbarrier = descent_sim_use_mbarrier(lane, where, address);
  const int64_t phase = mbarrier->phase;
  if (count < 1 || count > mbarrier->pending)
    descent_sim_stop(lane, where,
                     "arrives %" PRId32 " times at an mbarrier whose phase lacks %" PRId32 " of %" PRId32 " arrivals",
                     count, mbarrier->pending, mbarrier->expected);
  mbarrier->pending -= count;
  descent_sim_release(lane, mbarrier->arrived);
  end_phase_if_complete(lane->simulator, mbarrier);
  return phase;
}

/* A parity is that of the phase that is waited for, so the current one has the other. */
bool descent_sim_is_phase_over(const descent_sim_lane *lane) { return (lane->mbarrier->phase & 1) != lane->parity; }

static bool learn_phase(descent_sim_lane *lane) {
  const bool is_over = descent_sim_is_phase_over(lane);
  if (is_over)
    descent_sim_acquire(lane, lane->mbarrier->completed);
  return is_over;
}

static void begin_waiting(descent_sim_lane *lane, const char *where, void *address, int64_t parity) {
  lane->mbarrier = descent_sim_use_mbarrier(lane, where, address);
  lane->parity = parity;
  if (parity != 0 && parity != 1)
    descent_sim_stop(lane, where, "waits for a phase of parity %" PRId64 ", but parities are 0 and 1", parity);
}

void descent_sim_mbarrier_wait(descent_sim_thread *thread, const char *where, void *address, int32_t parity) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  begin_waiting(lane, where, address, parity);
  while (!learn_phase(lane))
    descent_sim_wait(lane, DESCENT_SIM_AT_PHASE);
}

int32_t descent_sim_mbarrier_test(descent_sim_thread *thread, const char *where, void *address, int32_t parity) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  begin_waiting(lane, where, address, parity);
  descent_sim_wait(lane, DESCENT_SIM_TESTS_PHASE);
  return learn_phase(lane);
}

int32_t descent_sim_mbarrier_test_state(descent_sim_thread *thread, const char *where, void *address, int64_t state) {
  return descent_sim_mbarrier_test(thread, where, address, (int32_t)(state & 1));
}

/* ---- Fences ---- */

void descent_sim_fence_mbarriers(descent_sim_thread *thread, const char *where) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_sim_asynchronous *all = lane->simulator->asynchronous;
  lane->where = where;
  for (int32_t i = 0; i < all->num_mbarriers; ++i)
    if (all->mbarriers[i].init_thread == thread->thread)
      all->mbarriers[i].is_fenced = true;
}

void descent_sim_fence_asynchronous(descent_sim_thread *thread, const char *where) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_sim_fence_mbarriers(thread, where);
  lane->simulator->fenced[thread->thread] = descent_sim_tick(lane);
}

void descent_sim_fence_map(descent_sim_thread *thread, const char *where, const void *map) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_sim_asynchronous *all = lane->simulator->asynchronous;
  const uint32_t own = (uint32_t)thread->thread;
  for (int32_t i = 0; i < all->num_fenced_maps; ++i)
    if (all->fenced_maps[i].map == map && all->fenced_maps[i].thread == own)
      return;
  if (all->num_fenced_maps == DESCENT_SIM_MOST_MAPS)
    descent_sim_stop(lane, where, "is one too many: a block fences at most %d tensor maps", DESCENT_SIM_MOST_MAPS);
  const uint32_t time = lane->actor.now;
  all->fenced_maps[all->num_fenced_maps].map = map;
  all->fenced_maps[all->num_fenced_maps].thread = own;
  all->fenced_maps[all->num_fenced_maps++].time = time;
  descent_sim_tick(lane);
}
