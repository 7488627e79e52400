/* What kernels of a device, the compiler's tables and the device runtime agree on: one for CUDA and the simulator.
 * The compiler builds these structs field by field; change both together. */
#ifndef DESCENT_DEVICE_H
#define DESCENT_DEVICE_H

#include "descent/Runtime/artifact.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The tiles of one stage for one logical layer, in device memory. */
typedef struct descent_device_grid {
  int64_t rows, cols;           /* of the domain */
  int64_t row_block, col_block; /* of a tile */
  int64_t row_blocks, col_blocks;
  int64_t tiles; /* 0 for a layer that runs another alternative */
  int64_t triangle;
} descent_device_grid;

/* The arguments of every kernel of a stage, in this order. All pointers are to device memory.
 *   const descent_buffer *buffers     [layer][num_buffers], from the launch's first layer on
 *   double *slots                     [layer][num_slots], from the launch's first layer on
 *   const descent_device_grid *grids  [layer], of this stage, from the launch's first layer on
 *   const int64_t *ends               [layer]: tiles of the launch's layers up to and including this one
 *   const uint32_t *operands          of the stage, as in descent_stage
 *   const uint32_t *present           [layer], from the launch's first layer on: 0 for one without a gradient
 *   const uint32_t *skip              one word: if not 0, nothing is done any more in this step
 *   int32_t count                     layers of the launch, at least 1
 *   int32_t num_buffers, num_slots    of a layer
 * A stage with a grid: block b of n takes the tiles b, b + n, ... of all that the launch has. Work on numbers: the
 * layers; it has no grids and no ends, and the operands of its stages follow one another. */
enum { DESCENT_KERNEL_ARGUMENTS = 10 };

#ifdef __cplusplus
}
#endif
#endif
