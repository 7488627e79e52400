#include "DevicePlan.h"

#include "../Errors.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Scratch that layers take in turn: large enough to keep a device busy, small beside its memory. */
static const int64_t usual_workspace_bytes = INT64_C(256) << 20;

enum { TABLE_ALIGNMENT = 256 };

static const size_t record_sizes[NUM_TABLES] = {
    [TABLE_SLOTS] = sizeof(double),
    [TABLE_BUFFERS] = sizeof(descent_buffer),
    [TABLE_PRESENT] = sizeof(uint32_t),
    [TABLE_GRIDS] = sizeof(descent_device_grid),
    [TABLE_ENDS] = sizeof(int64_t),
    [TABLE_OPERANDS] = sizeof(uint32_t),
    [TABLE_MAPS] = DESCENT_MAP_BYTES,
    [TABLE_GRADIENTS] = sizeof(descent_device_gradient),
    [TABLE_LOADS] = sizeof(descent_device_load),
    [TABLE_KEYS] = sizeof(descent_device_key),
    [TABLE_SOURCES] = sizeof(descent_device_source),
    [TABLE_GROUPS] = sizeof(descent_device_group),
    [TABLE_TARGETS] = sizeof(double *),
    [TABLE_STORES] = sizeof(descent_device_store),
    [TABLE_REPORTED] = sizeof(descent_device_source),
    [TABLE_NONFINITE] = sizeof(descent_device_source),
    [TABLE_CONSTANTS] = sizeof(double),
    [TABLE_WORDS] = sizeof(uint64_t),
    [TABLE_SKIP] = sizeof(uint32_t),
    [TABLE_RESULT] = sizeof(descent_result),
    [TABLE_REPORTS] = sizeof(double),
};
_Static_assert(DESCENT_MAP_BYTES <= sizeof(((descent_device_plan *)0)->any_record), "the largest record");

static int32_t out_of_memory(descent_error *error) {
  return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the plan's tables");
}

/* ---- Which layers run together ---- */

static bool list_layers(descent_plan *plan) {
  const descent_artifact *artifact = plan->artifact;
  descent_device_plan *device = plan->device;
  device->places = descent_arena_take(&plan->memory, plan->num_logicals, sizeof(int64_t));
  device->tracks = descent_arena_take(&plan->memory, artifact->num_tracks, sizeof(descent_device_track));
  if (!device->places || !device->tracks)
    return false;
  for (int64_t i = 0; i < plan->num_logicals; ++i)
    device->places[i] = device->tracks[plan->logicals[i].entry->group].num_layers++;
  for (uint32_t t = 0; t < artifact->num_tracks; ++t) {
    descent_device_track *track = &device->tracks[t];
    if (artifact->tracks[t].shared)
      track->num_layers = 1;
    else
      track->logicals = descent_arena_take(&plan->memory, track->num_layers, sizeof(int64_t));
    track->waves = descent_arena_take(&plan->memory, track->num_layers, sizeof(descent_device_wave));
    if (!track->waves || (!artifact->tracks[t].shared && !track->logicals))
      return false;
  }
  for (int64_t i = 0; i < plan->num_logicals; ++i)
    device->tracks[plan->logicals[i].entry->group].logicals[device->places[i]] = i;
  return true;
}

/* Layers of one shape follow one another, so that a library finds them at one distance from each other. */
static void place_scratch(descent_plan *plan, const descent_device_track *track, const descent_device_wave *wave) {
  int64_t used = plan->layer_bytes;
  for (int64_t i = 0; i < wave->count; ++i) {
    const descent_logical *first = &plan->logicals[track->logicals[wave->first + i]];
    const descent_entry *entry = first->entry;
    if (first->shared_scratch >= 0)
      continue;
    for (int64_t j = i; j < wave->count; ++j) {
      descent_logical *logical = &plan->logicals[track->logicals[wave->first + j]];
      if (logical->entry->rows != entry->rows || logical->entry->cols != entry->cols)
        continue;
      logical->shared_scratch = used;
      used += entry->worker_bytes;
    }
  }
}

/* The layers of a wave have scratch of their own within `most` bytes. */
static void make_waves(descent_plan *plan, descent_device_track *track, int64_t most) {
  descent_device_wave *wave = NULL;
  int64_t used = 0;
  for (int64_t place = 0; place < track->num_layers; ++place) {
    descent_logical *logical = track->logicals ? &plan->logicals[track->logicals[place]] : NULL;
    const int64_t bytes = logical ? logical->entry->worker_bytes : 0;
    if (!wave || bytes > most - used) {
      wave = &track->waves[track->num_waves++];
      *wave = (descent_device_wave){place, 0};
      used = 0;
    }
    if (logical)
      logical->shared_scratch = -1;
    used += bytes;
    wave->count++;
    if (used > plan->wave_bytes)
      plan->wave_bytes = used;
  }
  for (int64_t w = 0; w < track->num_waves && track->logicals; ++w)
    place_scratch(plan, track, &track->waves[w]);
}

static bool schedule(descent_plan *plan, int64_t most) {
  for (int64_t i = 0; i < plan->num_entries; ++i) {
    descent_entry *entry = &plan->entries[i];
    int64_t all;
    entry->large = true; /* its scratch is in the workspace */
    entry->layer_begin = plan->layer_bytes;
    if (__builtin_mul_overflow(entry->layer_bytes, entry->batch, &all) ||
        __builtin_add_overflow(plan->layer_bytes, all, &plan->layer_bytes))
      return false;
    if (entry->worker_bytes > most)
      most = entry->worker_bytes;
  }
  if (plan->layer_bytes > INT64_MAX - most)
    return false;
  for (uint32_t t = 0; t < plan->artifact->num_tracks; ++t)
    make_waves(plan, &plan->device->tracks[t], most);
  return !__builtin_add_overflow(plan->layer_bytes, plan->wave_bytes, &plan->workspace_bytes) &&
         plan->workspace_bytes < INT64_MAX - 256;
}

/* ---- Tables ---- */

/* After the records were counted; false when kernels could not count them. */
static bool lay_out_tables(descent_device_plan *device) {
  for (int kind = 0; kind < NUM_TABLES; ++kind) {
    descent_table *table = &device->tables[kind];
    int64_t bytes;
    table->size = record_sizes[kind];
    table->count = table->used;
    table->offset = device->block_bytes;
    if (table->count > INT32_MAX || __builtin_mul_overflow(table->count, (int64_t)table->size, &bytes) ||
        __builtin_add_overflow(device->block_bytes, bytes + TABLE_ALIGNMENT, &device->block_bytes))
      return false;
    device->block_bytes = device->block_bytes / TABLE_ALIGNMENT * TABLE_ALIGNMENT;
  }
  return true;
}

int32_t descent_device_upload_tables(descent_plan *plan, descent_error *error) {
  descent_device_plan *device = plan->device;
  device->staged = aligned_alloc(TABLE_ALIGNMENT, (size_t)device->block_bytes);
  if (!device->staged)
    return out_of_memory(error);
  memset(device->staged, 0, (size_t)device->block_bytes);
  descent_fill_tables(plan);
  int32_t code = descent_device_make_maps(plan, error);
  if (code == DESCENT_OK)
    code = device->device->methods->upload(device->device, device->block, device->staged, device->block_bytes, error);
  free(device->staged);
  device->staged = NULL;
  return code;
}

static int32_t make_tables(descent_plan *plan, descent_error *error) {
  descent_device_plan *device = plan->device;
  const int64_t words = WORD_HYPER + (int64_t)plan->artifact->num_hypers + plan->num_entries;
  device->words = descent_arena_take(&plan->memory, words, sizeof(uint64_t));
  if (!device->words)
    return out_of_memory(error);
  descent_fill_tables(plan);
  device->items = descent_arena_take(&plan->memory, device->num_items, sizeof(descent_device_item));
  if (!device->items || !lay_out_tables(device))
    return out_of_memory(error);
  void *block;
  const int32_t code = descent_device_allocate(device, device->block_bytes, &block, error);
  if (code != DESCENT_OK)
    return code;
  device->block = block;
  return descent_device_upload_tables(plan, error);
}

/* ---- The caller's memory ---- */

/* The entry as a layer of the table that its bindings came from. */
static descent_layer make_layer(const descent_plan *plan, int64_t index) {
  const descent_entry *entry = &plan->entries[index];
  const descent_bound *bound = &plan->bindings.bounds[index];
  return (descent_layer){.size = sizeof(descent_layer),
                         .name = entry->name,
                         .id = entry->id,
                         .group = entry->group,
                         .rows = entry->rows,
                         .cols = entry->cols,
                         .batch = entry->batch,
                         .weight = bound->weight,
                         .gradient = bound->gradient,
                         .inputs = bound->inputs,
                         .states = bound->states,
                         .factors = bound->factors};
}

int32_t descent_device_admit_tensor(descent_plan *plan, const descent_tensor *tensor, int64_t entry,
                                    descent_error *error) {
  descent_device *device = plan->device->device;
  const descent_box box = descent_make_box(tensor, entry);
  descent_error found = {.size = sizeof(descent_error)};
  const int32_t code = device->methods->admit(device, &box, &found);
  if (code == DESCENT_OK)
    return code;
  const descent_tensor_name name = descent_name_tensor(tensor);
  return descent_fail(error, (descent_code)code, "layer %" PRId64 " '%s': its %s %s", entry, plan->entries[entry].name,
                      name.text, found.message);
}

int32_t descent_device_admit(descent_plan *plan, descent_error *error) {
  for (int64_t i = 0; i < plan->num_entries; ++i) {
    const descent_layer layer = make_layer(plan, i);
    const descent_track *track = plan->entries[i].track;
    for (int64_t t = 0; t < descent_num_tensors(track); ++t) {
      const descent_tensor tensor = descent_get_tensor(track, &layer, t);
      const int32_t code =
          tensor.view.data ? descent_device_admit_tensor(plan, &tensor, i, error) : (int32_t)DESCENT_OK;
      if (code != DESCENT_OK)
        return code;
    }
  }
  return DESCENT_OK;
}

void descent_device_dismiss(descent_plan *plan) {
  descent_device *device = plan->device->device;
  for (int64_t i = 0; i < plan->num_entries; ++i) {
    const descent_layer layer = make_layer(plan, i);
    const descent_track *track = plan->entries[i].track;
    for (int64_t t = 0; t < descent_num_tensors(track); ++t) {
      const descent_tensor tensor = descent_get_tensor(track, &layer, t);
      if (!tensor.view.data)
        continue;
      const descent_box box = descent_make_box(&tensor, i);
      device->methods->dismiss(device, &box);
    }
  }
}

/* ---- The plan ---- */

/* What driver.mlir knows of states: numbers a layer are f64, their counts i64. */
static int32_t check_layer_states(const descent_artifact *artifact, descent_error *error) {
  for (uint32_t t = 0; t < artifact->num_groups; ++t) {
    const descent_track *track = &artifact->tracks[t];
    for (uint32_t s = 0; s < track->num_states; ++s)
      if (track->states[s].scope == DESCENT_SCOPE_LAYER && s != track->updates_state &&
          track->states[s].type != DESCENT_F64)
        return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                            "group '%s' of '%s' keeps the number '%s' a layer, which must be f64 on a device",
                            track->name, artifact->name, track->states[s].name);
  }
  return DESCENT_OK;
}

static int64_t workspace_size(const descent_plan *plan) { return plan->workspace_bytes + 256; }

static int32_t make_workspace(descent_plan *plan, const descent_device_options *options, descent_error *error) {
  const int64_t given = options->workspace_bytes;
  if (!list_layers(plan))
    return out_of_memory(error);
  void *memory = NULL;
  const bool fits = schedule(plan, given > 0 ? given : usual_workspace_bytes);
  const int32_t code = fits ? descent_device_allocate(plan->device, workspace_size(plan), &memory, error)
                            : (int32_t)DESCENT_OUT_OF_MEMORY;
  plan->workspace = memory;
  if (code != DESCENT_OUT_OF_MEMORY)
    return code;
  return descent_fail(error, DESCENT_OUT_OF_MEMORY,
                      "no memory for the workspace of %" PRId64 " bytes; a smaller `workspace_bytes` in the plan's "
                      "device options may do",
                      fits ? plan->workspace_bytes : INT64_MAX);
}

int32_t descent_device_plan_create(descent_plan *plan, const descent_device_options *given, descent_error *error) {
  descent_device_options all;
  const descent_device_options *options = &all;
  int32_t code = descent_read_device_options(given, &all, error);
  if (code == DESCENT_OK)
    code = check_layer_states(plan->artifact, error);
  if (code != DESCENT_OK)
    return code;
  plan->device = descent_arena_take(&plan->memory, 1, sizeof(descent_device_plan));
  if (!plan->device)
    return out_of_memory(error);
  if (options->allocator)
    plan->device->allocator = *options->allocator;
  code = plan->artifact->device->methods->open(plan->artifact, options, &plan->device->device, error);
  if (code == DESCENT_OK)
    code = make_workspace(plan, options, error);
  if (code == DESCENT_OK)
    code = descent_device_admit(plan, error);
  if (code != DESCENT_OK)
    return code;
  descent_bind_buffers(plan);
  code = descent_assign_products(plan, options, error);
  return code == DESCENT_OK ? make_tables(plan, error) : code;
}

void descent_device_plan_destroy(descent_plan *plan) {
  descent_device *device = plan->device ? plan->device->device : NULL;
  if (!device)
    return;
  descent_release_products(plan->device);
  descent_device_release(plan->device, plan->device->block, plan->device->block_bytes);
  descent_device_release(plan->device, plan->workspace, workspace_size(plan));
  device->methods->close(device);
  plan->workspace = NULL;
  plan->device = NULL;
}
