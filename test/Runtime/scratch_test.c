/* Where scratch lies: segments of one layer take turns, layers of one wave do not, and the largest layers come first.
 */
#include "Duo.h"
#include "Plan.h"

#include <stdlib.h>

enum { FIRST, SECOND, LATER, BUFFERS };
static char *seen[2][BUFFERS];

static void note(int segment, const descent_buffer *buffers) {
  for (int b = 0; b < BUFFERS; ++b)
    seen[segment][b] = buffers[b].data;
}

static void note_first(const descent_buffer *buffers, double *slots, const uint32_t *operands, const descent_tile *tile,
                       void *scratch) {
  (void)slots, (void)operands, (void)tile, (void)scratch;
  note(0, buffers);
}

static void note_second(const descent_buffer *buffers, double *slots, const uint32_t *operands,
                        const descent_tile *tile, void *scratch) {
  (void)slots, (void)operands, (void)tile, (void)scratch;
  note(1, buffers);
}

#define MATRIX                                                                                                         \
  .source = DESCENT_BUFFER_WORKER, .rows = {DESCENT_COUNT_EXTENT, DESCENT_ROWS},                                       \
  .cols = {DESCENT_COUNT_EXTENT, DESCENT_COLS}, .element_bytes = 4
static const descent_buffer_desc buffers[BUFFERS] = {{MATRIX}, {MATRIX}, {MATRIX, .segment = 1}};
static const descent_stage stages[] = {
    {.name = "first", .domain = {DESCENT_ROWS, DESCENT_COLS, 8192, 32768}, .kernel = note_first},
    {.name = "second", .segment = 1, .domain = {DESCENT_ROWS, DESCENT_COLS, 8192, 32768}, .kernel = note_second},
};
static const descent_track track = {.name = "turns",
                                    .weight_type = DESCENT_F32,
                                    .gradient_type = DESCENT_F32,
                                    .updates_state = UINT32_MAX,
                                    .num_buffers = BUFFERS,
                                    .buffers = buffers,
                                    .num_stages = 2,
                                    .stages = stages,
                                    .nonfinite_slot = UINT32_MAX};
static const descent_artifact artifact = {.size = sizeof(artifact),
                                          .abi_version = DESCENT_ABI_VERSION,
                                          .num_segments = 2,
                                          .name = "turns",
                                          .num_tracks = 1,
                                          .tracks = &track,
                                          .num_groups = 1,
                                          .guard_segment = UINT32_MAX};

enum { ROWS = 512, MOST_COLS = 1024, MOST_LAYERS = 4 };
static float *memory;

/* Layers of ROWS x cols[i]. */
static descent_plan *make_plan(const int64_t *cols, int64_t count, int64_t workers) {
  memory = calloc((size_t)count * 2 * ROWS * MOST_COLS, sizeof(float));
  descent_layer layers[MOST_LAYERS];
  for (int64_t i = 0; i < count; ++i) {
    float *weight = memory + i * 2 * ROWS * MOST_COLS;
    layers[i] = (descent_layer){.size = sizeof(layers[i]),
                                .name = (const char *[]){"a", "b", "c", "d"}[i],
                                .id = (uint64_t)i + 1,
                                .rows = ROWS,
                                .cols = cols[i],
                                .batch = 1,
                                .weight = {weight, cols[i], 0},
                                .gradient = {weight + ROWS * MOST_COLS, cols[i], 0}};
  }
  const descent_plan_options options = plan_options(workers);
  descent_plan *plan = NULL;
  CHECK(descent_rt_plan_create(&artifact, layers, count, &options, &plan, NULL) == DESCENT_OK);
  return plan;
}

static void drop(descent_plan *plan) {
  descent_rt_plan_destroy(&artifact, plan);
  free(memory);
}

static void segments_take_turns(void) {
  const int64_t cols = 100;
  descent_plan *plan = make_plan(&cols, 1, 1);
  const descent_step step = first_step();
  CHECK(descent_rt_step(&artifact, plan, &step, NULL, NULL) == DESCENT_OK);
  for (int segment = 0; segment < 2; ++segment) {
    CHECK(seen[segment][FIRST] == seen[segment][LATER]);
    CHECK(seen[segment][SECOND] - seen[segment][FIRST] >= ROWS * cols * 4);
  }
  CHECK(plan->worker_bytes == plan->entries[0].worker_bytes && plan->worker_bytes < 3 * ROWS * cols * 4);
  drop(plan);
}

/* In the order of the table, every layer would be a wave of its own: a large one leaves no room for a small one. */
static void largest_layers_run_first(void) {
  const int64_t cols[MOST_LAYERS] = {480, 1000, 480, 1000};
  descent_plan *plan = make_plan(cols, MOST_LAYERS, 2);
  static const int64_t order[MOST_LAYERS] = {1, 3, 0, 2};
  CHECK(plan->num_large == MOST_LAYERS && plan->num_waves == 3);
  for (int i = 0; i < MOST_LAYERS; ++i)
    CHECK(plan->large[i] == order[i]);
  CHECK(plan->waves[2].count == 2);
  const descent_logical *last = &plan->logicals[2], *beside = &plan->logicals[0];
  CHECK(last->shared_scratch - beside->shared_scratch == beside->entry->worker_bytes);
  drop(plan);
}

void test_scratch(void) {
  RUN(segments_take_turns);
  RUN(largest_layers_run_first);
}
