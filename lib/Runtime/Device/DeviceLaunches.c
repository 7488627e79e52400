/* The launches of a step, in their order: begin, the stages, cuts and the guard of each segment, finish. */
#include "DevicePlan.h"

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* No more blocks than the device keeps busy: each takes several tasks in turn. */
static int64_t count_blocks(const descent_device_plan *plan, uint32_t kernel, int64_t tasks) {
  const int64_t each = plan->device->program->kernels[kernel].blocks_per_processor;
  return most(1, least(tasks, plan->device->methods->processors(plan->device) * most(1, each)));
}

/* For a task a thread. */
static int64_t count_thread_blocks(const descent_device_plan *plan, uint32_t kernel, int64_t tasks) {
  const int64_t threads = plan->device->program->kernels[kernel].threads;
  return count_blocks(plan, kernel, tasks / threads + (tasks % threads != 0));
}

static descent_device_item *add_item(descent_device_plan *plan, uint32_t kernel, int64_t blocks) {
  descent_device_item *item = plan->staged ? &plan->items[plan->num_items] : &plan->any_item;
  ++plan->num_items;
  item->product = NULL;
  item->call = (descent_device_call){blocks, item->addresses, kernel, 0};
  return item;
}

static void pass_pointer(descent_device_item *item, const void *pointer) {
  const uint32_t index = item->call.num_arguments++;
  item->arguments[index].pointer = (void *)(uintptr_t)pointer;
  item->addresses[index] = &item->arguments[index].pointer;
}

static void pass_number(descent_device_item *item, int64_t number) {
  const uint32_t index = item->call.num_arguments++;
  item->arguments[index].number = (int32_t)number;
  item->addresses[index] = &item->arguments[index].number;
}

static void pass_table(descent_device_item *item, const descent_device_plan *plan, descent_table_kind kind) {
  pass_pointer(item, descent_record_address(plan, kind, 0));
}

void descent_add_begin(descent_plan *plan) {
  const descent_device_plan *device = plan->device;
  const int64_t gradients = device->tables[TABLE_GRADIENTS].used, loads = device->tables[TABLE_LOADS].used,
                keys = device->tables[TABLE_KEYS].used;
  descent_device_item *item =
      add_item(plan->device, DESCENT_KERNEL_BEGIN,
               count_thread_blocks(device, DESCENT_KERNEL_BEGIN, most(gradients, most(loads, keys))));
  pass_table(item, device, TABLE_GRADIENTS);
  pass_table(item, device, TABLE_LOADS);
  pass_table(item, device, TABLE_KEYS);
  pass_pointer(item, descent_word_address(plan, WORD_FOUND_INF));
  pass_table(item, device, TABLE_SKIP);
  pass_number(item, gradients);
  pass_number(item, loads);
  pass_number(item, keys);
}

static int64_t count_tiles(const descent_plan *plan, uint32_t launch, const descent_device_wave *wave) {
  int64_t tiles = 0;
  for (int64_t i = 0; i < wave->count; ++i)
    tiles += descent_count_tiles(plan, launch, wave->first + i);
  return tiles;
}

/* One launch of the program for the layers of one wave. */
static void add_launch(descent_plan *plan, uint32_t index, const descent_device_wave *wave) {
  const descent_device_plan *device = plan->device;
  const descent_device_launch *launch = &plan->artifact->device->launches[index];
  const descent_track *track = &plan->artifact->tracks[launch->track];
  const descent_device_track *layers = &device->tracks[launch->track];
  const bool has_grid = launch->stage != UINT32_MAX;
  const int64_t tasks = has_grid ? count_tiles(plan, index, wave) : wave->count;
  if (tasks == 0)
    return;
  const int64_t grid = device->launches[index].first_grid + wave->first;
  const int64_t buffer = layers->first_buffer + wave->first * track->num_buffers;
  descent_device_item *item = add_item(plan->device, launch->kernel, count_blocks(device, launch->kernel, tasks));
  pass_pointer(item, layers->logicals ? descent_record_address(device, TABLE_BUFFERS, buffer) : NULL);
  pass_pointer(item, descent_slot_address(plan, launch->track, wave->first, 0));
  pass_pointer(item, has_grid ? descent_record_address(device, TABLE_GRIDS, grid) : NULL);
  pass_pointer(item, has_grid ? descent_record_address(device, TABLE_ENDS, grid) : NULL);
  pass_pointer(item, descent_record_address(device, TABLE_OPERANDS, device->launches[index].first_operand));
  pass_pointer(item, descent_present_address(plan, launch->track, wave->first));
  pass_table(item, device, TABLE_SKIP);
  pass_number(item, wave->count);
  pass_number(item, track->num_buffers);
  pass_number(item, track->num_slots);
  const int64_t map = device->launches[index].first_map + wave->first * launch->num_maps;
  pass_pointer(item, launch->num_maps > 0 ? descent_record_address(device, TABLE_MAPS, map) : NULL);
}

/* What the library does of the same launch. */
static void add_products(descent_plan *plan, uint32_t launch, int64_t wave) {
  const descent_device_product_call *call = plan->device->products.calls;
  for (; call; call = call->next)
    if (call->launch == launch && call->wave == wave)
      add_item(plan->device, 0, 0)->product = call->call;
}

/* Waves have the same scratch one after the other, so that each ends before the next begins. */
static void add_track(descent_plan *plan, uint32_t number, uint32_t segment) {
  const descent_device_program *program = plan->artifact->device;
  const descent_device_track *track = &plan->device->tracks[number];
  for (int64_t w = 0; w < track->num_waves; ++w)
    for (uint32_t i = 0; i < program->num_launches; ++i)
      if (program->launches[i].track == number && program->launches[i].segment == segment) {
        add_launch(plan, i, &track->waves[w]);
        add_products(plan, i, w);
      }
}

static void take_cut_slot(descent_plan *plan, descent_slot_ref slot, int64_t place, bool gives) {
  if (gives)
    descent_take_source(plan, TABLE_SOURCES, slot.track, place, slot.slot, 0);
  else
    *(double **)descent_take_record(plan->device, TABLE_TARGETS) =
        descent_slot_address(plan, slot.track, place, slot.slot);
}

/* What layers give to a cut, or get from it: in the order of the table; shared bodies come last. */
static void take_cut_slots(descent_plan *plan, const descent_cut *cut, int64_t first, int64_t count, bool gives) {
  const descent_slot_ref *slots = gives ? cut->sources : cut->destinations;
  const uint32_t num_slots = gives ? cut->num_sources : cut->num_destinations;
  for (int64_t i = first; i < first + count; ++i)
    for (uint32_t s = 0; s < num_slots; ++s)
      if (slots[s].track == plan->logicals[i].entry->group)
        take_cut_slot(plan, slots[s], plan->device->places[i], gives);
  for (uint32_t s = 0; s < num_slots && cut->reach != DESCENT_PARAMETER; ++s)
    if (plan->artifact->tracks[slots[s].track].shared)
      take_cut_slot(plan, slots[s], 0, gives);
}

/* Logical layers whose numbers are folded to one. */
static void take_group(descent_plan *plan, const descent_cut *cut, int64_t first, int64_t count) {
  const descent_table *tables = plan->device->tables;
  descent_device_group group = {.source_begin = tables[TABLE_SOURCES].used, .target_begin = tables[TABLE_TARGETS].used};
  take_cut_slots(plan, cut, first, count, true);
  take_cut_slots(plan, cut, first, count, false);
  group.source_end = tables[TABLE_SOURCES].used;
  group.target_end = tables[TABLE_TARGETS].used;
  if (group.target_end > group.target_begin)
    *(descent_device_group *)descent_take_record(plan->device, TABLE_GROUPS) = group;
}

static void add_cut(descent_plan *plan, const descent_cut *cut) {
  const descent_device_plan *device = plan->device;
  const int64_t first = device->tables[TABLE_GROUPS].used;
  if (cut->reach != DESCENT_PARAMETER)
    take_group(plan, cut, 0, plan->num_logicals);
  for (int64_t e = 0; cut->reach == DESCENT_PARAMETER && e < plan->num_entries; ++e)
    take_group(plan, cut, plan->entries[e].first, plan->entries[e].batch);
  const int64_t groups = device->tables[TABLE_GROUPS].used - first;
  if (groups == 0)
    return;
  descent_device_item *item =
      add_item(plan->device, DESCENT_KERNEL_FOLD, count_blocks(device, DESCENT_KERNEL_FOLD, groups));
  pass_pointer(item, descent_record_address(device, TABLE_GROUPS, first));
  pass_table(item, device, TABLE_SOURCES);
  pass_table(item, device, TABLE_TARGETS);
  pass_table(item, device, TABLE_SKIP);
  pass_number(item, cut->combine);
  pass_number(item, groups);
}

static void add_guard(descent_plan *plan) {
  const descent_device_plan *device = plan->device;
  const int64_t first = device->tables[TABLE_SOURCES].used;
  descent_take_sources_of(plan, TABLE_SOURCES, plan->artifact->guard);
  descent_device_item *item = add_item(plan->device, DESCENT_KERNEL_GUARD, 1);
  pass_pointer(item, descent_record_address(device, TABLE_SOURCES, first));
  pass_table(item, device, TABLE_SKIP);
  pass_number(item, device->tables[TABLE_SOURCES].used - first);
}

void descent_add_segment(descent_plan *plan, uint32_t segment) {
  const descent_artifact *artifact = plan->artifact;
  for (uint32_t t = artifact->num_groups; t < artifact->num_tracks; ++t)
    add_track(plan, t, segment);
  for (uint32_t t = 0; t < artifact->num_groups; ++t)
    add_track(plan, t, segment);
  for (uint32_t c = 0; c < artifact->num_cuts; ++c)
    if (artifact->cuts[c].segment == segment)
      add_cut(plan, &artifact->cuts[c]);
  if (segment == artifact->guard_segment)
    add_guard(plan);
}

void descent_add_finish(descent_plan *plan) {
  const descent_device_plan *device = plan->device;
  const int64_t first_norm = device->tables[TABLE_SOURCES].used;
  if (plan->artifact->norm_valid)
    descent_take_sources_of(plan, TABLE_SOURCES, plan->artifact->norm);
  const int64_t stores = device->tables[TABLE_STORES].used, reported = device->tables[TABLE_REPORTED].used;
  descent_device_item *item = add_item(plan->device, DESCENT_KERNEL_FINISH,
                                       count_thread_blocks(device, DESCENT_KERNEL_FINISH, most(stores, reported)));
  pass_table(item, device, TABLE_STORES);
  pass_table(item, device, TABLE_REPORTED);
  pass_table(item, device, TABLE_REPORTS);
  pass_table(item, device, TABLE_NONFINITE);
  pass_pointer(item, descent_record_address(device, TABLE_SOURCES, first_norm));
  pass_table(item, device, TABLE_SKIP);
  pass_table(item, device, TABLE_RESULT);
  pass_number(item, stores);
  pass_number(item, reported);
  pass_number(item, device->tables[TABLE_NONFINITE].used);
  pass_number(item, device->tables[TABLE_SOURCES].used - first_norm);
}
