/* Copies of boxes of matrices, from and to workgroup memory. What they touch is checked when they are asked for; they
 * move numbers at a time that the seed decides. */
#include "Lanes.h"
#include "Pipelines.h"

#include <inttypes.h>
#include <string.h>

enum { TILE_ALIGNMENT = 128, MAP_ALIGNMENT = 64 };

static int64_t box_row_bytes(const descent_sim_tensor_map *map) { return (int64_t)map->box_cols * map->element_bytes; }

static int64_t box_bytes(const descent_sim_tensor_map *map) { return map->box_rows * box_row_bytes(map); }

/* The part of a box's row that lies in the matrix. */
typedef struct span {
  char *data;    /* in global memory; null: nothing of it */
  int64_t begin; /* bytes from the begin of the box's row */
  int64_t bytes;
} span;

static int64_t clamp(int64_t value, int64_t most) { return value < 0 ? 0 : value > most ? most : value; }

static span find_span(const descent_sim_flight *flight, int64_t i) {
  const descent_sim_tensor_map *map = &flight->map;
  const int64_t row = flight->row + i, first = clamp(flight->col, map->cols);
  const int64_t end = clamp((int64_t)flight->col + map->box_cols, map->cols);
  if (row < 0 || row >= map->rows || first == end)
    return (span){NULL, 0, 0};
  return (span){(char *)map->data + row * map->row_bytes + first * map->element_bytes,
                (first - flight->col) * map->element_bytes, (end - first) * map->element_bytes};
}

/* ---- Checks ---- */

static void read_map(descent_sim_lane *lane, const char *where, const void *address, descent_sim_tensor_map *map) {
  const descent_sim_asynchronous *all = lane->simulator->asynchronous;
  descent_sim_access(&lane->seen, where, address, sizeof(*map), MAP_ALIGNMENT, DESCENT_SIM_GLOBAL);
  memcpy(map, address, sizeof(*map));
  if (!descent_sim_is_map(map))
    descent_sim_stop(lane, where, "takes for a tensor map what is none");
  bool is_fenced = false;
  for (int32_t i = 0; i < all->num_fenced_maps; ++i)
    is_fenced = is_fenced || (all->fenced_maps[i].map == address &&
                              descent_sim_knows(lane, all->fenced_maps[i].thread, all->fenced_maps[i].time));
  if (!is_fenced)
    descent_sim_stop(
        lane, where,
        "takes a tensor map from global memory, for which the block executes no fence.proxy.acquire before");
}

/* Remembers what the copy will do, or makes it a fault. Returns the time of the copy. */
static void check_access(descent_sim_lane *lane, const descent_sim_actor *actor, const void *address, int64_t bytes,
                         bool store) {
  const descent_sim_finding finding = descent_shadow_access(lane->simulator->memory, actor, address, bytes, store);
  if (finding.fault == DESCENT_SIM_FINE)
    return;
  descent_sim_report(lane, actor->where, finding, bytes, store);
  descent_sim_wait(lane, DESCENT_SIM_FINISHED);
}

static uint32_t check_tile(descent_sim_lane *lane, const descent_sim_flight *flight, uint32_t place) {
  if ((uintptr_t)flight->tile % TILE_ALIGNMENT != 0)
    descent_sim_stop(lane, flight->where, "has a tile in workgroup memory at an address that is no multiple of %d",
                     TILE_ALIGNMENT);
  const descent_sim_actor actor = descent_sim_begin_async(lane, 1, place, flight->where);
  check_access(lane, &actor, flight->tile, box_bytes(&flight->map), !flight->is_store);
  return actor.now;
}

static void check_matrix(descent_sim_lane *lane, const descent_sim_flight *flight, uint32_t place) {
  const descent_sim_actor actor = descent_sim_begin_async(lane, 1, place, flight->where);
  for (int64_t i = 0; i < flight->map.box_rows; ++i) {
    const span part = find_span(flight, i);
    if (part.data)
      check_access(lane, &actor, part.data, part.bytes, flight->is_store);
  }
}

static void take_off(descent_sim_lane *lane, const descent_sim_flight *flight) {
  descent_sim_asynchronous *all = lane->simulator->asynchronous;
  if (all->num_flights == DESCENT_SIM_MOST_FLIGHTS)
    descent_sim_stop(lane, flight->where, "is one too many: a block has at most %d copies that go on at once",
                     DESCENT_SIM_MOST_FLIGHTS);
  all->flights[all->num_flights++] = *flight;
}

void descent_sim_copy_box(descent_sim_thread *thread, const char *where, void *tile, const void *map, void *mbarrier,
                          int32_t col, int32_t row) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_sim_keep_clocks(lane);
  descent_sim_flight flight = {.tile = tile, .row = row, .col = col, .thread = thread->thread, .where = where};
  flight.mbarrier = descent_sim_use_mbarrier(lane, where, mbarrier);
  if (!flight.mbarrier->is_fenced)
    descent_sim_stop(
        lane, where,
        "completes on an mbarrier that thread %" PRIu32
        " initializes (%s) and does not make visible to copies by fence.mbarrier.init or fence.proxy.async",
        flight.mbarrier->init_thread, flight.mbarrier->init_where);
  read_map(lane, where, map, &flight.map);
  check_matrix(lane, &flight, flight.mbarrier->place);
  flight.time = check_tile(lane, &flight, flight.mbarrier->place);
  take_off(lane, &flight);
}

void descent_sim_store_box(descent_sim_thread *thread, const char *where, const void *map, void *tile, int32_t col,
                           int32_t row) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->where = where;
  if (lane->store_reads == 0) {
    lane->store_reads = descent_sim_add_async(lane, DESCENT_SIM_STORE_READS);
    lane->store_writes = descent_sim_add_async(lane, DESCENT_SIM_STORE_WRITES);
  }
  descent_sim_flight flight = {
      .is_store = true, .tile = tile, .row = row, .col = col, .thread = thread->thread, .where = where};
  read_map(lane, where, map, &flight.map);
  check_matrix(lane, &flight, lane->store_writes);
  flight.time = check_tile(lane, &flight, lane->store_reads);
  take_off(lane, &flight);
}

/* ---- Landing ---- */

/* Piece by piece of 16 bytes, each to or from its place in the tile. */
static void move_row(const descent_sim_flight *flight, int64_t i) {
  enum { PIECE = 16 };
  const int64_t row_bytes = box_row_bytes(&flight->map);
  const span part = find_span(flight, i);
  for (int64_t at = 0; at < row_bytes; at += PIECE) {
    char *piece =
        (char *)descent_sim_swizzle((uintptr_t)flight->tile + (uintptr_t)(i * row_bytes + at), flight->map.swizzle);
    const int64_t begin = clamp(part.begin - at, PIECE), end = clamp(part.begin + part.bytes - at, PIECE);
    if (!flight->is_store)
      memset(piece, 0, PIECE);
    if (!part.data || begin >= end)
      continue;
    char *data = part.data + (at + begin - part.begin);
    memcpy(flight->is_store ? data : piece + begin, flight->is_store ? piece + begin : data, (size_t)(end - begin));
  }
}

static void land(descent_simulator *simulator, int32_t index) {
  descent_sim_asynchronous *all = simulator->asynchronous;
  const descent_sim_flight flight = all->flights[index];
  all->flights[index] = all->flights[--all->num_flights];
  for (int64_t i = 0; i < flight.map.box_rows; ++i)
    move_row(&flight, i);
  if (!flight.is_store)
    descent_sim_copy_landed(flight.mbarrier, box_bytes(&flight.map), simulator);
}

bool descent_sim_land_copies(descent_simulator *simulator, bool at_least_one) {
  const descent_sim_asynchronous *all = simulator->asynchronous;
  bool landed = false;
  for (int32_t i = all->num_flights; i > 0 && all->haste > 0; --i)
    if (descent_sim_random(simulator) % 8 < (uint64_t)all->haste) {
      land(simulator, i - 1);
      landed = true;
    }
  if (!landed && at_least_one && all->num_flights > 0) {
    land(simulator, (int32_t)(descent_sim_random(simulator) % (uint64_t)all->num_flights));
    landed = true;
  }
  return landed;
}

/* ---- Groups of a thread's stores ---- */

void descent_sim_commit_stores(descent_sim_thread *thread, const char *where) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_sim_commit_group(lane, where, &lane->stores);
}

void descent_sim_wait_stores(descent_sim_thread *thread, const char *where, int32_t left, int32_t is_read) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  const descent_sim_asynchronous *all = lane->simulator->asynchronous;
  lane->where = where;
  const uint32_t end = descent_sim_drop_groups(&lane->stores, left);
  for (int32_t i = all->num_flights; i > 0; --i)
    if (all->flights[i - 1].is_store && all->flights[i - 1].thread == thread->thread && all->flights[i - 1].time < end)
      land(lane->simulator, i - 1);
  if (end == 0 || lane->store_reads == 0)
    return;
  lane->clock[lane->store_reads] = end;
  if (!is_read)
    lane->clock[lane->store_writes] = end;
}
