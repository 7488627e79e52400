/* States: their bytes, places, first values and signature. */
#include "Duo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static model tested;
static descent_error error;

static void bytes_follow_scope_type_and_batch(void) {
  const descent_layer *experts = &tested.layers[EXPERTS], *bias = &tested.layers[BIAS];
  CHECK(descent_rt_state_bytes(&duo, experts, HIDDEN_M, NULL) == 3 * 33 * 48 * 4);
  CHECK(descent_rt_state_bytes(&duo, experts, HIDDEN_R, NULL) == 3 * 33 * 4);
  CHECK(descent_rt_state_bytes(&duo, experts, HIDDEN_H, NULL) == 3 * 8);
  CHECK(descent_rt_state_bytes(&duo, bias, VECTORS_W0, NULL) == 701 * 2);
  error.size = sizeof(error);
  CHECK(descent_rt_state_bytes(&duo, bias, 2, &error) == -1);
  CHECK(error.code == DESCENT_INVALID_ARGUMENT && strstr(error.message, "'bias': there is no state 2"));
  tested.layers[BIAS].cols = 0;
  CHECK(descent_rt_state_bytes(&duo, bias, 0, &error) == -1 && error.code == DESCENT_INVALID_LAYER);
  CHECK(descent_rt_states_bytes(&duo, tested.layers, LAYERS, &error) == -1);
  CHECK(descent_rt_states_count(&duo, tested.layers, LAYERS, &error) == -1);
  CHECK(descent_rt_states_place(&duo, tested.layers, LAYERS, tested.block, tested.views, &error) ==
        DESCENT_INVALID_LAYER);
}

static void states_are_placed_apart_and_aligned(void) {
  CHECK(descent_rt_states_count(&duo, tested.layers, LAYERS, NULL) == 7 * 4 + 2 * 2);
  const int64_t bytes = descent_rt_states_bytes(&duo, tested.layers, LAYERS, NULL);
  CHECK(bytes % 64 == 0);
  char *memory = aligned_alloc(64, (size_t)bytes), *end = memory;
  CHECK(descent_rt_states_place(&duo, tested.layers, LAYERS, memory, tested.views, NULL) == DESCENT_OK);
  const descent_view *view = tested.views;
  for (int i = 0; i < LAYERS; ++i) {
    CHECK(tested.layers[i].states == view);
    for (uint32_t s = 0; s < duo.tracks[tested.layers[i].group].num_states; ++s, ++view) {
      const int64_t own = descent_rt_state_bytes(&duo, &tested.layers[i], s, NULL);
      char *begin = view->data;
      CHECK(begin >= end && begin - end < (own < 65536 ? 64 : 4096) && (begin - memory) % 64 == 0);
      end = begin + own;
    }
  }
  CHECK(end <= memory + bytes && memory + bytes - end < 64);
  /* A sweep over large states does not find all of them at the same place of a page. */
  const descent_view *wide = tested.layers[WIDE].states;
  CHECK(((char *)wide[HIDDEN_M].data - memory) % 4096 == 1024);
  CHECK(tested.layers[EXPERTS].states[HIDDEN_R].batch_stride == 33);
  CHECK(tested.layers[EXPERTS].states[HIDDEN_M].batch_stride == 33 * 48);
  free(memory);
  error.size = sizeof(error);
  CHECK_REFUSED(descent_rt_states_place(&duo, tested.layers, LAYERS, NULL, tested.views, &error),
                DESCENT_INVALID_ARGUMENT, &error, "memory is null", "32 states");
  CHECK_REFUSED(descent_rt_states_place(&duo, tested.layers, LAYERS, tested.block, NULL, &error),
                DESCENT_INVALID_ARGUMENT, &error, "views are null");
  CHECK_REFUSED(descent_rt_states_place(&duo, tested.layers, LAYERS, tested.block + 4, tested.views, &error),
                DESCENT_INVALID_ARGUMENT, &error, "align it to 64 bytes");
  CHECK(descent_rt_states_place(&duo, NULL, 0, NULL, NULL, NULL) == DESCENT_OK);
}

static void states_begin_as_described(void) {
  const descent_view *states = tested.layers[EXPERTS].states;
  for (int64_t b = 0; b < 3; ++b) {
    CHECK(*element(&states[HIDDEN_M], b, 32, 47) == 0.0f);
    CHECK(*element(&states[HIDDEN_R], b, 0, 32) == 0.25f);
    CHECK(((const double *)states[HIDDEN_H].data)[b] == 2.0);
    CHECK(((const int64_t *)states[HIDDEN_UPDATES].data)[b] == 0);
  }
  const uint16_t *copy = tested.layers[BIAS].states[VECTORS_W0].data;
  for (int64_t j = 0; j < 701; ++j) {
    const uint32_t bits = (uint32_t)copy[j] << 16;
    float rounded;
    memcpy(&rounded, &bits, sizeof(rounded));
    const float weight = *element(&tested.layers[BIAS].weight, 0, 0, j);
    CHECK(fabsf(rounded - weight) <= fabsf(weight) / 256.0f);
  }
  error.size = sizeof(error);
  tested.layers[BIAS].weight.data = NULL;
  CHECK_REFUSED(descent_rt_states_init(&duo, tested.layers, LAYERS, &error), DESCENT_INVALID_LAYER, &error,
                "layer 3 'bias'", "weight is null");
  tested.layers[TINY].states = NULL;
  CHECK_REFUSED(descent_rt_states_init(&duo, tested.layers, LAYERS, &error), DESCENT_INVALID_LAYER, &error,
                "layer 1 'tiny'", "states_place");
}

/* The copy of a weight in another type, as states_init makes it. */
static uint16_t copied(uint32_t weight_type, uint32_t state_type, const void *weight) {
  const descent_state_desc state = {"w0", DESCENT_SCOPE_ELEMENT, state_type, DESCENT_INIT_PARAMETER, 0, 0.0};
  const descent_track track = {.name = "one",
                               .weight_type = weight_type,
                               .gradient_type = weight_type,
                               .num_states = 1,
                               .updates_state = UINT32_MAX,
                               .states = &state,
                               .nonfinite_slot = UINT32_MAX};
  descent_artifact artifact = duo;
  artifact.tracks = &track;
  artifact.num_tracks = artifact.num_groups = 1;
  uint16_t number = 0;
  const descent_view view = {&number, 1, 0};
  const descent_layer layer = {.size = sizeof(layer),
                               .name = "one",
                               .rows = 1,
                               .cols = 1,
                               .batch = 1,
                               .weight = {(void *)(uintptr_t)weight, 1, 0},
                               .states = &view};
  CHECK(descent_rt_states_init(&artifact, &layer, 1, NULL) == DESCENT_OK);
  return number;
}

static uint16_t bf16(double value) { return copied(DESCENT_F64, DESCENT_BF16, &value); }
static uint16_t f16(double value) { return copied(DESCENT_F64, DESCENT_F16, &value); }

static void copies_round_to_nearest_even(void) {
  CHECK(bf16(1.0) == 0x3f80 && bf16(-2.5) == 0xc020 && bf16(0.0) == 0 && bf16(-0.0) == 0x8000);
  CHECK(bf16(1.0 + 1.0 / 256) == 0x3f80);           /* a tie, to even */
  CHECK(bf16(1.0 + 3.0 / 256) == 0x3f82);           /* a tie, to even */
  CHECK(bf16(1.0 + 1.0 / 256 + 0x1p-40) == 0x3f81); /* by way of f32 this would be a tie */
  CHECK(bf16(3.4e38) == 0x7f80 && bf16(1e300) == 0x7f80 && bf16(-INFINITY) == 0xff80);
  CHECK(bf16(0x1p-133) == 1 && bf16(0x1p-134) == 0 && bf16(0x1.8p-133) == 2 && bf16(5e-324) == 0);
  CHECK((bf16((double)NAN) & 0x7fff) > 0x7f80);
  CHECK(f16(1.0) == 0x3c00 && f16(65504.0) == 0x7bff && f16(65519.0) == 0x7bff && f16(65520.0) == 0x7c00);
  CHECK(f16(0x1p-24) == 1 && f16(0x1p-25) == 0 && f16(0x1.8p-25) == 1 && f16(0x1.ffcp-15) == 0x0400);
  CHECK(f16(1.0 + 0x1p-11) == 0x3c00 && f16(1.0 + 0x3p-11) == 0x3c02);
  for (uint32_t bits = 0; bits < 65536; ++bits) { /* every f16 goes to bf16 as its value does, and f16 to f16 stays */
    const uint16_t half = (uint16_t)bits;
    const int exponent = half >> 10 & 31, mantissa = half & 1023;
    if (exponent == 31)
      continue;
    const double magnitude = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    const double value = half >> 15 ? -magnitude : magnitude;
    if (!CHECK(f16(value) == half && copied(DESCENT_F16, DESCENT_BF16, &half) == bf16(value) &&
               copied(DESCENT_F16, DESCENT_F16, &half) == half))
      return;
  }
}

static void foreign_states_are_named(void) {
  error.size = sizeof(error);
  CHECK(descent_rt_check_signature(&duo, duo.signature, &error) == DESCENT_OK);
  CHECK_REFUSED(descent_rt_check_signature(&duo, "hidden m element f32\nhidden r column f32\n", &error),
                DESCENT_FOREIGN_STATE, &error, "line 2", "'duo' keeps 'hidden r row f32'", "'hidden r column f32'");
  CHECK_REFUSED(descent_rt_check_signature(&duo, "hidden m element f32\n", &error), DESCENT_FOREIGN_STATE, &error,
                "line 2", "'hidden r row f32'", "'nothing more'");
  CHECK_REFUSED(descent_rt_check_signature(&duo, NULL, &error), DESCENT_INVALID_ARGUMENT, &error, "signature is null");
  char longer[1024];
  strcpy(longer, duo.signature);
  strcat(longer, "vectors v element f32\n");
  CHECK_REFUSED(descent_rt_check_signature(&duo, longer, &error), DESCENT_FOREIGN_STATE, &error, "line 7",
                "keeps 'nothing more'", "'vectors v element f32'");
}

static void the_artifact_speaks_for_itself(void) {
  CHECK(descent_rt_fingerprint(&duo) == 0x1234);
  CHECK(strcmp(descent_rt_manifest(&duo), duo.manifest) == 0 && strcmp(descent_rt_signature(&duo), duo.signature) == 0);
  duo_hyper hyper;
  CHECK(descent_rt_hyper_defaults(&duo, (double *)&hyper, sizeof(hyper) / sizeof(double), NULL) == DESCENT_OK);
  CHECK(hyper.hidden.lr == 0.1 && hyper.hidden.beta == 0.9 && hyper.hidden.clip == 50.0 && hyper.vectors.lr == 0.02);
  error.size = sizeof(error);
  CHECK_REFUSED(descent_rt_hyper_defaults(&duo, (double *)&hyper, 3, &error), DESCENT_INVALID_ARGUMENT, &error,
                "room for 3", "'duo' has 4", "sizeof(duo_hyper)");
  CHECK_REFUSED(descent_rt_hyper_defaults(&duo, NULL, 4, &error), DESCENT_INVALID_ARGUMENT, &error, "`hyper` is null");
}

#define RUN_FRESH(test) (model_create(&tested), RUN(test), model_destroy(&tested))

void test_states(void) {
  RUN_FRESH(bytes_follow_scope_type_and_batch);
  RUN_FRESH(states_are_placed_apart_and_aligned);
  RUN_FRESH(states_begin_as_described);
  RUN_FRESH(copies_round_to_nearest_even);
  RUN_FRESH(foreign_states_are_named);
  RUN_FRESH(the_artifact_speaks_for_itself);
}
