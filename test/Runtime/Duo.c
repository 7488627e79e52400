#include "Duo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

float noise(uint64_t index) {
  uint64_t x = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return (float)((x ^ x >> 31) >> 40) / 8388608.0f - 1.0f;
}

static float *row_of(const descent_buffer *buffer, int64_t row) {
  return (float *)buffer->data + row * buffer->row_stride;
}

/* One kernel of several stages: operands[1] = whether operands[0] is not finite */
static void nonfinite(const descent_buffer *buffers, double *slots, const uint32_t *operands, const descent_tile *tile,
                      void *scratch) {
  (void)buffers;
  (void)tile;
  (void)scratch;
  slots[operands[1]] = !isfinite(slots[operands[0]]);
}

/* The hidden group. */
enum { LR, BETA, SCALE, NORM2, NONFINITE, TOP, FACTOR, H, UPDATES, ROWS, COLS, USER, MEMBERS, CHECKED, HIDDEN_SLOTS };
enum { W, G, M, R, PARTIALS, D, T, HIDDEN_BUFFERS };
_Static_assert(W == HIDDEN_WEIGHT && D == HIDDEN_DIRECTION, "as the header says");

/* partials[tile] = sum of (scale g)^2, t = scale g */
static void hidden_norms(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                         const descent_tile *tile, void *scratch) {
  (void)operands;
  (void)scratch;
  double sum = 0;
  for (int64_t i = tile->row_begin; i < tile->row_end; ++i)
    for (int64_t j = tile->col_begin; j < tile->col_end; ++j) {
      const float g = (float)slots[SCALE] * row_of(&buffers[G], i)[j];
      row_of(&buffers[T], i)[j] = g;
      sum += (double)g * g;
    }
  ((double *)buffers[PARTIALS].data)[tile->index] = sum;
}

static void hidden_total(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                         const descent_tile *tile, void *scratch) {
  (void)operands;
  (void)scratch;
  double sum = 0;
  for (int64_t i = 0; i < buffers[PARTIALS].cols; ++i)
    sum += ((const double *)buffers[PARTIALS].data)[i];
  slots[NORM2] = sum;
  /* What the driver says of the layer agrees with itself. */
  slots[CHECKED] = slots[ROWS] == (double)buffers[W].rows && slots[COLS] == (double)buffers[W].cols &&
                   tile->row_end == buffers[W].rows && tile->col_end == buffers[W].cols && tile->index == 0;
}

/* d = beta m + t, by way of the kernel's own memory */
static void hidden_momentum(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                            const descent_tile *tile, void *scratch) {
  (void)operands;
  float *line = scratch;
  for (int64_t i = tile->row_begin; i < tile->row_end; ++i) {
    for (int64_t j = tile->col_begin; j < tile->col_end; ++j)
      line[j - tile->col_begin] = (float)slots[BETA] * row_of(&buffers[M], i)[j];
    for (int64_t j = tile->col_begin; j < tile->col_end; ++j)
      row_of(&buffers[D], i)[j] = line[j - tile->col_begin] + row_of(&buffers[T], i)[j];
  }
}

/* w -= lr factor user sqrt(norm2 / top) d, m = d */
static void hidden_apply(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                         const descent_tile *tile, void *scratch) {
  (void)operands;
  (void)scratch;
  const float eta = (float)(slots[LR] * slots[FACTOR] * slots[USER] * sqrt(slots[NORM2] / slots[TOP]));
  for (int64_t i = tile->row_begin; i < tile->row_end; ++i)
    for (int64_t j = tile->col_begin; j < tile->col_end; ++j) {
      row_of(&buffers[W], i)[j] -= eta * row_of(&buffers[D], i)[j];
      row_of(&buffers[M], i)[j] = row_of(&buffers[D], i)[j];
    }
}

/* r[i] += sum_j d[i, j] */
static void hidden_rows(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                        const descent_tile *tile, void *scratch) {
  (void)operands;
  (void)slots;
  (void)scratch;
  for (int64_t i = tile->row_begin; i < tile->row_end; ++i)
    for (int64_t j = 0; j < buffers[D].cols; ++j)
      row_of(&buffers[R], 0)[i] += row_of(&buffers[D], i)[j];
}

static void hidden_noise(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                         const descent_tile *tile, void *scratch) {
  (void)operands;
  (void)buffers;
  (void)tile;
  (void)scratch;
  slots[H] = 0.9 * slots[H] + slots[NORM2] / slots[UPDATES];
}

#define EXTENT(which) {DESCENT_COUNT_EXTENT, which}
static const descent_buffer_desc hidden_buffers[HIDDEN_BUFFERS] = {
    {DESCENT_BUFFER_WEIGHT, 0, EXTENT(DESCENT_ROWS), EXTENT(DESCENT_COLS), 4},
    {DESCENT_BUFFER_GRADIENT, 0, EXTENT(DESCENT_ROWS), EXTENT(DESCENT_COLS), 4},
    {DESCENT_BUFFER_STATE, HIDDEN_M, EXTENT(DESCENT_ROWS), EXTENT(DESCENT_COLS), 4},
    {DESCENT_BUFFER_STATE, HIDDEN_R, EXTENT(DESCENT_ONE), EXTENT(DESCENT_ROWS), 4},
    {DESCENT_BUFFER_WORKER, 0, EXTENT(DESCENT_ONE), {DESCENT_COUNT_TILES, 0}, 8},
    {DESCENT_BUFFER_LAYER, 0, EXTENT(DESCENT_ROWS), EXTENT(DESCENT_COLS), 4},
    {DESCENT_BUFFER_WORKER, 0, EXTENT(DESCENT_ROWS), EXTENT(DESCENT_COLS), 4},
};
static const uint32_t hidden_finite[] = {NORM2, NONFINITE};
static const descent_stage hidden_stages[] = {
    {.name = "norms", .domain = {DESCENT_ROWS, DESCENT_COLS, 64, 2048}, .kernel = hidden_norms},
    {.name = "total", .per_layer = 1, .domain = {DESCENT_ROWS, DESCENT_COLS, 64, 2048}, .kernel = hidden_total},
    {.name = "finite",
     .per_layer = 1,
     .domain = {DESCENT_ONE, DESCENT_ONE, 1, 1},
     .kernel = nonfinite,
     .operands = hidden_finite,
     .num_inputs = 1,
     .num_results = 1},
    {.name = "momentum",
     .domain = {DESCENT_ROWS, DESCENT_COLS, 32, 512},
     .kernel_scratch_bytes = 32 * 4,
     .kernel = hidden_momentum},
    {.name = "apply", .segment = 2, .domain = {DESCENT_ROWS, DESCENT_COLS, 128, 8192}, .kernel = hidden_apply},
    {.name = "rows", .segment = 2, .domain = {DESCENT_ROWS, DESCENT_ONE, 1, 512}, .kernel = hidden_rows},
    {.name = "noise", .segment = 2, .per_layer = 1, .domain = {DESCENT_ONE, DESCENT_ONE, 1, 1}, .kernel = hidden_noise},
};
static const descent_state_desc hidden_states[] = {
    {"m", DESCENT_SCOPE_ELEMENT, DESCENT_F32, DESCENT_INIT_VALUE, 0, 0.0},
    {"r", DESCENT_SCOPE_ROW, DESCENT_F32, DESCENT_INIT_VALUE, 0, 0.25},
    {"h", DESCENT_SCOPE_LAYER, DESCENT_F64, DESCENT_INIT_VALUE, 0, 2.0},
    {"updates", DESCENT_SCOPE_LAYER, DESCENT_I64, DESCENT_INIT_VALUE, 0, 0.0},
};
static const descent_slot hidden_loads[] = {
    {LR, DESCENT_SLOT_HYPER, 0, 0},
    {BETA, DESCENT_SLOT_HYPER, 1, 0},
    {SCALE, DESCENT_SLOT_GRADIENT_SCALE, 0, 0},
    {H, DESCENT_SLOT_STATE, HIDDEN_H, 0},
    {UPDATES, DESCENT_SLOT_UPDATES, 0, 0},
    {ROWS, DESCENT_SLOT_ROWS, 0, 0},
    {COLS, DESCENT_SLOT_COLS, 0, 0},
    {USER, DESCENT_SLOT_FACTOR, 0, 0},
};
static const descent_slot_store hidden_stores[] = {{H, HIDDEN_H}};
static const uint32_t hidden_reports[REPORTS] = {H, NORM2, MEMBERS};

/* The vectors group. */
enum { V_LR, V_SCALE, V_NORM2, V_NONFINITE, V_FACTOR, V_UPDATES, V_STEP, VECTOR_SLOTS };
enum { V_W, V_G, V_INPUT, VECTOR_BUFFERS };

static void vector_norm(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                        const descent_tile *tile, void *scratch) {
  (void)operands;
  (void)scratch;
  double sum = 0;
  for (int64_t j = tile->col_begin; j < tile->col_end; ++j) {
    const double g = slots[V_SCALE] * row_of(&buffers[V_G], 0)[j];
    sum += g * g;
  }
  slots[V_NORM2] = sum;
}

static void vector_apply(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                         const descent_tile *tile, void *scratch) {
  (void)operands;
  (void)scratch;
  const float eta = (float)(slots[V_LR] * slots[V_FACTOR] / sqrt(slots[V_UPDATES]));
  for (int64_t j = tile->col_begin; j < tile->col_end; ++j)
    row_of(&buffers[V_W], 0)[j] -=
        eta * ((float)slots[V_SCALE] * row_of(&buffers[V_G], 0)[j] + 0.01f * row_of(&buffers[V_INPUT], 0)[j]);
}

static const descent_buffer_desc vector_buffers[VECTOR_BUFFERS] = {
    {DESCENT_BUFFER_WEIGHT, 0, EXTENT(DESCENT_ONE), EXTENT(DESCENT_COLS), 4},
    {DESCENT_BUFFER_GRADIENT, 0, EXTENT(DESCENT_ONE), EXTENT(DESCENT_COLS), 4},
    {DESCENT_BUFFER_INPUT, 0, EXTENT(DESCENT_ONE), EXTENT(DESCENT_COLS), 4},
};
static const uint32_t vector_finite[] = {V_NORM2, V_NONFINITE};
static const descent_stage vector_stages[] = {
    {.name = "norm", .per_layer = 1, .domain = {DESCENT_ONE, DESCENT_COLS, 1, 1}, .kernel = vector_norm},
    {.name = "finite",
     .per_layer = 1,
     .domain = {DESCENT_ONE, DESCENT_ONE, 1, 1},
     .kernel = nonfinite,
     .operands = vector_finite,
     .num_inputs = 1,
     .num_results = 1},
    {.name = "apply", .segment = 2, .domain = {DESCENT_ONE, DESCENT_COLS, 256, 256}, .kernel = vector_apply},
};
static const descent_state_desc vector_states[] = {
    {"w0", DESCENT_SCOPE_ELEMENT, DESCENT_BF16, DESCENT_INIT_PARAMETER, 0, 0.0},
    {"updates", DESCENT_SCOPE_LAYER, DESCENT_I64, DESCENT_INIT_VALUE, 0, 0.0},
};
static const descent_slot vector_loads[] = {
    {V_LR, DESCENT_SLOT_HYPER, 3, 0},
    {V_SCALE, DESCENT_SLOT_GRADIENT_SCALE, 0, 0},
    {V_UPDATES, DESCENT_SLOT_UPDATES, 0, 0},
};
static const uint32_t vector_reports[REPORTS] = {UINT32_MAX, V_NORM2, UINT32_MAX};
static const uint32_t vector_input_types[] = {DESCENT_F32};
static const char *const vector_input_names[] = {"hvp"};

/* The shared body: factor = min(1, clip / norm); skips on what is not finite. */
enum { S_TOTAL = SHARED_TOTAL, S_NORM, S_FACTOR, S_SKIP, S_CLIP, SHARED_SLOTS };

static void shared_clip(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                        const descent_tile *tile, void *scratch) {
  (void)operands;
  (void)buffers;
  (void)tile;
  (void)scratch;
  slots[S_NORM] = sqrt(slots[S_TOTAL]);
  slots[S_FACTOR] = slots[S_NORM] > slots[S_CLIP] ? slots[S_CLIP] / slots[S_NORM] : 1.0;
}

static const uint32_t shared_finite[] = {S_TOTAL, S_SKIP};
static const descent_stage shared_stages[] = {
    {.name = "clip", .segment = 1, .per_layer = 1, .domain = {DESCENT_ONE, DESCENT_ONE, 1, 1}, .kernel = shared_clip},
    {.name = "finite",
     .segment = 1,
     .per_layer = 1,
     .domain = {DESCENT_ONE, DESCENT_ONE, 1, 1},
     .kernel = nonfinite,
     .operands = shared_finite},
};
static const descent_slot shared_loads[] = {{S_CLIP, DESCENT_SLOT_HYPER, 2, 0}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
static const descent_track tracks[] = {
    {.name = "hidden",
     .group_class = DESCENT_CLASS_MATRIX,
     .weight_type = DESCENT_F32,
     .gradient_type = DESCENT_F32,
     .num_factors = 1,
     .num_states = COUNT(hidden_states),
     .updates_state = HIDDEN_UPDATES,
     .states = hidden_states,
     .num_buffers = HIDDEN_BUFFERS,
     .num_slots = HIDDEN_SLOTS,
     .buffers = hidden_buffers,
     .num_slot_loads = COUNT(hidden_loads),
     .num_slot_stores = COUNT(hidden_stores),
     .slot_loads = hidden_loads,
     .slot_stores = hidden_stores,
     .num_stages = COUNT(hidden_stages),
     .num_reports = REPORTS,
     .stages = hidden_stages,
     .report_slots = hidden_reports,
     .nonfinite_slot = NONFINITE},
    {.name = "vectors",
     .group_class = DESCENT_CLASS_VECTOR,
     .weight_type = DESCENT_F32,
     .gradient_type = DESCENT_F32,
     .num_inputs = 1,
     .input_types = vector_input_types,
     .input_names = vector_input_names,
     .num_states = COUNT(vector_states),
     .updates_state = VECTORS_UPDATES,
     .states = vector_states,
     .num_buffers = VECTOR_BUFFERS,
     .num_slots = VECTOR_SLOTS,
     .buffers = vector_buffers,
     .num_slot_loads = COUNT(vector_loads),
     .slot_loads = vector_loads,
     .num_stages = COUNT(vector_stages),
     .num_reports = REPORTS,
     .stages = vector_stages,
     .report_slots = vector_reports,
     .nonfinite_slot = V_NONFINITE},
    {.name = "clip",
     .shared = 1,
     .updates_state = UINT32_MAX,
     .num_slots = SHARED_SLOTS,
     .num_slot_loads = COUNT(shared_loads),
     .slot_loads = shared_loads,
     .num_stages = COUNT(shared_stages),
     .stages = shared_stages,
     .nonfinite_slot = UINT32_MAX},
};
static const descent_slot_ref norms[] = {{HIDDEN, NORM2}, {VECTORS, V_NORM2}}, total = {2, S_TOTAL};
static const descent_slot_ref top = {HIDDEN, TOP}, members = {HIDDEN, MEMBERS}, factor = {2, S_FACTOR};
static const descent_slot_ref factors[] = {{HIDDEN, FACTOR}, {VECTORS, V_FACTOR}};
static const descent_cut cuts[] = {
    {0, DESCENT_MAX, DESCENT_GROUP, 1, 1, 0, norms, &top},
    {0, DESCENT_SUM, DESCENT_MODEL, 2, 1, 0, norms, &total},
    {0, DESCENT_SUM, DESCENT_PARAMETER, 1, 1, 0, norms, &members},
    {1, DESCENT_MIN, DESCENT_MODEL, 1, 2, 0, &factor, factors},
};
static const descent_hyper_desc hypers[] = {
    {"hidden", "lr", 0.1}, {"hidden", "beta", 0.9}, {"hidden", "clip", 50.0}, {"vectors", "lr", 0.02}};
static const char *const report_names[] = {"noise", "norm2", "parameter"};

const descent_artifact duo = {
    .size = sizeof(descent_artifact),
    .abi_version = DESCENT_ABI_VERSION,
    .num_segments = 3,
    .name = "duo",
    .manifest = "{\"name\": \"duo\"}",
    .cpu_features = "",
    .signature = "hidden m element f32\nhidden r row f32\nhidden h layer f64\nhidden updates layer i64\n"
                 "vectors w0 element bf16\nvectors updates layer i64\n",
    .fingerprint = 0x1234,
    .num_tracks = 3,
    .num_cuts = COUNT(cuts),
    .num_hypers = COUNT(hypers),
    .num_reports = REPORTS,
    .tracks = tracks,
    .num_groups = 2,
    .cuts = cuts,
    .hypers = hypers,
    .report_names = report_names,
    .guard_segment = 1,
    .guard = {2, S_SKIP},
    .norm_valid = 1,
    .norm = {2, S_NORM},
    .target = "cpu:any"};

float *element(const descent_view *view, int64_t member, int64_t row, int64_t col) {
  return (float *)view->data + (member > 0 ? member * view->batch_stride : 0) + row * view->row_stride + col;
}

typedef struct shape {
  const char *name;
  uint32_t group;
  int64_t rows, cols, batch, row_stride, batch_stride;
} shape;

/* WIDE and TALL are large enough to be spread over two workers, and with four workers QUERY, KEY and VALUE are,
 * together. The members of EXPERTS interleave; QUERY, KEY and VALUE are slices of one matrix. */
static const shape shapes[LAYERS] = {
    {"wide", HIDDEN, 300, 701, 1, 704, 0},   {"tiny", HIDDEN, 5, 7, 1, 7, 0},
    {"experts", HIDDEN, 33, 48, 3, 144, 48}, {"bias", VECTORS, 1, 701, 1, 701, 0},
    {"tall", HIDDEN, 900, 230, 1, 230, 0},   {"scales", VECTORS, 1, 5, 2, 5, 5},
    {"query", HIDDEN, 160, 288, 1, 864, 0},  {"key", HIDDEN, 160, 288, 1, 864, 0},
    {"value", HIDDEN, 160, 288, 1, 864, 0},
};

static size_t floats_of(const shape *of) {
  return (size_t)(of->rows * of->row_stride + (of->batch - 1) * of->batch_stride + 15) / 16 * 16;
}

void model_create(model *made) {
  memset(made, 0, sizeof(*made));
  size_t floats = 0;
  for (int i = 0; i < LAYERS; ++i) {
    const shape *of = &shapes[i];
    made->factors[i] = 1.0 + 0.5 * i;
    made->layers[i] = (descent_layer){.size = sizeof(descent_layer),
                                      .name = of->name,
                                      .id = 100 + (uint64_t)i,
                                      .group = of->group,
                                      .rows = of->rows,
                                      .cols = of->cols,
                                      .batch = of->batch,
                                      .inputs = &made->inputs[i],
                                      .factors = i == TALL ? NULL : &made->factors[i]};
    floats += 3 * floats_of(of);
  }
  const int64_t state_bytes = descent_rt_states_bytes(&duo, made->layers, LAYERS, NULL);
  made->bytes = (floats * sizeof(float) + (size_t)state_bytes + 63) / 64 * 64;
  made->block = aligned_alloc(64, made->bytes);
  if (!made->block)
    abort();
  memset(made->block, 0, made->bytes);
  float *next = (float *)(void *)made->block;
  for (size_t i = 0; i < floats; ++i)
    next[i] = noise(i);
  for (int i = 0; i < LAYERS; ++i) {
    const shape *of = &shapes[i];
    descent_view *views[] = {&made->layers[i].weight, &made->layers[i].gradient, &made->inputs[i]};
    for (int v = 0; v < 3; ++v, next += floats_of(of))
      *views[v] = (descent_view){next, of->row_stride, of->batch_stride};
  }
  for (int i = KEY; i <= VALUE; ++i)
    made->layers[i].weight.data = (float *)made->layers[QUERY].weight.data + 288 * (i - QUERY);
  descent_rt_states_place(&duo, made->layers, LAYERS, next, made->views, NULL);
  descent_rt_states_init(&duo, made->layers, LAYERS, NULL);
}

void model_destroy(model *made) { free(made->block); }

descent_plan_options plan_options(int64_t workers) {
  return (descent_plan_options){sizeof(descent_plan_options), DESCENT_ABI_VERSION, 0, workers, 1, 0, NULL, 0};
}

descent_step first_step(void) {
  return (descent_step){
      .size = sizeof(descent_step), .abi_version = DESCENT_ABI_VERSION, .step = 1, .gradient_scale = 1.0};
}
