/* The tables of device.h for one layer table. */
#include "../LayerStep.h"
#include "../Random.h"
#include "DevicePlan.h"

#include <math.h>

void *descent_take_record(descent_device_plan *plan, descent_table_kind kind) {
  descent_table *table = &plan->tables[kind];
  const int64_t index = table->used++;
  return plan->staged ? plan->staged + table->offset + index * (int64_t)table->size : (char *)plan->any_record;
}

static void take_records(descent_device_plan *plan, descent_table_kind kind, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    descent_take_record(plan, kind);
}

void *descent_record_address(const descent_device_plan *plan, descent_table_kind kind, int64_t index) {
  const descent_table *table = &plan->tables[kind];
  return plan->block + table->offset + index * (int64_t)table->size;
}

/* Among the slots of all layers. */
static int64_t find_slot(const descent_plan *plan, int64_t track, int64_t place, uint32_t slot) {
  return plan->device->tracks[track].first_slot + place * plan->artifact->tracks[track].num_slots + slot;
}

double *descent_slot_address(const descent_plan *plan, int64_t track, int64_t place, uint32_t slot) {
  return descent_record_address(plan->device, TABLE_SLOTS, find_slot(plan, track, place, slot));
}

uint32_t *descent_present_address(const descent_plan *plan, int64_t track, int64_t place) {
  return descent_record_address(plan->device, TABLE_PRESENT, plan->device->tracks[track].first_present + place);
}

void *descent_word_address(const descent_plan *plan, int64_t word) {
  return descent_record_address(plan->device, TABLE_WORDS, word);
}

void descent_take_source(descent_plan *plan, descent_table_kind kind, int64_t track, int64_t layer, uint32_t slot,
                         int64_t place) {
  descent_device_source *source = descent_take_record(plan->device, kind);
  *source = (descent_device_source){descent_slot_address(plan, track, layer, slot),
                                    descent_present_address(plan, track, layer), place};
}

void descent_take_sources_of(descent_plan *plan, descent_table_kind kind, descent_slot_ref number) {
  const descent_device_track *track = &plan->device->tracks[number.track];
  for (int64_t i = 0; i < track->num_layers; ++i)
    descent_take_source(plan, kind, number.track, i, number.slot, i);
}

/* A slot that holds the same number in every step. */
static void set_slot(descent_plan *plan, int64_t track, int64_t place, uint32_t slot, double value) {
  descent_device_plan *device = plan->device;
  if (device->staged)
    ((double *)(void *)(device->staged + device->tables[TABLE_SLOTS].offset))[find_slot(plan, track, place, slot)] =
        value;
}

static void take_load(descent_plan *plan, int64_t track, int64_t place, uint32_t slot, const void *source,
                      uint64_t type) {
  descent_device_load *load = descent_take_record(plan->device, TABLE_LOADS);
  *load = (descent_device_load){descent_slot_address(plan, track, place, slot), source, type};
}

/* What a slot gets before a step, if that does not depend on a layer. */
static bool load_step_number(descent_plan *plan, int64_t track, int64_t place, const descent_slot *load) {
  int64_t word = 0;
  switch (load->source) {
  case DESCENT_SLOT_STEP:
    word = WORD_STEP;
    break;
  case DESCENT_SLOT_LOSS:
    word = WORD_LOSS;
    break;
  case DESCENT_SLOT_GRADIENT_SCALE:
    word = WORD_SCALE;
    break;
  case DESCENT_SLOT_HYPER:
    word = WORD_HYPER + (int64_t)load->index;
    break;
  default:
    return false;
  }
  take_load(plan, track, place, load->slot, descent_word_address(plan, word),
            word == WORD_STEP ? DESCENT_I64 : DESCENT_F64);
  return true;
}

static void load_updates(descent_plan *plan, const descent_logical *logical, int64_t place, uint32_t slot) {
  const descent_entry *entry = logical->entry;
  const uint32_t state = entry->track->updates_state;
  if (state == UINT32_MAX)
    set_slot(plan, entry->group, place, slot, 1.0);
  else
    take_load(plan, entry->group, place, slot, descent_state_number(plan, logical, state), DESCENT_DEVICE_UPDATES);
}

static void load_layer_number(descent_plan *plan, const descent_logical *logical, int64_t place,
                              const descent_slot *load) {
  const descent_entry *entry = logical->entry;
  const uint32_t track = entry->group;
  switch (load->source) {
  case DESCENT_SLOT_ROWS:
    set_slot(plan, track, place, load->slot, (double)entry->rows);
    return;
  case DESCENT_SLOT_COLS:
    set_slot(plan, track, place, load->slot, (double)entry->cols);
    return;
  case DESCENT_SLOT_CHOICE:
    set_slot(plan, track, place, load->slot, (double)entry->choices[load->index]);
    return;
  case DESCENT_SLOT_FACTOR:
    set_slot(plan, track, place, load->slot, plan->bindings.bounds[entry - plan->entries].factors[load->index]);
    return;
  case DESCENT_SLOT_UPDATES:
    load_updates(plan, logical, place, load->slot);
    return;
  case DESCENT_SLOT_RANDOM: {
    descent_device_key *key = descent_take_record(plan->device, TABLE_KEYS);
    *key = (descent_device_key){descent_slot_address(plan, track, place, load->slot),
                                descent_word_address(plan, WORD_STEP), descent_random_seed(plan->seed), entry->id,
                                (uint64_t)logical->member};
    return;
  }
  default:
    take_load(plan, track, place, load->slot, descent_state_number(plan, logical, load->index), DESCENT_F64);
  }
}

/* Numbers that an earlier step may have left. */
static void forget_numbers(descent_plan *plan, int64_t track, int64_t place) {
  const descent_artifact *artifact = plan->artifact;
  const uint32_t nonfinite = artifact->tracks[track].nonfinite_slot;
  if (nonfinite != UINT32_MAX && !artifact->tracks[track].shared)
    take_load(plan, track, place, nonfinite, descent_record_address(plan->device, TABLE_CONSTANTS, CONSTANT_ZERO),
              DESCENT_F64);
  if (artifact->norm_valid && artifact->norm.track == track)
    take_load(plan, track, place, artifact->norm.slot,
              descent_record_address(plan->device, TABLE_CONSTANTS, CONSTANT_NAN), DESCENT_F64);
}

/* Of the gradient's buffers: where the step's gradient is written. */
static void take_gradients(descent_plan *plan, const descent_logical *logical, int64_t place) {
  const descent_entry *entry = logical->entry;
  const descent_device_track *track = &plan->device->tracks[entry->group];
  const int64_t index = entry - plan->entries;
  const descent_view *view = &plan->bindings.bounds[index].gradient;
  const void *const *word = descent_word_address(plan, WORD_HYPER + (int64_t)plan->artifact->num_hypers + index);
  uint32_t *present = descent_present_address(plan, entry->group, place);
  for (uint32_t b = 0; b < entry->track->num_buffers; ++b) {
    const descent_buffer_desc *desc = &entry->track->buffers[b];
    if (desc->source != DESCENT_BUFFER_GRADIENT)
      continue;
    const int64_t offset = logical->member > 0 ? logical->member * view->batch_stride * desc->element_bytes : 0;
    descent_buffer *buffer = descent_record_address(plan->device, TABLE_BUFFERS,
                                                    track->first_buffer + place * entry->track->num_buffers + b);
    descent_device_gradient *gradient = descent_take_record(plan->device, TABLE_GRADIENTS);
    *gradient = (descent_device_gradient){word, offset, buffer ? &buffer->data : NULL, present};
    present = NULL;
  }
  if (!present)
    return;
  descent_device_gradient *gradient = descent_take_record(plan->device, TABLE_GRADIENTS);
  *gradient = (descent_device_gradient){word, 0, NULL, present};
}

/* What the end of a step takes from a layer. */
static void take_results(descent_plan *plan, const descent_logical *logical, int64_t place) {
  const descent_entry *entry = logical->entry;
  const descent_track *track = entry->track;
  const uint32_t *present = descent_present_address(plan, entry->group, place);
  for (uint32_t s = 0; s < track->num_slot_stores; ++s) {
    descent_device_store *store = descent_take_record(plan->device, TABLE_STORES);
    *store = (descent_device_store){descent_state_number(plan, logical, track->slot_stores[s].state),
                                    descent_slot_address(plan, entry->group, place, track->slot_stores[s].slot),
                                    present, DESCENT_F64};
  }
  if (track->updates_state != UINT32_MAX) {
    descent_device_store *store = descent_take_record(plan->device, TABLE_STORES);
    *store = (descent_device_store){descent_state_number(plan, logical, track->updates_state), NULL, present,
                                    DESCENT_DEVICE_UPDATES};
  }
  const int64_t reports = (logical - plan->logicals) * plan->artifact->num_reports;
  for (uint32_t r = 0; r < track->num_reports; ++r)
    if (track->report_slots[r] != UINT32_MAX)
      descent_take_source(plan, TABLE_REPORTED, entry->group, place, track->report_slots[r], reports + r);
}

static void take_layer(descent_plan *plan, uint32_t number, int64_t place) {
  const descent_track *track = &plan->artifact->tracks[number];
  const int64_t *logicals = plan->device->tracks[number].logicals;
  const descent_logical *logical = logicals ? &plan->logicals[logicals[place]] : NULL;
  for (uint32_t s = 0; s < track->num_slot_loads; ++s) {
    const descent_slot *load = &track->slot_loads[s];
    if (load_step_number(plan, number, place, load))
      continue;
    if (logical)
      load_layer_number(plan, logical, place, load);
    else
      set_slot(plan, number, place, load->slot, 1.0);
  }
  forget_numbers(plan, number, place);
  uint32_t *present = descent_take_record(plan->device, TABLE_PRESENT);
  *present = 1;
  if (!logical)
    return;
  for (uint32_t b = 0; b < track->num_buffers; ++b)
    *(descent_buffer *)descent_take_record(plan->device, TABLE_BUFFERS) = logical->buffers[b];
  take_gradients(plan, logical, place);
  take_results(plan, logical, place);
}

/* In the order of the layer table: the first one that is found is told. */
static void take_nonfinite(descent_plan *plan) {
  for (int64_t i = 0; i < plan->num_logicals; ++i) {
    const descent_entry *entry = plan->logicals[i].entry;
    if (entry->track->nonfinite_slot != UINT32_MAX)
      descent_take_source(plan, TABLE_NONFINITE, entry->group, plan->device->places[i], entry->track->nonfinite_slot,
                          entry - plan->entries);
  }
}

static void take_grids(descent_plan *plan, uint32_t index) {
  const descent_device_launch *launch = &plan->artifact->device->launches[index];
  const descent_device_track *track = &plan->device->tracks[launch->track];
  for (int64_t w = 0; w < track->num_waves; ++w) {
    int64_t end = 0;
    for (int64_t i = 0; i < track->waves[w].count; ++i) {
      const descent_logical *logical = &plan->logicals[track->logicals[track->waves[w].first + i]];
      const descent_grid *grid = &logical->entry->grids[launch->stage];
      const int64_t tiles = descent_count_tiles(plan, index, track->waves[w].first + i);
      end += tiles;
      *(descent_device_grid *)descent_take_record(plan->device, TABLE_GRIDS) =
          (descent_device_grid){grid->rows,       grid->cols,       grid->row_block, grid->col_block,
                                grid->row_blocks, grid->col_blocks, tiles,           grid->triangle};
      *(int64_t *)descent_take_record(plan->device, TABLE_ENDS) = end;
    }
  }
}

static void take_launches(descent_plan *plan) {
  const descent_device_program *program = plan->artifact->device;
  for (uint32_t i = 0; i < program->num_launches; ++i) {
    const descent_device_launch *launch = &program->launches[i];
    descent_launch_records *records = &plan->device->launches[i];
    records->first_operand = plan->device->tables[TABLE_OPERANDS].used;
    records->first_grid = plan->device->tables[TABLE_GRIDS].used;
    records->first_map = plan->device->tables[TABLE_MAPS].used;
    for (uint32_t o = 0; o < launch->num_operands; ++o)
      *(uint32_t *)descent_take_record(plan->device, TABLE_OPERANDS) = launch->operands[o];
    if (launch->stage != UINT32_MAX)
      take_grids(plan, i);
    take_records(plan->device, TABLE_MAPS, plan->device->tracks[launch->track].num_layers * launch->num_maps);
  }
}

void descent_fill_tables(descent_plan *plan) {
  const descent_artifact *artifact = plan->artifact;
  descent_device_plan *device = plan->device;
  for (int kind = 0; kind < NUM_TABLES; ++kind)
    device->tables[kind].used = 0;
  device->num_items = 0;
  *(double *)descent_take_record(device, TABLE_CONSTANTS) = 0.0;
  *(double *)descent_take_record(device, TABLE_CONSTANTS) = (double)NAN;
  take_records(device, TABLE_WORDS, WORD_HYPER + (int64_t)artifact->num_hypers + plan->num_entries);
  take_records(device, TABLE_SKIP, 1);
  take_records(device, TABLE_RESULT, 1);
  take_records(device, TABLE_REPORTS, plan->num_logicals * artifact->num_reports);
  for (uint32_t t = 0; t < artifact->num_tracks; ++t) {
    descent_device_track *track = &device->tracks[t];
    track->first_slot = device->tables[TABLE_SLOTS].used;
    track->first_buffer = device->tables[TABLE_BUFFERS].used;
    track->first_present = device->tables[TABLE_PRESENT].used;
    take_records(device, TABLE_SLOTS, track->num_layers * artifact->tracks[t].num_slots);
    for (int64_t place = 0; place < track->num_layers; ++place)
      take_layer(plan, t, place);
  }
  take_nonfinite(plan);
  take_launches(plan);
  descent_add_begin(plan);
  for (uint32_t segment = 0; segment < artifact->num_segments; ++segment)
    descent_add_segment(plan, segment);
  descent_add_finish(plan);
}
