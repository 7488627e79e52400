/* What the layer table must be, each rule by an entry that breaks it. */
#include "Duo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static model tested;
static descent_error error;

static int32_t create(int64_t count) {
  descent_plan *plan = NULL;
  const descent_plan_options options = plan_options(1);
  error = (descent_error){.size = sizeof(error)};
  const int32_t code = descent_rt_plan_create(&duo, tested.layers, count, &options, &plan, &error);
  CHECK((plan != NULL) == (code == DESCENT_OK));
  descent_rt_plan_destroy(&duo, plan);
  return code;
}

/* Breaks an entry, sees it refused with these texts, and mends it. */
#define REFUSES(change, wanted, ...)                                                                                   \
  do {                                                                                                                 \
    const model before = tested;                                                                                       \
    change;                                                                                                            \
    CHECK_REFUSED(create(LAYERS), wanted, &error, __VA_ARGS__);                                                        \
    tested = before;                                                                                                   \
  } while (0)

static void a_good_table_is_accepted(void) {
  CHECK(create(LAYERS) == DESCENT_OK);
  CHECK(create(0) == DESCENT_OK);
  tested.layers[WIDE].global_rows = 300;
  tested.layers[WIDE].global_cols = 701;
  tested.layers[TINY].gradient.data = NULL;
  CHECK(create(LAYERS) == DESCENT_OK);
}

static void sizes_and_versions_are_checked(void) {
  REFUSES(tested.layers[3].size = 8, DESCENT_WRONG_ABI, "layer 3", "size is 8", "sizeof(descent_layer)");
  descent_plan *plan = NULL;
  descent_plan_options options = plan_options(1);
  options.size = 40;
  CHECK_REFUSED(descent_rt_plan_create(&duo, tested.layers, LAYERS, &options, &plan, &error), DESCENT_WRONG_ABI, &error,
                "options", "size 40", "wants 56");
  options = plan_options(1);
  options.abi_version = 9;
  CHECK_REFUSED(descent_rt_plan_create(&duo, tested.layers, LAYERS, &options, &plan, &error), DESCENT_WRONG_ABI, &error,
                "options", "ABI version 9");
  options = plan_options(-2);
  CHECK_REFUSED(descent_rt_plan_create(&duo, tested.layers, LAYERS, &options, &plan, &error), DESCENT_INVALID_ARGUMENT,
                &error, "-2 workers", "one a processor");
  descent_artifact newer = duo;
  newer.abi_version = 99;
  CHECK_REFUSED(descent_rt_plan_create(&newer, tested.layers, LAYERS, NULL, &plan, &error), DESCENT_WRONG_ABI, &error,
                "ABI version 99", "same release");
}

static void options_from_before_there_were_devices_are_taken(void) {
  descent_plan *plan = NULL;
  descent_plan_options options = plan_options(1);
  options.size = 48;
  options.device = (const descent_device_options *)1; /* beyond the older struct */
  CHECK(descent_rt_plan_create(&duo, tested.layers, LAYERS, &options, &plan, &error) == DESCENT_OK);
  descent_rt_plan_destroy(&duo, plan);
}

static void null_tables_are_refused(void) {
  descent_plan *plan = NULL;
  CHECK_REFUSED(descent_rt_plan_create(NULL, tested.layers, LAYERS, NULL, &plan, &error), DESCENT_INVALID_ARGUMENT,
                &error, "artifact is null");
  CHECK_REFUSED(descent_rt_plan_create(&duo, NULL, LAYERS, NULL, &plan, &error), DESCENT_INVALID_ARGUMENT, &error,
                "layer table is null");
  CHECK_REFUSED(descent_rt_plan_create(&duo, tested.layers, -1, NULL, &plan, &error), DESCENT_INVALID_ARGUMENT, &error,
                "count is -1");
  CHECK_REFUSED(descent_rt_plan_create(&duo, tested.layers, LAYERS, NULL, NULL, &error), DESCENT_INVALID_ARGUMENT,
                &error, "`plan` is null");
  CHECK(descent_rt_plan_create(&duo, NULL, LAYERS, NULL, &plan, NULL) == DESCENT_INVALID_ARGUMENT);
}

static void null_pointers_are_refused(void) {
  REFUSES(tested.layers[WIDE].name = NULL, DESCENT_INVALID_LAYER, "layer 0", "name is null");
  REFUSES(tested.layers[TINY].weight.data = NULL, DESCENT_INVALID_LAYER, "layer 1 'tiny'", "weight is null");
  REFUSES(tested.layers[TINY].states = NULL, DESCENT_INVALID_LAYER, "layer 1 'tiny'", "states are null", "'hidden'",
          "'m'", "states_place");
  REFUSES(tested.layers[BIAS].inputs = NULL, DESCENT_INVALID_LAYER, "layer 3 'bias'", "inputs are null", "'hvp'");
  REFUSES(tested.inputs[BIAS].data = NULL, DESCENT_INVALID_LAYER, "layer 3 'bias'", "input 'hvp' is null");
  REFUSES(tested.views[HIDDEN_R].data = NULL, DESCENT_INVALID_LAYER, "layer 0 'wide'", "state 'r' is null");
  REFUSES(tested.factors[BIAS - 1] = (double)NAN, DESCENT_INVALID_LAYER, "layer 2 'experts'", "factor 0", "nan");
}

static void shapes_are_checked(void) {
  REFUSES(tested.layers[WIDE].rows = 0, DESCENT_INVALID_LAYER, "layer 0 'wide'", "0 rows, 701 columns", "at least 1");
  REFUSES(tested.layers[WIDE].cols = -3, DESCENT_INVALID_LAYER, "-3 columns");
  REFUSES(tested.layers[WIDE].batch = 0, DESCENT_INVALID_LAYER, "batch 0");
  REFUSES(tested.layers[WIDE].rows = INT64_C(1) << 60, DESCENT_INVALID_LAYER, "'wide'", "more elements than memory");
  REFUSES(tested.layers[WIDE].batch = INT64_C(1) << 55, DESCENT_INVALID_LAYER, "'wide'", "more elements than memory");
  REFUSES(tested.layers[TINY].group = 2, DESCENT_INVALID_LAYER, "layer 1 'tiny'", "group is 2", "'duo' has 2 groups");
  REFUSES(tested.layers[BIAS].rows = 2, DESCENT_INVALID_LAYER, "layer 3 'bias'", "2 rows", "'vectors'", "1 x 1402");
  REFUSES(tested.layers[TALL].id = 101, DESCENT_INVALID_LAYER, "layer 4 'tall'", "id 101", "layer 1 'tiny'", "unique");
}

static void shards_are_refused(void) {
  REFUSES(tested.layers[WIDE].global_rows = 600, DESCENT_INVALID_LAYER, "layer 0 'wide'", "shard of 600 x 0",
          "300 x 701");
  REFUSES(tested.layers[WIDE].row_offset = 8, DESCENT_INVALID_LAYER, "shard", "at (8, 0)");
}

static void strides_are_checked(void) {
  REFUSES(tested.layers[WIDE].weight.row_stride = 700, DESCENT_INVALID_LAYER, "layer 0 'wide'",
          "row stride of its weight", "is 700", "701 elements");
  REFUSES(tested.layers[WIDE].gradient.row_stride = 0, DESCENT_INVALID_LAYER, "row stride of its gradient is 0");
  REFUSES(tested.views[HIDDEN_M].row_stride = 1, DESCENT_INVALID_LAYER, "row stride of its state 'm' is 1");
  REFUSES(tested.layers[WIDE].weight.row_stride = INT64_MAX / 2, DESCENT_INVALID_LAYER, "'wide'", "its weight",
          "address space");
  REFUSES(tested.layers[EXPERTS].weight.batch_stride = 47, DESCENT_INVALID_LAYER, "layer 2 'experts'",
          "batch stride of its weight is 47", "33 rows of 48 elements, 144 apart");
  REFUSES(tested.layers[EXPERTS].weight.batch_stride = 0, DESCENT_INVALID_LAYER, "batch stride of its weight is 0");
  REFUSES(tested.layers[EXPERTS].weight.batch_stride = -48, DESCENT_INVALID_LAYER, "batch stride of its weight is -48");
  REFUSES(tested.layers[EXPERTS].gradient.batch_stride = 97, DESCENT_INVALID_LAYER, "batch stride of its gradient");
  /* Two members with the next row of the first in front of the second; the third would lie in the second row. */
  REFUSES(tested.layers[EXPERTS].weight.batch_stride = 72, DESCENT_INVALID_LAYER, "batch stride of its weight is 72");
  descent_view *copies = (descent_view *)(uintptr_t)tested.layers[SCALES].states;
  REFUSES(copies[VECTORS_W0].batch_stride = 0, DESCENT_INVALID_LAYER, "batch stride of its state 'w0' is 0");
}

static void misaligned_tensors_are_refused(void) {
  REFUSES(tested.layers[WIDE].weight.data = (char *)tested.layers[WIDE].weight.data + 2, DESCENT_INVALID_LAYER,
          "layer 0 'wide'", "its weight lies at", "f32 is aligned to 4 bytes");
  REFUSES(tested.views[HIDDEN_H].data = (char *)tested.views[HIDDEN_H].data + 4, DESCENT_INVALID_LAYER, "state 'h'",
          "f64 is aligned to 8 bytes");
}

static void shared_elements_are_refused(void) {
  const descent_layer *layers = tested.layers;
  REFUSES(tested.layers[TINY].weight = layers[WIDE].weight, DESCENT_OVERLAP, "the weight of layer", "'wide'", "'tiny'",
          "tied weight once");
  REFUSES(tested.layers[TINY].gradient.data = layers[TINY].weight.data, DESCENT_OVERLAP, "the weight of layer 1 'tiny'",
          "the gradient of layer 1 'tiny'", "own memory");
  REFUSES(tested.views[HIDDEN_M].data = tested.views[4 + HIDDEN_M].data, DESCENT_OVERLAP, "state 'm' of layer 0 'wide'",
          "state 'm' of layer 1 'tiny'");
  REFUSES(tested.inputs[BIAS].data = element(&layers[WIDE].weight, 0, 299, 700), DESCENT_OVERLAP,
          "weight of layer 0 'wide'", "input 'hvp' of layer 3 'bias'");
  REFUSES(tested.layers[KEY].weight.data = element(&layers[QUERY].weight, 0, 0, 287), DESCENT_OVERLAP, "'query'",
          "'key'");
  REFUSES(tested.layers[KEY].weight.row_stride = 865, DESCENT_OVERLAP, "'key'");
  /* The padding at the end of a row belongs to nobody. */
  tested.layers[SCALES].batch = 1;
  tested.layers[SCALES].cols = 3;
  tested.layers[SCALES].weight = (descent_view){element(&layers[WIDE].weight, 0, 7, 701), 3, 0};
  CHECK(create(LAYERS) == DESCENT_OK);
  /* And a short tensor within a long one does not hide it. */
  REFUSES(tested.layers[TINY].gradient.data = element(&layers[WIDE].weight, 0, 99, 0), DESCENT_OVERLAP,
          "weight of layer 0 'wide'", "gradient of layer 1 'tiny'");
  tested.layers[SCALES].cols = 4;
  tested.layers[SCALES].weight.row_stride = 4;
  CHECK(create(LAYERS) == DESCENT_OVERLAP);
}

static void read_tensors_may_share(void) {
  tested.layers[KEY].gradient = tested.layers[QUERY].gradient;
  tested.inputs[BIAS] = tested.layers[BIAS].gradient;
  CHECK(create(LAYERS) == DESCENT_OK);
}

/* Against the definition, element by element, for boxes of all kinds of strides. */
static void overlap_is_exact(void) {
  static float memory[4096];
  enum { CASES = 4000 };
  int met = 0;
  for (int i = 0; i < CASES; ++i) {
    descent_layer *pair[] = {&tested.layers[QUERY], &tested.layers[KEY]};
    int counts[4096] = {0};
    bool shared = false, self = false;
    for (int p = 0; p < 2; ++p) {
      uint64_t draw = (uint64_t)i * 16 + (uint64_t)p * 8;
#define DRAW(n) ((int64_t)((noise(draw++) + 1.0f) / 2.0f * (float)(n)))
      descent_layer *layer = pair[p];
      layer->rows = 1 + DRAW(6);
      layer->cols = 1 + DRAW(6);
      layer->batch = 1 + DRAW(3);
      layer->weight.row_stride = layer->cols + DRAW(24);
      layer->weight.batch_stride = 1 + DRAW(96);
      layer->weight.data = memory + DRAW(64);
      layer->gradient.data = NULL;
      for (int64_t b = 0; b < layer->batch; ++b)
        for (int64_t r = 0; r < layer->rows; ++r)
          for (int64_t c = 0; c < layer->cols; ++c) {
            int *count = &counts[element(&layer->weight, b, r, c) - memory];
            self = self || *count & 1 << p;
            shared = shared || (p == 1 && *count & 1);
            *count |= 1 << p;
          }
    }
    char *states = calloc(1, 65536);
    descent_view views[8];
    descent_rt_states_place(&duo, pair[0], 2, states, views, NULL);
    descent_plan *plan = NULL;
    const descent_plan_options options = plan_options(1);
    const int32_t code = descent_rt_plan_create(&duo, pair[0], 2, &options, &plan, NULL);
    descent_rt_plan_destroy(&duo, plan);
    free(states);
    met += shared && !self;
    if (!CHECK(code == (self ? DESCENT_INVALID_LAYER : shared ? DESCENT_OVERLAP : DESCENT_OK)))
      return;
  }
  CHECK(met > CASES / 10 && met < CASES * 9 / 10);
}

static void processors_are_checked(void) {
  descent_plan *plan = NULL;
  descent_artifact other = duo;
  other.cpu_features = "neverheard,avx2";
  CHECK_REFUSED(descent_rt_plan_create(&other, tested.layers, LAYERS, NULL, &plan, &error), DESCENT_UNSUPPORTED_CPU,
                &error, "'duo'", "'neverheard'");
#if defined(__x86_64__)
  other.cpu_features = "sse2,sse";
  CHECK(descent_rt_plan_create(&other, tested.layers, LAYERS, NULL, &plan, &error) == DESCENT_OK);
  descent_rt_plan_destroy(&other, plan);
#endif
}

/* Of three code paths the best cannot run here; the plan says which one it took. */
static void the_best_path_that_runs_is_taken(void) {
  descent_plan *plan = NULL;
  descent_artifact least = duo, middle = duo, best = duo;
  least.target = "cpu:least";
  middle.target = "cpu:middle";
  middle.next = &least;
  best.target = "cpu:best";
  best.cpu_features = "neverheard";
  best.next = &middle;
  CHECK(descent_rt_plan_create(&best, tested.layers, LAYERS, NULL, &plan, &error) == DESCENT_OK);
  CHECK(strcmp(descent_rt_plan_target(&best, plan), "cpu:middle") == 0);
  const descent_step step = first_step();
  CHECK(descent_rt_step(&best, plan, &step, NULL, &error) == DESCENT_OK);
  CHECK_REFUSED(descent_rt_step(&middle, plan, &step, NULL, &error), DESCENT_INVALID_ARGUMENT, &error, "another",
                "duo");
  descent_rt_plan_destroy(&best, plan);

  descent_plan_options options = plan_options(1);
  options.target = "cpu:least";
  CHECK(descent_rt_plan_create(&best, tested.layers, LAYERS, &options, &plan, &error) == DESCENT_OK);
  CHECK(strcmp(descent_rt_plan_target(&best, plan), "cpu:least") == 0);
  descent_rt_plan_destroy(&best, plan);
  options.target = "cpu:best";
  CHECK_REFUSED(descent_rt_plan_create(&best, tested.layers, LAYERS, &options, &plan, &error), DESCENT_UNSUPPORTED_CPU,
                &error, "'duo'", "'neverheard'");
  options.target = "cpu:worst";
  CHECK_REFUSED(descent_rt_plan_create(&best, tested.layers, LAYERS, &options, &plan, &error), DESCENT_INVALID_ARGUMENT,
                &error, "'cpu:worst'", "'cpu:best', 'cpu:middle', 'cpu:least'");
}

#define RUN_FRESH(test) (model_create(&tested), RUN(test), model_destroy(&tested))

void test_layers(void) {
  RUN_FRESH(a_good_table_is_accepted);
  RUN_FRESH(sizes_and_versions_are_checked);
  RUN_FRESH(options_from_before_there_were_devices_are_taken);
  RUN_FRESH(null_tables_are_refused);
  RUN_FRESH(null_pointers_are_refused);
  RUN_FRESH(shapes_are_checked);
  RUN_FRESH(shards_are_refused);
  RUN_FRESH(strides_are_checked);
  RUN_FRESH(misaligned_tensors_are_refused);
  RUN_FRESH(shared_elements_are_refused);
  RUN_FRESH(read_tensors_may_share);
  RUN_FRESH(overlap_is_exact);
  RUN_FRESH(processors_are_checked);
  RUN_FRESH(the_best_path_that_runs_is_taken);
}
