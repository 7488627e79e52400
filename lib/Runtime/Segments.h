#ifndef DESCENT_LIB_RUNTIME_SEGMENTS_H
#define DESCENT_LIB_RUNTIME_SEGMENTS_H

#include "Plan.h"

/* The stages of `segment` for every layer that is present and for the shared bodies. `parallel`: the caller's, or null
 * for the plan's pool. No kernel call depends on who makes it: results do not depend on the number of workers. */
void descent_run_segment(descent_plan *plan, const descent_parallel *parallel, uint32_t segment);

#endif
