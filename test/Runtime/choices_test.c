/* Which alternative runs follows from an entry's shape, when the plan is made. */
#include "Duo.h"

#include <stdlib.h>

enum { CHOSEN, PLAIN_CALLS, GRAM_CALLS, SLOTS };

static double seen[SLOTS];
static int64_t seen_cols[2];

/* operands: a buffer, the slot of the choice, a slot that counts */
static void count_call(const descent_buffer *buffers, double *slots, const uint32_t *operands, const descent_tile *tile,
                       void *scratch) {
  (void)tile;
  (void)scratch;
  slots[operands[2]] += 1.0;
  seen[CHOSEN] = slots[operands[1]];
  seen[operands[2]] = slots[operands[2]];
  seen_cols[operands[0]] = buffers[operands[0]].cols;
}

/* 20 n beside 16 short^2 + 100: the second alternative costs less for larger and for wider matrices. */
static const descent_term plain_terms[] = {{20.0, {0, 0, 1, 1}}};
static const descent_term gram_terms[] = {{16.0, {0, 0, 2, 0}}, {100.0, {0, 0, 0, 0}}};
static const descent_alternative alternatives[] = {{"plain", 1, 0, plain_terms}, {"gram", 2, 0, gram_terms}};
static const descent_choice choices[] = {{2, 0, alternatives}};

static const uint32_t plain_operands[] = {0, CHOSEN, PLAIN_CALLS}, gram_operands[] = {1, CHOSEN, GRAM_CALLS};
static const descent_stage stages[] = {
    {.name = "plain",
     .domain = {DESCENT_ROWS, DESCENT_COLS, 16, 256},
     .kernel = count_call,
     .operands = plain_operands,
     .alternative = 1},
    {.name = "gram", .per_layer = 1, .kernel = count_call, .operands = gram_operands, .alternative = 2},
};
static const descent_buffer_desc buffers[] = {
    {.source = DESCENT_BUFFER_WORKER,
     .rows = {DESCENT_COUNT_EXTENT, DESCENT_ROWS},
     .cols = {DESCENT_COUNT_EXTENT, DESCENT_COLS},
     .element_bytes = 4,
     .alternative = 1},
    {.source = DESCENT_BUFFER_LAYER,
     .rows = {DESCENT_COUNT_EXTENT, DESCENT_SHORT},
     .cols = {DESCENT_COUNT_EXTENT, DESCENT_SHORT},
     .element_bytes = 4,
     .alternative = 2},
};
static const descent_slot loads[] = {{CHOSEN, DESCENT_SLOT_CHOICE, 0, 0}};
static const descent_track track = {.name = "choosing",
                                    .weight_type = DESCENT_F32,
                                    .gradient_type = DESCENT_F32,
                                    .updates_state = UINT32_MAX,
                                    .num_buffers = 2,
                                    .num_slots = SLOTS,
                                    .buffers = buffers,
                                    .num_slot_loads = 1,
                                    .slot_loads = loads,
                                    .num_stages = 2,
                                    .stages = stages,
                                    .nonfinite_slot = UINT32_MAX,
                                    .num_choices = 1,
                                    .choices = choices};
static const descent_artifact artifact = {.size = sizeof(artifact),
                                          .abi_version = DESCENT_ABI_VERSION,
                                          .num_segments = 1,
                                          .name = "choosing",
                                          .num_tracks = 1,
                                          .tracks = &track,
                                          .num_groups = 1,
                                          .guard_segment = UINT32_MAX};

/* Steps through one layer; returns the plan's workspace. */
static int64_t run_layer(int64_t rows, int64_t cols) {
  float *memory = calloc((size_t)(2 * rows * cols), sizeof(float));
  const descent_layer layer = {.size = sizeof(layer),
                               .name = "layer",
                               .rows = rows,
                               .cols = cols,
                               .batch = 1,
                               .weight = {memory, cols, 0},
                               .gradient = {memory + rows * cols, cols, 0}};
  const descent_plan_options options = plan_options(1);
  const descent_step step = first_step();
  descent_plan *plan = NULL;
  for (int s = 0; s < SLOTS; ++s)
    seen[s] = 0.0;
  CHECK(descent_rt_plan_create(&artifact, &layer, 1, &options, &plan, NULL) == DESCENT_OK);
  CHECK(descent_rt_step(&artifact, plan, &step, NULL, NULL) == DESCENT_OK);
  const int64_t bytes = descent_rt_plan_workspace_bytes(&artifact, plan);
  descent_rt_plan_destroy(&artifact, plan);
  free(memory);
  return bytes;
}

static void the_cheapest_alternative_runs(void) {
  run_layer(40, 40); /* 32000 beside 25700 */
  CHECK(seen[CHOSEN] == 1.0 && seen[PLAIN_CALLS] == 0.0 && seen[GRAM_CALLS] == 1.0);
  run_layer(4, 4); /* 320 beside 356 */
  CHECK(seen[CHOSEN] == 0.0 && seen[PLAIN_CALLS] == 1.0 && seen[GRAM_CALLS] == 0.0);
  run_layer(40, 4); /* tall as wide: 3200 beside 356 */
  CHECK(seen[CHOSEN] == 1.0);
}

static void equal_costs_take_the_first(void) {
  run_layer(5, 5); /* 500 beside 500 */
  CHECK(seen[CHOSEN] == 0.0);
  run_layer(5, 6); /* 600 beside 500 */
  CHECK(seen[CHOSEN] == 1.0);
}

static void scratch_of_others_takes_no_memory(void) {
  CHECK(run_layer(4, 4) == 4 * 64 && seen_cols[0] == 4);
  CHECK(run_layer(40, 4000) == 40 * 192 && seen_cols[1] == 40);
}

void test_choices(void) {
  RUN(the_cheapest_alternative_runs);
  RUN(equal_costs_take_the_first);
  RUN(scratch_of_others_takes_no_memory);
}
