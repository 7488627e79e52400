/* Runs GPU kernels on the processor at hand: a fiber for each thread of a block, one block after the other, in an order
 * that a seed decides. Checks what a GPU lets pass: see docs/simulator.md. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_SIMULATOR_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_SIMULATOR_H

#include "Shadow.h"

#include <stdint.h>

enum { DESCENT_SIM_WARP = 32, DESCENT_SIM_MOST_THREADS = 1024 };

/* What generated code knows of its thread. The compiler reads these fields (lib/Target/Simulator). */
typedef struct descent_sim_thread {
  int64_t thread, threads; /* of the block; */
  int64_t block, blocks;
  char *workgroup; /* the block's memory */
} descent_sim_thread;

typedef void (*descent_sim_kernel)(descent_sim_thread *thread, void *const *arguments);

typedef struct descent_sim_launch {
  const char *name;
  descent_sim_kernel kernel;
  int64_t threads, blocks, workgroup_bytes;
  void *const *arguments; /* the address of each */
} descent_sim_launch;

typedef struct descent_simulator descent_simulator;

/* `seed` decides the order of blocks and threads. Null without memory. */
descent_simulator *descent_simulator_create(uint64_t seed);
void descent_simulator_destroy(descent_simulator *simulator);
descent_shadow *descent_simulator_memory(descent_simulator *simulator);

/* Runs a launch to its end, or to the first fault: false, and a message that lasts until the next launch. */
bool descent_simulator_run(descent_simulator *simulator, const descent_sim_launch *launch, const char **message);

/* What generated code calls. `where` names the operation and its place in the source. None of them returns after a
 * fault. */
void descent_sim_barrier(descent_sim_thread *thread, const char *where);

typedef enum descent_sim_shuffle_mode {
  DESCENT_SIM_XOR = 0,
  DESCENT_SIM_DOWN = 1,
  DESCENT_SIM_UP = 2,
  DESCENT_SIM_INDEX = 3
} descent_sim_shuffle_mode;

/* The value of another lane among `width`; `*valid` is 0, and the value the thread's own, if there is none. */
uint64_t descent_sim_shuffle(descent_sim_thread *thread, const char *where, uint64_t value, int32_t offset,
                             int32_t width, int32_t mode, int32_t *valid);

enum { DESCENT_SIM_STORE = 1, DESCENT_SIM_WORKGROUP = 2 };

/* Before an access: `kind` is made of the flags above. */
void descent_sim_access(descent_sim_thread *thread, const char *where, const void *address, int64_t bytes,
                        int32_t kind);

#endif
