#include "Trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

descent_error trial_error;
static int failures;

void trial_check(bool held, const char *condition, const char *file, int line) {
  if (held)
    return;
  printf("%s:%d: failed: %s\n", file, line, condition);
  ++failures;
}

void trial_check_refused(int32_t code, int32_t wanted, const char *const *texts, const char *file, int line) {
  trial_check(code == wanted && trial_error.code == wanted, "the code of the refusal", file, line);
  for (; *texts; ++texts)
    if (!strstr(trial_error.message, *texts)) {
      printf("the message is: %s\n", trial_error.message);
      trial_check(false, *texts, file, line);
    }
}

int trial_result(void) {
  printf("%d failures\n", failures);
  return failures != 0;
}

static void *allocate(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!memory)
    abort();
  memset(memory, 0, (bytes + 63) / 64 * 64);
  return memory;
}

/* Numbers in [-1, 1), the same everywhere. */
static float draw(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (float)((double)(*state >> 40) / (double)(UINT64_C(1) << 23) - 1.0);
}

static void fill(float *numbers, size_t count, uint64_t seed) {
  uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
  for (size_t i = 0; i < count; ++i)
    numbers[i] = draw(&state);
}

static size_t extent(const descent_layer *layer) {
  return (size_t)((layer->batch - 1) * layer->weight.batch_stride + (layer->rows - 1) * layer->weight.row_stride +
                  layer->cols);
}

/* One entry is padded; the members of one are interleaved, as heads are. */
static void describe(trial *tried, uint32_t hidden, uint32_t rest) {
  static const struct {
    const char *name;
    int64_t batch, rows, cols, row_stride, batch_stride;
  } shapes[ENTRIES] = {{"wide", 1, 24, 56, 60, 0},
                       {"heads", 2, 11, 6, 12, 6},
                       {"tall", 1, 70, 33, 33, 0},
                       {"embed", 1, 301, 64, 64, 0},
                       {"bias", 1, 1, 53, 53, 0}};
  for (int i = 0; i < ENTRIES; ++i) {
    descent_layer *layer = &tried->layers[i];
    layer->size = sizeof(*layer);
    layer->name = shapes[i].name;
    layer->id = (uint64_t)i + 1;
    layer->group = i < EMBED ? hidden : rest;
    layer->rows = shapes[i].rows;
    layer->cols = shapes[i].cols;
    layer->batch = shapes[i].batch;
    layer->weight = (descent_view){NULL, shapes[i].row_stride, shapes[i].batch_stride};
    layer->gradient = layer->weight;
    tried->floats += extent(layer);
  }
}

trial trial_begin(const trial_optimizer *optimizer, uint32_t hidden, uint32_t rest, int64_t workers) {
  trial tried;
  memset(&tried, 0, sizeof(tried));
  tried.optimizer = optimizer;
  describe(&tried, hidden, rest);
  tried.weights = allocate(tried.floats * sizeof(float));
  tried.gradients = allocate(tried.floats * sizeof(float));
  fill(tried.weights, tried.floats, 1);
  size_t place = 0;
  for (int i = 0; i < ENTRIES; ++i) {
    tried.layers[i].weight.data = tried.weights + place;
    tried.layers[i].gradient.data = tried.gradients + place;
    place += extent(&tried.layers[i]);
  }
  const int64_t views = optimizer->states_count(tried.layers, ENTRIES, NULL);
  const int64_t bytes = optimizer->states_bytes(tried.layers, ENTRIES, NULL);
  CHECK(views > 0 && bytes > 0);
  tried.state_bytes = (size_t)bytes;
  tried.states = allocate((size_t)bytes);
  tried.views = allocate((size_t)views * sizeof(descent_view));
  CHECK(optimizer->states_place(tried.layers, ENTRIES, tried.states, tried.views, NULL) == DESCENT_OK);
  CHECK(optimizer->states_init(tried.layers, ENTRIES, NULL) == DESCENT_OK);
  const descent_plan_options options = {sizeof(options), DESCENT_ABI_VERSION, 0, workers, 1, 0, NULL, 0, NULL};
  CHECK(optimizer->plan_create(tried.layers, ENTRIES, &options, &tried.plan, NULL) == DESCENT_OK);
  return tried;
}

void trial_end(trial *tried) {
  tried->optimizer->plan_destroy(tried->plan);
  free(tried->weights);
  free(tried->gradients);
  free(tried->states);
  free(tried->views);
}

void trial_draw(trial *tried, int64_t step) { fill(tried->gradients, tried->floats, 100 + (uint64_t)step); }

descent_step trial_step(int64_t step) {
  descent_step made;
  memset(&made, 0, sizeof(made));
  made.size = sizeof(made);
  made.abi_version = DESCENT_ABI_VERSION;
  made.step = step;
  made.gradient_scale = 1.0;
  return made;
}

void trial_run(trial *tried, int64_t first, int64_t last) {
  for (int64_t t = first; t <= last; ++t) {
    const descent_step step = trial_step(t);
    descent_result result = {sizeof(result), 0, 0, 0, 0.0};
    trial_draw(tried, t);
    CHECK(tried->optimizer->step(tried->plan, &step, &result, NULL) == DESCENT_OK);
    CHECK(!result.skipped);
  }
}

bool trial_same(const trial *left, const trial *right) {
  return left->floats == right->floats && left->state_bytes == right->state_bytes &&
         memcmp(left->weights, right->weights, left->floats * sizeof(float)) == 0 &&
         memcmp(left->states, right->states, left->state_bytes) == 0;
}
