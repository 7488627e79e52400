/* Runs GPU kernels on the processor at hand: a fiber for each thread of a block, one block after the other, in an order
 * that a seed decides. Checks what a GPU lets pass: see docs/simulator.md. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_SIMULATOR_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_SIMULATOR_H

#include "Shadow.h"

#include <stdbool.h>
#include <stdint.h>

enum {
  DESCENT_SIM_WARP = 32,
  DESCENT_SIM_MOST_THREADS = 1024,        /* of a block */
  DESCENT_SIM_MOST_BLOCKS = 1 << 20,      /* of a launch */
  DESCENT_SIM_WORKGROUP_BYTES = 227 << 10 /* that a block can have */
};

/* What generated code knows of its thread. The compiler reads these fields (lib/Target/Simulator). */
typedef struct descent_sim_thread {
  int64_t thread, threads; /* of the block */
  int64_t block, blocks;
  char *dynamic; /* the workgroup memory that the launch adds to what the kernel declares */
  int64_t dynamic_bytes;
} descent_sim_thread;

/* `arguments` has the address of each argument; of a memref, that of MLIR's descriptor. */
typedef void (*descent_sim_kernel)(descent_sim_thread *thread, void *const *arguments);

typedef struct descent_sim_launch {
  const char *name;
  descent_sim_kernel kernel;
  int64_t threads, blocks;
  int64_t dynamic_bytes; /* of workgroup memory, beyond what the kernel declares */
  void *const *arguments;
} descent_sim_launch;

typedef struct descent_simulator descent_simulator;

/* `seed` decides the order of blocks and threads. Null without memory. */
descent_simulator *descent_simulator_create(uint64_t seed);
void descent_simulator_destroy(descent_simulator *simulator);

/* What kernels may touch: descent_shadow_allow for each buffer of device memory, descent_shadow_forbid when it goes. */
descent_shadow *descent_simulator_memory(descent_simulator *simulator);

/* Runs a launch to its end, or to the first fault: false, and a message that lasts until the next launch. */
bool descent_simulator_run(descent_simulator *simulator, const descent_sim_launch *launch, const char **message);

/* ---- What generated code calls. `where` names an operation and its place in the source, by an address of its own for
 * each operation. None of them returns after a fault. ---- */

/* The block's workgroup buffer `number`, without what it held in other blocks. Numbers count from 0. */
void *descent_sim_workgroup(descent_sim_thread *thread, int64_t number, int64_t bytes);

/* Lets kernels read a constant of the program. */
void descent_sim_constant(descent_sim_thread *thread, const void *begin, int64_t bytes);

void descent_sim_barrier(descent_sim_thread *thread, const char *where);
void descent_sim_warp_barrier(descent_sim_thread *thread, const char *where);

typedef enum descent_sim_shuffle_mode {
  DESCENT_SIM_XOR = 0,
  DESCENT_SIM_DOWN = 1,
  DESCENT_SIM_UP = 2,
  DESCENT_SIM_INDEX = 3
} descent_sim_shuffle_mode;

/* The value of another lane among `width`; `*valid` is 0, and the value the thread's own, if there is none. */
uint64_t descent_sim_shuffle(descent_sim_thread *thread, const char *where, uint64_t value, int32_t offset,
                             int32_t width, int32_t mode, int32_t *valid);

typedef enum descent_sim_factor { DESCENT_SIM_BF16 = 0, DESCENT_SIM_F16 = 1 } descent_sim_factor;

/* The warp's product of a 16 x k by a k x 8 matrix, added to one of 16 x 8 f32 numbers: mma.sync.m16n8k8 and k16.
 * `words` has the thread's registers of both factors and of the sum, in the layout of PTX; the result replaces the
 * sum. Adds products to the sum in the order of k, each addition rounded to f32. */
void descent_sim_product(descent_sim_thread *thread, const char *where, uint32_t *words, int32_t k, int32_t factor);

/* One, two or four matrices of 8 x 8 numbers of 16 bits from workgroup memory, as ldmatrix hands them to the lanes of a
 * warp: lane 8 m + r names row r of matrix m, and gets two neighbours of its own row, or column if `transposed`, of
 * each matrix. */
void descent_sim_load_matrices(descent_sim_thread *thread, const char *where, const void *row, uint32_t *words,
                               int32_t matrices, int32_t transposed);

enum { DESCENT_SIM_STORE = 1, DESCENT_SIM_WORKGROUP = 2, DESCENT_SIM_GLOBAL = 4 };

/* Before an access: `kind` is made of the flags above; without one of the last two, memory is of either kind. */
void descent_sim_access(descent_sim_thread *thread, const char *where, const void *address, int64_t bytes,
                        int32_t alignment, int32_t kind);

/* Before an access of `count` entries from `index` on, in one dimension of a memref. */
void descent_sim_index(descent_sim_thread *thread, const char *where, int32_t dimension, int64_t index, int64_t count,
                       int64_t size);

/* The same for the last two dimensions of a buffer. Rows without gaps between them may be taken for one. */
void descent_sim_entry(descent_sim_thread *thread, const char *where, int64_t row, int64_t rows, int64_t row_stride,
                       int64_t col, int64_t count, int64_t cols);

#endif
