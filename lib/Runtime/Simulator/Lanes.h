/* The threads of the block that runs, as the parts of the simulator see them. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_LANES_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_LANES_H

#include "Asynchronous.h"
#include "Fiber.h"
#include "Simulator.h"

typedef enum descent_sim_waiting {
  DESCENT_SIM_RUNS,
  DESCENT_SIM_AT_BARRIER,
  /* what the lanes of a warp do together */
  DESCENT_SIM_AT_WARP_BARRIER,
  DESCENT_SIM_AT_SHUFFLE,
  DESCENT_SIM_AT_PRODUCT,
  DESCENT_SIM_AT_MATRICES,
  DESCENT_SIM_AT_ALIGNED, /* that, and nothing else */
  /* what a warpgroup does together */
  DESCENT_SIM_AT_WARPGROUP_PRODUCT,
  DESCENT_SIM_AT_REGISTERS,
  /* what others end */
  DESCENT_SIM_AT_NAMED_BARRIER,
  DESCENT_SIM_AT_PHASE,
  DESCENT_SIM_TESTS_PHASE, /* goes on in any case, when others had their turn */
  DESCENT_SIM_FINISHED
} descent_sim_waiting;

/* A product of a warpgroup, as one of its threads asks for it. */
typedef struct descent_sim_warpgroup_request {
  float *sum;
  uint64_t left, right; /* matrix descriptors */
  int32_t cols, flags;
} descent_sim_warpgroup_request;

typedef struct descent_sim_lane {
  descent_sim_thread seen; /* first: what generated code is given */
  descent_sim_actor actor; /* its next access */
  uint32_t *clock;         /* of DESCENT_SIM_MOST_ACTORS, if the block keeps clocks */
  descent_simulator *simulator;
  descent_fiber *fiber;
  descent_sim_waiting waiting;
  const char *where; /* of what it waits at */
  /* at a shuffle */
  uint64_t value;
  int32_t offset, width, mode, valid;
  /* at a product, or at matrices */
  uint32_t *words;
  int32_t k, factor;
  uint16_t row[8]; /* that it named */
  int32_t matrices, transposed;
  /* at a product of its warpgroup, or at its registers */
  descent_sim_warpgroup_request request;
  int32_t registers, is_increase, launched;
  /* at a named barrier, or a phase */
  int32_t named;
  const descent_sim_mbarrier *mbarrier;
  int64_t parity;
  /* of what it began */
  descent_sim_groups products, stores;
  bool registers_fenced;
  uint32_t store_reads, store_writes; /* places of its actors; 0: it stored no boxes */
} descent_sim_lane;

enum { DESCENT_SIM_MOST_BUFFERS = 64 };

struct descent_simulator {
  descent_shadow *memory;
  descent_sim_lane *lanes;
  int64_t num_lanes; /* that have stacks */
  int64_t *thread_order, *block_order;
  int64_t num_ordered_blocks;
  /* The workgroup memory of the block that runs: the launch's own, then the kernel's buffers, each with a gap after
   * it. */
  char *workgroup;
  int64_t workgroup_bytes, workgroup_end; /* in use, without and with gaps */
  char *dynamic;                          /* the launch's own */
  char *buffers[DESCENT_SIM_MOST_BUFFERS];
  uint64_t random;
  const descent_sim_launch *launch;
  descent_sim_asynchronous *asynchronous;
  uint32_t num_actors;                               /* of the block, if it keeps clocks; else 0 */
  descent_sim_async asyncs[DESCENT_SIM_MOST_ACTORS]; /* by place */
  uint32_t fenced[DESCENT_SIM_MOST_ACTORS];       /* what each thread wrote before is seen by asynchronous operations */
  uint32_t shared_clock[DESCENT_SIM_MOST_ACTORS]; /* for a moment */
  uint32_t launch_stamp, now;                     /* the block's clock */
  bool failed;
  char message[768];
};

/* Room for workgroup memory with the gaps: as much as matrix descriptors can address, and aligned to that. */
enum { DESCENT_SIM_GAP = 128, DESCENT_SIM_WORKGROUP_ROOM = 256 << 10 };
_Static_assert(DESCENT_SIM_WORKGROUP_BYTES + 2 * DESCENT_SIM_GAP * (DESCENT_SIM_MOST_BUFFERS + 1) <=
                   DESCENT_SIM_WORKGROUP_ROOM,
               "a block's memory with gaps");

/* Makes it the launch's fault, unless there was one before. */
void descent_sim_fail(descent_simulator *simulator, const descent_sim_lane *lane, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from within a fiber, of the operation at `where`. Does not return. */
void descent_sim_stop(descent_sim_lane *lane, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));

/* Makes what was found of an access the launch's fault. */
void descent_sim_report(descent_sim_lane *lane, const char *where, descent_sim_finding finding, int64_t bytes,
                        bool store);

/* From within a fiber: back to the scheduler; after a fault for ever. */
void descent_sim_wait(descent_sim_lane *lane, descent_sim_waiting reason);

uint64_t descent_sim_random(descent_simulator *simulator);

/* Lets lanes go on that have met; false if none have. None of the block's runs. */
bool descent_sim_meet(descent_simulator *simulator);

/* Nothing can go on: says why. */
void descent_sim_explain(descent_simulator *simulator);

/* What a warp's lanes wait for: each has 32 of them. */
void descent_sim_multiply(descent_sim_lane *warp);
void descent_sim_hand_out_matrices(descent_sim_lane *warp);

/* What a warpgroup's lanes wait for; the second says whether they can go on. */
void descent_sim_multiply_warpgroup(descent_sim_lane *warpgroup);
bool descent_sim_change_registers(descent_sim_lane *warpgroup);

/* A number of 16 bits: a descent_sim_factor. */
float descent_sim_widen(uint16_t bits, int32_t factor);

/* From within a fiber: the mbarrier that an operation uses, which must have been initialized as far as its thread
 * knows. */
descent_sim_mbarrier *descent_sim_use_mbarrier(descent_sim_lane *lane, const char *where, const void *address);

/* What the lane began becomes a group; and all groups but the last `left` end: what was begun before the time that is
 * returned is done. */
void descent_sim_commit_group(descent_sim_lane *lane, const char *where, descent_sim_groups *groups);
uint32_t descent_sim_drop_groups(descent_sim_groups *groups, int64_t left);

/* Whether the phase that the lane waits for is complete. */
bool descent_sim_is_phase_over(const descent_sim_lane *lane);

/* Copies land, as they happen to, or one of them at least; false if none does. */
bool descent_sim_land_copies(descent_simulator *simulator, bool at_least_one);
void descent_sim_copy_landed(descent_sim_mbarrier *mbarrier, int64_t bytes, descent_simulator *simulator);

/* Whether an access touches an mbarrier. */
bool descent_sim_is_mbarrier(const descent_simulator *simulator, const void *address, int64_t bytes);

void descent_sim_begin_asynchronous(descent_simulator *simulator);
/* All threads have finished: fails if something that they began has not. */
void descent_sim_end_asynchronous(descent_simulator *simulator);

/* The workgroup memory that the launch adds, at the begin of a block. Null without memory. */
char *descent_sim_begin_workgroup(descent_simulator *simulator);

#endif
