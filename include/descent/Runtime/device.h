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
 *   const void *maps                  [layer][map of the launch], from the launch's first layer on: tensor maps of
 *                                     DESCENT_MAP_BYTES each, aligned to as many; null for a launch without any
 * A stage with a grid: block b of n takes the tiles b, b + n, ... of all that the launch has. Work on numbers: the
 * layers; it has no grids and no ends, and the operands of its stages follow one another. A shared body has one layer
 * and no buffers. */
enum { DESCENT_KERNEL_ARGUMENTS = 11, DESCENT_MAP_BYTES = 128 };

/* ---- Kernels of the driver: the same for all optimizers (lib/Target/Gpu/driver.mlir). Their tables are made with the
 * plan and lie in device memory. */

/* The layer is there if *gradient is not null, and data points `offset` bytes beyond it. */
typedef struct descent_device_gradient {
  const void *const *gradient;
  int64_t offset;
  void **data;       /* of the layer's descent_buffer; null: none reads it */
  uint32_t *present; /* null: another entry says so */
} descent_device_gradient;

/* Beyond descent_type: an i64 that counts updates, of which the next one is meant. */
enum { DESCENT_DEVICE_UPDATES = 16 };

/* *slot = *source, which is a DESCENT_F64, a DESCENT_I64 or DESCENT_DEVICE_UPDATES. */
typedef struct descent_device_load {
  double *slot;
  const void *source;
  uint64_t type;
} descent_device_load;

/* *slot = the key of random numbers (lib/Runtime/Random.c). */
typedef struct descent_device_key {
  double *slot;
  const int64_t *step;
  uint64_t seed, layer_id, member; /* the seed as it is when the step's number is mixed in */
} descent_device_key;

/* A number of a layer. */
typedef struct descent_device_source {
  const double *slot;
  const uint32_t *present;
  int64_t place; /* of the layer in the table, or of the number among the reports */
} descent_device_source;

/* Sources that a cut folds, and the slots that get the result: from the first on, up to the end. */
typedef struct descent_device_group {
  int64_t source_begin, source_end, target_begin, target_end;
} descent_device_group;

/* *target = *slot, a DESCENT_F64; of DESCENT_DEVICE_UPDATES *target += 1. Only if the layer is there. */
typedef struct descent_device_store {
  void *target;
  const double *slot;
  const uint32_t *present;
  uint64_t type;
} descent_device_store;

/* The first kernels of every program, and their arguments:
 *   begin   const descent_device_gradient *gradients, const descent_device_load *loads, const descent_device_key *keys,
 *           const float *found_inf, uint32_t *skip, int32_t num_gradients, int32_t num_loads, int32_t num_keys
 *   fold    const descent_device_group *groups, const descent_device_source *sources, double *const *targets,
 *           const uint32_t *skip, int32_t combine, int32_t num_groups
 *           A cut, in the order of artifact.h; combine is a descent_combine. A block takes groups in turn.
 *   guard   const descent_device_source *sources, uint32_t *skip, int32_t num_sources
 *           *skip = 1 unless the number of the first source that is there is 0 or less.
 *   finish  const descent_device_store *stores, const descent_device_source *reported, double *reports,
 *           const descent_device_source *nonfinite, const descent_device_source *norms, const uint32_t *skip,
 *           descent_result *result, int32_t num_stores, int32_t num_reported, int32_t num_nonfinite, int32_t num_norms
 *           Stores and reports unless the step is skipped; the result always. */
enum {
  DESCENT_KERNEL_BEGIN = 0,
  DESCENT_KERNEL_FOLD = 1,
  DESCENT_KERNEL_GUARD = 2,
  DESCENT_KERNEL_FINISH = 3,
  DESCENT_DRIVER_KERNELS = 4
};

/* Besides, in images of CUDA: words of the host travel as a parameter, so that graphs that capture a step keep them.
 *   descent_write   uint64_t *to, int32_t count, uint64_t words[DESCENT_WORDS_AT_ONCE] by value; a thread a word */
enum { DESCENT_WORDS_AT_ONCE = 448 };

/* ---- Constant tables of an artifact, in host memory. */

typedef struct descent_device_kernel {
  const char *name;              /* in the image */
  void (*simulated)(void);       /* for the simulator: a descent_sim_kernel; else null */
  uint32_t threads;              /* of a block */
  uint32_t dynamic_bytes;        /* of workgroup memory, besides what the kernel declares */
  uint32_t blocks_per_processor; /* the most blocks that a launch has for each multiprocessor */
  uint32_t cluster;              /* blocks that run together; 0 or 1: none */
} descent_device_kernel;

/* What a library can do in place of a launch's kernel, for the layers that it is given when the plan is made:
 *   result = alpha * lhs * rhs + beta * added, with the transpose of rhs if `transposed`
 * All of them are scratch, so that nothing is lost when it is done for absent layers and in steps that are skipped. */
typedef struct descent_device_product {
  uint32_t lhs, rhs, added, result;  /* buffers of the track; added is UINT32_MAX where there is none */
  uint32_t factor_type, result_type; /* descent_type; added has that of the result */
  uint32_t transposed, symmetric;
  double alpha, beta;
} descent_device_product;

/* A tensor map of one of the track's buffers, by which boxes of it are copied to workgroup memory: row-major, with the
 * rows as they lie, and zeros beyond its ends. The buffer is no gradient, which lies elsewhere in each step. */
typedef struct descent_device_map {
  uint32_t buffer;
  uint32_t box_rows, box_cols; /* in elements */
  uint32_t swizzle;            /* bytes: 0, 32, 64 or 128 */
} descent_device_map;

/* A stage of all layers of a track; or all work on numbers from one such stage to the next. */
typedef struct descent_device_launch {
  uint32_t kernel;         /* index into the program's kernels */
  uint32_t track, segment; /* a track's launches are sorted by segment, then as they run */
  uint32_t stage;          /* whose grid it has; UINT32_MAX: work on numbers. Layers of another alternative have no
                              tiles; their numbers are worked on, and nobody reads them */
  uint32_t num_operands, num_maps;
  const uint32_t *operands;
  const descent_device_map *maps;
  const descent_device_product *product; /* null: only the kernel does this */
} descent_device_launch;

/* A kind of device that an image has code for. */
typedef struct descent_device_chip {
  uint32_t capability; /* its compute capability: 90 for 9.0 */
  uint32_t is_forward; /* later ones run the code too; 0: this one alone */
} descent_device_chip;

struct descent_device_methods; /* lib/Runtime/Device/Device.h */

/* Bumped whenever something in this file changes: tables and runtime are of one version. */
enum { DESCENT_DEVICE_VERSION = 2 };

/* Of one code path of an artifact: other chips may have other paths, with other kernels, launches and tiles. */
typedef struct descent_device_program {
  uint32_t version; /* DESCENT_DEVICE_VERSION */
  uint32_t num_chips;
  const struct descent_device_methods *methods; /* descent_simulator_methods or descent_cuda_methods */
  uint32_t num_kernels, num_launches;
  const descent_device_kernel *kernels;
  const descent_device_launch *launches;
  const void *image; /* CUDA: a fatbin for all of these chips; the simulator: null */
  uint64_t image_bytes;
  const descent_device_chip *chips; /* none for the simulator, where all programs run */
} descent_device_program;

#ifdef __cplusplus
}
#endif
#endif
