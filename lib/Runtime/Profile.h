/* Seconds of stages and segments, for a step that asks for them; without a profile nothing reads a clock. */
#ifndef DESCENT_LIB_RUNTIME_PROFILE_H
#define DESCENT_LIB_RUNTIME_PROFILE_H

#include "Plan.h"

int32_t descent_check_profile(const descent_plan *plan, const descent_step *step, descent_error *error);

/* What `descent_end_stage` and `descent_end_segment` want to know of the beginning. */
double descent_begin(const descent_profile *profile);

/* Workers have rows of their own: nothing is shared. */
void descent_end_stage(const descent_profile *profile, const descent_artifact *artifact, int64_t worker, int64_t track,
                       uint32_t stage, double begin);
void descent_end_segment(const descent_profile *profile, uint32_t segment, double begin);

#endif
