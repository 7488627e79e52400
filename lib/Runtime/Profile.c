#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 199309L /* clock_gettime */
#endif

#include "Profile.h"

#include "Errors.h"
#include "Segments.h"

#include <inttypes.h>
#include <time.h>

static int64_t count_stages(const descent_artifact *artifact, int64_t tracks) {
  int64_t count = 0;
  for (int64_t t = 0; t < tracks; ++t)
    count += artifact->tracks[t].num_stages;
  return count;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int32_t descent_check_profile(const descent_plan *plan, const descent_step *step, descent_error *error) {
  const descent_profile *profile = step->profile;
  if (!profile)
    return DESCENT_OK;
  if (profile->size != sizeof(descent_profile))
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the step's profile has size %" PRIu64 ", but this version wants %zu; set `size`",
                        profile->size, sizeof(descent_profile));
  const int64_t workers = descent_step_workers(plan, step->parallel);
  if (profile->workers < workers)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the step's profile has rows for %" PRId64 " workers, but the step has %" PRId64,
                        profile->workers, workers);
  if (!profile->stage_seconds || !profile->segment_seconds)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the step's profile has no room: `%s` is null",
                        profile->stage_seconds ? "segment_seconds" : "stage_seconds");
  return DESCENT_OK;
}

double descent_begin(const descent_profile *profile) { return profile ? now() : 0.0; }

void descent_end_stage(const descent_profile *profile, const descent_artifact *artifact, int64_t worker, int64_t track,
                       uint32_t stage, double begin) {
  if (!profile)
    return;
  const int64_t row = worker * count_stages(artifact, artifact->num_tracks);
  profile->stage_seconds[row + count_stages(artifact, track) + stage] += now() - begin;
}

void descent_end_segment(const descent_profile *profile, uint32_t segment, double begin) {
  if (profile)
    profile->segment_seconds[segment] += now() - begin;
}
