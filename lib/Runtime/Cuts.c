#include "Cuts.h"

#include <math.h>

static double empty_fold(uint32_t combine) {
  if (combine == DESCENT_SUM)
    return 0.0;
  return combine == DESCENT_MAX ? -(double)INFINITY : (double)INFINITY;
}

/* NaN wins: a maximum that passed over a NaN would hide it. */
static double fold(uint32_t combine, double folded, double value) {
  if (combine == DESCENT_SUM)
    return folded + value;
  if (isnan(value))
    return value;
  if (combine == DESCENT_MAX)
    return value > folded ? value : folded;
  return value < folded ? value : folded;
}

static double fold_logical(const descent_plan *plan, const descent_cut *cut, const descent_logical *logical,
                           double folded) {
  if (!logical->present)
    return folded;
  for (uint32_t s = 0; s < cut->num_sources; ++s)
    if (&plan->artifact->tracks[cut->sources[s].track] == logical->entry->track)
      folded = fold(cut->combine, folded, logical->slots[cut->sources[s].slot]);
  return folded;
}

static void store_logical(const descent_plan *plan, const descent_cut *cut, const descent_logical *logical,
                          double value) {
  for (uint32_t d = 0; d < cut->num_destinations; ++d)
    if (&plan->artifact->tracks[cut->destinations[d].track] == logical->entry->track)
      logical->slots[cut->destinations[d].slot] = value;
}

static void run_model_cut(const descent_plan *plan, const descent_cut *cut) {
  double folded = empty_fold(cut->combine);
  for (int64_t i = 0; i < plan->num_logicals; ++i)
    folded = fold_logical(plan, cut, &plan->logicals[i], folded);
  for (uint32_t s = 0; s < cut->num_sources; ++s)
    if (plan->shared_slots[cut->sources[s].track])
      folded = fold(cut->combine, folded, plan->shared_slots[cut->sources[s].track][cut->sources[s].slot]);
  for (int64_t i = 0; i < plan->num_logicals; ++i)
    store_logical(plan, cut, &plan->logicals[i], folded);
  for (uint32_t d = 0; d < cut->num_destinations; ++d)
    if (plan->shared_slots[cut->destinations[d].track])
      plan->shared_slots[cut->destinations[d].track][cut->destinations[d].slot] = folded;
}

static void run_parameter_cut(const descent_plan *plan, const descent_cut *cut) {
  for (int64_t e = 0; e < plan->num_entries; ++e) {
    const descent_entry *entry = &plan->entries[e];
    const descent_logical *members = &plan->logicals[entry->first];
    double folded = empty_fold(cut->combine);
    for (int64_t m = 0; m < entry->batch; ++m)
      folded = fold_logical(plan, cut, &members[m], folded);
    for (int64_t m = 0; m < entry->batch; ++m)
      store_logical(plan, cut, &members[m], folded);
  }
}

void descent_run_cuts(const descent_plan *plan, uint32_t segment) {
  for (uint32_t c = 0; c < plan->artifact->num_cuts; ++c) {
    const descent_cut *cut = &plan->artifact->cuts[c];
    if (cut->segment != segment)
      continue;
    /* A group's cut is a model's with a single source. */
    if (cut->reach == DESCENT_PARAMETER)
      run_parameter_cut(plan, cut);
    else
      run_model_cut(plan, cut);
  }
}
