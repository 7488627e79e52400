/* What a step computes, when it computes nothing, and what it refuses. */
#include "Allocation.h"
#include "Duo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static model tested;
static descent_plan *plan;
static descent_error error;
static descent_result result;
static char *before;

static void set_up(void) {
  model_create(&tested);
  const descent_plan_options options = plan_options(2);
  error = (descent_error){.size = sizeof(error)};
  result = (descent_result){.size = sizeof(result)};
  if (descent_rt_plan_create(&duo, tested.layers, LAYERS, &options, &plan, &error) != DESCENT_OK)
    abort();
  before = malloc(tested.bytes);
  memcpy(before, tested.block, tested.bytes);
}

static void tear_down(void) {
  descent_rt_plan_destroy(&duo, plan);
  model_destroy(&tested);
  free(before);
}

static bool nothing_changed(void) { return memcmp(before, tested.block, tested.bytes) == 0; }
static int32_t step_with(const descent_step *step) { return descent_rt_step(&duo, plan, step, &result, &error); }

/* What the element of `view` was before the first step. */
static double old(const descent_view *view, int64_t member, int64_t row, int64_t col) {
  return *(const float *)(before + ((char *)element(view, member, row, col) - tested.block));
}

static double norm2(const descent_layer *layer, int64_t member, double scale) {
  double sum = 0;
  for (int64_t i = 0; i < layer->rows; ++i)
    for (int64_t j = 0; j < layer->cols; ++j) {
      const double g = scale * old(&layer->gradient, member, i, j);
      sum += g * g;
    }
  return sum;
}

static bool near(double found, double wanted, double tolerance) {
  return fabs(found - wanted) <= tolerance * (1.0 + fabs(wanted));
}

/* The first step of every logical layer, from the formulas. f32 rounds each of the five operations by at most 2^-24. */
static const double rounding = 8.0 / 16777216.0;

static bool hidden_is_right(const descent_layer *layer, int64_t member, double scale, double factor, double top) {
  const int entry = (int)(layer - tested.layers);
  const double user = layer->factors ? tested.factors[entry] : 1.0, own = norm2(layer, member, scale);
  const double eta = 0.1 * factor * user * sqrt(own / top);
  for (int64_t i = 0; i < layer->rows; ++i) {
    double row = 0.25, largest = 0.25;
    for (int64_t j = 0; j < layer->cols; ++j) {
      const double d = scale * old(&layer->gradient, member, i, j);
      row += d;
      largest += fabs(d);
      if (!near(*element(&layer->states[HIDDEN_M], member, i, j), d, rounding) ||
          !near(*element(&layer->weight, member, i, j), old(&layer->weight, member, i, j) - eta * d, rounding))
        return false;
    }
    const double found = *element(&layer->states[HIDDEN_R], member, 0, i);
    if (fabs(found - row) > rounding * largest * (double)layer->cols)
      return false;
  }
  return near(((const double *)layer->states[HIDDEN_H].data)[member], 0.9 * 2.0 + own, 1e-12) &&
         ((const int64_t *)layer->states[HIDDEN_UPDATES].data)[member] == 1;
}

static bool vector_is_right(const descent_layer *layer, int64_t member, double scale, double factor) {
  for (int64_t j = 0; j < layer->cols; ++j) {
    const double g = scale * old(&layer->gradient, member, 0, j) + 0.01 * old(&layer->inputs[0], member, 0, j);
    const double wanted = old(&layer->weight, member, 0, j) - 0.02 * factor * g;
    if (!near(*element(&layer->weight, member, 0, j), wanted, rounding))
      return false;
  }
  return ((const int64_t *)layer->states[VECTORS_UPDATES].data)[member] == 1;
}

static void a_step_computes_the_rule(void) {
  descent_step step = first_step();
  step.gradient_scale = 0.5;
  double all = 0, top = 0;
  for (int i = 0; i < LAYERS; ++i)
    for (int64_t b = 0; b < tested.layers[i].batch; ++b) {
      const double own = norm2(&tested.layers[i], b, 0.5);
      all += own;
      top = tested.layers[i].group == HIDDEN && own > top ? own : top;
    }
  CHECK(step_with(&step) == DESCENT_OK);
  CHECK(result.skipped == 0 && result.first_nonfinite == -1 && near(result.gradient_norm, sqrt(all), 1e-6));
  const double factor = 50.0 / sqrt(all);
  CHECK(factor < 1.0);
  for (int i = 0; i < LAYERS; ++i)
    for (int64_t b = 0; b < tested.layers[i].batch; ++b)
      CHECK(tested.layers[i].group == HIDDEN ? hidden_is_right(&tested.layers[i], b, 0.5, factor, top)
                                             : vector_is_right(&tested.layers[i], b, 0.5, factor));
}

/* With one term of another size, every order of summation has its own sum. */
static void sums_keep_the_tables_order(void) {
  descent_artifact bare = duo;
  bare.norm = (descent_slot_ref){SHARED, SHARED_TOTAL};
  descent_plan *other = NULL;
  double reports[LOGICALS * REPORTS], forwards = 0, backwards = 0;
  const descent_plan_options options = plan_options(2);
  *element(&tested.layers[SCALES].gradient, 0, 0, 0) = 3e9f;
  descent_step step = first_step();
  step.reports = reports;
  CHECK(descent_rt_plan_create(&bare, tested.layers, LAYERS, &options, &other, &error) == DESCENT_OK);
  CHECK(descent_rt_step(&bare, other, &step, &result, &error) == DESCENT_OK);
  descent_rt_plan_destroy(&bare, other);
  for (int l = 0; l < LOGICALS; ++l) {
    forwards += reports[l * REPORTS + REPORT_NORM2];
    backwards += reports[(LOGICALS - 1 - l) * REPORTS + REPORT_NORM2];
  }
  CHECK(forwards != backwards && result.gradient_norm == forwards);
}

static void reports_and_cuts_keep_the_tables_order(void) {
  double reports[LOGICALS][REPORTS], sum = 0;
  for (int l = 0; l < LOGICALS; ++l)
    for (int r = 0; r < REPORTS; ++r)
      reports[l][r] = -7.0;
  descent_step step = first_step();
  step.reports = &reports[0][0];
  CHECK(step_with(&step) == DESCENT_OK);
  for (int i = 0, l = 0; i < LAYERS; ++i) {
    const descent_layer *layer = &tested.layers[i];
    double parameter = 0;
    for (int64_t b = 0; b < layer->batch; ++b)
      parameter += reports[l + b][REPORT_NORM2];
    for (int64_t b = 0; b < layer->batch; ++b, ++l) {
      sum += reports[l][REPORT_NORM2];
      CHECK(near(reports[l][REPORT_NORM2], norm2(layer, b, 1.0), 1e-6));
      const bool hidden = layer->group == HIDDEN;
      CHECK(reports[l][REPORT_PARAMETER] == (hidden ? parameter : -7.0));
      CHECK(reports[l][REPORT_NOISE] == (hidden ? 0.9 * 2.0 + reports[l][REPORT_NORM2] : -7.0));
    }
  }
  CHECK(result.gradient_norm == sqrt(sum));
  /* Asking for reports changes nothing else. */
  char *with = malloc(tested.bytes);
  memcpy(with, tested.block, tested.bytes);
  memcpy(tested.block, before, tested.bytes);
  step.reports = NULL;
  CHECK(step_with(&step) == DESCENT_OK && memcmp(with, tested.block, tested.bytes) == 0);
  free(with);
}

static void keep_as_before(void) { memcpy(before, tested.block, tested.bytes); }

static bool row_stayed(const descent_layer *layer, int64_t member, int64_t row) {
  for (int64_t j = 0; j < layer->cols; ++j)
    if (*element(&layer->weight, member, row, j) != old(&layer->weight, member, row, j))
      return false;
  return true;
}

static bool weight_stayed(const descent_layer *layer) {
  for (int64_t b = 0; b < layer->batch; ++b)
    for (int64_t i = 0; i < layer->rows; ++i)
      if (!row_stayed(layer, b, i))
        return false;
  return true;
}

static int64_t updates_of(int entry, int64_t member) {
  const int state = tested.layers[entry].group == HIDDEN ? HIDDEN_UPDATES : VECTORS_UPDATES;
  return ((const int64_t *)tested.layers[entry].states[state].data)[member];
}

static void absent_layers_stay_and_are_left_out(void) {
  const void *gradients[LAYERS];
  double reports[LOGICALS * REPORTS], sum = 0;
  for (int i = 0; i < LAYERS; ++i)
    gradients[i] = i == EXPERTS || i == BIAS ? NULL : tested.layers[i].gradient.data;
  for (int i = 0; i < LOGICALS * REPORTS; ++i)
    reports[i] = -7.0;
  descent_step step = first_step();
  CHECK(step_with(&step) == DESCENT_OK); /* so that the absent ones have something to leave behind */
  keep_as_before();
  const double noise_before = ((const double *)tested.layers[EXPERTS].states[HIDDEN_H].data)[2];
  step.step = 2;
  step.gradients = gradients;
  step.reports = reports;
  CHECK(step_with(&step) == DESCENT_OK);
  CHECK(weight_stayed(&tested.layers[EXPERTS]) && weight_stayed(&tested.layers[BIAS]));
  CHECK(!weight_stayed(&tested.layers[WIDE]) && !weight_stayed(&tested.layers[SCALES]));
  CHECK(((const double *)tested.layers[EXPERTS].states[HIDDEN_H].data)[2] == noise_before);
  CHECK(updates_of(EXPERTS, 1) == 1 && updates_of(BIAS, 0) == 1 && updates_of(WIDE, 0) == 2);
  for (int l = 0; l < LOGICALS; ++l) {
    const bool left_out = l >= EXPERTS && l <= EXPERTS + 3;
    CHECK((reports[l * REPORTS + REPORT_NORM2] == -7.0) == left_out);
    sum += left_out ? 0.0 : reports[l * REPORTS + REPORT_NORM2];
  }
  CHECK(result.gradient_norm == sqrt(sum));
  /* The next step counts each layer's own updates. */
  step.step = 3;
  step.gradients = NULL;
  CHECK(step_with(&step) == DESCENT_OK);
  CHECK(updates_of(EXPERTS, 1) == 2 && updates_of(WIDE, 0) == 3);
}

static void all_layers_may_be_absent(void) {
  const void *gradients[LAYERS] = {0};
  descent_step step = first_step();
  step.gradients = gradients;
  CHECK(step_with(&step) == DESCENT_OK);
  CHECK(result.skipped == 0 && result.gradient_norm == 0.0 && nothing_changed());
  descent_plan *empty = NULL;
  const descent_plan_options options = plan_options(2);
  CHECK(descent_rt_plan_create(&duo, NULL, 0, &options, &empty, &error) == DESCENT_OK);
  step.gradients = NULL;
  CHECK(descent_rt_step(&duo, empty, &step, NULL, NULL) == DESCENT_OK);
  descent_rt_plan_destroy(&duo, empty);
}

static void a_nonfinite_gradient_skips_the_step(void) {
  const float values[] = {INFINITY, NAN, -INFINITY};
  double reports[LOGICALS * REPORTS] = {0};
  for (int v = 0; v < 3; ++v) {
    *element(&tested.layers[TALL].gradient, 0, 899, 229) = values[v];
    *element(&tested.layers[EXPERTS].gradient, 2, 32, 47) = v == 2 ? values[v] : 0.0f;
    keep_as_before();
    descent_step step = first_step();
    step.reports = reports;
    CHECK(step_with(&step) == DESCENT_OK);
    CHECK(result.skipped == 1 && result.first_nonfinite == (v == 2 ? EXPERTS : TALL));
    CHECK(!isfinite(result.gradient_norm) && nothing_changed());
  }
  for (int i = 0; i < LOGICALS * REPORTS; ++i)
    CHECK(reports[i] == 0.0);
}

/* Without a guard a NaN goes where the formulas take it: through the group's maximum into every hidden layer. */
static void without_a_guard_a_nan_spreads(void) {
  descent_artifact bare = duo;
  bare.guard_segment = UINT32_MAX;
  descent_plan *other = NULL;
  const descent_plan_options options = plan_options(2);
  const descent_step step = first_step();
  *element(&tested.layers[TINY].gradient, 0, 4, 6) = NAN;
  CHECK(descent_rt_plan_create(&bare, tested.layers, LAYERS, &options, &other, &error) == DESCENT_OK);
  CHECK(descent_rt_step(&bare, other, &step, &result, &error) == DESCENT_OK);
  descent_rt_plan_destroy(&bare, other);
  CHECK(result.skipped == 0 && result.first_nonfinite == TINY && isnan(result.gradient_norm));
  CHECK(isnan(*element(&tested.layers[WIDE].weight, 0, 0, 0)));
  CHECK(isnan(*element(&tested.layers[VALUE].weight, 0, 0, 0)));
  CHECK(isfinite(*element(&tested.layers[BIAS].weight, 0, 0, 0)));
}

static void found_inf_skips_the_step(void) {
  float found = 1.0f;
  descent_step step = first_step();
  step.found_inf = &found;
  CHECK(step_with(&step) == DESCENT_OK);
  CHECK(result.skipped == 1 && result.first_nonfinite == -1 && isnan(result.gradient_norm) && nothing_changed());
  found = 0.0f;
  CHECK(step_with(&step) == DESCENT_OK && result.skipped == 0 && !nothing_changed());
}

static void run_serially(void *context, int64_t tasks, void (*body)(void *, int64_t, int64_t), void *argument) {
  (void)context;
  for (int64_t task = 0; task < tasks; ++task)
    body(argument, task, 0);
}

static void wrong_steps_are_refused_before_any_write(void) {
#define REFUSES(change, wanted, ...)                                                                                   \
  do {                                                                                                                 \
    descent_step step = first_step();                                                                                  \
    change;                                                                                                            \
    CHECK_REFUSED(step_with(&step), wanted, &error, __VA_ARGS__);                                                      \
    CHECK(nothing_changed());                                                                                          \
  } while (0)
  duo_hyper hyper = {{0.1, 0.9, 1.0}, {(double)NAN}};
  REFUSES(step.hyper = (const double *)&hyper, DESCENT_INVALID_ARGUMENT, "'lr' of group 'vectors' is nan");
  hyper = (duo_hyper){{0.1, -INFINITY, 1.0}, {0.1}};
  REFUSES(step.hyper = (const double *)&hyper, DESCENT_INVALID_ARGUMENT, "'beta' of group 'hidden' is -inf");
  REFUSES(step.gradient_scale = (double)NAN, DESCENT_INVALID_ARGUMENT, "scale is nan");
  REFUSES(step.gradient_scale = 0.0, DESCENT_INVALID_ARGUMENT, "scale is 0", "1 leaves gradients");
  REFUSES(step.step = 0, DESCENT_INVALID_ARGUMENT, "number is 0", "count from 1");
  REFUSES(step.size = 4, DESCENT_WRONG_ABI, "step has size 4");
  REFUSES(step.abi_version = 7, DESCENT_WRONG_ABI, "ABI version 7");
  REFUSES(result.size = 8, DESCENT_WRONG_ABI, "result has size 8");
  result.size = sizeof(result);
  descent_parallel parallel = {sizeof(parallel), 3, run_serially, NULL};
  REFUSES(step.parallel = &parallel, DESCENT_INVALID_ARGUMENT, "has 3 workers", "1 to 2", "options");
  parallel.workers = 0;
  REFUSES(step.parallel = &parallel, DESCENT_INVALID_ARGUMENT, "has 0 workers");
  parallel = (descent_parallel){sizeof(parallel), 1, NULL, NULL};
  REFUSES(step.parallel = &parallel, DESCENT_INVALID_ARGUMENT, "`run` is null");
  parallel.size = 1;
  REFUSES(step.parallel = &parallel, DESCENT_WRONG_ABI, "parallel has size 1");
  CHECK_REFUSED(descent_rt_step(&duo, plan, NULL, &result, &error), DESCENT_INVALID_ARGUMENT, &error, "step is null");
  const descent_step step = first_step();
  CHECK_REFUSED(descent_rt_step(&duo, NULL, &step, &result, &error), DESCENT_INVALID_ARGUMENT, &error, "plan is null");
  const descent_artifact other = duo;
  CHECK_REFUSED(descent_rt_step(&other, plan, &step, &result, &error), DESCENT_INVALID_ARGUMENT, &error,
                "another optimizer than 'duo'");
}

static void a_steps_own_gradients_are_checked(void) {
  const void *gradients[LAYERS];
  for (int i = 0; i < LAYERS; ++i)
    gradients[i] = tested.layers[i].gradient.data;
  gradients[TINY] = (const char *)gradients[TINY] + 1;
  REFUSES(step.gradients = gradients, DESCENT_INVALID_LAYER, "layer 1 'tiny'", "gradient lies at");
  gradients[TINY] = tested.layers[VALUE].weight.data;
  REFUSES(step.gradients = gradients, DESCENT_OVERLAP, "weight of layer 8 'value'", "gradient of layer 1 'tiny'");
  gradients[TINY] = tested.layers[KEY].gradient.data; /* two gradients may share */
  descent_step step = first_step();
  step.gradients = gradients;
  CHECK(step_with(&step) == DESCENT_OK);
  CHECK(*element(&tested.layers[TINY].states[HIDDEN_M], 0, 1, 0) == *element(&tested.layers[KEY].gradient, 0, 0, 7));
}

static void a_step_allocates_nothing(void) {
  descent_step step = first_step();
  const int64_t allocations = allocations_so_far();
  for (step.step = 1; step.step < 4; ++step.step)
    CHECK(step_with(&step) == DESCENT_OK);
  CHECK(allocations > 0 && allocations_so_far() == allocations);
}

static void lack_of_memory_is_an_error(void) {
  const descent_plan_options options = plan_options(2);
  descent_plan *made = NULL;
  int32_t code = DESCENT_OUT_OF_MEMORY;
  int64_t allowed = 0;
  for (; code != DESCENT_OK && allowed < 500; ++allowed) {
    fail_allocations_after(allowed);
    code = descent_rt_plan_create(&duo, tested.layers, LAYERS, &options, &made, &error);
    fail_allocations_after(-1);
    CHECK(code == DESCENT_OK || (code == DESCENT_OUT_OF_MEMORY && !made && strstr(error.message, "no memory")) ||
          (code == DESCENT_OUT_OF_MEMORY && strstr(error.message, "threads")));
  }
  CHECK(code == DESCENT_OK && allowed > 20);
  for (allowed = 0, code = DESCENT_OUT_OF_MEMORY; code != DESCENT_OK && allowed < 500; ++allowed) {
    fail_allocations_after(allowed);
    code = descent_rt_plan_rebind(&duo, made, tested.layers, LAYERS, &error);
    fail_allocations_after(-1);
    CHECK(code == DESCENT_OK || code == DESCENT_OUT_OF_MEMORY);
  }
  CHECK(code == DESCENT_OK && allowed > 5);
  descent_rt_plan_destroy(&duo, made);
}

static void a_rebound_plan_computes_the_same(void) {
  model moved;
  model_create(&moved);
  const descent_step step = first_step();
  CHECK(descent_rt_plan_rebind(&duo, plan, moved.layers, LAYERS, &error) == DESCENT_OK);
  CHECK(step_with(&step) == DESCENT_OK && nothing_changed());
  CHECK(descent_rt_plan_rebind(&duo, plan, tested.layers, LAYERS, &error) == DESCENT_OK);
  CHECK(step_with(&step) == DESCENT_OK && memcmp(moved.block, tested.block, tested.bytes) == 0);
  model_destroy(&moved);
}

static void another_table_is_no_rebind(void) {
#define REFUSES_REBIND(change, wanted, ...)                                                                            \
  do {                                                                                                                 \
    const model kept = tested;                                                                                         \
    change;                                                                                                            \
    CHECK_REFUSED(descent_rt_plan_rebind(&duo, plan, tested.layers, LAYERS, &error), wanted, &error, __VA_ARGS__);     \
    tested = kept;                                                                                                     \
  } while (0)
  REFUSES_REBIND(tested.layers[TINY].id = 5, DESCENT_INVALID_LAYER, "layer 1 'tiny'", "id is 5", "made with 101");
  REFUSES_REBIND(tested.layers[TINY].rows = 4, DESCENT_INVALID_LAYER, "4 x 7, batch 1", "made with 5 x 7");
  REFUSES_REBIND(tested.layers[BIAS].group = HIDDEN, DESCENT_INVALID_LAYER, "'bias'", "group is 0", "'vectors'");
  REFUSES_REBIND(tested.layers[TINY].weight = tested.layers[WIDE].weight, DESCENT_OVERLAP, "'tiny'");
  REFUSES_REBIND(tested.layers[TINY].weight.data = NULL, DESCENT_INVALID_LAYER, "'tiny'", "weight is null");
  CHECK_REFUSED(descent_rt_plan_rebind(&duo, plan, tested.layers, LAYERS - 1, &error), DESCENT_INVALID_LAYER, &error,
                "8 layers", "made with 9");
  CHECK_REFUSED(descent_rt_plan_rebind(&duo, NULL, tested.layers, LAYERS, &error), DESCENT_INVALID_ARGUMENT, &error,
                "plan is null");
  /* A refusal leaves the plan as it was. */
  model twin;
  model_create(&twin);
  descent_plan *other = NULL;
  const descent_plan_options options = plan_options(1);
  const descent_step step = first_step();
  CHECK(descent_rt_plan_create(&duo, twin.layers, LAYERS, &options, &other, &error) == DESCENT_OK);
  CHECK(descent_rt_step(&duo, other, &step, NULL, NULL) == DESCENT_OK && step_with(&step) == DESCENT_OK);
  CHECK(memcmp(twin.block, tested.block, tested.bytes) == 0);
  descent_rt_plan_destroy(&duo, other);
  model_destroy(&twin);
}

static void factors_are_the_tables(void) {
  memset(tested.factors, 0, sizeof(tested.factors)); /* the plan has its own copy */
  descent_step step = first_step();
  CHECK(step_with(&step) == DESCENT_OK);
  CHECK(*element(&tested.layers[WIDE].weight, 0, 3, 3) != old(&tested.layers[WIDE].weight, 0, 3, 3));
}

#define RUN_FRESH(test) (set_up(), RUN(test), tear_down())

void test_steps(void) {
  RUN_FRESH(a_step_computes_the_rule);
  RUN_FRESH(sums_keep_the_tables_order);
  RUN_FRESH(reports_and_cuts_keep_the_tables_order);
  RUN_FRESH(absent_layers_stay_and_are_left_out);
  RUN_FRESH(all_layers_may_be_absent);
  RUN_FRESH(a_nonfinite_gradient_skips_the_step);
  RUN_FRESH(without_a_guard_a_nan_spreads);
  RUN_FRESH(found_inf_skips_the_step);
  RUN_FRESH(wrong_steps_are_refused_before_any_write);
  RUN_FRESH(a_steps_own_gradients_are_checked);
  RUN_FRESH(a_step_allocates_nothing);
  RUN_FRESH(lack_of_memory_is_an_error);
  RUN_FRESH(a_rebound_plan_computes_the_same);
  RUN_FRESH(another_table_is_no_rebind);
  RUN_FRESH(factors_are_the_tables);
}
