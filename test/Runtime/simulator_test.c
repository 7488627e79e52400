/* The simulator: its memory of accesses, its fibers, its launches. */
#include "Allocation.h"
#include "Check.h"
#include "Fiber.h"
#include "Simulator.h"

#include <string.h>

enum { LAUNCH = 7, THREADS = 256, BYTES = 8192 };

static _Alignas(16) char memory[BYTES];
static descent_shadow *shadow;

/* An access at time `now`, after a barrier of the block at `block_since` and one of the warp at `warp_since`. */
static descent_sim_finding access_at(int64_t block, int64_t thread, uint32_t now, uint32_t block_since,
                                     uint32_t warp_since, int64_t place, int64_t bytes, bool store) {
  const descent_sim_actor actor = {.stamp = LAUNCH,
                                   .thread = descent_sim_thread_id(block, thread),
                                   .threads = THREADS,
                                   .now = now,
                                   .block_since = block_since,
                                   .warp_since = warp_since,
                                   .where = store ? "a store" : "a load"};
  return descent_shadow_access(shadow, &actor, memory + place, bytes, store);
}

/* The same before any barrier. */
static descent_sim_finding access_by(int64_t block, int64_t thread, int64_t place, int64_t bytes, bool store) {
  return access_at(block, thread, 0, 0, 0, place, bytes, store);
}

static bool load_by(int64_t block, int64_t thread, int64_t place, int64_t bytes) {
  return access_by(block, thread, place, bytes, false).fault == DESCENT_SIM_FINE;
}

static bool store_by(int64_t block, int64_t thread, int64_t place, int64_t bytes) {
  return access_by(block, thread, place, bytes, true).fault == DESCENT_SIM_FINE;
}

static void begin(bool written) {
  shadow = descent_shadow_create();
  CHECK(descent_shadow_allow(shadow, memory, BYTES, written));
}

static void end(void) { descent_shadow_destroy(shadow); }

static void only_what_was_allowed_may_be_touched(void) {
  shadow = descent_shadow_create();
  CHECK(descent_shadow_allow(shadow, memory + 13, 2000, true));
  CHECK(load_by(0, 0, 13, 2000));
  CHECK(access_by(0, 0, 12, 4, false).fault == DESCENT_SIM_OUTSIDE);
  const descent_sim_finding behind = access_by(0, 0, 2009, 8, true);
  CHECK(behind.fault == DESCENT_SIM_OUTSIDE && behind.byte == (uintptr_t)(memory + 2013));
  descent_shadow_forbid(shadow, memory + 100, 1);
  CHECK(load_by(0, 0, 96, 4) && access_by(0, 0, 96, 8, false).byte == (uintptr_t)(memory + 100));
  CHECK(load_by(0, 0, 101, 1900));
  descent_shadow_forbid(shadow, memory, BYTES);
  CHECK(!load_by(0, 0, 1000, 1));
  end();
}

static void what_nobody_wrote_cannot_be_read(void) {
  begin(false);
  CHECK(store_by(0, 0, 16, 16));
  CHECK(load_by(0, 0, 16, 16));
  const descent_sim_finding finding = access_by(0, 0, 24, 16, false);
  CHECK(finding.fault == DESCENT_SIM_UNWRITTEN && finding.byte == (uintptr_t)(memory + 32));
  CHECK(store_by(0, 0, 33, 1) && load_by(0, 0, 33, 1));
  CHECK(access_by(0, 0, 32, 2, false).fault == DESCENT_SIM_UNWRITTEN);
  end();
}

static void constants_are_not_written(void) {
  shadow = descent_shadow_create();
  CHECK(descent_shadow_set(shadow, memory, 64, DESCENT_SIM_FIXED));
  CHECK(load_by(0, 0, 0, 64) && load_by(1, 5, 0, 64));
  CHECK(access_by(0, 0, 8, 8, true).fault == DESCENT_SIM_CONSTANT);
  end();
}

static void threads_race(void) {
  begin(true);
  CHECK(store_by(0, 3, 0, 16));
  const descent_sim_finding read = access_by(0, 4, 12, 4, false);
  CHECK(read.fault == DESCENT_SIM_READ_RACE && read.other == descent_sim_thread_id(0, 3));
  CHECK(strcmp(read.other_where, "a store") == 0);
  CHECK(access_by(0, 4, 0, 4, true).fault == DESCENT_SIM_WRITE_RACE);
  CHECK(load_by(0, 3, 0, 16) && store_by(0, 3, 0, 16));
  CHECK(load_by(0, 5, 64, 4) && load_by(2, 6, 64, 4));
  const descent_sim_finding write = access_by(0, 5, 64, 4, true);
  CHECK(write.fault == DESCENT_SIM_OVERWRITE_RACE && write.other == descent_sim_thread_id(2, 6));
  CHECK(strcmp(write.other_where, "a load") == 0);
  end();
}

static void neighbouring_bytes_do_not_race(void) {
  begin(true);
  for (int64_t i = 0; i < 64; ++i)
    CHECK(store_by(i % 3, i, i, 1));
  for (int64_t i = 0; i < 64; ++i)
    CHECK(access_by(5, 0, i, 1, false).fault == DESCENT_SIM_READ_RACE);
  end();
}

static void barriers_order_a_block(void) {
  begin(true);
  CHECK(store_by(0, 0, 0, 4));
  CHECK(access_at(0, 40, 1, 1, 0, 0, 4, false).fault == DESCENT_SIM_FINE);
  CHECK(access_at(0, 41, 1, 1, 0, 0, 4, false).fault == DESCENT_SIM_FINE);
  CHECK(access_at(0, 40, 1, 1, 0, 0, 4, true).fault == DESCENT_SIM_OVERWRITE_RACE);
  CHECK(access_at(0, 40, 2, 2, 0, 0, 4, true).fault == DESCENT_SIM_FINE);
  CHECK(access_at(1, 40, 9, 9, 0, 0, 4, true).fault == DESCENT_SIM_WRITE_RACE);
  end();
}

static void barriers_of_a_warp_order_its_lanes(void) {
  begin(true);
  CHECK(store_by(0, 0, 0, 4));
  CHECK(access_at(0, 40, 1, 0, 1, 0, 4, false).fault == DESCENT_SIM_READ_RACE);
  CHECK(access_at(0, 31, 1, 0, 1, 0, 4, false).fault == DESCENT_SIM_FINE);
  CHECK(access_at(0, 30, 1, 0, 1, 0, 4, false).fault == DESCENT_SIM_FINE);
  CHECK(access_at(0, 30, 2, 0, 2, 0, 4, true).fault == DESCENT_SIM_FINE);
  CHECK(access_at(0, 33, 3, 0, 3, 0, 4, false).fault == DESCENT_SIM_READ_RACE);
  end();
}

/* A warp that reads and meets says nothing of what other warps read before. */
static void readers_of_other_warps_are_not_forgotten(void) {
  begin(true);
  CHECK(load_by(0, 64, 0, 4) && load_by(0, 0, 0, 4));
  CHECK(access_at(0, 1, 1, 0, 1, 0, 4, false).fault == DESCENT_SIM_FINE);
  CHECK(access_at(0, 1, 2, 0, 2, 0, 4, true).fault == DESCENT_SIM_OVERWRITE_RACE);
  CHECK(access_at(0, 1, 3, 3, 0, 0, 4, true).fault == DESCENT_SIM_FINE);
  end();
}

static void launches_are_ordered(void) {
  begin(true);
  CHECK(store_by(0, 0, 0, 4));
  const descent_sim_actor next = {
      .stamp = LAUNCH + 1, .thread = descent_sim_thread_id(3, 1), .threads = THREADS, .where = "a store"};
  CHECK(descent_shadow_access(shadow, &next, memory, 4, true).fault == DESCENT_SIM_FINE);
  end();
}

typedef struct counter {
  descent_fiber *fiber;
  int rounds;
} counter;

static void count(void *argument) {
  counter *own = argument;
  for (int i = 0; i < 3; ++i) {
    ++own->rounds;
    descent_fiber_yield(own->fiber);
  }
}

static void fibers_take_turns(void) {
  counter two[2] = {{descent_fiber_create(65536), 0}, {descent_fiber_create(65536), 0}};
  for (int again = 0; again < 2; ++again) {
    for (int i = 0; i < 2; ++i) {
      two[i].rounds = 0;
      descent_fiber_start(two[i].fiber, count, &two[i]);
    }
    for (int round = 1; round <= 3; ++round)
      for (int i = 0; i < 2; ++i)
        CHECK(descent_fiber_resume(two[i].fiber) && two[i].rounds == round);
    CHECK(!descent_fiber_resume(two[0].fiber));
  }
  CHECK(!descent_fiber_owns(two[0].fiber, two, sizeof(two)));
  descent_fiber_destroy(two[0].fiber);
  descent_fiber_destroy(two[1].fiber); /* whose body has not returned */
}

/* Every thread adds its number to one that all share, a warp after the other. */
static void add_numbers(descent_sim_thread *thread, void *const *arguments) {
  int64_t *shared = descent_sim_workgroup(thread, 0, sizeof(int64_t)), *sum = *(int64_t **)arguments[0];
  for (int64_t turn = 0; turn < thread->threads; ++turn) {
    if (turn == thread->thread) {
      if (turn > 0)
        descent_sim_access(thread, "a load", shared, 8, 8, DESCENT_SIM_WORKGROUP);
      descent_sim_access(thread, "a store", shared, 8, 8, DESCENT_SIM_WORKGROUP | DESCENT_SIM_STORE);
      *shared = (turn > 0 ? *shared : 0) + turn;
    }
    descent_sim_barrier(thread, "a barrier");
  }
  if (thread->thread == 0) {
    descent_sim_access(thread, "the sum", &sum[thread->block], 8, 8, DESCENT_SIM_GLOBAL | DESCENT_SIM_STORE);
    sum[thread->block] = *shared;
  }
}

static bool add_with(int64_t seed, int64_t *sums, int64_t allowed_sums, const char **message) {
  descent_simulator *simulator = descent_simulator_create((uint64_t)seed);
  static char kept[256];
  void *arguments[] = {&sums};
  const descent_sim_launch launch = {"add_numbers", add_numbers, 40, 3, 0, arguments};
  const char *said = "no memory";
  const bool good = simulator &&
                    descent_shadow_allow(descent_simulator_memory(simulator), sums, 8 * allowed_sums, false) &&
                    descent_simulator_run(simulator, &launch, &said);
  strncpy(kept, said, sizeof(kept) - 1);
  *message = kept;
  descent_simulator_destroy(simulator);
  return good;
}

static void kernels_run_in_any_order(void) {
  const char *message;
  for (int64_t seed = 0; seed < 5; ++seed) {
    int64_t sums[3] = {0};
    CHECK(add_with(seed, sums, 3, &message));
    CHECK(sums[0] == 780 && sums[1] == 780 && sums[2] == 780);
  }
}

static void a_fault_ends_the_launch(void) {
  const char *message;
  int64_t sums[3] = {0};
  CHECK(!add_with(0, sums, 2, &message));
  CHECK(strcmp(message, "kernel 'add_numbers', block 2, thread 0, the sum: writes 8 bytes of global memory, outside of "
                        "all buffers") == 0);
  CHECK(sums[2] == 0);
}

static void failing_allocations_are_reported(void) {
  const char *message;
  int64_t sums[3] = {0};
  bool good = false;
  for (int64_t allowed = 0; !good && allowed < 1000; ++allowed) {
    fail_allocations_after(allowed);
    good = add_with(0, sums, 3, &message);
    fail_allocations_after(-1);
    CHECK(good || strstr(message, "no memory"));
  }
  CHECK(good);
}

void test_simulator(void) {
  RUN(only_what_was_allowed_may_be_touched);
  RUN(what_nobody_wrote_cannot_be_read);
  RUN(constants_are_not_written);
  RUN(threads_race);
  RUN(neighbouring_bytes_do_not_race);
  RUN(barriers_order_a_block);
  RUN(barriers_of_a_warp_order_its_lanes);
  RUN(readers_of_other_warps_are_not_forgotten);
  RUN(launches_are_ordered);
  RUN(fibers_take_turns);
  RUN(kernels_run_in_any_order);
  RUN(a_fault_ends_the_launch);
  RUN(failing_allocations_are_reported);
}
