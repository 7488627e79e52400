/* Checks of accesses to memory, and what is said of those at fault. */
#include "Lanes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What memory holds that nobody wrote: of f32 a number that stands out, and no NaN, which operations may hide. */
enum { UNWRITTEN_BYTE = 0xA5 };

static int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/* Adds `bytes` of workgroup memory after what is in use and a gap that nobody may touch. */
static char *take_workgroup(descent_simulator *simulator, int64_t bytes) {
  char *begin = simulator->workgroup + simulator->workgroup_end;
  simulator->workgroup_bytes += bytes;
  simulator->workgroup_end = round_up(simulator->workgroup_end + bytes + DESCENT_SIM_GAP, DESCENT_SIM_GAP);
  memset(begin, UNWRITTEN_BYTE, (size_t)bytes);
  return descent_shadow_allow(simulator->memory, begin, bytes, false) ? begin : NULL;
}

/* What a launch adds begins after what a kernel declares: at a multiple of 16 bytes, and of no more. */
static int64_t dynamic_begin(descent_simulator *simulator) {
  enum { UNIT = 16 };
  return (int64_t)(descent_sim_random(simulator) % (DESCENT_SIM_GAP / UNIT)) * UNIT;
}

char *descent_sim_begin_workgroup(descent_simulator *simulator) {
  descent_shadow_forbid(simulator->memory, simulator->workgroup, simulator->workgroup_end);
  memset(simulator->buffers, 0, sizeof(simulator->buffers));
  simulator->workgroup_bytes = 0;
  simulator->workgroup_end = simulator->launch->dynamic_bytes > 0 ? dynamic_begin(simulator) : 0;
  return take_workgroup(simulator, simulator->launch->dynamic_bytes);
}

static const char no_memory[] = "there is no memory to simulate it";

void *descent_sim_workgroup(descent_sim_thread *thread, int64_t number, int64_t bytes) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_simulator *simulator = lane->simulator;
  if (number < DESCENT_SIM_MOST_BUFFERS && simulator->buffers[number])
    return simulator->buffers[number];
  if (number >= DESCENT_SIM_MOST_BUFFERS || simulator->workgroup_bytes + bytes > DESCENT_SIM_WORKGROUP_BYTES)
    descent_sim_stop(lane, lane->where,
                     "needs workgroup buffer %" PRId64 " of %" PRId64 " bytes beside %" PRId64
                     ", but a block has at most %d buffers with %d bytes",
                     number, bytes, simulator->workgroup_bytes, DESCENT_SIM_MOST_BUFFERS, DESCENT_SIM_WORKGROUP_BYTES);
  simulator->buffers[number] = take_workgroup(simulator, bytes);
  if (!simulator->buffers[number])
    descent_sim_stop(lane, lane->where, no_memory);
  return simulator->buffers[number];
}

void descent_sim_constant(descent_sim_thread *thread, const void *begin, int64_t bytes) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_shadow *memory = lane->simulator->memory;
  if (descent_shadow_content(memory, begin) != DESCENT_SIM_FIXED &&
      !descent_shadow_set(memory, begin, bytes, DESCENT_SIM_FIXED))
    descent_sim_stop(lane, lane->where, no_memory);
}

static bool is_workgroup(const descent_simulator *simulator, uintptr_t address) {
  return address - (uintptr_t)simulator->workgroup < DESCENT_SIM_WORKGROUP_ROOM;
}

/* What an asynchronous operation takes part in, and what is missing to know that it is done. */
static const char *const async_names[] = {"a copy", "a product", "a store", "a store"};
static const char *const async_waits[] = {
    "whose mbarrier's phase is not waited for in between",
    "which is not waited for in between by wgmma.wait_group",
    "which is not waited for in between by cp.async.bulk.wait_group",
    "which is not waited for in between by cp.async.bulk.wait_group without read",
};

/* "thread 3 writes (memref.store at a.mlir:2:3), with no barrier in between" */
static void describe_other(const descent_sim_lane *lane, descent_sim_finding finding, char *text, size_t size) {
  const int64_t block = finding.other / DESCENT_SIM_MOST_ACTORS, place = finding.other % DESCENT_SIM_MOST_ACTORS;
  const char *did = finding.fault == DESCENT_SIM_OVERWRITE_RACE ? "reads" : "writes";
  const bool is_here = block == lane->seen.block, is_thread = place < lane->seen.threads;
  if (is_here && is_thread)
    snprintf(text, size, "thread %" PRId64 " %s (%s), with no barrier in between", place, did, finding.other_where);
  else if (is_here) {
    const descent_sim_async *async = &lane->simulator->asyncs[place];
    snprintf(text, size, "%s of thread %" PRId64 " %s (%s), %s", async_names[async->kind], async->thread, did,
             finding.other_where, async_waits[async->kind]);
  } else if (is_thread)
    snprintf(text, size, "thread %" PRId64 " of block %" PRId64 " %s (%s) in the same launch", place, block, did,
             finding.other_where);
  else
    snprintf(text, size, "block %" PRId64 " %s (%s) in the same launch", block, did, finding.other_where);
}

void descent_sim_report(descent_sim_lane *lane, const char *where, descent_sim_finding finding, int64_t bytes,
                        bool store) {
  descent_simulator *simulator = lane->simulator;
  const char *memory = is_workgroup(simulator, finding.byte) ? "workgroup memory" : "global memory";
  const char *access = store ? "writes" : "reads";
  char other[384];
  lane->where = where;
  switch (finding.fault) {
  case DESCENT_SIM_OUTSIDE:
    descent_sim_fail(simulator, lane, "%s %" PRId64 " bytes of %s, outside of all buffers", access, bytes, memory);
    break;
  case DESCENT_SIM_CONSTANT:
    descent_sim_fail(simulator, lane, "writes %" PRId64 " bytes of a constant", bytes);
    break;
  case DESCENT_SIM_UNWRITTEN:
    descent_sim_fail(simulator, lane, "reads %" PRId64 " bytes of %s that nobody has written", bytes, memory);
    break;
  case DESCENT_SIM_NO_MEMORY:
    descent_sim_fail(simulator, lane, no_memory);
    break;
  case DESCENT_SIM_UNFENCED:
    descent_sim_fail(simulator, lane,
                     "%s asynchronously %s that thread %d writes (%s), which executes no fence.proxy.async in between",
                     access, memory, (int)(finding.other % DESCENT_SIM_MOST_ACTORS), finding.other_where);
    break;
  default:
    describe_other(lane, finding, other, sizeof(other));
    descent_sim_fail(simulator, lane, "%s %s that %s", access, memory, other);
  }
}

void descent_sim_access(descent_sim_thread *thread, const char *where, const void *address, int64_t bytes,
                        int32_t alignment, int32_t kind) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  const bool store = (kind & DESCENT_SIM_STORE) != 0;
  const int32_t wrong = is_workgroup(lane->simulator, (uintptr_t)address) ? DESCENT_SIM_GLOBAL : DESCENT_SIM_WORKGROUP;
  if ((uintptr_t)address & (uintptr_t)(alignment - 1))
    descent_sim_stop(lane, where, "%s %" PRId64 " bytes at an address that is no multiple of %" PRId32,
                     store ? "writes" : "reads", bytes, alignment);
  if (descent_sim_is_mbarrier(lane->simulator, address, bytes))
    descent_sim_stop(lane, where, "%s an mbarrier, which is nothing but a barrier until it is invalidated",
                     store ? "writes" : "reads");
  lane->actor.where = where;
  descent_sim_finding finding = {DESCENT_SIM_OUTSIDE, (uintptr_t)address, 0, NULL};
  if (!(kind & wrong))
    finding = descent_shadow_access(lane->simulator->memory, &lane->actor, address, bytes, store);
  const bool own = finding.fault == DESCENT_SIM_OUTSIDE && descent_fiber_owns(lane->fiber, address, (size_t)bytes);
  if (finding.fault == DESCENT_SIM_FINE || own)
    return;
  descent_sim_report(lane, where, finding, bytes, store);
  descent_sim_wait(lane, DESCENT_SIM_FINISHED);
}

static bool is_within(int64_t index, int64_t count, int64_t size) {
  return index >= 0 && index <= size && count <= size - index;
}

static void fail_index(descent_sim_lane *lane, const char *where, const char *dimension, int64_t index, int64_t count,
                       int64_t size) {
  if (count == 1)
    descent_sim_stop(lane, where, "has index %" PRId64 " in %s of size %" PRId64, index, dimension, size);
  descent_sim_stop(lane, where, "has indices %" PRId64 " to %" PRId64 " in %s of size %" PRId64, index,
                   index + count - 1, dimension, size);
}

void descent_sim_index(descent_sim_thread *thread, const char *where, int32_t dimension, int64_t index, int64_t count,
                       int64_t size) {
  if (is_within(index, count, size))
    return;
  char name[32];
  snprintf(name, sizeof(name), "dimension %" PRId32, dimension);
  fail_index((descent_sim_lane *)thread, where, name, index, count, size);
}

void descent_sim_entry(descent_sim_thread *thread, const char *where, int64_t row, int64_t rows, int64_t row_stride,
                       int64_t col, int64_t count, int64_t cols) {
  if (is_within(row, 1, rows) && is_within(col, count, cols))
    return;
  if (row_stride == cols && is_within(row * cols + col, count, rows * cols))
    return;
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  if (!is_within(row, 1, rows))
    fail_index(lane, where, "rows", row, 1, rows);
  else
    fail_index(lane, where, "columns", col, count, cols);
}
