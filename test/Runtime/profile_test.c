/* What a profile counts, and that a step with one computes the same. */
#include "Allocation.h"
#include "Duo.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_STAGES = 64, SEGMENTS = 3, WORKERS = 2 };

static model tested;
static descent_plan *plan;
static descent_error error;
static double seconds[WORKERS * MOST_STAGES], segments[SEGMENTS];
static descent_profile profile;
static int64_t stages;

/* The number of a track's first stage. */
static int64_t first_stage(uint32_t track) {
  int64_t count = 0;
  for (uint32_t t = 0; t < track; ++t)
    count += duo.tracks[t].num_stages;
  return count;
}

static void set_up(int64_t workers) {
  const descent_plan_options options = plan_options(workers);
  model_create(&tested);
  error = (descent_error){.size = sizeof(error)};
  if (descent_rt_plan_create(&duo, tested.layers, LAYERS, &options, &plan, &error) != DESCENT_OK)
    abort();
  stages = first_stage(duo.num_tracks);
  if (stages > MOST_STAGES || duo.num_segments != SEGMENTS)
    abort();
  memset(seconds, 0, sizeof(seconds));
  memset(segments, 0, sizeof(segments));
  profile = (descent_profile){sizeof(profile), WORKERS, seconds, segments};
}

static void tear_down(void) {
  descent_rt_plan_destroy(&duo, plan);
  model_destroy(&tested);
}

static int32_t step_with(const descent_profile *asked, const void *const *gradients) {
  descent_step step = first_step();
  step.profile = asked;
  step.gradients = gradients;
  return descent_rt_step(&duo, plan, &step, NULL, &error);
}

static double seconds_of(int64_t stage) {
  double sum = 0;
  for (int w = 0; w < WORKERS; ++w)
    sum += seconds[w * stages + stage];
  return sum;
}

static double seconds_of_all(void) {
  double sum = 0;
  for (int64_t s = 0; s < stages; ++s)
    sum += seconds_of(s);
  return sum;
}

static void every_stage_and_segment_is_counted(void) {
  for (int64_t workers = 1; workers <= WORKERS; ++workers) {
    set_up(workers);
    CHECK(step_with(&profile, NULL) == DESCENT_OK);
    double wall = 0;
    for (int64_t s = 0; s < stages; ++s)
      CHECK(seconds_of(s) > 0);
    for (int s = 0; s < SEGMENTS; ++s) {
      CHECK(segments[s] > 0);
      wall += segments[s];
    }
    CHECK(seconds_of_all() <= (double)workers * wall);
    CHECK(workers > 1 || seconds[stages] == 0);
    tear_down();
  }
}

static void a_stage_that_does_not_run_takes_no_time(void) {
  const void *gradients[LAYERS];
  set_up(2);
  for (int i = 0; i < LAYERS; ++i)
    gradients[i] = i == BIAS ? tested.layers[i].gradient.data : NULL;
  CHECK(step_with(&profile, gradients) == DESCENT_OK);
  for (int64_t s = 0; s < first_stage(VECTORS); ++s)
    CHECK(seconds_of(s) == 0);
  for (int64_t s = first_stage(VECTORS); s < stages; ++s)
    CHECK(seconds_of(s) > 0);
  tear_down();
}

static void steps_add_up(void) {
  set_up(1);
  CHECK(step_with(&profile, NULL) == DESCENT_OK);
  const double once = seconds_of_all(), wall = segments[2];
  CHECK(step_with(&profile, NULL) == DESCENT_OK);
  CHECK(seconds_of_all() > once && segments[2] > wall);
  tear_down();
}

static void a_profile_changes_no_bit_and_allocates_nothing(void) {
  model plain;
  set_up(2);
  CHECK(step_with(NULL, NULL) == DESCENT_OK);
  plain = tested;
  descent_rt_plan_destroy(&duo, plan);
  set_up(2);
  const int64_t allocations = allocations_so_far();
  CHECK(step_with(&profile, NULL) == DESCENT_OK);
  CHECK(allocations_so_far() == allocations);
  CHECK(memcmp(plain.block, tested.block, tested.bytes) == 0);
  model_destroy(&plain);
  tear_down();
}

static void wrong_profiles_are_refused(void) {
#define REFUSES(change, wanted, ...)                                                                                   \
  do {                                                                                                                 \
    descent_profile wrong = profile;                                                                                   \
    change;                                                                                                            \
    CHECK_REFUSED(step_with(&wrong, NULL), wanted, &error, __VA_ARGS__);                                               \
    CHECK(memcmp(before, tested.block, tested.bytes) == 0);                                                            \
  } while (0)
  set_up(2);
  char *before = malloc(tested.bytes);
  memcpy(before, tested.block, tested.bytes);
  REFUSES(wrong.size = 8, DESCENT_WRONG_ABI, "profile has size 8", "set `size`");
  REFUSES(wrong.workers = 1, DESCENT_INVALID_ARGUMENT, "rows for 1 workers", "step has 2");
  REFUSES(wrong.stage_seconds = NULL, DESCENT_INVALID_ARGUMENT, "`stage_seconds` is null");
  REFUSES(wrong.segment_seconds = NULL, DESCENT_INVALID_ARGUMENT, "`segment_seconds` is null");
  free(before);
  tear_down();
}

void test_profile(void) {
  RUN(every_stage_and_segment_is_counted);
  RUN(a_stage_that_does_not_run_takes_no_time);
  RUN(steps_add_up);
  RUN(a_profile_changes_no_bit_and_allocates_nothing);
  RUN(wrong_profiles_are_refused);
}
