/* Descent: the C interface of every compiled optimizer. C11 and C++17, no dependency.
 *
 * `descent-compile muon -o muon.o` writes `muon.h`, which contains this text and declares `muon_plan_create`,
 * `muon_step` and the other entry points of that optimizer. docs/abi.md explains how they are used.
 *
 * Conventions: structs begin with their size, so that an older program can be told from a newer one; sizes and strides
 * count elements, not bytes; the last axis is contiguous; functions return a `descent_code` and never abort or print.
 */
#ifndef DESCENT_ABI_H
#define DESCENT_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DESCENT_ABI_VERSION 2u

typedef enum descent_code {
  DESCENT_OK = 0,
  DESCENT_INVALID_ARGUMENT = 1, /* a null pointer, a NaN hyperparameter, too many workers */
  DESCENT_INVALID_LAYER = 2,    /* an entry of the layer table is wrong; the message names it */
  DESCENT_OVERLAP = 3,          /* two tensors share an element */
  DESCENT_OUT_OF_MEMORY = 4,
  DESCENT_WRONG_ABI = 5,       /* a struct of another version of this header */
  DESCENT_UNSUPPORTED_CPU = 6, /* the kernels need instructions that this processor lacks */
  DESCENT_FOREIGN_STATE = 7,   /* the states belong to another optimizer */
  DESCENT_NO_DEVICE = 8,       /* there is no device, no driver for it, or no code for its kind */
  DESCENT_DEVICE_FAULT = 9     /* a kernel did what it must not, or the device reports an error */
} descent_code;

/* Filled in when a call fails, and only then. May be null everywhere. */
typedef struct descent_error {
  uint64_t size; /* sizeof(descent_error) */
  int32_t code;
  char message[1024]; /* where, what was found, what was wanted; zero-terminated */
} descent_error;

/* Where a tensor lies: element (b, i, j) is data[b * batch_stride + i * row_stride + j]. */
typedef struct descent_view {
  void *data;
  int64_t row_stride;   /* at least the number of columns */
  int64_t batch_stride; /* unused when batch is 1 */
} descent_view;

/* One entry of the layer table: `batch` logical layers of `rows` by `cols` elements. Heads, a fused QKV and experts are
 * entries, views by stride and batch. A vector has one row. A tied weight is listed once. */
typedef struct descent_layer {
  uint64_t size; /* sizeof(descent_layer) */
  const char *name;
  uint64_t id;    /* stable across runs and unique in the table */
  uint32_t group; /* an X_GROUP_... constant of the generated header */
  uint32_t reserved;
  int64_t rows, cols, batch;
  descent_view weight;
  descent_view gradient;
  const descent_view *inputs; /* the group's further per-element inputs, in the header's order; null when it has none */
  const descent_view *states; /* the group's states, in the header's order; X_states_place fills this in */
  const double *factors;      /* the group's per-layer factors, which the plan copies; null: all 1 */
  /* The place of this shard in a larger tensor. All zero, or equal to the local tensor: sharding is refused today. */
  int64_t global_rows, global_cols, row_offset, col_offset;
} descent_layer;

/* Runs body(argument, task, worker) once for every task in [0, tasks) and returns when all are done. `worker` is in
 * [0, workers) and no two tasks that run at the same time share it. Results never depend on who runs what. */
typedef struct descent_parallel {
  uint64_t size; /* sizeof(descent_parallel) */
  int64_t workers;
  void (*run)(void *context, int64_t tasks, void (*body)(void *argument, int64_t task, int64_t worker), void *argument);
  void *context;
} descent_parallel;

/* Who multiplies matrices on a device: the optimizer's own kernels, or for those products that it can take the library
 * of the device's maker (cuBLASLt). AUTO: whoever is expected to be faster for the layer's shape; own kernels where
 * there is no library. */
typedef enum descent_products {
  DESCENT_PRODUCTS_AUTO = 0,
  DESCENT_PRODUCTS_OWN = 1,
  DESCENT_PRODUCTS_LIBRARY = 2
} descent_products;

/* Memory of the device that the caller gives to a plan, such as that of a framework's own allocator. Both functions are
 * called by the thread that makes or destroys the plan, never in a step. Nobody waits for steps that are still under
 * way when memory is released: allocators in the order of those steps' stream need not, others must. */
typedef struct descent_allocator {
  uint64_t size;                                   /* sizeof(descent_allocator) */
  void *(*allocate)(void *context, int64_t bytes); /* aligned to 256 bytes; null: there is none */
  void (*release)(void *context, void *memory, int64_t bytes);
  void *context; /* lives as long as the plan */
} descent_allocator;

/* For optimizers whose kernels run on a device. */
typedef struct descent_device_options {
  uint64_t size;  /* sizeof(descent_device_options) */
  int32_t device; /* its number, as the driver counts; -1: that of the calling thread */
  int32_t reserved;
  int64_t workspace_bytes; /* of scratch that layers take in turn; 0: 256 MiB; a layer that needs more gets it */
  uint64_t simulator_seed; /* decides in which order the simulator runs blocks and threads */
  uint32_t products;       /* descent_products */
  uint32_t reserved2;
  const descent_allocator *allocator; /* of the plan's tables and scratch; null: the driver's own memory */
} descent_device_options;

typedef struct descent_plan_options {
  uint64_t size;        /* sizeof(descent_plan_options) */
  uint32_t abi_version; /* DESCENT_ABI_VERSION */
  uint32_t reserved;
  int64_t workers;  /* threads of the plan's own pool, or the most workers that a step's `parallel` has; 0: one a
                       processor */
  int32_t own_pool; /* 0: the plan starts no threads; a step without `parallel` then runs on the caller's thread */
  int32_t reserved2;
  const char *target; /* null: the best code path that this processor can run; else one, such as "cpu:avx2" */
  uint64_t
      seed; /* of random numbers; they depend on it, on the step, the layer's id, the batch member and the element */
  const descent_device_options *device; /* null: every default */
} descent_plan_options;

/* Where the time of steps went, in the caller's memory. A step adds to what is there. Stages are numbered through all
 * tracks, in the order of the manifest. */
typedef struct descent_profile {
  uint64_t size;           /* sizeof(descent_profile) */
  int64_t workers;         /* rows of `stage_seconds`: at least as many as the step has workers */
  double *stage_seconds;   /* [worker][X_STAGES]: that the worker spent in the stage's kernels */
  double *segment_seconds; /* [X_SEGMENTS]: by the clock on the wall, cuts included */
} descent_profile;

typedef struct descent_result {
  uint64_t size;   /* sizeof(descent_result) */
  int32_t skipped; /* 1: nothing was changed */
  int32_t reserved;
  int64_t first_nonfinite; /* first table entry whose gradient has a NaN or infinity; -1: none, or not looked for */
  double gradient_norm;    /* of the scaled gradients before clipping, l2 over all layers; NaN: not computed */
} descent_result;

/* For a step on a device: numbers that the device has, in its memory, read when the step runs there; null: the step's
 * own. Whoever passes none of the host's `result` and `reports` is not kept waiting, and graphs can capture the step.
 */
typedef struct descent_device_step {
  uint64_t size;       /* sizeof(descent_device_step) */
  void *stream;        /* CUDA: a cudaStream_t or CUstream; null: the default stream */
  const double *hyper; /* all of them */
  const int64_t *step;
  const double *loss;
  const double *gradient_scale;
  const float *found_inf;
  descent_result *result; /* in device memory, all fields are written; null: nowhere */
  double *reports;        /* in device memory, as those of descent_step; null: nowhere */
} descent_device_step;

typedef struct descent_step {
  uint64_t size;        /* sizeof(descent_step) */
  uint32_t abi_version; /* DESCENT_ABI_VERSION */
  uint32_t reserved;
  int64_t step;        /* the caller's number of this step, from 1; schedules and periodic work */
  const double *hyper; /* the generated X_hyper struct as numbers; null: every default */
  /* One pointer a layer, batch members and strides as in the table; null: the table's pointers. A null entry, here or
   * in the table, is a layer that is absent this step: its weight, states and count of updates stay as they are. */
  const void *const *gradients;
  double gradient_scale; /* every gradient is multiplied by this first: 1 / (loss scale * accumulated batches), not 0 */
  const float *found_inf;           /* null, or a number: when it is not zero the step is skipped */
  double loss;                      /* for rules that read it; otherwise unused */
  const descent_parallel *parallel; /* null: the plan's own pool */
  /* Null, or X_REPORTS numbers for every logical layer (the table's order, batch members of an entry together): report
   * r of logical layer l goes to reports[l * X_REPORTS + r]. Layers without that report, or absent, are left alone. */
  double *reports;
  const descent_profile *profile;    /* null: nothing is measured */
  const descent_device_step *device; /* null: every number is the host's, the stream is the default one */
} descent_step;

/* The layer table as one optimizer sees it: task lists and workspace. Threads may step different plans at once. */
typedef struct descent_plan descent_plan;

#ifdef __cplusplus
}
#endif
#endif
