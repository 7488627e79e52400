/* The layer table as the step driver wants it: who runs what, in which memory. */
#ifndef DESCENT_LIB_RUNTIME_PLAN_H
#define DESCENT_LIB_RUNTIME_PLAN_H

#include "Arena.h"
#include "Overlap.h"
#include "ThreadPool.h"

#include <stdatomic.h>

/* A stage's domain in tiles, for one shape. */
typedef struct descent_grid {
  int64_t rows, cols;           /* of the domain */
  int64_t row_block, col_block; /* of a tile */
  int64_t row_blocks, col_blocks;
  bool triangle; /* only tiles on and below the diagonal */
} descent_grid;

/* A buffer of scratch, for one shape. */
typedef struct descent_scratch {
  int64_t rows, cols, row_stride;
  int64_t offset; /* bytes, within what the worker or the layer has */
} descent_scratch;

/* An entry of the table, without its pointers. */
typedef struct descent_entry {
  const descent_track *track;
  char *name;
  uint64_t id;
  uint32_t group;
  bool large; /* its tiles are spread over the workers, stage by stage; else one worker runs a whole logical layer; on a
                 device: always */
  int64_t rows, cols, batch;
  int64_t inner;                     /* of a library's product; 0 for layers */
  int64_t first;                     /* its first logical layer */
  uint32_t *choices;                 /* one a choice of the track: the alternative that it runs */
  descent_grid *grids;               /* one a stage; of no tiles when the stage belongs to another alternative */
  descent_scratch *scratches;        /* one a buffer of the track */
  int64_t worker_bytes, layer_bytes; /* scratch of one logical layer, of either kind */
  int64_t layer_begin;               /* offset of its LAYER scratch in the workspace */
  double cost;                       /* of the stages of one logical layer, in visits of an element */
} descent_entry;

/* An entry's pointers: what a rebind replaces. */
typedef struct descent_bound {
  descent_view weight, gradient;
  descent_view *inputs, *states;
  double *factors;
  const void *checked; /* the last gradient that passed the checks */
} descent_bound;

typedef struct descent_bindings {
  descent_arena memory;
  descent_bound *bounds;
  descent_written written;
} descent_bindings;

typedef struct descent_logical {
  const descent_entry *entry;
  int64_t member;
  int64_t shared_scratch; /* of a large layer: offset of its WORKER scratch in the workspace */
  descent_buffer *buffers;
  double *slots;
  bool present; /* in this step */
} descent_logical;

/* Large layers of one track that run in lockstep: one fork and join a stage for all of them. */
typedef struct descent_wave {
  const descent_track *track;
  int64_t first, count; /* in the plan's order of large layers */
  int64_t *ends;        /* [stage][layer]: tiles of the layers up to this one */
  double *costs;        /* [stage]: of all layers, in visits of an element */
} descent_wave;

/* Small layers that make one task. */
typedef struct descent_chunk {
  int64_t first, count; /* in the plan's order of small layers */
} descent_chunk;

struct descent_device_plan; /* Device/DevicePlan.h */

struct descent_plan {
  const descent_artifact *first;    /* of the chain, as the plan's user knows it */
  const descent_artifact *artifact; /* the code path that runs */
  descent_arena memory;
  int64_t workers;
  uint64_t seed;
  descent_pool *pool;                 /* null: none */
  struct descent_device_plan *device; /* null: the kernels run on the processor */
  atomic_flag stepping;

  int64_t num_entries, num_logicals;
  descent_entry *entries;
  descent_logical *logicals;
  descent_bindings bindings;
  double *defaults;       /* of the hyperparameters */
  double **shared_slots;  /* per track; null for groups */
  uint32_t *stage_begins; /* [track][segment]: the first stage of the segment, one more segment for the end */

  int64_t num_waves, num_chunks, num_large;
  int64_t *large, *small; /* logical layers */
  descent_wave *waves;
  descent_chunk *chunks;

  /* LAYER scratch of all, then WORKER scratch that the large layers share, then each worker's own. On a device: its
   * memory, and no worker has its own. */
  char *workspace;
  int64_t workspace_bytes, layer_bytes, wave_bytes, worker_bytes, kernel_bytes;
  int64_t max_buffers, max_stages;
  descent_buffer *worker_buffers; /* [worker][buffer] */
  const double **worker_sources;  /* [worker][stage]: see Segments.c */
  bool finishes_in_tasks;         /* nothing comes after the last stages of a small layer: no cut, no guard */
};

static inline uint32_t descent_stage_begin(const descent_plan *plan, int64_t track, uint32_t segment) {
  return plan->stage_begins[track * (plan->artifact->num_segments + 1) + segment];
}

/* Grid.c: false when there are more tiles than 64 bits count. */
bool descent_make_grid(const descent_domain *domain, int64_t rows, int64_t cols, descent_grid *grid);
int64_t descent_num_tiles(const descent_grid *grid);
descent_tile descent_get_tile(const descent_grid *grid, int64_t index);

static inline int64_t descent_align(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/* Choices.c: the cheapest alternatives for the entry's shape. */
void descent_choose(descent_entry *entry);

/* Choices.c: whether the entry runs what belongs to `alternative` of `choice`, as stages name them. */
bool descent_is_chosen(const descent_entry *entry, uint32_t choice, uint32_t alternative);

/* Layout.c: grids and scratch of one entry; false when a size does not fit in 64 bits. */
bool descent_lay_out_entry(descent_entry *entry);

/* Layout.c: in visits of an element, in whose time a core multiplies and adds some 16 numbers. */
double descent_stage_cost(const descent_entry *entry, const descent_stage *stage, const descent_grid *grid);

/* Layout.c: waves, chunks and the workspace, from the entries. */
int32_t descent_schedule(descent_plan *plan, descent_error *error);

/* Workspace of worker `worker`: kernel scratch, then WORKER scratch. */
static inline char *descent_worker_memory(const descent_plan *plan, int64_t worker) {
  return plan->workspace + plan->layer_bytes + plan->wave_bytes + worker * (plan->kernel_bytes + plan->worker_bytes);
}

/* Plan.c: points the buffers of every logical layer at the present bindings and at the workspace. */
void descent_bind_buffers(descent_plan *plan);

/* Refuses a null plan, and one that another optimizer made. */
int32_t descent_check_plan(const descent_artifact *artifact, const descent_plan *plan, descent_error *error);

#endif
