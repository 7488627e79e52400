#include "FakeDevice.h"

#include "Duo.h"
#include "Errors.h"
#include "Plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

fake_state fake;
descent_device_map fake_map_of;

/* ---- Memory ---- */

enum { MOST_REGIONS = 8 };

static struct {
  void *begin;
  size_t bytes;
} regions[MOST_REGIONS];

static void set_access(int access) {
  for (int i = 0; i < MOST_REGIONS; ++i)
    if (regions[i].begin && mprotect(regions[i].begin, regions[i].bytes, access) != 0)
      abort();
}

/* Around everything that the device does. */
static void enter(void) { set_access(PROT_READ | PROT_WRITE); }
static void leave(void) { set_access(PROT_NONE); }

static int32_t count_call(descent_error *error) {
  if (fake.fails_after < 0 || fake.calls++ < fake.fails_after)
    return DESCENT_OK;
  return descent_fail(error, DESCENT_DEVICE_FAULT, "the fake device fails as it was told");
}

static int32_t open_device(const descent_artifact *artifact, const descent_device_options *options,
                           descent_device **device, descent_error *error) {
  (void)options;
  const int32_t code = count_call(error);
  if (code != DESCENT_OK)
    return code;
  *device = malloc(sizeof(descent_device));
  if (!*device)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the fake device");
  **device = (descent_device){artifact->device->methods, artifact->device};
  ++fake.devices;
  return DESCENT_OK;
}

static void close_device(descent_device *device) {
  --fake.devices;
  free(device);
}

static int32_t identify(const descent_device_options *options, descent_device_kind *kind, descent_error *error) {
  (void)options;
  *kind = (descent_device_kind){fake.capability, "Fake"};
  return count_call(error);
}

static int64_t processors(const descent_device *device) {
  (void)device;
  return 3;
}

static int32_t allocate(descent_device *device, int64_t bytes, void **memory, descent_error *error) {
  (void)device;
  const int32_t code = count_call(error);
  if (code != DESCENT_OK)
    return code;
  for (int i = 0; i < MOST_REGIONS; ++i) {
    if (regions[i].begin)
      continue;
    void *begin = mmap(NULL, (size_t)bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (begin == MAP_FAILED)
      abort();
    regions[i].begin = *memory = begin;
    regions[i].bytes = (size_t)bytes;
    ++fake.regions;
    return DESCENT_OK;
  }
  abort();
}

static void release(descent_device *device, void *memory) {
  (void)device;
  for (int i = 0; memory && i < MOST_REGIONS; ++i) {
    if (regions[i].begin != memory)
      continue;
    munmap(memory, regions[i].bytes);
    regions[i].begin = NULL;
    --fake.regions;
  }
}

static int32_t admit(descent_device *device, const descent_box *box, descent_error *error) {
  (void)device;
  if ((const void *)box->begin == fake.foreign)
    return descent_fail(error, DESCENT_INVALID_LAYER, "lies in no memory of the device");
  const int32_t code = count_call(error);
  fake.admitted += code == DESCENT_OK;
  return code;
}

static void dismiss(descent_device *device, const descent_box *box) {
  (void)device;
  (void)box;
  --fake.admitted;
}

static int32_t make_map(descent_device *device, const descent_device_matrix *matrix, void *map, descent_error *error) {
  (void)device;
  const int32_t code = count_call(error);
  if (code != DESCENT_OK)
    return code;
  ++fake.maps;
  memcpy(map, matrix, sizeof(*matrix));
  return code;
}

static int32_t move(void *to, const void *from, int64_t bytes, bool waits, descent_error *error) {
  const int32_t code = count_call(error);
  if (code != DESCENT_OK)
    return code;
  fake.waits += waits;
  enter();
  memcpy(to, from, (size_t)bytes);
  leave();
  return DESCENT_OK;
}

static int32_t upload(descent_device *device, void *to, const void *from, int64_t bytes, descent_error *error) {
  (void)device;
  return move(to, from, bytes, true, error);
}

static int32_t download(descent_device *device, void *stream, void *to, const void *from, int64_t bytes,
                        descent_error *error) {
  (void)device;
  (void)stream;
  return move(to, from, bytes, true, error);
}

static int32_t write_words(descent_device *device, void *stream, void *to, const uint64_t *words, int64_t count,
                           descent_error *error) {
  (void)device;
  (void)stream;
  return move(to, words, count * 8, false, error);
}

static int32_t copy(descent_device *device, void *stream, void *to, const void *from, int64_t bytes,
                    descent_error *error) {
  (void)device;
  (void)stream;
  return move(to, from, bytes, false, error);
}

/* ---- The driver's kernels ---- */

#define POINTER(index) (*(void *const *)arguments[index])
#define NUMBER(index) (*(const int32_t *)arguments[index])

static uint64_t mix(uint64_t z) {
  z += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static void begin(void *const *arguments) {
  const descent_device_gradient *gradients = POINTER(0);
  const descent_device_load *loads = POINTER(1);
  const descent_device_key *keys = POINTER(2);
  *(uint32_t *)POINTER(4) = *(const float *)POINTER(3) != 0.0f;
  for (int32_t i = 0; i < NUMBER(5); ++i) {
    const char *gradient = *gradients[i].gradient;
    if (gradients[i].present)
      *gradients[i].present = gradient != NULL;
    if (gradients[i].data)
      *gradients[i].data = (void *)(uintptr_t)(gradient + (gradient ? gradients[i].offset : 0));
  }
  for (int32_t i = 0; i < NUMBER(6); ++i)
    *loads[i].slot = loads[i].type == DESCENT_F64   ? *(const double *)loads[i].source
                     : loads[i].type == DESCENT_I64 ? (double)*(const int64_t *)loads[i].source
                                                    : (double)(*(const int64_t *)loads[i].source + 1);
  for (int32_t i = 0; i < NUMBER(7); ++i) {
    const uint64_t key = mix(mix(keys[i].seed ^ (uint64_t)*keys[i].step) ^ keys[i].layer_id);
    *keys[i].slot = (double)(mix(key ^ keys[i].member) >> 12);
  }
}

static double fold_two(int32_t combine, double folded, double value) {
  if (combine == DESCENT_SUM)
    return folded + value;
  if (isnan(value) || isnan(folded))
    return (double)NAN;
  return combine == DESCENT_MAX ? fmax(folded, value) : fmin(folded, value);
}

static void fold(void *const *arguments) {
  const descent_device_group *groups = POINTER(0);
  const descent_device_source *sources = POINTER(1);
  double *const *targets = POINTER(2);
  const double empty[] = {0.0, -(double)INFINITY, (double)INFINITY};
  if (*(const uint32_t *)POINTER(3))
    return;
  for (int32_t g = 0; g < NUMBER(5); ++g) {
    double folded = empty[NUMBER(4)];
    for (int64_t s = groups[g].source_begin; s < groups[g].source_end; ++s)
      if (*sources[s].present)
        folded = fold_two(NUMBER(4), folded, *sources[s].slot);
    for (int64_t t = groups[g].target_begin; t < groups[g].target_end; ++t)
      *targets[t] = folded;
  }
}

static double first_present(const descent_device_source *sources, int32_t count) {
  for (int32_t i = 0; i < count; ++i)
    if (*sources[i].present)
      return *sources[i].slot;
  return (double)NAN;
}

static void guard(void *const *arguments) {
  if (!(first_present(POINTER(0), NUMBER(2)) <= 0.0))
    *(uint32_t *)POINTER(1) = 1;
}

static void finish(void *const *arguments) {
  const descent_device_store *stores = POINTER(0);
  const descent_device_source *reported = POINTER(1), *nonfinite = POINTER(3);
  double *reports = POINTER(2);
  const bool skipped = *(const uint32_t *)POINTER(5) != 0;
  descent_result *result = POINTER(6);
  for (int32_t i = 0; i < NUMBER(7) && !skipped; ++i) {
    if (!*stores[i].present)
      continue;
    if (stores[i].type == DESCENT_F64)
      *(double *)stores[i].target = *stores[i].slot;
    else
      ++*(int64_t *)stores[i].target;
  }
  for (int32_t i = 0; i < NUMBER(8) && !skipped; ++i)
    if (*reported[i].present)
      reports[reported[i].place] = *reported[i].slot;
  *result = (descent_result){sizeof(descent_result), skipped, 0, -1, first_present(POINTER(4), NUMBER(10))};
  for (int32_t i = NUMBER(9) - 1; i >= 0; --i)
    if (*nonfinite[i].present && !(*nonfinite[i].slot <= 0.0))
      result->first_nonfinite = nonfinite[i].place;
}

static void (*const driver_kernels[DESCENT_DRIVER_KERNELS])(void *const *) = {begin, fold, guard, finish};

/* ---- Kernels of stages ---- */

enum { MOST_STAGES = 16 };
static const descent_stage *stages[MOST_STAGES];
static descent_device_kernel kernels[DESCENT_DRIVER_KERNELS + MOST_STAGES];
static descent_device_launch launches[MOST_STAGES];

/* Where a layer's tiles begin, among those of the launch. */
static int64_t begin_of(const int64_t *ends, int32_t layer) { return layer > 0 ? ends[layer - 1] : 0; }

static void run_tile(const descent_stage *stage, void *const *arguments, int32_t layer, const descent_tile *tile) {
  static double scratch[512];
  const descent_buffer *buffers = POINTER(0);
  double *slots = POINTER(1);
  stage->kernel(buffers ? buffers + layer * NUMBER(8) : NULL, slots + layer * NUMBER(9), POINTER(4), tile, scratch);
}

static void run_numbers(const descent_stage *stage, void *const *arguments) {
  const descent_buffer *buffers = POINTER(0);
  const uint32_t *present = POINTER(5);
  for (int32_t layer = 0; layer < NUMBER(7); ++layer) {
    const descent_buffer *first = buffers ? buffers + layer * NUMBER(8) : NULL;
    const descent_tile whole = {0, first ? first->rows : 1, 0, first ? first->cols : 1, 0, 0, 0, 0};
    if (present[layer])
      run_tile(stage, arguments, layer, &whole);
  }
}

/* A map tells what the layer's buffer is. */
static void check_map(void *const *arguments, int32_t layer) {
  const char *maps = POINTER(10);
  const descent_buffer *buffer = (const descent_buffer *)POINTER(0) + layer * NUMBER(8) + fake_map_of.buffer;
  descent_device_matrix matrix;
  if (!maps)
    return;
  memcpy(&matrix, maps + layer * DESCENT_MAP_BYTES, sizeof(matrix));
  fake.wrong_maps += matrix.data != buffer->data || matrix.rows != buffer->rows || matrix.cols != buffer->cols ||
                     (matrix.rows > 1 && matrix.row_bytes != 4 * buffer->row_stride) || matrix.box_rows != 8;
}

/* The last tile first: nothing depends on their order. */
static void run_grid(const descent_stage *stage, void *const *arguments) {
  const descent_device_grid *grids = POINTER(2);
  const int64_t *ends = POINTER(3);
  const uint32_t *present = POINTER(5);
  int32_t layer = NUMBER(7) - 1;
  for (int64_t task = ends[layer] - 1; task >= 0; --task) {
    while (task < begin_of(ends, layer))
      --layer;
    const descent_device_grid *at = &grids[layer];
    const descent_grid grid = {at->rows,       at->cols,       at->row_block,    at->col_block,
                               at->row_blocks, at->col_blocks, at->triangle != 0};
    const descent_tile tile = descent_get_tile(&grid, task - begin_of(ends, layer));
    if (!present[layer])
      continue;
    check_map(arguments, layer);
    run_tile(stage, arguments, layer, &tile);
  }
}

static int32_t launch(descent_device *device, void *stream, const descent_device_call *call, descent_error *error) {
  (void)device;
  (void)stream;
  const int32_t code = count_call(error);
  if (code != DESCENT_OK)
    return code;
  ++fake.launches;
  enter();
  if (call->kernel < DESCENT_DRIVER_KERNELS) {
    driver_kernels[call->kernel](call->arguments);
  } else if (!*(const uint32_t *)*(void *const *)call->arguments[6]) {
    const descent_stage *stage = stages[call->kernel - DESCENT_DRIVER_KERNELS];
    (stage->per_layer ? run_numbers : run_grid)(stage, call->arguments);
  }
  leave();
  return DESCENT_OK;
}

static const descent_device_methods methods = {
    .name = "fake",
    .identify = identify,
    .open = open_device,
    .close = close_device,
    .processors = processors,
    .allocate = allocate,
    .release = release,
    .admit = admit,
    .dismiss = dismiss,
    .make_map = make_map,
    .upload = upload,
    .download = download,
    .write = write_words,
    .copy = copy,
    .launch = launch,
};

const descent_artifact *make_duo_on_device(void) {
  static descent_device_program program;
  static descent_artifact made;
  uint32_t count = 0;
  for (uint32_t t = 0; t < duo.num_tracks; ++t)
    for (uint32_t s = 0; s < duo.tracks[t].num_stages; ++s, ++count) {
      const descent_stage *stage = stages[count] = &duo.tracks[t].stages[s];
      launches[count] = (descent_device_launch){.kernel = DESCENT_DRIVER_KERNELS + count,
                                                .track = t,
                                                .segment = stage->segment,
                                                .stage = stage->per_layer ? UINT32_MAX : s,
                                                .num_operands = stage->operands ? 2 : 0,
                                                .operands = stage->operands};
      if (t == HIDDEN && s == HIDDEN_APPLY) {
        launches[count].num_maps = 1;
        launches[count].maps = &fake_map_of;
      }
    }
  fake_map_of = (descent_device_map){.buffer = HIDDEN_DIRECTION, .box_rows = 8, .box_cols = 4};
  for (uint32_t k = 0; k < DESCENT_DRIVER_KERNELS + count; ++k)
    kernels[k] = (descent_device_kernel){.name = "fake", .threads = 32, .blocks_per_processor = 2};
  program = (descent_device_program){.version = DESCENT_DEVICE_VERSION,
                                     .methods = &methods,
                                     .num_kernels = DESCENT_DRIVER_KERNELS + count,
                                     .num_launches = count,
                                     .kernels = kernels,
                                     .launches = launches};
  made = duo;
  made.target = "fake";
  made.device = &program;
  fake = (fake_state){.fails_after = -1};
  return &made;
}
