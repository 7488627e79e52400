/* Plans on a device: the same bits as on the processor, from the same tables. */
#include "Allocation.h"
#include "Duo.h"
#include "FakeDevice.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* One model on the processor, one on the device. */
static model here, there;
static const descent_artifact *remote;
static descent_plan *plan_here, *plan_there;
static descent_error error;
static descent_result result_here, result_there;
static double reports_here[LOGICALS * REPORTS], reports_there[LOGICALS * REPORTS];

static int32_t create(const descent_device_options *device) {
  descent_plan_options options = plan_options(1);
  options.device = device;
  return descent_rt_plan_create(remote, there.layers, LAYERS, &options, &plan_there, &error);
}

static void set_up_with(const descent_device_options *device) {
  const descent_plan_options options = plan_options(1);
  remote = make_duo_on_device();
  error = (descent_error){.size = sizeof(error)};
  result_here = result_there = (descent_result){.size = sizeof(descent_result)};
  model_create(&here);
  model_create(&there);
  if (descent_rt_plan_create(&duo, here.layers, LAYERS, &options, &plan_here, &error) != DESCENT_OK ||
      create(device) != DESCENT_OK)
    abort();
  for (int i = 0; i < LOGICALS * REPORTS; ++i)
    reports_here[i] = reports_there[i] = -7.0;
}

static void tear_down(void) {
  descent_rt_plan_destroy(&duo, plan_here);
  descent_rt_plan_destroy(remote, plan_there);
  CHECK(fake.devices == 0 && fake.regions == 0 && fake.wrong_maps == 0);
  model_destroy(&here);
  model_destroy(&there);
}

static void run_fresh(void (*test)(void), const char *name, const descent_device_options *device) {
  set_up_with(device);
  run_test(test, name);
  tear_down();
}
#define RUN_FRESH(test) run_fresh(test, #test, NULL)

static int32_t step_there(const descent_step *step) {
  return descent_rt_step(remote, plan_there, step, &result_there, &error);
}

static bool same_bits(double a, double b) { return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b)); }

/* The addresses of tensors are all that differs. */
static bool models_agree(void) { return memcmp(here.block, there.block, here.bytes) == 0; }

static bool results_agree(void) {
  bool agree = result_here.size == result_there.size && result_here.skipped == result_there.skipped &&
               result_here.first_nonfinite == result_there.first_nonfinite &&
               same_bits(result_here.gradient_norm, result_there.gradient_norm);
  for (int i = 0; i < LOGICALS * REPORTS; ++i)
    agree = agree && same_bits(reports_here[i], reports_there[i]);
  return agree;
}

/* Runs the step in both places; layers of the mask are absent. */
static void step_both(descent_step step, unsigned absent) {
  const void *gradients[LAYERS];
  for (int i = 0; i < LAYERS; ++i)
    gradients[i] = absent & 1u << i ? NULL : here.layers[i].gradient.data;
  step.gradients = gradients;
  step.reports = reports_here;
  CHECK(descent_rt_step(&duo, plan_here, &step, &result_here, &error) == DESCENT_OK);
  for (int i = 0; i < LAYERS; ++i)
    gradients[i] = absent & 1u << i ? NULL : there.layers[i].gradient.data;
  step.reports = reports_there;
  CHECK(step_there(&step) == DESCENT_OK);
  CHECK(models_agree() && results_agree());
}

static void a_device_computes_what_the_processor_does(void) {
  const duo_hyper other = {{0.05, 0.8, 20.0}, {0.01}};
  descent_step step = first_step();
  step_both(step, 0);
  step.step = 2;
  step.gradient_scale = 0.25;
  step_both(step, 0);
  step.step = 3;
  step.hyper = (const double *)&other;
  step_both(step, 1u << EXPERTS | 1u << SCALES);
  step_both(step, (1u << LAYERS) - 1);
  step.step = 4;
  step_both(step, 0);
}

static void layers_take_scratch_in_turn(void) {
  a_device_computes_what_the_processor_does();
  const descent_device_options plenty = {.size = sizeof(plenty), .workspace_bytes = INT64_C(1) << 30};
  const int64_t tight = descent_rt_plan_workspace_bytes(remote, plan_there);
  descent_rt_plan_destroy(remote, plan_there);
  CHECK(create(&plenty) == DESCENT_OK);
  CHECK(descent_rt_plan_workspace_bytes(remote, plan_there) > tight);
}

static void what_is_not_finite_skips_the_step(void) {
  const float inf = 1.0f;
  descent_step step = first_step();
  step.found_inf = &inf;
  step_both(step, 0);
  CHECK(result_there.skipped == 1 && result_there.first_nonfinite == -1 && isnan(result_there.gradient_norm));
  step.found_inf = NULL;
  *element(&here.layers[EXPERTS].gradient, 1, 2, 3) = (float)NAN;
  *element(&there.layers[EXPERTS].gradient, 1, 2, 3) = (float)NAN;
  step_both(step, 0);
  CHECK(result_there.skipped == 1 && result_there.first_nonfinite == EXPERTS);
  step_both(step, 1u << EXPERTS);
  CHECK(result_there.skipped == 0 && result_there.first_nonfinite == -1);
}

/* Numbers and results that lie in the device's memory; the fake device reaches the host's, too. */
static void numbers_may_come_from_the_device(void) {
  const duo_hyper hyper = {{0.05, 0.8, 20.0}, {0.01}};
  const int64_t number = 5;
  const double loss = 2.5, scale = 0.5;
  const float fine = 0.0f, inf = 1.0f;
  descent_step step = first_step();
  step.step = number;
  step.hyper = (const double *)&hyper;
  step.gradient_scale = scale;
  step.reports = reports_here;
  CHECK(descent_rt_step(&duo, plan_here, &step, &result_here, &error) == DESCENT_OK);
  descent_device_step own = {.size = sizeof(own),
                             .hyper = (const double *)&hyper,
                             .step = &number,
                             .loss = &loss,
                             .gradient_scale = &scale,
                             .found_inf = &fine,
                             .result = &result_there,
                             .reports = reports_there};
  step = first_step();
  step.device = &own;
  fake.waits = 0;
  CHECK(descent_rt_step(remote, plan_there, &step, NULL, &error) == DESCENT_OK);
  CHECK(fake.waits == 0);
  CHECK(models_agree() && results_agree());
  own.found_inf = &inf;
  CHECK(descent_rt_step(remote, plan_there, &step, NULL, &error) == DESCENT_OK);
  CHECK(models_agree() && result_there.skipped == 1);
}

static void a_step_waits_for_its_results_only(void) {
  descent_step step = first_step();
  fake.waits = fake.launches = 0;
  CHECK(descent_rt_step(remote, plan_there, &step, NULL, &error) == DESCENT_OK);
  /* Begin, 12 stages, 4 cuts, the guard and finish. */
  CHECK(fake.waits == 0 && fake.launches == 19);
  CHECK(step_there(&step) == DESCENT_OK && fake.waits == 1);
}

static void a_plan_is_bound_anew(void) {
  descent_layer moved[LAYERS];
  const int admitted = fake.admitted;
  step_both(first_step(), 0);
  memcpy(moved, there.layers, sizeof(moved));
  float *apart = calloc(300 * 701, sizeof(float));
  for (int64_t i = 0; i < 300; ++i)
    memcpy(apart + i * 701, element(&there.layers[WIDE].weight, 0, i, 0), 701 * sizeof(float));
  moved[WIDE].weight = (descent_view){apart, 701, 0};
  CHECK(descent_rt_plan_rebind(remote, plan_there, moved, LAYERS, &error) == DESCENT_OK);
  CHECK(fake.admitted == admitted);
  descent_step step = first_step();
  step.step = 2;
  CHECK(descent_rt_step(&duo, plan_here, &step, &result_here, &error) == DESCENT_OK);
  CHECK(step_there(&step) == DESCENT_OK);
  for (int64_t i = 0; i < 300; ++i)
    memcpy(element(&there.layers[WIDE].weight, 0, i, 0), apart + i * 701, 701 * sizeof(float));
  CHECK(models_agree());
  /* Refused: the plan is as it was. */
  fake.foreign = moved[TALL].weight.data;
  CHECK_REFUSED(descent_rt_plan_rebind(remote, plan_there, moved, LAYERS, &error), DESCENT_INVALID_LAYER, &error,
                "layer 4 'tall'", "its weight lies in no memory of the device");
  fake.foreign = NULL;
  CHECK(step_there(&step) == DESCENT_OK);
  free(apart);
}

static void layers_have_tensor_maps(void) {
  enum { HIDDEN_LOGICALS = LOGICALS - 3 }; /* all but BIAS and SCALES */
  CHECK(fake.maps == HIDDEN_LOGICALS);
  step_both(first_step(), 1u << TALL);
  CHECK(descent_rt_plan_rebind(remote, plan_there, there.layers, LAYERS, &error) == DESCENT_OK);
  CHECK(fake.maps == 2 * HIDDEN_LOGICALS);
  step_both(first_step(), 0);
  descent_plan *other = NULL;
  fake_map_of.buffer = HIDDEN_WEIGHT;
  CHECK_REFUSED(descent_rt_plan_create(remote, there.layers, LAYERS, NULL, &other, &error), DESCENT_INVALID_LAYER,
                &error, "layer 1 'tiny': its weight has rows that lie no multiple of 16 bytes apart",
                "the kernel 'fake' for fake copies boxes of it");
  descent_layer moved = there.layers[WIDE];
  moved.weight.data = element(&moved.weight, 0, 0, 1);
  CHECK_REFUSED(descent_rt_plan_create(remote, &moved, 1, NULL, &other, &error), DESCENT_INVALID_LAYER, &error,
                "layer 0 'wide': its weight begins at an address that is no multiple of 16");
  /* A plan that is not bound anew keeps its maps. */
  CHECK(descent_rt_plan_create(remote, &there.layers[WIDE], 1, NULL, &other, &error) == DESCENT_OK);
  CHECK_REFUSED(descent_rt_plan_rebind(remote, other, &moved, 1, &error), DESCENT_INVALID_LAYER, &error,
                "layer 0 'wide': its weight begins");
  const descent_step step = first_step();
  CHECK(descent_rt_step(remote, other, &step, NULL, &error) == DESCENT_OK && fake.wrong_maps == 0);
  descent_rt_plan_destroy(remote, other);
}

/* One path for 10.0 and, by its 8.0, for what comes later; one for 9.0 alone. */
static const char *choose_path(uint32_t capability, const char *target) {
  static const descent_device_chip common_chips[] = {{100, 0}, {80, 1}}, own_chips[] = {{90, 0}};
  descent_device_program common_program = *remote->device, own_program = *remote->device;
  descent_artifact own = *remote, common = *remote;
  common_program.chips = common_chips;
  common_program.num_chips = 2;
  own_program.chips = own_chips;
  own_program.num_chips = 1;
  common.device = &common_program;
  common.target = "fake:sm_100a,sm_80";
  common.next = &own;
  own.device = &own_program;
  own.target = "fake:sm_90a";
  fake.capability = capability;
  descent_plan_options options = plan_options(1);
  options.target = target;
  descent_plan *plan = NULL;
  descent_rt_plan_create(&common, there.layers, LAYERS, &options, &plan, &error);
  const char *chosen = descent_rt_plan_target(&common, plan);
  descent_rt_plan_destroy(&common, plan);
  CHECK((chosen != NULL) == (descent_rt_states_init(&common, there.layers, LAYERS, NULL) == DESCENT_OK) || target);
  return chosen ? chosen : "none";
}

static void a_device_runs_the_path_of_its_chip(void) {
  CHECK(strcmp(choose_path(90, NULL), "fake:sm_90a") == 0);
  CHECK(strcmp(choose_path(100, NULL), "fake:sm_100a,sm_80") == 0);
  CHECK(strcmp(choose_path(80, NULL), "fake:sm_100a,sm_80") == 0);
  CHECK(strcmp(choose_path(89, NULL), "fake:sm_100a,sm_80") == 0);
  CHECK(strcmp(choose_path(120, NULL), "fake:sm_100a,sm_80") == 0);
  CHECK(strcmp(choose_path(90, "fake:sm_100a,sm_80"), "fake:sm_100a,sm_80") == 0);
  CHECK_REFUSED((choose_path(75, NULL), error.code), DESCENT_NO_DEVICE, &error,
                "the kernels of 'duo' are for "
                "fake:sm_100a,sm_80 and fake:sm_90a, but the device is Fake, of sm_75");
  CHECK_REFUSED((choose_path(100, "fake:sm_90a"), error.code), DESCENT_NO_DEVICE, &error,
                "are for fake:sm_90a, but the device is Fake, of sm_100");
  CHECK_REFUSED((choose_path(90, "fake:sm_80"), error.code), DESCENT_INVALID_ARGUMENT, &error,
                "ask for the target 'fake:sm_80'", "'fake:sm_100a,sm_80', 'fake:sm_90a'");
}

static void tables_of_another_version_are_refused(void) {
  descent_device_program program = *remote->device;
  descent_artifact older = *remote;
  older.device = &program;
  program.version = 1;
  descent_plan *other = NULL;
  CHECK_REFUSED(descent_rt_plan_create(&older, there.layers, LAYERS, NULL, &other, &error), DESCENT_WRONG_ABI, &error,
                "tables of version 1", "the runtime of the same release");
}

static void states_begin_as_on_the_processor(void) {
  memset(there.layers[EXPERTS].states[HIDDEN_M].data, 1, 33 * 48 * sizeof(float));
  memset(there.layers[BIAS].states[VECTORS_W0].data, 1, 701 * sizeof(uint16_t));
  CHECK(!models_agree());
  CHECK(descent_rt_states_init(remote, there.layers, LAYERS, &error) == DESCENT_OK);
  CHECK(models_agree() && fake.devices == 1);
  fake.calls = 0;
  fake.fails_after = 3;
  CHECK(descent_rt_states_init(remote, there.layers, LAYERS, &error) == DESCENT_DEVICE_FAULT);
  fake.fails_after = -1;
  CHECK(fake.devices == 1);
}

static void foreign_memory_is_refused(void) {
  descent_plan *other = NULL;
  fake.foreign = there.layers[EXPERTS].states[HIDDEN_M].data;
  CHECK_REFUSED(descent_rt_plan_create(remote, there.layers, LAYERS, NULL, &other, &error), DESCENT_INVALID_LAYER,
                &error, "layer 2 'experts': its state 'm' lies in no memory of the device");
  const void *gradients[LAYERS];
  for (int i = 0; i < LAYERS; ++i)
    gradients[i] = there.layers[i].gradient.data;
  float apart[35] = {0};
  gradients[TINY] = fake.foreign = apart;
  descent_step step = first_step();
  step.gradients = gradients;
  CHECK_REFUSED(step_there(&step), DESCENT_INVALID_LAYER, &error, "layer 1 'tiny': its gradient lies in no memory");
}

/* The caller's memory on the device; what it gives next may be wrong. */
typedef struct arena {
  int blocks;
  int64_t bytes, shift;
  bool is_empty;
} arena;

static void *take_block(void *context, int64_t bytes) {
  arena *all = context;
  if (all->is_empty)
    return NULL;
  char *block = aligned_alloc(256, ((size_t)bytes + 511) / 256 * 256);
  if (!block)
    abort();
  ++all->blocks;
  all->bytes += bytes;
  return block + all->shift;
}

static void give_block_back(void *context, void *block, int64_t bytes) {
  arena *all = context;
  --all->blocks;
  all->bytes -= bytes;
  free((char *)block - all->shift);
}

static arena callers;
static const descent_allocator allocator = {sizeof(allocator), take_block, give_block_back, &callers};

static void memory_may_be_the_callers(void) {
  CHECK(fake.regions == 0 && callers.blocks == 2);
  CHECK(callers.bytes > descent_rt_plan_workspace_bytes(remote, plan_there));
  step_both(first_step(), 0);
  CHECK(models_agree() && results_agree());
}

static int32_t create_with(const descent_allocator *wanted) {
  const descent_device_options device = {.size = sizeof(device), .allocator = wanted};
  descent_plan *other = NULL;
  descent_plan_options options = plan_options(1);
  options.device = &device;
  const int32_t code = descent_rt_plan_create(remote, there.layers, LAYERS, &options, &other, &error);
  descent_rt_plan_destroy(remote, other);
  return code;
}

static void the_callers_memory_may_be_wrong(void) {
  callers = (arena){.is_empty = true};
  CHECK_REFUSED(create_with(&allocator), DESCENT_OUT_OF_MEMORY, &error, "workspace", "smaller `workspace_bytes`");
  callers = (arena){.shift = 16};
  CHECK_REFUSED(create_with(&allocator), DESCENT_INVALID_ARGUMENT, &error, "the allocator's memory", "256 bytes");
  CHECK(callers.blocks == 0);
  callers = (arena){0};
  descent_allocator wrong = allocator;
  wrong.size = 8;
  CHECK_REFUSED(create_with(&wrong), DESCENT_WRONG_ABI, &error, "allocator has size 8", "set `size`");
  wrong = allocator;
  wrong.release = NULL;
  CHECK_REFUSED(create_with(&wrong), DESCENT_INVALID_ARGUMENT, &error, "lacks `release`");
  CHECK(create_with(&allocator) == DESCENT_OK && callers.blocks == 0);
}

static void what_devices_do_not_have_is_refused(void) {
  descent_step step = first_step();
  const descent_device_step small = {.size = 8}, own = {.size = sizeof(own)};
  const descent_profile profile = {.size = sizeof(profile)};
  descent_plan *other = NULL;
  step.device = &small;
  CHECK_REFUSED(step_there(&step), DESCENT_WRONG_ABI, &error, "device numbers have size 8", "set `size`");
  step.device = &own;
  CHECK_REFUSED(descent_rt_step(&duo, plan_here, &step, NULL, &error), DESCENT_INVALID_ARGUMENT, &error,
                "numbers of a device", "target 'cpu:any'");
  step.device = NULL;
  step.profile = &profile;
  CHECK_REFUSED(step_there(&step), DESCENT_INVALID_ARGUMENT, &error, "profile", "not measured");
  descent_device_options device = {.size = 4};
  descent_plan_options options = plan_options(1);
  options.device = &device;
  CHECK_REFUSED(descent_rt_plan_create(remote, there.layers, LAYERS, &options, &other, &error), DESCENT_WRONG_ABI,
                &error, "device options have size 4");
  device = (descent_device_options){.size = sizeof(device), .workspace_bytes = -1};
  CHECK_REFUSED(descent_rt_plan_create(remote, there.layers, LAYERS, &options, &other, &error),
                DESCENT_INVALID_ARGUMENT, &error, "workspace of -1 bytes");
  device = (descent_device_options){.size = sizeof(device), .products = 3};
  CHECK_REFUSED(descent_rt_plan_create(remote, there.layers, LAYERS, &options, &other, &error),
                DESCENT_INVALID_ARGUMENT, &error, "say 3 for products", "2 (the library)");
  /* An older program's options end before that number. */
  device.size = offsetof(descent_device_options, products);
  CHECK(descent_rt_plan_create(remote, there.layers, LAYERS, &options, &other, &error) == DESCENT_OK);
  descent_rt_plan_destroy(remote, other);
  device.size = offsetof(descent_device_options, allocator);
  device.products = DESCENT_PRODUCTS_OWN;
  CHECK(descent_rt_plan_create(remote, there.layers, LAYERS, &options, &other, &error) == DESCENT_OK);
  descent_rt_plan_destroy(remote, other);
}

/* Whatever the device refuses, in the order of the calls: the code arrives, and nothing is left behind. */
static void failures_of_the_device_arrive(void) {
  int calls = 0;
  for (bool failed = true; failed; ++calls) {
    descent_plan *other = NULL;
    fake.calls = 0;
    fake.fails_after = calls;
    const int regions = fake.regions;
    failed = descent_rt_plan_create(remote, there.layers, LAYERS, NULL, &other, &error) != DESCENT_OK;
    fake.fails_after = -1;
    CHECK(failed ? error.code == DESCENT_DEVICE_FAULT && !other : other != NULL);
    descent_rt_plan_destroy(remote, other);
    CHECK(fake.devices == 1 && fake.regions == regions);
  }
  CHECK(calls > LAYERS);
  const descent_step step = first_step();
  calls = 0;
  for (bool failed = true; failed; ++calls) {
    fake.calls = 0;
    fake.fails_after = calls;
    failed = step_there(&step) != DESCENT_OK;
    fake.fails_after = -1;
    CHECK(!failed || error.code == DESCENT_DEVICE_FAULT);
  }
  CHECK(calls == 19 + 3);
}

static void memory_may_run_out(void) {
  int64_t allowed = 0;
  for (bool failed = true; failed; ++allowed) {
    descent_plan *other = NULL;
    fail_allocations_after(allowed);
    const int32_t code = descent_rt_plan_create(remote, there.layers, LAYERS, NULL, &other, &error);
    fail_allocations_after(-1);
    failed = code != DESCENT_OK;
    CHECK(code == DESCENT_OK || code == DESCENT_OUT_OF_MEMORY);
    descent_rt_plan_destroy(remote, other);
    CHECK(fake.devices == 1);
  }
  CHECK(allowed > 10);
}

void test_device(void) {
  const descent_device_options tight = {.size = sizeof(tight), .workspace_bytes = 1};
  const descent_device_options lent = {.size = sizeof(lent), .allocator = &allocator};
  RUN_FRESH(a_device_computes_what_the_processor_does);
  run_fresh(layers_take_scratch_in_turn, "layers_take_scratch_in_turn", &tight);
  RUN_FRESH(what_is_not_finite_skips_the_step);
  RUN_FRESH(numbers_may_come_from_the_device);
  RUN_FRESH(a_step_waits_for_its_results_only);
  RUN_FRESH(a_plan_is_bound_anew);
  RUN_FRESH(layers_have_tensor_maps);
  RUN_FRESH(a_device_runs_the_path_of_its_chip);
  RUN_FRESH(tables_of_another_version_are_refused);
  RUN_FRESH(states_begin_as_on_the_processor);
  RUN_FRESH(foreign_memory_is_refused);
  run_fresh(memory_may_be_the_callers, "memory_may_be_the_callers", &lent);
  CHECK(callers.blocks == 0 && callers.bytes == 0);
  RUN_FRESH(the_callers_memory_may_be_wrong);
  RUN_FRESH(what_devices_do_not_have_is_refused);
  RUN_FRESH(failures_of_the_device_arrive);
  RUN_FRESH(memory_may_run_out);
}
