#include "Errors.h"
#include "Plan.h"

#include <inttypes.h>
#include <stdlib.h>

/* Below this many visited elements a fork and join costs more than it gains. */
static const double least_large_cost = 131072;
/* A task of small layers holds at least so many, lest claiming it cost as much as the work. */
static const double least_chunk_cost = 32768;
/* WORKER scratch beyond this is shared by all workers: with 64 of them, a copy each would not fit in memory. */
static const int64_t most_worker_bytes = INT64_C(16) << 20;

static int64_t ceil_divide(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static int64_t extent_of(const descent_entry *entry, uint32_t extent) {
  const int64_t rows = entry->rows, cols = entry->cols;
  switch (extent) {
  case DESCENT_ROWS:
    return rows;
  case DESCENT_COLS:
    return cols;
  case DESCENT_SHORT:
    return rows < cols ? rows : cols;
  case DESCENT_LONG:
    return rows > cols ? rows : cols;
  case DESCENT_INNER:
    return entry->inner;
  default:
    return 1;
  }
}

static bool make_grid(const descent_entry *entry, const descent_stage *stage, descent_grid *grid) {
  *grid = (descent_grid){0};
  if (!descent_is_chosen(entry, stage->choice, stage->alternative))
    return true;
  const int64_t rows = extent_of(entry, stage->domain.rows), cols = extent_of(entry, stage->domain.cols);
  *grid = (descent_grid){rows, cols, rows, cols, 1, 1, false};
  return stage->per_layer || descent_make_grid(&stage->domain, rows, cols, grid);
}

double descent_stage_cost(const descent_entry *entry, const descent_stage *stage, const descent_grid *grid) {
  if (stage->per_layer)
    return 1.0;
  const double inner = stage->domain.inner ? (double)extent_of(entry, stage->domain.inner) : 0.0;
  return (double)grid->rows * (double)grid->cols * (1.0 + inner / 16.0) * (grid->triangle ? 0.5 : 1.0);
}

static int64_t count_of(const descent_entry *entry, descent_dimension dimension) {
  if (dimension.count == DESCENT_COUNT_EXTENT)
    return extent_of(entry, dimension.value);
  const descent_grid *grid = &entry->grids[dimension.value];
  if (dimension.count == DESCENT_COUNT_ROW_BLOCKS)
    return grid->row_blocks;
  return dimension.count == DESCENT_COUNT_COL_BLOCKS ? grid->col_blocks : descent_num_tiles(grid);
}

/* Whether panels would not repay packing them ahead: the right factor stays in the second-level cache, or one row of
 * tiles is all that reads it. */
static bool stays_unpacked(const descent_entry *entry, const descent_buffer_desc *desc, double elements) {
  return desc->tile_rows > 0 && (elements <= 300000.0 || extent_of(entry, desc->readers) <= desc->tile_rows);
}

/* Panels are whole, all or none. */
static bool size_panels(const descent_entry *entry, const descent_buffer_desc *desc, descent_scratch *scratch) {
  const int64_t height = desc->row_multiple, width = desc->col_multiple;
  if (scratch->rows > INT64_MAX - height || scratch->cols > INT64_MAX - width)
    return false;
  if (stays_unpacked(entry, desc, (double)scratch->rows * (double)scratch->cols))
    scratch->rows = 0;
  scratch->rows = ceil_divide(scratch->rows, height) * height;
  scratch->cols = ceil_divide(scratch->cols, width) * width;
  return true;
}

/* Rows begin on cache lines; a stride of whole kilobytes would put a column of them into few sets of the cache. */
static bool lay_out_scratch(const descent_entry *entry, const descent_buffer_desc *desc, descent_scratch *scratch,
                            int64_t *bytes) {
  scratch->rows = count_of(entry, desc->rows);
  scratch->cols = count_of(entry, desc->cols);
  scratch->offset = *bytes;
  if (desc->row_multiple && !size_panels(entry, desc, scratch))
    return false;
  int64_t row_bytes, all;
  if (__builtin_mul_overflow(scratch->cols, desc->element_bytes, &row_bytes) || row_bytes > INT64_MAX - 128)
    return false;
  row_bytes = descent_align(row_bytes);
  if (scratch->rows > 1 && row_bytes % 1024 == 0)
    row_bytes += 64;
  scratch->row_stride = row_bytes / desc->element_bytes;
  return !__builtin_mul_overflow(scratch->rows, row_bytes, &all) && !__builtin_add_overflow(*bytes, all, bytes);
}

/* Nothing in WORKER scratch outlives a segment: each has all of it. */
static bool lay_out_worker_scratch(descent_entry *entry) {
  const descent_track *track = entry->track;
  const uint32_t last = track->num_stages > 0 ? track->stages[track->num_stages - 1].segment : 0;
  entry->worker_bytes = 0;
  for (uint32_t segment = 0; segment <= last; ++segment) {
    int64_t bytes = 0;
    for (uint32_t b = 0; b < track->num_buffers; ++b) {
      const descent_buffer_desc *desc = &track->buffers[b];
      if (desc->source == DESCENT_BUFFER_WORKER && desc->segment == segment &&
          descent_is_chosen(entry, desc->choice, desc->alternative) &&
          !lay_out_scratch(entry, desc, &entry->scratches[b], &bytes))
        return false;
    }
    if (bytes > entry->worker_bytes)
      entry->worker_bytes = bytes;
  }
  return true;
}

bool descent_lay_out_entry(descent_entry *entry) {
  const descent_track *track = entry->track;
  for (uint32_t s = 0; s < track->num_stages; ++s)
    if (!make_grid(entry, &track->stages[s], &entry->grids[s]))
      return false;
  entry->layer_bytes = 0;
  for (uint32_t b = 0; b < track->num_buffers; ++b) {
    const descent_buffer_desc *desc = &track->buffers[b];
    if (!descent_is_chosen(entry, desc->choice, desc->alternative)) {
      entry->scratches[b] = (descent_scratch){0};
    } else if (desc->source == DESCENT_BUFFER_LAYER) {
      if (!lay_out_scratch(entry, desc, &entry->scratches[b], &entry->layer_bytes))
        return false;
    } else if (desc->source != DESCENT_BUFFER_WORKER) {
      entry->scratches[b] = (descent_scratch){count_of(entry, desc->rows), count_of(entry, desc->cols), 0, 0};
    }
  }
  if (!lay_out_worker_scratch(entry))
    return false;
  entry->cost = 0;
  for (uint32_t s = 0; s < track->num_stages; ++s) {
    const descent_stage *stage = &track->stages[s];
    if (stage->packs > 0 && entry->scratches[stage->packs - 1].rows == 0)
      entry->grids[s] = (descent_grid){0};
    if (descent_num_tiles(&entry->grids[s]) > 0)
      entry->cost += descent_stage_cost(entry, stage, &entry->grids[s]);
  }
  return true;
}

/* Large: what would keep one worker busy while the others have nothing left, or needs more scratch than each may have.
 */
static void choose_large(descent_plan *plan) {
  double total = 0;
  for (int64_t i = 0; i < plan->num_entries; ++i)
    total += plan->entries[i].cost * (double)plan->entries[i].batch;
  const double share = total / (4.0 * (double)plan->workers);
  for (int64_t i = 0; i < plan->num_entries; ++i) {
    descent_entry *entry = &plan->entries[i];
    entry->large = plan->workers > 1 &&
                   ((entry->cost > least_large_cost && entry->cost > share) || entry->worker_bytes > most_worker_bytes);
  }
}

typedef struct ranked {
  double cost;
  int64_t logical;
} ranked;

static int compare_ranked(const void *left, const void *right) {
  const ranked *a = left, *b = right;
  if (a->cost != b->cost)
    return a->cost > b->cost ? -1 : 1;
  return (a->logical > b->logical) - (a->logical < b->logical);
}

/* The large or the small logical layers, those that cost most first; null without memory. */
static ranked *rank(const descent_plan *plan, bool large, int64_t *count) {
  ranked *order = calloc((size_t)plan->num_logicals + 1, sizeof(ranked));
  *count = 0;
  if (!order)
    return NULL;
  for (int64_t i = 0; i < plan->num_logicals; ++i)
    if (plan->logicals[i].entry->large == large)
      order[(*count)++] = (ranked){plan->logicals[i].entry->cost, i};
  qsort(order, (size_t)*count, sizeof(ranked), compare_ranked);
  return order;
}

/* Largest first, so that the last tasks to finish are short ones. */
static bool make_chunks(descent_plan *plan) {
  int64_t count;
  ranked *order = rank(plan, false, &count);
  plan->small = descent_arena_take(&plan->memory, plan->num_logicals, sizeof(int64_t));
  plan->chunks = descent_arena_take(&plan->memory, plan->num_logicals, sizeof(descent_chunk));
  if (!order || !plan->small || !plan->chunks) {
    free(order);
    return false;
  }
  double filled = least_chunk_cost;
  for (int64_t i = 0; i < count; ++i) {
    if (filled >= least_chunk_cost) {
      plan->chunks[plan->num_chunks++] = (descent_chunk){i, 0};
      filled = 0;
    }
    plan->small[i] = order[i].logical;
    filled += order[i].cost;
    plan->chunks[plan->num_chunks - 1].count++;
  }
  free(order);
  return true;
}

static bool count_wave_tiles(descent_plan *plan, descent_wave *wave) {
  const uint32_t stages = wave->track->num_stages;
  wave->ends = descent_arena_take(&plan->memory, wave->count * stages, sizeof(int64_t));
  wave->costs = descent_arena_take(&plan->memory, stages, sizeof(double));
  if (!wave->ends || !wave->costs)
    return false;
  for (uint32_t s = 0; s < stages; ++s) {
    int64_t tiles = 0;
    for (int64_t i = 0; i < wave->count; ++i) {
      const descent_entry *entry = plan->logicals[plan->large[wave->first + i]].entry;
      tiles += descent_num_tiles(&entry->grids[s]);
      wave->ends[s * wave->count + i] = tiles;
      wave->costs[s] += descent_stage_cost(entry, &wave->track->stages[s], &entry->grids[s]);
    }
  }
  return true;
}

/* A wave's layers have their WORKER scratch at the same time, within what the largest layer needs alone. Largest first:
 * alike ones fill a wave, and the last tiles of a stage to finish are small. */
static void fill_waves(descent_plan *plan, const descent_track *track, const ranked *order, int64_t count) {
  descent_wave *wave = NULL;
  int64_t used = 0;
  for (int64_t i = 0; i < count; ++i) {
    descent_logical *logical = &plan->logicals[order[i].logical];
    if (logical->entry->track != track)
      continue;
    if (!wave || used + logical->entry->worker_bytes > plan->wave_bytes) {
      wave = &plan->waves[plan->num_waves++];
      *wave = (descent_wave){track, plan->num_large, 0, NULL, NULL};
      used = 0;
    }
    logical->shared_scratch = plan->layer_bytes + used;
    used += logical->entry->worker_bytes;
    plan->large[plan->num_large++] = order[i].logical;
    wave->count++;
  }
}

static bool make_waves(descent_plan *plan) {
  int64_t count;
  ranked *order = rank(plan, true, &count);
  plan->large = descent_arena_take(&plan->memory, plan->num_logicals, sizeof(int64_t));
  plan->waves = descent_arena_take(&plan->memory, plan->num_logicals, sizeof(descent_wave));
  const bool has_memory = order && plan->large && plan->waves;
  for (uint32_t g = 0; has_memory && g < plan->artifact->num_groups; ++g)
    fill_waves(plan, &plan->artifact->tracks[g], order, count);
  free(order);
  for (int64_t i = 0; has_memory && i < plan->num_waves; ++i)
    if (!count_wave_tiles(plan, &plan->waves[i]))
      return false;
  return has_memory;
}

static bool size_workspace(descent_plan *plan) {
  for (int64_t i = 0; i < plan->num_entries; ++i) {
    descent_entry *entry = &plan->entries[i];
    int64_t *most = entry->large ? &plan->wave_bytes : &plan->worker_bytes, all;
    if (entry->worker_bytes > *most)
      *most = entry->worker_bytes;
    entry->layer_begin = plan->layer_bytes;
    if (__builtin_mul_overflow(entry->layer_bytes, entry->batch, &all) ||
        __builtin_add_overflow(plan->layer_bytes, all, &plan->layer_bytes))
      return false;
  }
  for (uint32_t t = 0; t < plan->artifact->num_tracks; ++t)
    for (uint32_t s = 0; s < plan->artifact->tracks[t].num_stages; ++s) {
      const int64_t bytes = descent_align(plan->artifact->tracks[t].stages[s].kernel_scratch_bytes);
      if (bytes > plan->kernel_bytes)
        plan->kernel_bytes = bytes;
    }
  int64_t each, own;
  return !__builtin_add_overflow(plan->kernel_bytes, plan->worker_bytes, &each) &&
         !__builtin_mul_overflow(each, plan->workers, &own) &&
         !__builtin_add_overflow(own, plan->layer_bytes, &plan->workspace_bytes) &&
         !__builtin_add_overflow(plan->workspace_bytes, plan->wave_bytes, &plan->workspace_bytes);
}

int32_t descent_schedule(descent_plan *plan, descent_error *error) {
  choose_large(plan);
  const bool fits = size_workspace(plan);
  /* One line more than asked for, as no memory at all has no address. */
  if (fits && plan->workspace_bytes < INT64_MAX - 64)
    plan->workspace = aligned_alloc(64, (size_t)plan->workspace_bytes + 64);
  if (!plan->workspace)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY,
                        "no memory for the workspace of %" PRId64 " bytes (%" PRId64 " workers); fewer workers need "
                        "less",
                        fits ? plan->workspace_bytes : INT64_MAX, plan->workers);
  if (!make_chunks(plan) || !make_waves(plan))
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the task lists of %" PRId64 " layers",
                        plan->num_logicals);
  return DESCENT_OK;
}
