#include "LayerStep.h"

#include "Random.h"
#include "Types.h"

#include <string.h>

void *descent_state_number(const descent_plan *plan, const descent_logical *logical, uint32_t state) {
  const descent_view *view = &plan->bindings.bounds[logical->entry - plan->entries].states[state];
  const int64_t bytes = descent_type_bytes(logical->entry->track->states[state].type);
  return (char *)view->data + (logical->member > 0 ? logical->member * view->batch_stride * bytes : 0);
}

static int64_t count_updates(const descent_plan *plan, const descent_logical *logical) {
  const uint32_t state = logical->entry->track->updates_state;
  return state == UINT32_MAX ? 0 : *(const int64_t *)descent_state_number(plan, logical, state);
}

/* `logical` is null for a shared body, which has no layer. */
static double load_slot(const descent_plan *plan, const descent_slot *load, const descent_logical *logical,
                        const descent_step *step) {
  switch (load->source) {
  case DESCENT_SLOT_STEP:
    return (double)step->step;
  case DESCENT_SLOT_LOSS:
    return step->loss;
  case DESCENT_SLOT_GRADIENT_SCALE:
    return step->gradient_scale;
  case DESCENT_SLOT_HYPER:
    return (step->hyper ? step->hyper : plan->defaults)[load->index];
  default:
    break;
  }
  if (!logical)
    return 1.0;
  switch (load->source) {
  case DESCENT_SLOT_ROWS:
    return (double)logical->entry->rows;
  case DESCENT_SLOT_COLS:
    return (double)logical->entry->cols;
  case DESCENT_SLOT_UPDATES:
    return (double)(count_updates(plan, logical) + 1);
  case DESCENT_SLOT_CHOICE:
    return (double)logical->entry->choices[load->index];
  case DESCENT_SLOT_RANDOM:
    return descent_random_key(plan->seed, step->step, logical->entry->id, logical->member);
  case DESCENT_SLOT_FACTOR:
    return plan->bindings.bounds[logical->entry - plan->entries].factors[load->index];
  default:
    return descent_load_number(descent_state_number(plan, logical, load->index),
                               logical->entry->track->states[load->index].type);
  }
}

void descent_begin_layer(const descent_plan *plan, descent_logical *logical, const descent_step *step) {
  const descent_track *track = logical->entry->track;
  const int64_t index = logical->entry - plan->entries;
  const descent_view *view = &plan->bindings.bounds[index].gradient;
  const char *gradient = step->gradients ? step->gradients[index] : view->data;
  logical->present = gradient != NULL;
  if (!logical->present)
    return;
  for (uint32_t b = 0; b < track->num_buffers; ++b) {
    if (track->buffers[b].source != DESCENT_BUFFER_GRADIENT)
      continue;
    const int64_t offset =
        logical->member > 0 ? logical->member * view->batch_stride * track->buffers[b].element_bytes : 0;
    logical->buffers[b].data = (void *)(uintptr_t)(gradient + offset);
  }
  for (uint32_t s = 0; s < track->num_slot_loads; ++s)
    logical->slots[track->slot_loads[s].slot] = load_slot(plan, &track->slot_loads[s], logical, step);
  if (track->nonfinite_slot != UINT32_MAX)
    logical->slots[track->nonfinite_slot] = 0.0;
}

void descent_begin_shared_bodies(const descent_plan *plan, const descent_step *step) {
  for (uint32_t t = plan->artifact->num_groups; t < plan->artifact->num_tracks; ++t) {
    const descent_track *track = &plan->artifact->tracks[t];
    for (uint32_t s = 0; s < track->num_slot_loads; ++s)
      plan->shared_slots[t][track->slot_loads[s].slot] = load_slot(plan, &track->slot_loads[s], NULL, step);
  }
}

static void store_layer(const descent_plan *plan, const descent_logical *logical) {
  const descent_track *track = logical->entry->track;
  for (uint32_t s = 0; s < track->num_slot_stores; ++s) {
    const descent_slot_store *store = &track->slot_stores[s];
    descent_store_number(descent_state_number(plan, logical, store->state), track->states[store->state].type,
                         logical->slots[store->slot]);
  }
  if (track->updates_state != UINT32_MAX) {
    const int64_t updates = count_updates(plan, logical) + 1;
    memcpy(descent_state_number(plan, logical, track->updates_state), &updates, sizeof(updates));
  }
}

static void report_layer(const descent_plan *plan, const descent_logical *logical, double *reports) {
  const descent_track *track = logical->entry->track;
  for (uint32_t r = 0; r < track->num_reports; ++r)
    if (track->report_slots[r] != UINT32_MAX)
      reports[(logical - plan->logicals) * plan->artifact->num_reports + r] = logical->slots[track->report_slots[r]];
}

void descent_finish_layer(const descent_plan *plan, const descent_logical *logical, const descent_step *step) {
  if (!logical->present)
    return;
  store_layer(plan, logical);
  if (step->reports)
    report_layer(plan, logical, step->reports);
}
