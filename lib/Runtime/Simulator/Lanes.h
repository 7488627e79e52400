/* The threads of the block that runs, as the parts of the simulator see them. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_LANES_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_LANES_H

#include "Fiber.h"
#include "Simulator.h"

typedef enum descent_sim_waiting {
  DESCENT_SIM_RUNS,
  DESCENT_SIM_AT_BARRIER,
  DESCENT_SIM_AT_WARP_BARRIER,
  DESCENT_SIM_AT_SHUFFLE,
  DESCENT_SIM_AT_PRODUCT,
  DESCENT_SIM_AT_MATRICES,
  DESCENT_SIM_FINISHED
} descent_sim_waiting;

typedef struct descent_sim_lane {
  descent_sim_thread seen; /* first: what generated code is given */
  descent_sim_actor actor; /* its next access */
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
  char *buffers[DESCENT_SIM_MOST_BUFFERS];
  uint64_t random;
  const descent_sim_launch *launch;
  uint32_t launch_stamp, now; /* the block's clock */
  bool failed;
  char message[768];
};

/* Room for workgroup memory with the gaps. */
enum {
  DESCENT_SIM_GAP = 128,
  DESCENT_SIM_WORKGROUP_ROOM = DESCENT_SIM_WORKGROUP_BYTES + 2 * DESCENT_SIM_GAP * (DESCENT_SIM_MOST_BUFFERS + 1)
};

/* Makes it the launch's fault, unless there was one before. */
void descent_sim_fail(descent_simulator *simulator, const descent_sim_lane *lane, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* From within a fiber: back to the scheduler; after a fault for ever. */
void descent_sim_wait(descent_sim_lane *lane, descent_sim_waiting reason);

/* Lets lanes go on that have met, or fails if they cannot. None of the block's runs. */
void descent_sim_meet(descent_simulator *simulator);

/* What a warp's lanes wait for: each has 32 of them. */
void descent_sim_multiply(descent_sim_lane *warp);
void descent_sim_hand_out_matrices(descent_sim_lane *warp);

/* The workgroup memory that the launch adds, at the begin of a block. False without memory. */
bool descent_sim_begin_workgroup(descent_simulator *simulator);

#endif
