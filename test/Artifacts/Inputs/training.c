/* What a trainer does with a generated optimizer. */
#include "Trial.h"
#include "guarded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const trial_optimizer model = TRIAL_OPTIMIZER(model);
static const trial_optimizer guarded = TRIAL_OPTIMIZER(guarded);

static trial begin_model(int64_t workers) { return trial_begin(&model, MODEL_GROUP_HIDDEN, MODEL_GROUP_REST, workers); }

static trial begin_guarded(void) { return trial_begin(&guarded, GUARDED_GROUP_HIDDEN, GUARDED_GROUP_REST, 1); }

static void workers_change_no_bit(void) {
  trial one = begin_model(1), three = begin_model(3);
  trial_run(&one, 1, 5);
  trial_run(&three, 1, 5);
  CHECK(trial_same(&one, &three));
  trial_end(&one);
  trial_end(&three);
}

/* Four micro-batches with a loss scale of 2^10: their sum times 1 / (4 * 2^10). Powers of two change no bit. */
static void accumulated_and_scaled_gradients_are_the_mean(void) {
  trial plain = begin_model(1), scaled = begin_model(2);
  for (int64_t t = 1; t <= 4; ++t) {
    descent_step step = trial_step(t);
    trial_draw(&plain, t);
    CHECK(model_step(plain.plan, &step, NULL, NULL) == DESCENT_OK);
    for (size_t i = 0; i < scaled.floats; ++i)
      scaled.gradients[i] = 4096.0f * plain.gradients[i];
    step.gradient_scale = 1.0 / 4096.0;
    CHECK(model_step(scaled.plan, &step, NULL, NULL) == DESCENT_OK);
  }
  CHECK(trial_same(&plain, &scaled));
  trial_end(&plain);
  trial_end(&scaled);
}

static void a_schedule_is_a_hyperparameter_of_each_step(void) {
  trial still = begin_model(1), moving = begin_model(1);
  model_hyper hyper;
  CHECK(model_hyper_defaults((double *)&hyper, sizeof(hyper) / sizeof(double), NULL) == DESCENT_OK);
  CHECK(hyper.hidden.lr == 2.0e-2 && hyper.rest.beta2 == 0.999);
  CHECK(model_hyper_defaults((double *)&hyper, 3, NULL) == DESCENT_INVALID_ARGUMENT);
  hyper.hidden.lr = hyper.rest.lr = 0.0;
  descent_step step = trial_step(1);
  step.hyper = (const double *)&hyper;
  trial_draw(&moving, 1);
  CHECK(model_step(moving.plan, &step, NULL, NULL) == DESCENT_OK);
  CHECK(memcmp(still.weights, moving.weights, still.floats * sizeof(float)) == 0);
  CHECK(memcmp(still.states, moving.states, still.state_bytes) != 0);
  trial_end(&still);
  trial_end(&moving);
}

static void a_missing_gradient_leaves_its_layer(void) {
  trial tried = begin_model(1);
  trial_run(&tried, 1, 1);
  const float *heads = tried.layers[HEADS].weight.data, *bias = tried.layers[BIAS].weight.data;
  const float heads_before = *heads, bias_before = *bias;
  const void *gradients[ENTRIES];
  for (int i = 0; i < ENTRIES; ++i)
    gradients[i] = i == HEADS ? NULL : tried.layers[i].gradient.data;
  descent_step step = trial_step(2);
  step.gradients = gradients;
  CHECK(model_step(tried.plan, &step, NULL, NULL) == DESCENT_OK);
  CHECK(*heads == heads_before && *bias != bias_before);
  const descent_layer *layers = tried.layers;
  CHECK(*(const int64_t *)layers[HEADS].states[MODEL_HIDDEN_STATE_UPDATES].data == 1);
  CHECK(*(const int64_t *)layers[WIDE].states[MODEL_HIDDEN_STATE_UPDATES].data == 2);
  CHECK(*(const int64_t *)layers[BIAS].states[MODEL_REST_STATE_UPDATES].data == 2);
  trial_end(&tried);
}

static void save(const trial *tried, const char *signature, FILE *file) {
  const uint64_t length = strlen(signature) + 1;
  fwrite(&length, sizeof(length), 1, file);
  fwrite(signature, 1, length, file);
  fwrite(tried->weights, sizeof(float), tried->floats, file);
  fwrite(tried->states, 1, tried->state_bytes, file);
  rewind(file);
}

static bool resume(trial *tried, FILE *file) {
  uint64_t length = 0;
  char signature[4096];
  if (fread(&length, sizeof(length), 1, file) != 1 || length > sizeof(signature) ||
      fread(signature, 1, length, file) != length || model_check_signature(signature, &trial_error) != DESCENT_OK)
    return false;
  return fread(tried->weights, sizeof(float), tried->floats, file) == tried->floats &&
         fread(tried->states, 1, tried->state_bytes, file) == tried->state_bytes;
}

static void a_resumed_run_equals_an_uninterrupted_one(void) {
  trial whole = begin_model(1), first = begin_model(1), second = begin_model(2);
  FILE *file = tmpfile();
  trial_run(&whole, 1, 7);
  trial_run(&first, 1, 3);
  save(&first, model_signature(), file);
  CHECK(resume(&second, file));
  trial_run(&second, 4, 7);
  CHECK(trial_same(&whole, &second));
  fclose(file);
  trial_end(&whole);
  trial_end(&first);
  trial_end(&second);
}

static void states_of_another_optimizer_are_refused(void) {
  trial tried = begin_model(1);
  FILE *file = tmpfile();
  save(&tried, guarded_signature(), file);
  CHECK(resume(&tried, file)); /* other norms, clipping and skipping, but the same states */
  fclose(file);
  file = tmpfile();
  save(&tried, "hidden m element f32\nhidden v element f32\n", file);
  trial_error.size = sizeof(trial_error);
  CHECK(!resume(&tried, file) && trial_error.code == DESCENT_FOREIGN_STATE);
  REFUSED(model_check_signature("hidden m element f32\nhidden v element f32\n", &trial_error), DESCENT_FOREIGN_STATE,
          "v", "g0");
  REFUSED(model_check_signature("", &trial_error), DESCENT_FOREIGN_STATE, "m");
  REFUSED(model_check_signature(NULL, &trial_error), DESCENT_INVALID_ARGUMENT, "null");
  CHECK(model_fingerprint() == guarded_fingerprint() && model_fingerprint() != 0);
  fclose(file);
  trial_end(&tried);
}

static void a_nonfinite_gradient_skips_the_guarded_step(void) {
  trial tried = begin_guarded(), untouched = begin_guarded();
  descent_step step = trial_step(1);
  descent_result result = {sizeof(result), 0, 0, 0, 0.0};
  const float bad[] = {(float)NAN, (float)INFINITY, -(float)INFINITY};
  for (int i = 0; i < 3; ++i) {
    trial_draw(&tried, 1);
    ((float *)tried.layers[TALL].gradient.data)[77 + i] = bad[i];
    ((float *)tried.layers[BIAS].gradient.data)[52] = bad[i];
    CHECK(guarded_step(tried.plan, &step, &result, NULL) == DESCENT_OK);
    CHECK(result.skipped == 1 && result.first_nonfinite == TALL && !isfinite(result.gradient_norm));
    CHECK(trial_same(&tried, &untouched));
  }
  trial_draw(&tried, 1);
  CHECK(guarded_step(tried.plan, &step, &result, NULL) == DESCENT_OK);
  CHECK(result.skipped == 0 && result.first_nonfinite == -1 && result.gradient_norm > 50.0);
  CHECK(!trial_same(&tried, &untouched));
  trial_end(&tried);
  trial_end(&untouched);
}

static void found_inf_skips_the_step(void) {
  trial tried = begin_model(1), untouched = begin_model(1);
  const float found = 1.0f, none = 0.0f;
  descent_step step = trial_step(1);
  descent_result result = {sizeof(result), 0, 0, 0, 0.0};
  trial_draw(&tried, 1);
  step.found_inf = &found;
  CHECK(model_step(tried.plan, &step, &result, NULL) == DESCENT_OK && result.skipped == 1);
  CHECK(trial_same(&tried, &untouched));
  step.found_inf = &none;
  CHECK(model_step(tried.plan, &step, &result, NULL) == DESCENT_OK && result.skipped == 0);
  CHECK(!trial_same(&tried, &untouched));
  trial_end(&tried);
  trial_end(&untouched);
}

static void reports_change_no_bit(void) {
  enum { LOGICAL = ENTRIES + 1 };
  trial silent = begin_model(2), asked = begin_model(2);
  double reports[LOGICAL * MODEL_REPORTS];
  for (int i = 0; i < LOGICAL * MODEL_REPORTS; ++i)
    reports[i] = -1.0;
  trial_run(&silent, 1, 2);
  trial_run(&asked, 1, 1);
  descent_step step = trial_step(2);
  step.reports = reports;
  trial_draw(&asked, 2);
  CHECK(model_step(asked.plan, &step, NULL, NULL) == DESCENT_OK);
  CHECK(trial_same(&silent, &asked));
  for (int i = 0; i < LOGICAL; ++i) /* the layers of "rest" have no report, and are left alone */
    CHECK(i < 4 ? reports[i * MODEL_REPORTS + MODEL_REPORT_RATE] > 0.0 : reports[i * MODEL_REPORTS] == -1.0);
  trial_end(&silent);
  trial_end(&asked);
}

int main(void) {
  workers_change_no_bit();
  accumulated_and_scaled_gradients_are_the_mean();
  a_schedule_is_a_hyperparameter_of_each_step();
  a_missing_gradient_leaves_its_layer();
  a_resumed_run_equals_an_uninterrupted_one();
  states_of_another_optimizer_are_refused();
  a_nonfinite_gradient_skips_the_guarded_step();
  found_inf_skips_the_step();
  reports_change_no_bit();
  return trial_result();
}
