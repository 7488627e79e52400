/* What the driver does with the numbers of one layer before its first stage and after its last. */
#ifndef DESCENT_LIB_RUNTIME_LAYERSTEP_H
#define DESCENT_LIB_RUNTIME_LAYERSTEP_H

#include "Plan.h"

/* Where a layer keeps a state that is a number. */
void *descent_state_number(const descent_plan *plan, const descent_logical *logical, uint32_t state);

/* Tells whether the layer is present, points it at this step's gradient and fills its slots in. */
void descent_begin_layer(const descent_plan *plan, descent_logical *logical, const descent_step *step);
void descent_begin_shared_bodies(const descent_plan *plan, const descent_step *step);

/* Stores the states that are numbers, and writes the reports. Leaves an absent layer alone. */
void descent_finish_layer(const descent_plan *plan, const descent_logical *logical, const descent_step *step);

#endif
