/* Every error of the interface, through a generated optimizer: nothing is changed before it. */
#include "Trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const trial_optimizer model = TRIAL_OPTIMIZER(model);
static trial tried;

static int32_t create(void) {
  descent_plan *plan = NULL;
  const int32_t code = model_plan_create(tried.layers, ENTRIES, NULL, &plan, &trial_error);
  CHECK((plan != NULL) == (code == DESCENT_OK));
  model_plan_destroy(plan);
  return code;
}

/* Breaks an entry, sees the table refused with these texts, and mends it. */
#define REFUSES(change, wanted, ...)                                                                                   \
  do {                                                                                                                 \
    const trial before = tried;                                                                                        \
    change;                                                                                                            \
    REFUSED(create(), wanted, __VA_ARGS__);                                                                            \
    tried = before;                                                                                                    \
  } while (0)

static void pointers(void) {
  REFUSES(tried.layers[WIDE].name = NULL, DESCENT_INVALID_LAYER, "layer 0", "name is null");
  REFUSES(tried.layers[TALL].weight.data = NULL, DESCENT_INVALID_LAYER, "layer 2 'tall'", "weight is null");
  REFUSES(tried.layers[BIAS].states = NULL, DESCENT_INVALID_LAYER, "layer 4 'bias'", "states are null", "'rest'", "'m'",
          "states_place");
  REFUSES(tried.layers[WIDE].weight.data = (char *)tried.layers[WIDE].weight.data + 2, DESCENT_INVALID_LAYER,
          "layer 0 'wide'", "weight", "aligned to 4");
  descent_plan *plan = NULL;
  REFUSED(model_plan_create(NULL, ENTRIES, NULL, &plan, &trial_error), DESCENT_INVALID_ARGUMENT, "table is null");
}

static void sizes(void) {
  REFUSES(tried.layers[TALL].rows = 0, DESCENT_INVALID_LAYER, "layer 2 'tall'", "0 rows");
  REFUSES(tried.layers[TALL].cols = -3, DESCENT_INVALID_LAYER, "layer 2 'tall'", "-3");
  REFUSES(tried.layers[HEADS].batch = 0, DESCENT_INVALID_LAYER, "layer 1 'heads'", "0");
  REFUSES((tried.layers[EMBED].rows = INT64_C(1) << 40, tried.layers[EMBED].cols = INT64_C(1) << 40),
          DESCENT_INVALID_LAYER, "layer 3 'embed'");
  REFUSES(tried.layers[WIDE].weight.row_stride = 55, DESCENT_INVALID_LAYER, "layer 0 'wide'", "row stride", "55", "56");
  REFUSES(tried.layers[WIDE].gradient.row_stride = 0, DESCENT_INVALID_LAYER, "layer 0 'wide'", "gradient",
          "row stride");
  REFUSES(tried.layers[HEADS].weight.batch_stride = 3, DESCENT_INVALID_LAYER, "layer 1 'heads'", "share elements");
  REFUSES(tried.layers[HEADS].gradient.batch_stride = -6, DESCENT_INVALID_LAYER, "layer 1 'heads'", "batch stride");
  REFUSES(tried.layers[WIDE].weight.row_stride = INT64_MAX / 8, DESCENT_INVALID_LAYER, "layer 0 'wide'",
          "beyond the address space");
}

static void groups_and_names(void) {
  REFUSES(tried.layers[BIAS].group = MODEL_GROUPS, DESCENT_INVALID_LAYER, "layer 4 'bias'", "group is 2",
          "'model' has 2");
  REFUSES(tried.layers[BIAS].id = tried.layers[WIDE].id, DESCENT_INVALID_LAYER, "layer 4 'bias'", "'wide'", "unique");
  REFUSES(tried.layers[EMBED].global_rows = 602, DESCENT_INVALID_LAYER, "layer 3 'embed'", "shard");
}

static void overlaps(void) {
  REFUSES(tried.layers[TALL].weight.data = tried.layers[EMBED].weight.data, DESCENT_OVERLAP, "'tall'", "'embed'",
          "list a tied weight once");
  REFUSES(tried.layers[TALL].gradient.data = tried.layers[TALL].weight.data, DESCENT_OVERLAP, "'tall'", "gradient",
          "weight");
  void *const state = tried.views[1].data;
  REFUSES(tried.views[1].data = tried.views[0].data, DESCENT_OVERLAP, "'wide'", "'m'", "'g0'");
  tried.views[1].data = state;
  /* The last element of one entry is the first of the other. */
  REFUSES(tried.layers[EMBED].weight.data = (float *)tried.layers[TALL].weight.data + 70 * 33 - 1, DESCENT_OVERLAP,
          "'tall'", "'embed'");
}

static void versions(void) {
  descent_plan *plan = NULL;
  descent_plan_options options = {sizeof(options), 77, 0, 1, 1, 0, NULL, 0, NULL};
  REFUSES(tried.layers[EMBED].size -= 8, DESCENT_WRONG_ABI, "layer 3", "sizeof(descent_layer)");
  REFUSED(model_plan_create(tried.layers, ENTRIES, &options, &plan, &trial_error), DESCENT_WRONG_ABI, "ABI version 77",
          "wants", "2");
  options.abi_version = DESCENT_ABI_VERSION;
  options.size = 8;
  REFUSED(model_plan_create(tried.layers, ENTRIES, &options, &plan, &trial_error), DESCENT_WRONG_ABI, "size 8");
  descent_step step = trial_step(1);
  step.abi_version = 7;
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_WRONG_ABI, "ABI version 7");
  step = trial_step(1);
  step.size += 8;
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_WRONG_ABI, "size");
  descent_result result = {4, 0, 0, 0, 0.0};
  step = trial_step(1);
  REFUSED(model_step(tried.plan, &step, &result, &trial_error), DESCENT_WRONG_ABI, "result", "size 4");
}

static void numbers(void) {
  model_hyper hyper;
  CHECK(model_hyper_defaults((double *)&hyper, sizeof(hyper) / sizeof(double), NULL) == DESCENT_OK);
  descent_step step = trial_step(1);
  step.hyper = (const double *)&hyper;
  hyper.rest.eps = (double)NAN;
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_INVALID_ARGUMENT, "'eps'", "'rest'", "nan");
  hyper.rest.eps = 1e-8;
  hyper.hidden.lr = -(double)INFINITY;
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_INVALID_ARGUMENT, "'lr'", "'hidden'", "-inf");
  step = trial_step(0);
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_INVALID_ARGUMENT, "number is 0");
  step = trial_step(1);
  step.gradient_scale = 0.0;
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_INVALID_ARGUMENT, "scale", "not 0");
  step.gradient_scale = (double)NAN;
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_INVALID_ARGUMENT, "scale", "nan");
}

static void gradients(void) {
  const void *given[ENTRIES] = {0};
  descent_step step = trial_step(1);
  step.gradients = given;
  given[WIDE] = tried.layers[BIAS].weight.data;
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_OVERLAP, "'wide'", "gradient", "'bias'", "weight");
  given[WIDE] = (char *)tried.gradients + 1;
  REFUSED(model_step(tried.plan, &step, NULL, &trial_error), DESCENT_INVALID_LAYER, "'wide'", "gradient", "aligned");
}

static void plans(void) {
  const descent_step step = trial_step(1);
  REFUSED(model_step(NULL, &step, NULL, &trial_error), DESCENT_INVALID_ARGUMENT, "plan is null", "'model'");
  REFUSED(model_step(tried.plan, NULL, NULL, &trial_error), DESCENT_INVALID_ARGUMENT, "step is null");
  REFUSED(model_plan_rebind(tried.plan, tried.layers, ENTRIES - 1, &trial_error), DESCENT_INVALID_LAYER, "4 layers",
          "made with 5");
  const trial before = tried;
  tried.layers[TALL].rows -= 1;
  REFUSED(model_plan_rebind(tried.plan, tried.layers, ENTRIES, &trial_error), DESCENT_INVALID_LAYER, "'tall'",
          "69 x 33", "70 x 33");
  tried = before;
  CHECK(model_plan_rebind(tried.plan, tried.layers, ENTRIES, NULL) == DESCENT_OK);
}

int main(void) {
  tried = trial_begin(&model, MODEL_GROUP_HIDDEN, MODEL_GROUP_REST, 1);
  trial untouched = trial_begin(&model, MODEL_GROUP_HIDDEN, MODEL_GROUP_REST, 1);
  CHECK(create() == DESCENT_OK);
  pointers();
  sizes();
  groups_and_names();
  overlaps();
  versions();
  numbers();
  trial_draw(&tried, 1);
  gradients();
  plans();
  CHECK(trial_same(&tried, &untouched));
  trial_run(&tried, 1, 1); /* and it still works */
  trial_end(&tried);
  trial_end(&untouched);
  return trial_result();
}
