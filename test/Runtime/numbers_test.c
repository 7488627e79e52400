/* What depends on numbers alone is computed once for layers that agree in them. */
#include "Duo.h"

enum { FACTOR_SLOT, SQUARE_SLOT, SLOTS, NUMBERED = 5 };
static int calls;

static void square(const descent_buffer *buffers, double *slots, const uint32_t *operands, const descent_tile *tile,
                   void *scratch) {
  (void)buffers;
  (void)tile;
  (void)scratch;
  ++calls;
  slots[operands[1]] = slots[operands[0]] * slots[operands[0]];
}

static const uint32_t operands[] = {FACTOR_SLOT, SQUARE_SLOT}, report_slots[] = {SQUARE_SLOT};
static const char *const report_names[] = {"square"};
static const descent_slot loads[] = {{FACTOR_SLOT, DESCENT_SLOT_FACTOR, 0, 0}};
static descent_stage stage = {.name = "square", .per_layer = 1, .kernel = square, .operands = operands};
static const descent_track track = {.name = "numbers",
                                    .weight_type = DESCENT_F32,
                                    .gradient_type = DESCENT_F32,
                                    .num_factors = 1,
                                    .updates_state = UINT32_MAX,
                                    .num_slots = SLOTS,
                                    .num_slot_loads = 1,
                                    .slot_loads = loads,
                                    .num_stages = 1,
                                    .stages = &stage,
                                    .num_reports = 1,
                                    .report_slots = report_slots,
                                    .nonfinite_slot = UINT32_MAX};
static const descent_artifact artifact = {.size = sizeof(artifact),
                                          .abi_version = DESCENT_ABI_VERSION,
                                          .num_segments = 1,
                                          .name = "numbers",
                                          .num_tracks = 1,
                                          .num_reports = 1,
                                          .tracks = &track,
                                          .num_groups = 1,
                                          .report_names = report_names,
                                          .guard_segment = UINT32_MAX};

static void layers_that_agree_share_a_call(void) {
  static const double factors[NUMBERED] = {2.0, 2.0, -0.0, 0.0, 3.0};
  static const char *const names[NUMBERED] = {"a", "b", "c", "d", "e"};
  float memory[2 * NUMBERED] = {0};
  descent_layer layers[NUMBERED];
  for (int i = 0; i < NUMBERED; ++i)
    layers[i] = (descent_layer){.size = sizeof(layers[i]),
                                .name = names[i],
                                .id = (uint64_t)i + 1,
                                .rows = 1,
                                .cols = 1,
                                .batch = 1,
                                .weight = {memory + i, 1, 0},
                                .gradient = {memory + NUMBERED + i, 1, 0},
                                .factors = &factors[i]};
  /* Not known to depend on slots alone: every layer. Known: not where the bits are the same. */
  for (uint32_t known = 0; known < 2; ++known) {
    stage.num_inputs = stage.num_results = known;
    const descent_plan_options options = plan_options(1);
    double reports[NUMBERED];
    descent_step step = first_step();
    step.reports = reports;
    descent_plan *plan = NULL;
    CHECK(descent_rt_plan_create(&artifact, layers, NUMBERED, &options, &plan, NULL) == DESCENT_OK);
    calls = 0;
    CHECK(descent_rt_step(&artifact, plan, &step, NULL, NULL) == DESCENT_OK);
    CHECK(calls == (known ? 4 : NUMBERED));
    for (int i = 0; i < NUMBERED; ++i)
      CHECK(reports[i] == factors[i] * factors[i]);
    descent_rt_plan_destroy(&artifact, plan);
  }
}

void test_numbers(void) { RUN(layers_that_agree_share_a_call); }
