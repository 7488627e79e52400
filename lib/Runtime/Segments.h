#ifndef DESCENT_LIB_RUNTIME_SEGMENTS_H
#define DESCENT_LIB_RUNTIME_SEGMENTS_H

#include "Plan.h"

/* The stages of `segment` for every layer that is present and for the shared bodies, by the step's `parallel` or the
 * plan's pool. No kernel call depends on who makes it: results do not depend on the number of workers. */
void descent_run_segment(descent_plan *plan, const descent_step *step, uint32_t segment);

/* How many workers a step has at most. `parallel`: the caller's, or null for the plan's pool. */
int64_t descent_step_workers(const descent_plan *plan, const descent_parallel *parallel);

/* Whether sharing tasks repays a fork and join of some microseconds. `cost`: of all, in visits of an element. */
bool descent_repays_fork(int64_t tasks, double cost);

/* Runs tasks on the caller's threads, each with the default floating-point environment. */
void descent_run_on_callers(const descent_parallel *parallel, int64_t tasks,
                            void (*body)(void *argument, int64_t task, int64_t worker), void *argument);

/* One tile of a stage. `kernel_scratch`: the kernel's private memory. */
void descent_call_kernel(const descent_stage *stage, const descent_grid *grid, int64_t index,
                         const descent_buffer *buffers, double *slots, void *kernel_scratch);

#endif
