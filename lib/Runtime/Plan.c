#include "Plan.h"

#include "Cpu.h"
#include "Device/DevicePlan.h"
#include "Errors.h"
#include "Types.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORKERS = 4096 };

static int32_t out_of_memory(descent_error *error) {
  return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the plan");
}

static int32_t check_options(const descent_plan_options *options, descent_error *error) {
  if (!options)
    return DESCENT_OK;
  /* Programs from before there were devices have a shorter struct. */
  const bool is_known =
      options->size == sizeof(descent_plan_options) || options->size == offsetof(descent_plan_options, device);
  if (!is_known || options->abi_version != DESCENT_ABI_VERSION)
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the plan's options have size %" PRIu64 " and ABI version %" PRIu32
                        ", but this version wants %zu and %u; set `size` and `abi_version`",
                        options->size, options->abi_version, sizeof(descent_plan_options), DESCENT_ABI_VERSION);
  if (options->workers < 0 || options->workers > MOST_WORKERS)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the plan's options ask for %" PRId64 " workers, but 0 (one a processor) to %d are possible",
                        options->workers, MOST_WORKERS);
  return DESCENT_OK;
}

/* Null in the options of programs from before there were devices. */
static const descent_device_options *get_device_options(const descent_plan_options *options) {
  return options && options->size > offsetof(descent_plan_options, device) ? options->device : NULL;
}

/* Copies the pointers of the table, after all checks that concern them. */
static int32_t make_bindings(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                             descent_bindings *bindings, descent_error *error) {
  int32_t code = DESCENT_OK;
  for (int64_t i = 0; i < count && code == DESCENT_OK; ++i)
    code = descent_check_tensors(&artifact->tracks[layers[i].group], &layers[i], i, error);
  if (code != DESCENT_OK)
    return code;
  const int64_t boxes = descent_num_written(artifact, layers, count);
  void *memory = descent_arena_take(&bindings->memory, 1, descent_written_bytes(boxes));
  bindings->bounds = descent_arena_take(&bindings->memory, count, sizeof(descent_bound));
  int64_t all_views = 0, all_factors = 0;
  for (int64_t i = 0; i < count; ++i) {
    const descent_track *track = &artifact->tracks[layers[i].group];
    all_views += (int64_t)track->num_inputs + track->num_states;
    all_factors += track->num_factors;
  }
  descent_view *next_view = descent_arena_take(&bindings->memory, all_views, sizeof(descent_view));
  double *next_factor = descent_arena_take(&bindings->memory, all_factors, sizeof(double));
  if (!memory || !bindings->bounds || !next_view || !next_factor)
    return out_of_memory(error);
  descent_collect_written(artifact, layers, count, memory, &bindings->written);
  code = descent_check_overlap(artifact, layers, count, &bindings->written, error);
  for (int64_t i = 0; i < count && code == DESCENT_OK; ++i) {
    const descent_track *track = &artifact->tracks[layers[i].group];
    descent_bound *bound = &bindings->bounds[i];
    const int64_t views = (int64_t)track->num_inputs + track->num_states;
    bound->weight = layers[i].weight;
    bound->gradient = layers[i].gradient;
    bound->checked = layers[i].gradient.data;
    bound->inputs = next_view;
    bound->factors = next_factor;
    next_view += views;
    next_factor += track->num_factors;
    bound->states = bound->inputs + track->num_inputs;
    for (int64_t v = 0; v < views; ++v)
      bound->inputs[v] = descent_get_tensor(track, &layers[i], 2 + v).view;
    for (uint32_t f = 0; f < track->num_factors; ++f)
      bound->factors[f] = layers[i].factors ? layers[i].factors[f] : 1.0;
  }
  return code;
}

static void bind_view(descent_buffer *buffer, const descent_view *view, int64_t member, int64_t element_bytes) {
  buffer->row_stride = view->row_stride;
  buffer->data =
      view->data && member > 0 ? (char *)view->data + member * view->batch_stride * element_bytes : view->data;
}

void descent_bind_buffers(descent_plan *plan) {
  for (int64_t i = 0; i < plan->num_logicals; ++i) {
    const descent_logical *logical = &plan->logicals[i];
    const descent_entry *entry = logical->entry;
    const descent_bound *bound = &plan->bindings.bounds[entry - plan->entries];
    for (uint32_t b = 0; b < entry->track->num_buffers; ++b) {
      const descent_buffer_desc *desc = &entry->track->buffers[b];
      const descent_scratch *scratch = &entry->scratches[b];
      descent_buffer *buffer = &logical->buffers[b];
      *buffer = (descent_buffer){NULL, scratch->rows, scratch->cols, scratch->row_stride};
      switch (desc->source) {
      case DESCENT_BUFFER_WEIGHT:
        bind_view(buffer, &bound->weight, logical->member, desc->element_bytes);
        break;
      case DESCENT_BUFFER_GRADIENT:
        bind_view(buffer, &bound->gradient, logical->member, desc->element_bytes);
        break;
      case DESCENT_BUFFER_INPUT:
        bind_view(buffer, &bound->inputs[desc->index], logical->member, desc->element_bytes);
        break;
      case DESCENT_BUFFER_STATE:
        bind_view(buffer, &bound->states[desc->index], logical->member, desc->element_bytes);
        break;
      case DESCENT_BUFFER_LAYER:
        buffer->data = plan->workspace + entry->layer_begin + logical->member * entry->layer_bytes + scratch->offset;
        break;
      default: /* a small layer has its worker's, task by task */
        if (entry->large)
          buffer->data = plan->workspace + logical->shared_scratch + scratch->offset;
      }
    }
  }
}

enum { SEARCHED = 64 };

/* A recent entry of the same track and shape: choices, grids and places in the scratch are the same. */
static const descent_entry *find_alike(const descent_plan *plan, const descent_entry *entry, int64_t index) {
  for (int64_t i = index - 1; i >= 0 && i >= index - SEARCHED; --i) {
    const descent_entry *other = &plan->entries[i];
    if (other->track == entry->track && other->rows == entry->rows && other->cols == entry->cols)
      return other;
  }
  return NULL;
}

static bool lay_out_entry(descent_plan *plan, descent_entry *entry, int64_t index, bool *has_memory) {
  const descent_entry *alike = find_alike(plan, entry, index);
  if (alike) {
    entry->choices = alike->choices;
    entry->grids = alike->grids;
    entry->scratches = alike->scratches;
    entry->worker_bytes = alike->worker_bytes;
    entry->layer_bytes = alike->layer_bytes;
    entry->cost = alike->cost;
    return true;
  }
  entry->choices = descent_arena_take(&plan->memory, entry->track->num_choices, sizeof(uint32_t));
  entry->grids = descent_arena_take(&plan->memory, entry->track->num_stages, sizeof(descent_grid));
  entry->scratches = descent_arena_take(&plan->memory, entry->track->num_buffers, sizeof(descent_scratch));
  *has_memory = entry->choices && entry->grids && entry->scratches;
  if (!*has_memory)
    return false;
  descent_choose(entry);
  return descent_lay_out_entry(entry);
}

static int32_t make_entry(descent_plan *plan, const descent_layer *layer, int64_t index, descent_error *error) {
  descent_entry *entry = &plan->entries[index];
  const descent_track *track = &plan->artifact->tracks[layer->group];
  const size_t length = strlen(layer->name) + 1;
  entry->track = track;
  entry->id = layer->id;
  entry->group = layer->group;
  entry->rows = layer->rows;
  entry->cols = layer->cols;
  entry->batch = layer->batch;
  entry->first = plan->num_logicals;
  entry->name = descent_arena_take(&plan->memory, 1, length);
  if (!entry->name)
    return out_of_memory(error);
  memcpy(entry->name, layer->name, length);
  bool has_memory = true;
  if (!lay_out_entry(plan, entry, index, &has_memory))
    return !has_memory ? out_of_memory(error)
                       : descent_fail(error, DESCENT_INVALID_LAYER,
                                      "layer %" PRId64 " '%s': the scratch for %" PRId64 " x %" PRId64
                                      " exceeds the address space",
                                      index, layer->name, layer->rows, layer->cols);
  if (__builtin_add_overflow(plan->num_logicals, layer->batch, &plan->num_logicals))
    return out_of_memory(error);
  return DESCENT_OK;
}

/* Whole cache lines: neighbours are written by different workers. */
static int64_t count_slots(const descent_entry *entry) { return ((int64_t)entry->track->num_slots + 7) / 8 * 8; }

/* What all layers have lies together, in the order of the table, which is nearly that of the work. */
static int32_t make_logicals(descent_plan *plan, descent_error *error) {
  int64_t slots = 0, buffers = 0;
  for (int64_t i = 0; i < plan->num_entries; ++i) {
    const descent_entry *entry = &plan->entries[i];
    int64_t own_slots, own_buffers;
    if (__builtin_mul_overflow(entry->batch, count_slots(entry), &own_slots) ||
        __builtin_mul_overflow(entry->batch, (int64_t)entry->track->num_buffers, &own_buffers) ||
        __builtin_add_overflow(slots, own_slots, &slots) || __builtin_add_overflow(buffers, own_buffers, &buffers))
      return out_of_memory(error);
  }
  plan->logicals = descent_arena_take(&plan->memory, plan->num_logicals, sizeof(descent_logical));
  double *next_slots = descent_arena_take(&plan->memory, slots, sizeof(double));
  descent_buffer *next_buffers = descent_arena_take(&plan->memory, buffers, sizeof(descent_buffer));
  if (!plan->logicals || !next_slots || !next_buffers)
    return out_of_memory(error);
  for (int64_t i = 0; i < plan->num_entries; ++i) {
    const descent_entry *entry = &plan->entries[i];
    for (int64_t m = 0; m < entry->batch; ++m) {
      plan->logicals[entry->first + m] = (descent_logical){entry, m, 0, next_buffers, next_slots, false};
      next_buffers += entry->track->num_buffers;
      next_slots += count_slots(entry);
    }
    if (entry->track->num_buffers > plan->max_buffers)
      plan->max_buffers = entry->track->num_buffers;
    if (entry->track->num_stages > plan->max_stages)
      plan->max_stages = entry->track->num_stages;
  }
  return DESCENT_OK;
}

/* What follows from the artifact alone. */
static int32_t make_tables(descent_plan *plan, descent_error *error) {
  const descent_artifact *artifact = plan->artifact;
  const int64_t segments = artifact->num_segments;
  plan->defaults = descent_arena_take(&plan->memory, artifact->num_hypers, sizeof(double));
  plan->shared_slots = descent_arena_take(&plan->memory, artifact->num_tracks, sizeof(double *));
  plan->stage_begins = descent_arena_take(&plan->memory, artifact->num_tracks * (segments + 1), sizeof(uint32_t));
  if (!plan->defaults || !plan->shared_slots || !plan->stage_begins)
    return out_of_memory(error);
  for (uint32_t h = 0; h < artifact->num_hypers; ++h)
    plan->defaults[h] = artifact->hypers[h].default_value;
  for (uint32_t t = 0; t < artifact->num_tracks; ++t) {
    const descent_track *track = &artifact->tracks[t];
    uint32_t stage = 0;
    for (int64_t s = 0; s <= segments; ++s) {
      while (stage < track->num_stages && (int64_t)track->stages[stage].segment < s)
        ++stage;
      plan->stage_begins[t * (segments + 1) + s] = stage;
    }
    if (!track->shared)
      continue;
    plan->shared_slots[t] = descent_arena_take(&plan->memory, track->num_slots, sizeof(double));
    if (!plan->shared_slots[t])
      return out_of_memory(error);
  }
  return DESCENT_OK;
}

/* What steps on the processor need besides the entries and logical layers. */
static int32_t prepare_workers(descent_plan *plan, bool own_pool, descent_error *error) {
  const uint32_t last = plan->artifact->num_segments - 1;
  plan->finishes_in_tasks = plan->artifact->guard_segment != last;
  for (uint32_t c = 0; c < plan->artifact->num_cuts; ++c)
    plan->finishes_in_tasks = plan->finishes_in_tasks && plan->artifact->cuts[c].segment != last;
  const int32_t code = descent_schedule(plan, error);
  if (code != DESCENT_OK)
    return code;
  plan->worker_buffers =
      descent_arena_take(&plan->memory, plan->workers * (plan->max_buffers + 1), sizeof(descent_buffer));
  plan->worker_sources =
      descent_arena_take(&plan->memory, plan->workers * (plan->max_stages + 1), sizeof(const double *));
  if (!plan->worker_buffers || !plan->worker_sources)
    return out_of_memory(error);
  descent_bind_buffers(plan);
  if (own_pool && plan->workers > 1) {
    plan->pool = descent_pool_create(plan->workers);
    if (!plan->pool)
      return descent_fail(error, DESCENT_OUT_OF_MEMORY,
                          "the system started fewer than the plan's %" PRId64 " threads; ask for fewer workers",
                          plan->workers);
  }
  return DESCENT_OK;
}

static int32_t fill_plan(descent_plan *plan, const descent_layer *layers, int64_t count,
                         const descent_plan_options *options, descent_error *error) {
  int32_t code = make_bindings(plan->artifact, layers, count, &plan->bindings, error);
  if (code == DESCENT_OK)
    code = make_tables(plan, error);
  if (code != DESCENT_OK)
    return code;
  plan->num_entries = count;
  plan->entries = descent_arena_take(&plan->memory, count, sizeof(descent_entry));
  if (!plan->entries)
    return out_of_memory(error);
  for (int64_t i = 0; i < count && code == DESCENT_OK; ++i)
    code = make_entry(plan, &layers[i], i, error);
  if (code == DESCENT_OK)
    code = make_logicals(plan, error);
  if (code != DESCENT_OK)
    return code;
  return plan->artifact->device ? descent_device_plan_create(plan, get_device_options(options), error)
                                : prepare_workers(plan, !options || options->own_pool, error);
}

int32_t descent_rt_plan_create(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                               const descent_plan_options *options, descent_plan **plan, descent_error *error) {
  if (!plan)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "there is no place for the plan: `plan` is null");
  *plan = NULL;
  int32_t code = descent_check_shapes(artifact, layers, count, error);
  if (code == DESCENT_OK)
    code = check_options(options, error);
  const descent_artifact *path = NULL;
  const char *target = options ? options->target : NULL;
  if (code == DESCENT_OK)
    code = artifact->device ? descent_device_choose_path(artifact, target, get_device_options(options), &path, error)
                            : descent_choose_path(artifact, target, &path, error);
  if (code != DESCENT_OK)
    return code;
  descent_plan *made = calloc(1, sizeof(descent_plan));
  if (!made)
    return out_of_memory(error);
  made->first = artifact;
  made->artifact = path;
  made->seed = options ? options->seed : 0;
  made->workers = options && options->workers > 0 ? options->workers : descent_processors();
  if (made->workers > MOST_WORKERS)
    made->workers = MOST_WORKERS;
  atomic_flag_clear(&made->stepping);
  code = fill_plan(made, layers, count, options, error);
  if (code == DESCENT_OK)
    *plan = made;
  else
    descent_rt_plan_destroy(artifact, made);
  return code;
}

void descent_rt_plan_destroy(const descent_artifact *artifact, descent_plan *plan) {
  (void)artifact;
  if (!plan)
    return;
  descent_pool_destroy(plan->pool);
  descent_device_plan_destroy(plan);
  descent_arena_release(&plan->bindings.memory);
  descent_arena_release(&plan->memory);
  free(plan->workspace);
  free(plan);
}

static int32_t check_same(const descent_entry *entry, const descent_layer *layer, int64_t index, descent_error *error) {
  if (entry->id != layer->id)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': its id is %" PRIu64 ", but the plan was made with %" PRIu64
                        " ('%s'); another table needs another plan",
                        index, layer->name, layer->id, entry->id, entry->name);
  if (entry->group != layer->group)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': its group is %" PRIu32 ", but the plan was made with %" PRIu32
                        " ('%s'); another table needs another plan",
                        index, layer->name, layer->group, entry->group, entry->track->name);
  if (entry->rows != layer->rows || entry->cols != layer->cols || entry->batch != layer->batch)
    return descent_fail(
        error, DESCENT_INVALID_LAYER,
        "layer %" PRId64 " '%s': its shape is %" PRId64 " x %" PRId64 ", batch %" PRId64
        ", but the plan was made with %" PRId64 " x %" PRId64 ", batch %" PRId64 "; another table needs another plan",
        index, layer->name, layer->rows, layer->cols, layer->batch, entry->rows, entry->cols, entry->batch);
  return DESCENT_OK;
}

/* Takes the new bindings, if the device takes them; `old` is what is to be released. */
static int32_t replace_bindings(descent_plan *plan, const descent_bindings *bindings, descent_bindings *old,
                                descent_error *error) {
  *old = plan->bindings;
  if (plan->device)
    descent_device_dismiss(plan);
  plan->bindings = *bindings;
  if (!plan->device) {
    descent_bind_buffers(plan);
    return DESCENT_OK;
  }
  int32_t code = descent_device_admit(plan, error);
  descent_bind_buffers(plan);
  if (code == DESCENT_OK)
    code = descent_device_upload_tables(plan, error);
  if (code == DESCENT_OK)
    return code;
  descent_device_dismiss(plan);
  plan->bindings = *old;
  *old = *bindings;
  descent_device_admit(plan, NULL);
  descent_bind_buffers(plan);
  descent_device_upload_tables(plan, NULL);
  return code;
}

static int32_t rebind(descent_plan *plan, const descent_layer *layers, int64_t count, descent_error *error) {
  int32_t code = DESCENT_OK;
  for (int64_t i = 0; i < count && code == DESCENT_OK; ++i)
    code = check_same(&plan->entries[i], &layers[i], i, error);
  if (code != DESCENT_OK)
    return code;
  descent_bindings bindings = {0}, unused;
  code = make_bindings(plan->artifact, layers, count, &bindings, error);
  if (code == DESCENT_OK)
    code = replace_bindings(plan, &bindings, &unused, error);
  else
    unused = bindings;
  descent_arena_release(&unused.memory);
  return code;
}

int32_t descent_check_plan(const descent_artifact *artifact, const descent_plan *plan, descent_error *error) {
  if (plan && plan->first == artifact)
    return DESCENT_OK;
  return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the plan %s '%s'",
                      plan ? "was made by another optimizer than" : "is null; make it with plan_create of",
                      artifact->name);
}

int32_t descent_rt_plan_rebind(const descent_artifact *artifact, descent_plan *plan, const descent_layer *layers,
                               int64_t count, descent_error *error) {
  int32_t code = descent_check_shapes(artifact, layers, count, error);
  if (code != DESCENT_OK)
    return code;
  code = descent_check_plan(artifact, plan, error);
  if (code != DESCENT_OK)
    return code;
  if (count != plan->num_entries)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "the table has %" PRId64 " layers, but the plan was made with %" PRId64
                        "; another table needs another plan",
                        count, plan->num_entries);
  if (atomic_flag_test_and_set_explicit(&plan->stepping, memory_order_acquire))
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the plan is in use by another thread");
  code = rebind(plan, layers, count, error);
  atomic_flag_clear_explicit(&plan->stepping, memory_order_release);
  return code;
}

const char *descent_rt_plan_target(const descent_artifact *artifact, const descent_plan *plan) {
  (void)artifact;
  return plan ? plan->artifact->target : NULL;
}

int64_t descent_rt_plan_workspace_bytes(const descent_artifact *artifact, const descent_plan *plan) {
  (void)artifact;
  return plan ? plan->workspace_bytes : 0;
}
