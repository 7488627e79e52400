/* Who multiplies: which layers' products a device's library does, in which calls. */
#include "Check.h"
#include "Device/DevicePlan.h"
#include "Errors.h"

#include <stdlib.h>
#include <string.h>

/* ---- A rule that does nothing but X X^T ---- */

enum { WEIGHT, X, SQUARE, BUFFERS };

#define EXTENT(value) {DESCENT_COUNT_EXTENT, value}

static const descent_buffer_desc buffers[BUFFERS] = {
    [WEIGHT] = {DESCENT_BUFFER_WEIGHT, 0, EXTENT(DESCENT_ROWS), EXTENT(DESCENT_COLS), 4},
    [X] = {DESCENT_BUFFER_WORKER, 0, EXTENT(DESCENT_SHORT), EXTENT(DESCENT_LONG), 4},
    [SQUARE] = {DESCENT_BUFFER_WORKER, 0, EXTENT(DESCENT_SHORT), EXTENT(DESCENT_SHORT), 4},
};
static const uint32_t operands[] = {X, SQUARE};
static const descent_stage stage = {
    .name = "product", .domain = {DESCENT_SHORT, DESCENT_SHORT, 128, 16384, 128, 128, 128, DESCENT_LONG, 1}};
static const descent_track track = {.name = "matrices",
                                    .group_class = DESCENT_CLASS_MATRIX,
                                    .weight_type = DESCENT_F32,
                                    .gradient_type = DESCENT_F32,
                                    .updates_state = UINT32_MAX,
                                    .num_buffers = BUFFERS,
                                    .buffers = buffers,
                                    .num_stages = 1,
                                    .stages = &stage,
                                    .nonfinite_slot = UINT32_MAX};
static const descent_device_product form = {.lhs = X,
                                            .rhs = X,
                                            .added = UINT32_MAX,
                                            .result = SQUARE,
                                            .factor_type = DESCENT_F32,
                                            .result_type = DESCENT_F32,
                                            .transposed = 1,
                                            .symmetric = 1,
                                            .alpha = 1.0};
static const descent_device_kernel kernels[DESCENT_DRIVER_KERNELS + 1] = {
    [DESCENT_KERNEL_BEGIN] = {.name = "begin", .threads = 32},
    [DESCENT_KERNEL_FINISH] = {.name = "finish", .threads = 32},
    [DESCENT_DRIVER_KERNELS] = {.name = "square", .threads = 256}};
static const descent_device_launch launches[] = {
    {.kernel = DESCENT_DRIVER_KERNELS, .num_operands = 2, .operands = operands, .product = &form}};

/* ---- A device that counts ---- */

enum { MOST = 16 };

static struct {
  uint32_t capability;
  bool is_absent;
  int64_t unknown; /* rows of products that the library cannot do */
  int libraries, prepared, memory;
  int64_t tiles; /* of kernels of the last step */
  int runs;      /* of the library in it */
  descent_library_product products[MOST];
  int count; /* of products that were ever prepared */
} seen;

struct descent_library {
  int unused;
};
struct descent_library_call {
  int number;
};

static int32_t open_library(descent_device *device, descent_library **library, descent_error *error) {
  static descent_library only;
  (void)device;
  if (seen.is_absent)
    return descent_fail(error, DESCENT_NO_DEVICE, "the library is not here");
  ++seen.libraries;
  *library = &only;
  return DESCENT_OK;
}

static void close_library(descent_library *library) {
  (void)library;
  --seen.libraries;
}

static int32_t prepare(descent_library *library, const descent_library_product *product, descent_library_call **call,
                       descent_error *error) {
  (void)library;
  if (product->rows == seen.unknown)
    return descent_fail(error, DESCENT_DEVICE_FAULT, "the library cannot do that");
  *call = malloc(sizeof(descent_library_call));
  if (!*call || seen.count == MOST)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for a call");
  (*call)->number = seen.count;
  seen.products[seen.count++] = *product;
  ++seen.prepared;
  return DESCENT_OK;
}

static void discard(descent_library *library, descent_library_call *call) {
  (void)library;
  free(call);
  --seen.prepared;
}

static int32_t run(descent_library *library, void *stream, const descent_library_call *call, void *workspace,
                   descent_error *error) {
  (void)stream;
  (void)error;
  seen.runs += library && call && workspace;
  return DESCENT_OK;
}

static const descent_library_methods library = {.name = "counting",
                                                .workspace_bytes = 64,
                                                .open = open_library,
                                                .close = close_library,
                                                .prepare = prepare,
                                                .discard = discard,
                                                .run = run};

static int32_t open_device(const descent_artifact *artifact, const descent_device_options *options,
                           descent_device **device, descent_error *error) {
  static descent_device only;
  (void)options;
  (void)error;
  only = (descent_device){artifact->device->methods, artifact->device};
  *device = &only;
  return DESCENT_OK;
}

static void close_device(descent_device *device) { (void)device; }

static int64_t processors(const descent_device *device) {
  (void)device;
  return 2;
}

static int32_t allocate(descent_device *device, int64_t bytes, void **memory, descent_error *error) {
  (void)device;
  *memory = malloc((size_t)bytes);
  if (!*memory)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the counting device");
  ++seen.memory;
  return DESCENT_OK;
}

static void release(descent_device *device, void *memory) {
  (void)device;
  seen.memory -= memory != NULL;
  free(memory);
}

static int32_t admit(descent_device *device, const descent_box *box, descent_error *error) {
  (void)device;
  (void)box;
  (void)error;
  return DESCENT_OK;
}

static int32_t upload(descent_device *device, void *to, const void *from, int64_t bytes, descent_error *error) {
  (void)device;
  (void)error;
  memcpy(to, from, (size_t)bytes);
  return DESCENT_OK;
}

static int32_t write_words(descent_device *device, void *stream, void *to, const uint64_t *words, int64_t count,
                           descent_error *error) {
  (void)stream;
  return upload(device, to, words, count * 8, error);
}

/* The kernel's own tiles are what it has in the table of their ends. */
static int32_t launch(descent_device *device, void *stream, const descent_device_call *call, descent_error *error) {
  (void)device;
  (void)stream;
  (void)error;
  if (call->kernel == DESCENT_DRIVER_KERNELS)
    seen.tiles += (*(const int64_t *const *)call->arguments[3])[*(const int32_t *)call->arguments[7] - 1];
  return DESCENT_OK;
}

static int32_t identify(const descent_device_options *options, descent_device_kind *kind, descent_error *fault) {
  (void)options;
  (void)fault;
  *kind = (descent_device_kind){seen.capability, "counting"};
  return DESCENT_OK;
}

static const descent_device_methods methods = {.name = "counting",
                                               .open = open_device,
                                               .close = close_device,
                                               .processors = processors,
                                               .allocate = allocate,
                                               .release = release,
                                               .admit = admit,
                                               .upload = upload,
                                               .write = write_words,
                                               .launch = launch,
                                               .identify = identify,
                                               .library = &library};
static const descent_device_program program = {.version = DESCENT_DEVICE_VERSION,
                                               .methods = &methods,
                                               .num_kernels = DESCENT_DRIVER_KERNELS + 1,
                                               .num_launches = 1,
                                               .kernels = kernels,
                                               .launches = launches};
static const descent_artifact squares = {.size = sizeof(descent_artifact),
                                         .abi_version = DESCENT_ABI_VERSION,
                                         .num_segments = 1,
                                         .name = "squares",
                                         .cpu_features = "",
                                         .num_tracks = 1,
                                         .tracks = &track,
                                         .num_groups = 1,
                                         .guard_segment = UINT32_MAX,
                                         .target = "counting",
                                         .device = &program};

/* ---- Plans ---- */

static descent_plan *plan;
static descent_error error;

static void set_up(uint32_t chip) {
  memset(&seen, 0, sizeof(seen));
  seen.capability = chip;
  error = (descent_error){.size = sizeof(error)};
  plan = NULL;
}

/* Layers of the given rows and 2 columns for each; their tensors are never looked at. */
static int32_t create(const int64_t *rows, int64_t count, descent_device_options options) {
  static float weights[MOST];
  descent_layer layers[MOST];
  options.size = sizeof(options);
  const descent_plan_options all = {
      .size = sizeof(all), .abi_version = DESCENT_ABI_VERSION, .workers = 1, .device = &options};
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    char *place = (char *)weights + offset;
    layers[i] = (descent_layer){.size = sizeof(descent_layer),
                                .name = "layer",
                                .id = (uint64_t)i,
                                .rows = rows[i],
                                .cols = 2 * rows[i],
                                .batch = 1,
                                .weight = {place, 2 * rows[i], 0},
                                .gradient = {place + ((int64_t)1 << 40), 2 * rows[i], 0}};
    offset += 8 * rows[i] * rows[i];
  }
  return descent_rt_plan_create(&squares, layers, count, &all, &plan, &error);
}

static void step(void) {
  const descent_step first = {
      .size = sizeof(first), .abi_version = DESCENT_ABI_VERSION, .step = 1, .gradient_scale = 1.0};
  seen.tiles = seen.runs = 0;
  CHECK(descent_rt_step(&squares, plan, &first, NULL, &error) == DESCENT_OK);
}

static void tear_down(void) {
  descent_rt_plan_destroy(&squares, plan);
  CHECK(seen.libraries == 0 && seen.prepared == 0 && seen.memory == 0);
}

static const int64_t mixed[] = {256, 384, 256, 384, 256, 128};
enum { MIXED = 6 };

static void layers_of_a_shape_are_one_call(void) {
  set_up(0);
  CHECK(create(mixed, MIXED, (descent_device_options){.products = DESCENT_PRODUCTS_LIBRARY}) == DESCENT_OK);
  static const int64_t rows[] = {256, 384, 128}, counts[] = {3, 2, 1};
  CHECK(seen.count == 3);
  for (int i = 0; i < 3; ++i) {
    const descent_library_product *product = &seen.products[i];
    CHECK(product->rows == rows[i] && product->cols == rows[i] && product->inner == 2 * rows[i]);
    CHECK(product->layers == counts[i] && product->form == &form && !product->added.data);
    CHECK(product->lhs.data == product->rhs.data && product->lhs.data < product->result.data);
    CHECK(product->layers == 1 || product->lhs.layer_stride == product->result.layer_stride);
    CHECK(product->layers == 1 || product->lhs.layer_stride >= rows[i] * (product->lhs.row_stride + rows[i]));
  }
  step();
  CHECK(seen.runs == 3 && seen.tiles == 0);
  tear_down();
}

static void layers_that_take_scratch_in_turn_are_calls_of_their_own(void) {
  set_up(0);
  const descent_device_options tight = {.products = DESCENT_PRODUCTS_LIBRARY, .workspace_bytes = 1};
  CHECK(create(mixed, MIXED, tight) == DESCENT_OK);
  step();
  CHECK(seen.count == MIXED && seen.runs == MIXED && seen.tiles == 0);
  for (int i = 0; i < MIXED; ++i)
    CHECK(seen.products[i].rows == mixed[i] && seen.products[i].layers == 1);
  tear_down();
}

/* Triangles of 3, 6, 3, 6, 3 and 1 tiles. */
static void kernels_do_what_they_are_told_to(void) {
  set_up(90);
  CHECK(create(mixed, MIXED, (descent_device_options){.products = DESCENT_PRODUCTS_OWN}) == DESCENT_OK);
  step();
  CHECK(seen.count == 0 && seen.runs == 0 && seen.tiles == 22);
  tear_down();
}

static void whoever_should_be_faster_multiplies(void) {
  static const int64_t rows[] = {64, 1024, 2048, 1024};
  set_up(90);
  CHECK(create(rows, 4, (descent_device_options){0}) == DESCENT_OK);
  step();
  CHECK(seen.count == 1 && seen.products[0].rows == 1024 && seen.products[0].layers == 2);
  CHECK(seen.runs == 1 && seen.tiles == 1 + 16 * 17 / 2);
  tear_down();
  set_up(0);
  CHECK(create(rows, 4, (descent_device_options){0}) == DESCENT_OK);
  CHECK(seen.count == 0);
  tear_down();
}

static void sizes_decide(void) {
  const descent_device_product narrow = {.factor_type = DESCENT_BF16, .symmetric = 1};
  const descent_device_product general = {.factor_type = DESCENT_F16};
  CHECK(!descent_is_library_faster(&narrow, 90, 100, 100, 100));
  CHECK(descent_is_library_faster(&narrow, 90, 256, 256, 256));
  CHECK(descent_is_library_faster(&narrow, 90, 2048, 2048, 2048));
  CHECK(!descent_is_library_faster(&narrow, 90, 4096, 4096, 4096));
  CHECK(!descent_is_library_faster(&narrow, 100, 4096, 4096, 8192));
  CHECK(!descent_is_library_faster(&narrow, 80, 2048, 2048, 2048));
  CHECK(descent_is_library_faster(&general, 80, 4096, 4096, 4096));
  CHECK(!descent_is_library_faster(&general, 75, 4096, 4096, 4096));
}

static void without_a_library_kernels_multiply(void) {
  static const int64_t rows[] = {1024, 512};
  set_up(90);
  seen.is_absent = true;
  CHECK(create(rows, 2, (descent_device_options){0}) == DESCENT_OK);
  step();
  CHECK(seen.runs == 0 && seen.tiles == 36 + 10);
  tear_down();
  plan = NULL;
  CHECK_REFUSED(create(rows, 2, (descent_device_options){.products = DESCENT_PRODUCTS_LIBRARY}), DESCENT_NO_DEVICE,
                &error, "the library is not here");
  tear_down();
}

static void what_the_library_cannot_do_kernels_do(void) {
  static const int64_t rows[] = {512, 1024, 512};
  set_up(90);
  seen.unknown = 512;
  CHECK(create(rows, 3, (descent_device_options){0}) == DESCENT_OK);
  step();
  CHECK(seen.count == 1 && seen.runs == 1 && seen.tiles == 20);
  tear_down();
  plan = NULL;
  CHECK_REFUSED(create(rows, 3, (descent_device_options){.products = DESCENT_PRODUCTS_LIBRARY}), DESCENT_DEVICE_FAULT,
                &error, "the library cannot do that");
  tear_down();
}

void test_products(void) {
  RUN(layers_of_a_shape_are_one_call);
  RUN(layers_that_take_scratch_in_turn_are_calls_of_their_own);
  RUN(kernels_do_what_they_are_told_to);
  RUN(whoever_should_be_faster_multiplies);
  RUN(sizes_decide);
  RUN(without_a_library_kernels_multiply);
  RUN(what_the_library_cannot_do_kernels_do);
}
