/* Who knows what others of a block have done. A barrier of the block or of a warp orders all of its threads; that is
 * two numbers of each thread. From the first mbarrier, barrier of some threads or asynchronous operation on, each
 * thread of the block also keeps a vector clock: for each actor, the time before which what it did is ordered.
 *
 * Actors are the block's threads, and after them what happens asynchronously: the copies of an mbarrier, the products
 * of a warpgroup, and the reads and the writes of a thread's bulk stores. What these do has the time at which it was
 * asked for, and the knowledge of who asked; others know of it only once they waited for it. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_CLOCKS_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_CLOCKS_H

#include "Shadow.h"

struct descent_sim_lane;
struct descent_simulator;

typedef enum descent_sim_async_kind {
  DESCENT_SIM_COPIES,
  DESCENT_SIM_PRODUCTS,
  DESCENT_SIM_STORE_READS,
  DESCENT_SIM_STORE_WRITES
} descent_sim_async_kind;

/* An actor that is no thread. */
typedef struct descent_sim_async {
  descent_sim_async_kind kind;
  int64_t thread;    /* that asked last; of a warpgroup, its first one */
  uint32_t last;     /* when */
  const char *where; /* and what for */
} descent_sim_async;

/* The threads of the block that runs keep vector clocks from now on. Fails without memory. */
void descent_sim_keep_clocks(struct descent_sim_lane *lane);

/* A new actor; returns its place among the block's. Fails if there are too many. */
uint32_t descent_sim_add_async(struct descent_sim_lane *lane, descent_sim_async_kind kind);

/* Time passes for the thread: returns the new time. */
uint32_t descent_sim_tick(struct descent_sim_lane *lane);

/* Whether what the actor at `place` did at `time` is ordered before what the thread does now. */
bool descent_sim_knows(const struct descent_sim_lane *lane, uint32_t place, uint32_t time);

/* What the thread knows and did is added to `clock`, or `clock` to what it knows. */
void descent_sim_release(struct descent_sim_lane *lane, uint32_t *clock);
void descent_sim_acquire(struct descent_sim_lane *lane, const uint32_t *clock);

/* Threads learn what the others of them know. */
void descent_sim_share_clocks(struct descent_sim_lane *lanes, int64_t count);

/* Who makes the accesses of an asynchronous operation that `count` threads ask for: what is ordered before all of them
 * is ordered before it. Valid until the next call. */
descent_sim_actor descent_sim_begin_async(struct descent_sim_lane *lanes, int64_t count, uint32_t place,
                                          const char *where);

#endif
