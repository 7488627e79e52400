/* The arithmetic of a warpgroup's products. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_WARPGROUPS_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_WARPGROUPS_H

#include "Lanes.h"

/* What the lanes asked for: checks and remembers the accesses to both factors, whose actor is given, and computes. */
void descent_sim_compute_product(descent_sim_lane *warpgroup, const descent_sim_actor *actor);

#endif
