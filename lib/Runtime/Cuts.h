#ifndef DESCENT_LIB_RUNTIME_CUTS_H
#define DESCENT_LIB_RUNTIME_CUTS_H

#include "Plan.h"

/* The combines at the end of `segment`, in order, by the calling thread: their order of summation is the table's. */
void descent_run_cuts(const descent_plan *plan, uint32_t segment);

#endif
