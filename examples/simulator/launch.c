/* Launches a kernel under the simulator:
 *
 *   launch KERNEL BLOCKS THREADS [dynamic=BYTES] ARGUMENT...
 *
 * An argument is a memref, `f32[4x16]=ramp`, also with gaps between rows, `f32[4x10:16]=ramp`; a pointer to such
 * memory, `*f32[64]=ramp`; a number, `i32=5`; or a pointer to a tensor map of argument 0, `map0=64x32/64`, with boxes
 * of 64 x 32 entries whose rows are swizzled by 64 bytes. What memory holds: ramp (0, 1, 2, ...), small (-3 to 3),
 * zero, or nothing that a kernel may read: none. Runs the kernel with many seeds, which must not change a bit, and
 * prints what memory holds then, or the first fault. */
#include "Simulator.h"
#include "TensorMap.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARGUMENTS = 8, SEEDS = 10 };

typedef struct argument {
  char type[8], fill[8];
  int64_t rank, rows, cols, stride, bytes; /* of one dimension: a row */
  char *data, *before, *first_result;
  struct {
    void *allocated, *aligned;
    int64_t offset, numbers[4];
  } descriptor;
  void *pointer;
  int32_t number;
  struct {
    uint32_t argument, rows, cols, swizzle;
  } box;
  bool is_number, is_pointer, is_map;
} argument;

static int64_t size_of(const char *type) {
  return strcmp(type, "f64") == 0 ? 8 : strcmp(type, "bf16") == 0 || strcmp(type, "f16") == 0 ? 2 : 4;
}

static void put(const argument *at, int64_t i, int64_t value) {
  char *place = at->before + i * size_of(at->type);
  const float number = (float)value;
  const double wide = (double)value;
  const int32_t integer = (int32_t)value;
  const _Float16 half = (_Float16)number;
  if (strcmp(at->type, "f64") == 0)
    memcpy(place, &wide, 8);
  else if (strcmp(at->type, "f32") == 0)
    memcpy(place, &number, 4);
  else if (strcmp(at->type, "bf16") == 0)
    memcpy(place, (const char *)&number + 2, 2);
  else if (strcmp(at->type, "f16") == 0)
    memcpy(place, &half, 2);
  else
    memcpy(place, &integer, 4);
}

static void parse(argument *at, const char *text) {
  memset(at, 0, sizeof(*at));
  at->is_map = sscanf(text, "map%" SCNu32 "=%" SCNu32 "x%" SCNu32 "/%" SCNu32, &at->box.argument, &at->box.rows,
                      &at->box.cols, &at->box.swizzle) == 4;
  if (at->is_map)
    at->data = aligned_alloc(128, at->bytes = sizeof(descent_sim_tensor_map));
  if (at->is_map)
    return;
  at->is_pointer = *text == '*';
  text += at->is_pointer;
  if (sscanf(text, "i32=%" SCNd32, &at->number) == 1) {
    at->is_number = true;
    return;
  }
  at->rows = 1;
  at->rank = 2;
  if (sscanf(text, "%7[a-z0-9][%" SCNd64 "x%" SCNd64 ":%" SCNd64 "]=%7s", at->type, &at->rows, &at->cols, &at->stride,
             at->fill) != 5) {
    at->rows = 1;
    at->rank = 2;
    if (sscanf(text, "%7[a-z0-9][%" SCNd64 "x%" SCNd64 "]=%7s", at->type, &at->rows, &at->cols, at->fill) != 4) {
      at->rows = at->rank = 1;
      sscanf(text, "%7[a-z0-9][%" SCNd64 "]=%7s", at->type, &at->cols, at->fill);
    }
    at->stride = at->cols;
  }
  at->bytes = at->rows * at->stride * size_of(at->type);
  at->data = aligned_alloc(64, (size_t)(at->bytes + 63) / 64 * 64);
  at->before = calloc(1, (size_t)at->bytes);
  at->first_result = malloc((size_t)at->bytes);
  for (int64_t i = 0; i < at->rows * at->stride; ++i)
    put(at, i, strcmp(at->fill, "ramp") == 0 ? i : strcmp(at->fill, "small") == 0 ? i * 5 % 7 - 3 : 0);
}

static void *prepare_map(argument *at, const argument *of, descent_shadow *memory) {
  descent_sim_tensor_map *map = (descent_sim_tensor_map *)(void *)at->data;
  const uint32_t bytes = (uint32_t)size_of(of->type);
  *map = (descent_sim_tensor_map){.data = of->data,
                                  .rows = of->rows,
                                  .cols = of->cols,
                                  .row_bytes = of->stride * bytes,
                                  .element_bytes = bytes,
                                  .box_rows = at->box.rows,
                                  .box_cols = at->box.cols,
                                  .swizzle = at->box.swizzle};
  const char *problem = descent_sim_seal_map(map);
  if (problem)
    printf("no tensor map of argument %" PRIu32 ": %s\n", at->box.argument, problem);
  descent_shadow_allow(memory, map, sizeof(*map), true);
  at->pointer = map;
  return &at->pointer;
}

/* The address of what a kernel takes. */
static void *prepare(argument *all, argument *at, descent_shadow *memory) {
  if (at->is_number)
    return &at->number;
  if (at->is_map)
    return prepare_map(at, &all[at->box.argument], memory);
  memcpy(at->data, at->before, (size_t)at->bytes);
  descent_shadow_allow(memory, at->data, at->bytes, strcmp(at->fill, "none") != 0);
  at->pointer = at->data;
  if (at->is_pointer)
    return &at->pointer;
  at->descriptor.allocated = at->descriptor.aligned = at->data;
  at->descriptor.offset = 0;
  const int64_t row[4] = {at->cols, 1}, matrix[4] = {at->rows, at->cols, at->stride, 1};
  memcpy(at->descriptor.numbers, at->rank == 1 ? row : matrix, sizeof(row));
  return &at->descriptor;
}

static double get(const argument *at, int64_t i) {
  const char *place = at->data + i * size_of(at->type);
  float number = 0;
  double wide = 0;
  int32_t integer = 0;
  _Float16 half = 0;
  if (strcmp(at->type, "f64") == 0)
    return memcpy(&wide, place, 8), wide;
  if (strcmp(at->type, "i32") == 0)
    return memcpy(&integer, place, 4), integer;
  if (strcmp(at->type, "bf16") == 0)
    return memcpy((char *)&number + 2, place, 2), number;
  if (strcmp(at->type, "f16") == 0)
    return memcpy(&half, place, 2), (double)half;
  return memcpy(&number, place, 4), number;
}

static void print(const argument *at, int number) {
  for (int64_t row = 0; row < at->rows; ++row) {
    printf("argument %d, row %" PRId64 ":", number, row);
    for (int64_t col = 0; col < at->cols; ++col)
      printf(" %g", get(at, row * at->stride + col));
    printf("\n");
  }
}

static void release(argument *at) {
  free(at->data);
  free(at->before);
  free(at->first_result);
}

/* Whether memory holds what it did after the run with the first seed. */
static bool is_as_before(argument *at, uint64_t seed) {
  if (seed == 0 && at->first_result)
    memcpy(at->first_result, at->data, (size_t)at->bytes);
  return !at->first_result || memcmp(at->first_result, at->data, (size_t)at->bytes) == 0;
}

static bool run(descent_sim_launch *launch, argument *arguments, int count, uint64_t seed) {
  descent_simulator *simulator = descent_simulator_create(seed);
  void *addresses[MOST_ARGUMENTS];
  for (int i = 0; i < count; ++i)
    addresses[i] = prepare(arguments, &arguments[i], descent_simulator_memory(simulator));
  launch->arguments = addresses;
  const char *message;
  bool good = descent_simulator_run(simulator, launch, &message);
  if (!good)
    printf("%s\n", message);
  for (int i = 0; i < count && good; ++i)
    if (!(good = is_as_before(&arguments[i], seed)))
      printf("argument %d depends on the seed\n", i);
  descent_simulator_destroy(simulator);
  return good;
}

int main(int argc, char **argv) {
  argument arguments[MOST_ARGUMENTS];
  int count = 0;
  char symbol[128];
  descent_sim_launch launch = {.name = argv[1], .blocks = atoll(argv[2]), .threads = atoll(argv[3])};
  snprintf(symbol, sizeof(symbol), "%s_simulated", argv[1]);
  void *kernel = dlsym(RTLD_DEFAULT, symbol);
  memcpy(&launch.kernel, &kernel, sizeof(kernel));
  if (!kernel)
    return printf("there is no kernel '%s'\n", symbol), 1;
  for (int i = 4; i < argc; ++i)
    if (sscanf(argv[i], "dynamic=%" SCNd64, &launch.dynamic_bytes) != 1)
      parse(&arguments[count++], argv[i]);
  bool good = true;
  for (uint64_t seed = 0; seed < SEEDS && good; ++seed)
    good = run(&launch, arguments, count, seed);
  for (int i = 0; i < count; ++i) {
    if (good && arguments[i].first_result)
      print(&arguments[i], i);
    release(&arguments[i]);
  }
  return !good;
}
