/* What a plan has on a device: memory, the tables of device.h, and all launches of a step with their arguments. */
#ifndef DESCENT_LIB_RUNTIME_DEVICE_DEVICEPLAN_H
#define DESCENT_LIB_RUNTIME_DEVICE_DEVICEPLAN_H

#include "../Plan.h"
#include "Device.h"

/* Records of one kind, within the plan's block of tables. They are counted first, then filled in. */
typedef struct descent_table {
  size_t size;
  int64_t offset, count; /* of the table in the block; its records */
  int64_t used;          /* that were counted or filled in so far */
} descent_table;

/* Numbers of a step that its launches read, 8 bytes each: those below, the hyperparameters, and for each entry of the
 * layer table the address of its gradient. */
enum { WORD_STEP = 0, WORD_LOSS = 1, WORD_SCALE = 2, WORD_FOUND_INF = 3, WORD_HYPER = 4 };
enum { CONSTANT_ZERO = 0, CONSTANT_NAN = 1, NUM_CONSTANTS = 2 };

/* Layers of a track that have their scratch at the same time. */
typedef struct descent_device_wave {
  int64_t first, count; /* places among the track's layers */
} descent_device_wave;

typedef struct descent_device_track {
  int64_t num_layers; /* logical ones; of a shared body 1 */
  int64_t *logicals;  /* in the order of the table; null for a shared body */
  int64_t num_waves;
  descent_device_wave *waves;
  int64_t first_slot, first_buffer, first_present; /* of its records, in the tables of all tracks */
} descent_device_track;

typedef union descent_device_argument {
  void *pointer;
  int32_t number;
} descent_device_argument;

enum { MOST_ARGUMENTS = 12 };
_Static_assert(MOST_ARGUMENTS >= DESCENT_KERNEL_ARGUMENTS, "a kernel of a stage has that many");

/* One launch of a step, or one call of the library in its place. */
typedef struct descent_device_item {
  const descent_library_call *product; /* null: a kernel */
  descent_device_call call;
  void *addresses[MOST_ARGUMENTS];
  descent_device_argument arguments[MOST_ARGUMENTS];
} descent_device_item;

typedef enum descent_table_kind {
  TABLE_SLOTS,    /* double, [track][layer][slot] */
  TABLE_BUFFERS,  /* descent_buffer, [track][layer][buffer] */
  TABLE_PRESENT,  /* uint32_t, [track][layer] */
  TABLE_GRIDS,    /* descent_device_grid, [launch with a grid][layer] */
  TABLE_ENDS,     /* int64_t, likewise */
  TABLE_OPERANDS, /* uint32_t, [launch][operand] */
  TABLE_MAPS,     /* [launch][layer][map] */
  TABLE_GRADIENTS,
  TABLE_LOADS,
  TABLE_KEYS,
  TABLE_SOURCES, /* of cuts, of the guard and of the norm */
  TABLE_GROUPS,
  TABLE_TARGETS, /* double * */
  TABLE_STORES,
  TABLE_REPORTED,
  TABLE_NONFINITE,
  TABLE_CONSTANTS, /* double */
  TABLE_WORDS,     /* uint64_t */
  TABLE_SKIP,      /* uint32_t */
  TABLE_RESULT,    /* descent_result */
  TABLE_REPORTS,   /* double, [logical layer][report] */
  NUM_TABLES
} descent_table_kind;

/* Who does a launch's product for a layer. */
typedef enum descent_doer { DOER_UNDECIDED = 0, DOER_KERNEL = 1, DOER_LIBRARY = 2 } descent_doer;

/* Where the records of one launch of the program begin. */
typedef struct descent_launch_records {
  int64_t first_operand, first_grid, first_map; /* ends begin where grids do */
  uint8_t *doers;                               /* [layer of the track]: a descent_doer; null: the kernel does all */
} descent_launch_records;

/* What the library does in place of a launch, for some layers of a wave. */
typedef struct descent_device_product_call {
  uint32_t launch;
  int64_t wave;
  descent_library_call *call;
  struct descent_device_product_call *next;
} descent_device_product_call;

/* Products that the device's library does. */
typedef struct descent_device_products {
  descent_library *library; /* null: it is not open */
  bool is_absent;           /* opening it failed */
  void *workspace;
  descent_device_product_call *calls, **end; /* in the order of launches and waves */
} descent_device_products;

typedef struct descent_device_plan {
  descent_device *device;
  descent_allocator allocator; /* the caller's; without functions: the driver's */
  descent_device_track *tracks;
  int64_t *places; /* of logical layers, among those of their tracks */
  uint64_t *words; /* of the step at hand */

  descent_launch_records *launches; /* one a launch of the program */
  descent_device_products products;
  descent_table tables[NUM_TABLES];
  char *block;  /* of tables, in device memory */
  char *staged; /* what is to be there, in host memory; null while records are counted */
  int64_t block_bytes;

  descent_device_item *items;
  int64_t num_items;

  /* What is written to while records and launches are only counted. */
  uint64_t any_record[DESCENT_MAP_BYTES / 8];
  descent_device_item any_item;
} descent_device_plan;

/* DevicePlan.c: everything that a plan whose entries and logical layers are made needs to step on a device. What is
 * made before a failure is released by descent_device_plan_destroy. */
int32_t descent_device_plan_create(descent_plan *plan, const descent_device_options *options, descent_error *error);
void descent_device_plan_destroy(descent_plan *plan);

/* DevicePlan.c: kernels may touch the tensors of the plan's bindings from now on, or no longer. */
int32_t descent_device_admit(descent_plan *plan, descent_error *error);
void descent_device_dismiss(descent_plan *plan);
int32_t descent_device_admit_tensor(descent_plan *plan, const descent_tensor *tensor, int64_t entry,
                                    descent_error *error);

/* DeviceMemory.c: memory of the plan's own on the device, aligned to 256 bytes. Null may be released. */
int32_t descent_device_allocate(descent_device_plan *plan, int64_t bytes, void **memory, descent_error *error);
void descent_device_release(descent_device_plan *plan, void *memory, int64_t bytes);

/* DevicePaths.c: the plan's device options as this version knows them; null means every default. */
int32_t descent_read_device_options(const descent_device_options *given, descent_device_options *options,
                                    descent_error *error);

/* DevicePaths.c: the code path for the device that the options choose; with a target, that path if the device can run
 * it. DESCENT_NO_DEVICE when there is none. */
int32_t descent_device_choose_path(const descent_artifact *artifact, const char *target,
                                   const descent_device_options *given, const descent_artifact **chosen,
                                   descent_error *error);

/* DeviceMaps.c: fills in the staged tensor maps, of buffers that are bound. */
int32_t descent_device_make_maps(descent_plan *plan, descent_error *error);

/* DevicePlan.c: after the plan's buffers were bound anew. */
int32_t descent_device_upload_tables(descent_plan *plan, descent_error *error);

/* DeviceProducts.c: decides which layers' products the library does, and prepares its calls. */
int32_t descent_assign_products(descent_plan *plan, const descent_device_options *options, descent_error *error);
void descent_release_products(descent_device_plan *plan);

/* DeviceProducts.c: tiles that the kernel of a launch has of a layer, by its place in the track. */
int64_t descent_count_tiles(const descent_plan *plan, uint32_t launch, int64_t place);

/* Crossovers.c: whether the library is expected to be faster than the kernel for a layer of this shape. */
bool descent_is_library_faster(const descent_device_product *product, uint32_t capability, int64_t rows, int64_t cols,
                               int64_t inner);

/* DeviceTables.c: counts all records, or fills them in if there is room. */
void descent_fill_tables(descent_plan *plan);

/* The next record of a table: of zeros, and while records are counted one that is thrown away. */
void *descent_take_record(descent_device_plan *plan, descent_table_kind kind);
/* Where record `index` lies, or will lie, in device memory. */
void *descent_record_address(const descent_device_plan *plan, descent_table_kind kind, int64_t index);

/* Addresses in device memory, by a layer's place in its track. */
double *descent_slot_address(const descent_plan *plan, int64_t track, int64_t place, uint32_t slot);
uint32_t *descent_present_address(const descent_plan *plan, int64_t track, int64_t place);
void *descent_word_address(const descent_plan *plan, int64_t word);

/* A record that says where a layer's number is. */
void descent_take_source(descent_plan *plan, descent_table_kind kind, int64_t track, int64_t layer, uint32_t slot,
                         int64_t place);
/* The same for all layers of a track, in the order of the table. */
void descent_take_sources_of(descent_plan *plan, descent_table_kind kind, descent_slot_ref number);

/* DeviceLaunches.c: the launches of a step, and what only they need. */
void descent_add_begin(descent_plan *plan);
void descent_add_segment(descent_plan *plan, uint32_t segment);
void descent_add_finish(descent_plan *plan);

/* DeviceStates.c: fills in the states of tables that were checked. */
int32_t descent_device_states_init(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                                   descent_error *error);

/* DeviceStep.c */
int32_t descent_device_step_run(descent_plan *plan, const descent_step *step, descent_result *result,
                                descent_error *error);
int32_t descent_check_device_step(const descent_plan *plan, const descent_step *step, descent_error *error);

#endif
