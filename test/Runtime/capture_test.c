/* A step while a CUDA graph captures its stream, by a fake driver: what is not recorded fails there. */
#include "Allocation.h"
#include "Duo.h"
#include "FakeCuda.h"
#include "FakeDevice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BEGIN_STAGES_CUTS_GUARD_FINISH = 19, LAUNCHES_OF_HIDDEN = 17 };

static descent_device_program program;
static descent_artifact artifact;
static model trained;
static descent_plan *plan;
static descent_error error;
static descent_result result;

static void set_up(void) {
  artifact = *make_duo_on_device();
  program = *artifact.device;
  program.methods = &descent_cuda_methods;
  program.image = "";
  artifact.device = &program;
  fake_cuda = (fake_cuda_state){.version = 12000};
  error = (descent_error){.size = sizeof(error)};
  result = (descent_result){.size = sizeof(result)};
  model_create(&trained);
  const descent_plan_options options = plan_options(1);
  if (descent_rt_plan_create(&artifact, trained.layers, LAYERS, &options, &plan, &error) != DESCENT_OK)
    abort();
  fake_cuda.launches = fake_cuda.synchronized = 0;
}

static void tear_down(void) {
  fake_cuda.capturing = false;
  descent_rt_plan_destroy(&artifact, plan);
  CHECK(fake_cuda.allocations == 0 && fake_cuda.libraries == 0 && fake_cuda.retained == 0 && fake_cuda.depth == 0);
  model_destroy(&trained);
}

static int32_t capture(const descent_step *step, descent_result *told) {
  fake_cuda.capturing = true;
  fail_allocations_after(0);
  const int32_t code = descent_rt_step(&artifact, plan, step, told, &error);
  fail_allocations_after(-1);
  fake_cuda.capturing = false;
  return code;
}

static void a_step_is_captured_as_launches_and_copies(void) {
  set_up();
  duo_hyper hyper = {{0.05, 0.8, 20.0}, {0.01}};
  int64_t number = 5;
  double loss = 2.5, scale = 0.5, reports[LOGICALS * REPORTS] = {0};
  float fine = 0.0f;
  const descent_device_step own = {.size = sizeof(own),
                                   .hyper = (const double *)&hyper,
                                   .step = &number,
                                   .loss = &loss,
                                   .gradient_scale = &scale,
                                   .found_inf = &fine,
                                   .result = &result,
                                   .reports = reports};
  descent_step step = first_step();
  step.device = &own;
  CHECK(capture(&step, NULL) == DESCENT_OK);
  CHECK(fake_cuda.uncaptured == 0 && fake_cuda.synchronized == 0);
  CHECK(fake_cuda.launches == 1 + BEGIN_STAGES_CUTS_GUARD_FINISH); /* the first writes the host's numbers */
  tear_down();
}

static void gradients_elsewhere_are_captured_too(void) {
  set_up();
  const void *gradients[LAYERS] = {NULL};
  float *apart = calloc(300 * 700, sizeof(float));
  for (int i = 1; i < LAYERS; ++i)
    gradients[i] = trained.layers[i].gradient.data;
  gradients[TINY] = apart;
  descent_step step = first_step();
  step.gradients = gradients;
  CHECK(capture(&step, NULL) == DESCENT_OK && fake_cuda.uncaptured == 0);
  free(apart);
  tear_down();
}

static void results_for_the_host_cannot_be_captured(void) {
  set_up();
  const descent_step step = first_step();
  CHECK_REFUSED(capture(&step, &result), DESCENT_DEVICE_FAULT, &error, "copying results from the device", "(900)");
  CHECK(fake_cuda.uncaptured > 0);
  tear_down();
}

static double get_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

enum { MANY = 300, STEPS = 50 };

/* The least seconds of a step; the gradients are the ones and the others by turns. */
static double time_steps(const void *const *ones, const void *const *others) {
  double least = 1.0;
  for (int i = 0; i < STEPS; ++i) {
    descent_step step = first_step();
    step.gradients = i % 2 ? ones : others;
    const double begin = get_seconds();
    CHECK(descent_rt_step(&artifact, plan, &step, NULL, &error) == DESCENT_OK);
    least = fmin(least, get_seconds() - begin);
  }
  return least;
}

/* Many layers take as many launches as few, and little of the host's time: this is all but the driver's own part. */
static void many_layers_take_as_many_launches(void) {
  static descent_layer layers[MANY];
  static descent_view views[MANY * 4];
  static const void *gradients[2][MANY];
  set_up();
  descent_rt_plan_destroy(&artifact, plan);
  float *tensors = calloc((size_t)MANY * 4 * 64, sizeof(float));
  for (int i = 0; i < MANY; ++i) {
    float *own = tensors + (size_t)i * 256;
    layers[i] = trained.layers[TINY];
    layers[i].id = (uint64_t)i;
    layers[i].weight.data = own;
    layers[i].gradient.data = own + 64;
    gradients[0][i] = own + 128;
    gradients[1][i] = own + 192;
  }
  void *states = malloc((size_t)descent_rt_states_bytes(&artifact, layers, MANY, NULL));
  CHECK(descent_rt_states_place(&artifact, layers, MANY, states, views, NULL) == DESCENT_OK);
  CHECK(descent_rt_plan_create(&artifact, layers, MANY, NULL, &plan, &error) == DESCENT_OK);
  fake_cuda.launches = fake_cuda.synchronized = fake_cuda.questions = 0;
  const double seconds = time_steps(NULL, NULL);
  CHECK(fake_cuda.launches == STEPS * LAUNCHES_OF_HIDDEN && fake_cuda.questions == 0);
  const double moved = time_steps(gradients[0], gradients[1]);
  CHECK(fake_cuda.questions == STEPS * MANY && fake_cuda.synchronized == 0);
  printf("a step of %d layers takes the host %.1f us beside the driver; of moved gradients %.1f us\n", MANY,
         1e6 * seconds, 1e6 * moved);
  CHECK(seconds < 50e-6 && moved < 500e-6);
  tear_down();
  free(tensors);
  free(states);
}

void test_capture(void) {
  RUN(a_step_is_captured_as_launches_and_copies);
  RUN(gradients_elsewhere_are_captured_too);
  RUN(results_for_the_host_cannot_be_captured);
  RUN(many_layers_take_as_many_launches);
}
