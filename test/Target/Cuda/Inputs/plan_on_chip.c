/* A plan of muon for two matrices of bf16, and a step. Prints the code path that the plan took, or what went wrong. */
#include "muon.h"

#include <stdio.h>
#include <stdlib.h>

enum { LAYERS = 2, ROWS = 70, COLS = 33, STATES = 8 };

static descent_error error;

static int32_t run(const char *target) {
  static uint16_t weights[LAYERS][ROWS * COLS], gradients[LAYERS][ROWS * COLS];
  static descent_view views[LAYERS * STATES];
  descent_layer layers[LAYERS] = {{0}};
  for (int i = 0; i < LAYERS; ++i)
    layers[i] = (descent_layer){.size = sizeof(descent_layer),
                                .name = "layer",
                                .id = (uint64_t)i,
                                .rows = ROWS,
                                .cols = COLS,
                                .batch = 1,
                                .weight = {weights[i], COLS, 0},
                                .gradient = {gradients[i], COLS, 0}};
  void *states = malloc((size_t)muon_states_bytes(layers, LAYERS, NULL));
  descent_plan *plan = NULL;
  const descent_plan_options options = {.size = sizeof(options), .abi_version = DESCENT_ABI_VERSION, .target = target};
  const descent_step step = {
      .size = sizeof(step), .abi_version = DESCENT_ABI_VERSION, .step = 1, .gradient_scale = 1.0};
  int32_t code = muon_states_place(layers, LAYERS, states, views, &error);
  code = code ? code : muon_states_init(layers, LAYERS, &error);
  code = code ? code : muon_plan_create(layers, LAYERS, &options, &plan, &error);
  code = code ? code : muon_step(plan, &step, NULL, &error);
  if (!code)
    puts(muon_plan_target(plan));
  muon_plan_destroy(plan);
  free(states);
  return code;
}

int main(int count, char **arguments) {
  error.size = sizeof(error);
  const int32_t code = run(count > 1 ? arguments[1] : NULL);
  if (code)
    puts(error.message);
  return code != DESCENT_OK;
}
