/* The constant tables that the compiler emits and the step driver reads. Not for users: they see descent.h.
 * The compiler builds these structs field by field (lib/Target/Artifact/ArtifactTables.cpp); change both together. */
#ifndef DESCENT_ARTIFACT_H
#define DESCENT_ARTIFACT_H

#include "descent/Runtime/descent.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One buffer as a kernel sees it, always a matrix with a contiguous last axis; one-dimensional data has one row. */
typedef struct descent_buffer {
  void *data;
  int64_t rows, cols, row_stride;
} descent_buffer;

/* The part of a stage's domain that one kernel call covers, and its place in the grid of tiles. */
typedef struct descent_tile {
  int64_t row_begin, row_end, col_begin, col_end;
  int64_t row_block, col_block; /* which block of rows, of columns */
  int64_t rows;                 /* of the whole domain */
  int64_t index; /* row_block * (number of column blocks) + col_block; in a triangle see descent_domain */
} descent_tile;

/* buffers: the track's buffers of one logical layer. slots: its f64 scalars. operands, kernel_scratch: see
 * descent_stage. */
typedef void (*descent_kernel)(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                               const descent_tile *tile, void *kernel_scratch);

/* A size that is known when the plan is made. */
typedef enum descent_extent {
  DESCENT_ONE = 0,
  DESCENT_ROWS = 1,
  DESCENT_COLS = 2,
  DESCENT_SHORT = 3, /* min(rows, cols) */
  DESCENT_LONG = 4,  /* max(rows, cols) */
  DESCENT_INNER = 8  /* a third size, in libraries of products */
} descent_extent;

/* The index space of a stage: rows x cols in the sense of descent_buffer, cut into a grid of tiles that depends on
 * these numbers and the layer's shape only (that is what makes reductions reproducible):
 * cols per tile:  n = ceil(C / tile_cols) blocks of ceil(C / n) columns, rounded up to a multiple of col_multiple
 * rows per tile:  n = ceil(R / r) blocks of ceil(R / n) rows, rounded up to a multiple of row_multiple, where r is
 *                 max(1, tile_elements / cols per tile), but tile_rows at most
 * In a triangle a block of columns is as wide as a block of rows is high, and only tiles on and below the diagonal
 * exist: first those below it, row by row, then those on it, which are less work. */
typedef struct descent_domain {
  uint32_t rows, cols; /* descent_extent */
  int64_t tile_cols, tile_elements;
  int64_t tile_rows;        /* 0: no limit */
  uint32_t row_multiple;    /* 0: 1 */
  uint32_t col_multiple;    /* 0: 16 */
  uint32_t inner, triangle; /* the extent that every entry sums over; whether the grid is a triangle */
} descent_domain;

/* What one dimension of a scratch buffer counts: an extent, or blocks of a stage's grid (for partial results). */
typedef enum descent_count {
  DESCENT_COUNT_EXTENT = 0,
  DESCENT_COUNT_TILES = 1,
  DESCENT_COUNT_ROW_BLOCKS = 2,
  DESCENT_COUNT_COL_BLOCKS = 3
} descent_count;

typedef struct descent_dimension {
  uint32_t count; /* descent_count */
  uint32_t value; /* an extent; or the index of the stage, in this track, whose grid is counted */
} descent_dimension;

typedef enum descent_buffer_source {
  DESCENT_BUFFER_WEIGHT = 0,
  DESCENT_BUFFER_GRADIENT = 1,
  DESCENT_BUFFER_INPUT = 2,  /* index: which input */
  DESCENT_BUFFER_STATE = 3,  /* index: which state */
  DESCENT_BUFFER_WORKER = 4, /* scratch that lives within a segment: one copy a worker */
  DESCENT_BUFFER_LAYER = 5,  /* scratch that lives across a cut: one copy a logical layer */
  DESCENT_BUFFER_OPERAND = 6 /* in libraries of products; index: which of the caller's operands */
} descent_buffer_source;

typedef struct descent_buffer_desc {
  uint32_t source; /* descent_buffer_source */
  uint32_t index;
  descent_dimension rows, cols;
  int64_t element_bytes;
  /* Scratch for a right factor in panels; 0 and 0 for all else. The two sizes are rounded up to these multiples. */
  uint32_t row_multiple, col_multiple;
  /* Of a factor that products may take unpacked: the rows of their tiles (0: they may not), and those of their left
   * factors (descent_extent). If they do, the buffer has no rows. */
  uint32_t tile_rows, readers;
  uint32_t choice, alternative; /* who uses scratch: as in descent_stage */
  /* Of WORKER scratch: the only segment whose stages use it. That of another segment may lie in the same memory. */
  uint32_t segment, reserved;
} descent_buffer_desc;

/* What the driver writes into a scalar slot before a step. */
typedef enum descent_slot_source {
  DESCENT_SLOT_ROWS = 0,
  DESCENT_SLOT_COLS = 1,
  DESCENT_SLOT_STEP = 2,
  DESCENT_SLOT_UPDATES = 3, /* the count of this layer's updates, this one included */
  DESCENT_SLOT_LOSS = 4,
  DESCENT_SLOT_GRADIENT_SCALE = 5,
  DESCENT_SLOT_HYPER = 6,  /* index: into the artifact's flat list */
  DESCENT_SLOT_FACTOR = 7, /* index: which factor */
  DESCENT_SLOT_STATE = 8,  /* index: a state of layer scope */
  DESCENT_SLOT_CHOICE = 9, /* index: a choice; the number of the alternative, from 0 */
  DESCENT_SLOT_RANDOM = 10 /* the key of this step's random numbers: below 2^52, see lib/Runtime/Random.h */
} descent_slot_source;

typedef struct descent_slot {
  uint32_t slot, source /* descent_slot_source */, index, reserved;
} descent_slot;

/* After the last segment, slot -> the layer's own number. */
typedef struct descent_slot_store {
  uint32_t slot, state;
} descent_slot_store;

typedef struct descent_stage {
  const char *name;   /* as --explain prints it */
  uint32_t segment;   /* stages are sorted by segment */
  uint32_t per_layer; /* 1: one call for the whole logical layer, no grid (scalars, small combines); 0: one a tile */
  descent_domain domain;
  int64_t kernel_scratch_bytes; /* private memory of one kernel call, 64-byte aligned; a constant */
  descent_kernel kernel;        /* of all stages that do the same to other operands */
  /* Which buffers and slots the kernel works on, in the order of its parameters: buffers that it reads or writes, slots
   * that it reads, then what takes its results: with a grid buffers of one f64 a tile, else slots. */
  const uint32_t *operands;
  /* alternative 0: every layer runs it; k: those that run alternative k - 1 of the track's choice */
  uint32_t choice, alternative;
  /* Of a stage per layer whose results depend on nothing but slots: how many it reads and writes, the operands in this
   * order. Layers that agree in the one agree in the other, so one of them computes for all. 0 and 0: not known. */
  uint32_t num_inputs, num_results;
  /* One more than the number of the buffer whose panels the stage fills; 0: it packs nothing. A buffer without rows
   * leaves the stage without tiles. */
  uint32_t packs, reserved;
} descent_stage;

/* factor * rows^r * cols^c * min(rows, cols)^s * max(rows, cols)^l */
typedef struct descent_term {
  double factor;
  uint32_t powers[4]; /* r, c, s, l */
} descent_term;

typedef struct descent_alternative {
  const char *name;
  uint32_t num_terms, reserved;
  const descent_term *terms; /* their sum is its cost */
} descent_alternative;

/* Stages that do the same in different ways: when the plan is made each entry gets the way that costs least for its
 * shape, the first of equal ones. */
typedef struct descent_choice {
  uint32_t num_alternatives, reserved;
  const descent_alternative *alternatives;
} descent_choice;

typedef enum descent_scope {
  DESCENT_SCOPE_ELEMENT = 0,
  DESCENT_SCOPE_ROW = 1,
  DESCENT_SCOPE_COLUMN = 2,
  DESCENT_SCOPE_LAYER = 3,
  DESCENT_SCOPE_BLOCK = 4 /* one number for each `block` columns of a row, the last ones fewer */
} descent_scope;

typedef enum descent_type {
  DESCENT_F64 = 0,
  DESCENT_F32 = 1,
  DESCENT_BF16 = 2,
  DESCENT_F16 = 3,
  DESCENT_I64 = 4,
  DESCENT_I16 = 5,
  DESCENT_Q8_SIGNED = 6, /* 8-bit codes, see docs/storage.md: 127 is zero */
  DESCENT_Q8_UNSIGNED = 7
} descent_type;

typedef enum descent_init {
  DESCENT_INIT_VALUE = 0,    /* init_value in every element */
  DESCENT_INIT_PARAMETER = 1 /* a copy of the weight, rounded to the state's type */
} descent_init;

typedef struct descent_state_desc {
  const char *name;
  uint32_t scope, type, init, block; /* block: 0 but for DESCENT_SCOPE_BLOCK */
  double init_value;
} descent_state_desc;

/* What a group accepts: DESCENT_CLASS_VECTOR wants one row. */
typedef enum descent_class { DESCENT_CLASS_ANY = 0, DESCENT_CLASS_MATRIX = 1, DESCENT_CLASS_VECTOR = 2 } descent_class;

/* One track: what happens to one logical layer of one group. A shared body is a track with `shared` set: it has no
 * layers and no buffers, runs once a step, and talks to the others through cuts. */
typedef struct descent_track {
  const char *name; /* the group's name */
  uint32_t shared;
  uint32_t group_class;                /* descent_class */
  uint32_t weight_type, gradient_type; /* descent_type */
  uint32_t num_inputs, num_factors;
  const uint32_t *input_types; /* descent_type, one an input */
  const char *const *input_names;
  uint32_t num_states, updates_state; /* index of the i64 layer state that counts updates; UINT32_MAX: none */
  const descent_state_desc *states;
  uint32_t num_buffers, num_slots;
  const descent_buffer_desc *buffers;
  uint32_t num_slot_loads, num_slot_stores;
  const descent_slot *slot_loads;
  const descent_slot_store *slot_stores;
  uint32_t num_stages, num_reports;
  const descent_stage *stages;
  const uint32_t *report_slots; /* per report of the artifact: the slot, or UINT32_MAX when this track lacks it;
                                   num_reports entries */
  uint32_t nonfinite_slot;      /* > 0 when this layer's gradient has a NaN or infinity; UINT32_MAX: not looked for */
  uint32_t num_choices;
  const descent_choice *choices;
} descent_track;

typedef enum descent_combine { DESCENT_SUM = 0, DESCENT_MAX = 1, DESCENT_MIN = 2 } descent_combine;

/* parameter: the batch members of one table entry; group: the layers of one track; model: all sources. */
typedef enum descent_reach { DESCENT_PARAMETER = 0, DESCENT_GROUP = 1, DESCENT_MODEL = 2 } descent_reach;

typedef struct descent_slot_ref {
  uint32_t track, slot;
} descent_slot_ref;

/* At the end of `segment`: folds the source slots over the layers that are present, in the table's order (within an
 * entry: batch order; sources of the same layer: in their order here), in f64, and writes the result to the destination
 * slot of every layer of the destination tracks. A shared body counts as one layer, after all others. For the reaches
 * parameter and group there is one source and one destination, of the same track. Empty: 0 for sum, -inf for max, inf
 * for min. A NaN among the sources is the result, of max and min too. */
typedef struct descent_cut {
  uint32_t segment;
  uint32_t combine; /* descent_combine */
  uint32_t reach;   /* descent_reach */
  uint32_t num_sources, num_destinations, reserved;
  const descent_slot_ref *sources;
  const descent_slot_ref *destinations;
} descent_cut;

/* One hyperparameter of one group, flat over all groups in order. */
typedef struct descent_hyper_desc {
  const char *group, *name;
  double default_value;
} descent_hyper_desc;

typedef struct descent_artifact {
  uint64_t size; /* sizeof(descent_artifact) */
  uint32_t abi_version, num_segments;
  const char *name;
  const char *manifest;     /* JSON */
  const char *cpu_features; /* instruction sets that the kernels need, comma-separated, as __builtin_cpu_supports names
                               them; may be "" */
  const char
      *signature; /* the groups' states, a line each: "hidden m element f32\n", independent of target and passes */
  uint64_t fingerprint; /* 64-bit FNV-1a of the signature */
  uint32_t num_tracks, num_cuts, num_hypers, num_reports;
  const descent_track *tracks; /* groups first, in the header's order, then shared bodies */
  uint32_t num_groups, reserved;
  const descent_cut *cuts; /* sorted by segment; within a segment they run in this order */
  const descent_hyper_desc *hypers;
  const char *const *report_names;
  /* Slot of a shared track that decides: after `guard_segment` (and its cuts) a value above 0, or NaN, skips all later
   * segments and every store. UINT32_MAX: no guard. */
  uint32_t guard_segment;
  descent_slot_ref guard;
  uint32_t
      norm_valid; /* 1: `norm` holds descent_result.gradient_norm after the last segment that ran; NaN until then */
  descent_slot_ref norm;
  const char *target; /* what the kernels are compiled for, as the compiler names it: "cpu:avx2" */
  /* The same optimizer for a lesser processor; null: none. A plan runs one of this chain. What does not depend on the
   * processor (states, hyperparameters, manifest) is asked of the first. */
  const struct descent_artifact *next;
  const struct descent_device_program *device; /* device.h; null: the kernels are functions that `stages` name */
} descent_artifact;

/* The step driver. The generated entry points X_... call these with their own table. */
int64_t descent_rt_state_bytes(const descent_artifact *artifact, const descent_layer *layer, uint32_t state,
                               descent_error *error);
int64_t descent_rt_states_bytes(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                                descent_error *error);
int32_t descent_rt_states_place(const descent_artifact *artifact, descent_layer *layers, int64_t count, void *memory,
                                descent_view *views, descent_error *error);
int64_t descent_rt_states_count(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                                descent_error *error);
int32_t descent_rt_states_init(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                               descent_error *error);
int32_t descent_rt_plan_create(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                               const descent_plan_options *options, descent_plan **plan, descent_error *error);
int32_t descent_rt_plan_rebind(const descent_artifact *artifact, descent_plan *plan, const descent_layer *layers,
                               int64_t count, descent_error *error);
const char *descent_rt_plan_target(const descent_artifact *artifact, const descent_plan *plan);
int64_t descent_rt_plan_workspace_bytes(const descent_artifact *artifact, const descent_plan *plan);
void descent_rt_plan_destroy(const descent_artifact *artifact, descent_plan *plan);
int32_t descent_rt_step(const descent_artifact *artifact, descent_plan *plan, const descent_step *step,
                        descent_result *result, descent_error *error);
int32_t descent_rt_hyper_defaults(const descent_artifact *artifact, double *hyper, uint64_t count,
                                  descent_error *error);
/* DESCENT_FOREIGN_STATE, naming the first state that differs, unless `signature` (as saved in a checkpoint) is this
 * artifact's. */
int32_t descent_rt_check_signature(const descent_artifact *artifact, const char *signature, descent_error *error);
const char *descent_rt_signature(const descent_artifact *artifact);
const char *descent_rt_manifest(const descent_artifact *artifact);
uint64_t descent_rt_fingerprint(const descent_artifact *artifact);

/* Products of a library: see products.h. */
struct descent_product;
int64_t descent_rt_product_bytes(const descent_artifact *artifact, const struct descent_product *product,
                                 descent_error *error);
int32_t descent_rt_product_run(const descent_artifact *artifact, const struct descent_product *product,
                               descent_error *error);
descent_parallel *descent_rt_workers_create(const descent_artifact *artifact, int64_t count);
void descent_rt_workers_destroy(const descent_artifact *artifact, descent_parallel *workers);

#ifdef __cplusplus
}
#endif
#endif
