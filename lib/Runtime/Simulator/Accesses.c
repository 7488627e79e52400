/* Checks of accesses to memory, and what is said of those at fault. */
#include "Lanes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What memory holds that nobody wrote: of f32 a number that stands out, and no NaN, which operations may hide. */
enum { UNWRITTEN_BYTE = 0xA5 };

static void stop(descent_sim_lane *lane) { descent_sim_wait(lane, DESCENT_SIM_FINISHED); }

/* Adds `bytes` of workgroup memory after what is in use and a gap that nobody may touch. */
static char *take_workgroup(descent_simulator *simulator, int64_t bytes) {
  char *begin = simulator->workgroup + simulator->workgroup_end;
  simulator->workgroup_bytes += bytes;
  simulator->workgroup_end += (bytes + 2 * DESCENT_SIM_GAP - 1) / DESCENT_SIM_GAP * DESCENT_SIM_GAP;
  memset(begin, UNWRITTEN_BYTE, (size_t)bytes);
  return descent_shadow_allow(simulator->memory, begin, bytes, false) ? begin : NULL;
}

bool descent_sim_begin_workgroup(descent_simulator *simulator) {
  descent_shadow_forbid(simulator->memory, simulator->workgroup, simulator->workgroup_end);
  memset(simulator->buffers, 0, sizeof(simulator->buffers));
  simulator->workgroup_bytes = simulator->workgroup_end = 0;
  return take_workgroup(simulator, simulator->launch->dynamic_bytes) != NULL;
}

static void fail_for_memory(descent_sim_lane *lane) {
  descent_sim_fail(lane->simulator, lane, "there is no memory to simulate it");
  stop(lane);
}

void *descent_sim_workgroup(descent_sim_thread *thread, int64_t number, int64_t bytes) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_simulator *simulator = lane->simulator;
  if (number < DESCENT_SIM_MOST_BUFFERS && simulator->buffers[number])
    return simulator->buffers[number];
  if (number >= DESCENT_SIM_MOST_BUFFERS || simulator->workgroup_bytes + bytes > DESCENT_SIM_WORKGROUP_BYTES) {
    descent_sim_fail(simulator, lane,
                     "needs workgroup buffer %" PRId64 " of %" PRId64 " bytes beside %" PRId64
                     ", but a block has at most %d buffers with %d bytes",
                     number, bytes, simulator->workgroup_bytes, DESCENT_SIM_MOST_BUFFERS, DESCENT_SIM_WORKGROUP_BYTES);
    stop(lane);
  }
  simulator->buffers[number] = take_workgroup(simulator, bytes);
  if (!simulator->buffers[number])
    fail_for_memory(lane);
  return simulator->buffers[number];
}

void descent_sim_constant(descent_sim_thread *thread, const void *begin, int64_t bytes) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  descent_shadow *memory = lane->simulator->memory;
  if (descent_shadow_content(memory, begin) != DESCENT_SIM_FIXED &&
      !descent_shadow_set(memory, begin, bytes, DESCENT_SIM_FIXED))
    fail_for_memory(lane);
}

static bool is_workgroup(const descent_simulator *simulator, uintptr_t address) {
  return address - (uintptr_t)simulator->workgroup < DESCENT_SIM_WORKGROUP_ROOM;
}

/* "thread 3 wrote (memref.store at a.mlir:2:3), with no barrier in between" */
static void describe_other(const descent_sim_lane *lane, descent_sim_finding finding, char *text, size_t size) {
  const int64_t block = finding.other >> 10, thread = finding.other & 1023;
  const char *did = finding.fault == DESCENT_SIM_OVERWRITE_RACE ? "reads" : "writes";
  if (block == lane->seen.block)
    snprintf(text, size, "thread %" PRId64 " %s (%s), with no barrier in between", thread, did, finding.other_where);
  else
    snprintf(text, size, "thread %" PRId64 " of block %" PRId64 " %s (%s) in the same launch", thread, block, did,
             finding.other_where);
}

static void report(descent_sim_lane *lane, const char *where, descent_sim_finding finding, int64_t bytes, bool store) {
  descent_simulator *simulator = lane->simulator;
  const char *memory = is_workgroup(simulator, finding.byte) ? "workgroup memory" : "global memory";
  const char *access = store ? "writes" : "reads";
  char other[256];
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
    fail_for_memory(lane);
    break;
  default:
    describe_other(lane, finding, other, sizeof(other));
    descent_sim_fail(simulator, lane, "%s %s that %s", access, memory, other);
  }
  stop(lane);
}

void descent_sim_access(descent_sim_thread *thread, const char *where, const void *address, int64_t bytes,
                        int32_t alignment, int32_t kind) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  const bool store = (kind & DESCENT_SIM_STORE) != 0;
  const int32_t wrong = is_workgroup(lane->simulator, (uintptr_t)address) ? DESCENT_SIM_GLOBAL : DESCENT_SIM_WORKGROUP;
  if ((uintptr_t)address & (uintptr_t)(alignment - 1)) {
    lane->where = where;
    descent_sim_fail(lane->simulator, lane, "%s %" PRId64 " bytes at an address that is no multiple of %" PRId32,
                     store ? "writes" : "reads", bytes, alignment);
    stop(lane);
  }
  lane->actor.where = where;
  descent_sim_finding finding = {DESCENT_SIM_OUTSIDE, (uintptr_t)address, 0, NULL};
  if (!(kind & wrong))
    finding = descent_shadow_access(lane->simulator->memory, &lane->actor, address, bytes, store);
  const bool own = finding.fault == DESCENT_SIM_OUTSIDE && descent_fiber_owns(lane->fiber, address, (size_t)bytes);
  if (finding.fault != DESCENT_SIM_FINE && !own)
    report(lane, where, finding, bytes, store);
}

static bool is_within(int64_t index, int64_t count, int64_t size) {
  return index >= 0 && index <= size && count <= size - index;
}

static void fail_index(descent_sim_lane *lane, const char *where, const char *dimension, int64_t index, int64_t count,
                       int64_t size) {
  lane->where = where;
  if (count == 1)
    descent_sim_fail(lane->simulator, lane, "has index %" PRId64 " in %s of size %" PRId64, index, dimension, size);
  else
    descent_sim_fail(lane->simulator, lane, "has indices %" PRId64 " to %" PRId64 " in %s of size %" PRId64, index,
                     index + count - 1, dimension, size);
  stop(lane);
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
