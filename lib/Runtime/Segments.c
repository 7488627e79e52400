#include "Segments.h"

#include "LayerStep.h"
#include "Profile.h"

#include <fenv.h>
#include <math.h>
#include <string.h>

typedef void (*task_body)(void *argument, int64_t task, int64_t worker);

/* Threads of the caller may flush subnormal numbers or round otherwise; who runs a task must not change its bits. */
typedef struct guarded_body {
  task_body body;
  void *argument;
} guarded_body;

static void run_guarded(void *argument, int64_t task, int64_t worker) {
  const guarded_body *guarded = argument;
  fenv_t environment;
  fegetenv(&environment);
  fesetenv(FE_DFL_ENV);
  guarded->body(guarded->argument, task, worker);
  fesetenv(&environment);
}

int64_t descent_step_workers(const descent_plan *plan, const descent_parallel *parallel) {
  return parallel ? parallel->workers : plan->pool ? plan->workers : 1;
}

bool descent_repays_fork(int64_t tasks, double cost) {
  static const double least_cost = 16384;
  return tasks > 1 && cost >= least_cost;
}

void descent_run_on_callers(const descent_parallel *parallel, int64_t tasks, task_body body, void *argument) {
  guarded_body guarded = {body, argument};
  parallel->run(parallel->context, tasks, run_guarded, &guarded);
}

static void fork_join(descent_plan *plan, const descent_parallel *parallel, int64_t tasks, double cost, task_body body,
                      void *argument) {
  const bool is_shared = descent_step_workers(plan, parallel) > 1 && descent_repays_fork(tasks, cost);
  if (is_shared && parallel) {
    descent_run_on_callers(parallel, tasks, body, argument);
  } else if (is_shared) {
    descent_pool_run(plan->pool, tasks, body, argument);
  } else {
    for (int64_t task = 0; task < tasks; ++task)
      body(argument, task, 0);
  }
}

void descent_call_kernel(const descent_stage *stage, const descent_grid *grid, int64_t index,
                         const descent_buffer *buffers, double *slots, void *kernel_scratch) {
  const descent_tile tile = descent_get_tile(grid, index);
  stage->kernel(buffers, slots, stage->operands, &tile, kernel_scratch);
}

/* A small layer's WORKER scratch is that of whoever runs it. */
static const descent_buffer *take_buffers(const descent_plan *plan, const descent_logical *logical, int64_t worker) {
  const descent_entry *entry = logical->entry;
  if (entry->worker_bytes == 0)
    return logical->buffers;
  descent_buffer *buffers = plan->worker_buffers + worker * plan->max_buffers;
  char *scratch = descent_worker_memory(plan, worker) + plan->kernel_bytes;
  for (uint32_t b = 0; b < entry->track->num_buffers; ++b) {
    buffers[b] = logical->buffers[b];
    if (entry->track->buffers[b].source == DESCENT_BUFFER_WORKER)
      buffers[b].data = scratch + entry->scratches[b].offset;
  }
  return buffers;
}

typedef struct small_tasks {
  const descent_plan *plan;
  const descent_step *step;
  uint32_t segment;
  bool begins, finishes; /* the layers, besides their stages */
} small_tasks;

/* Numbers that were computed from the same ones for another layer of the track: most layers share all that such a stage
 * reads. `sources`: for each stage, the slots of a layer whose numbers are there; null: none yet. */
static bool copy_numbers(const descent_stage *stage, double *slots, const double **source) {
  const double *from = *source;
  *source = slots;
  if (!from)
    return false;
  const uint32_t *inputs = stage->operands, *results = inputs + stage->num_inputs;
  for (uint32_t i = 0; i < stage->num_inputs; ++i)
    if (memcmp(&from[inputs[i]], &slots[inputs[i]], sizeof(double)) != 0)
      return false;
  for (uint32_t r = 0; r < stage->num_results; ++r)
    slots[results[r]] = from[results[r]];
  return true;
}

static void run_small_layer(const small_tasks *tasks, const descent_logical *logical, const double **sources,
                            int64_t worker) {
  const descent_plan *plan = tasks->plan;
  const descent_entry *entry = logical->entry;
  const descent_profile *profile = tasks->step->profile;
  const descent_buffer *buffers = take_buffers(plan, logical, worker);
  void *kernel_scratch = descent_worker_memory(plan, worker);
  for (uint32_t s = descent_stage_begin(plan, entry->group, tasks->segment);
       s < descent_stage_begin(plan, entry->group, tasks->segment + 1); ++s) {
    const descent_stage *stage = &entry->track->stages[s];
    const int64_t tiles = descent_num_tiles(&entry->grids[s]);
    if (tiles == 0 || (stage->num_results > 0 && copy_numbers(stage, logical->slots, &sources[s])))
      continue;
    const double started = descent_begin(profile);
    for (int64_t tile = 0; tile < tiles; ++tile)
      descent_call_kernel(stage, &entry->grids[s], tile, buffers, logical->slots, kernel_scratch);
    descent_end_stage(profile, plan->artifact, worker, entry->group, s, started);
  }
}

static void run_chunk(void *argument, int64_t task, int64_t worker) {
  const small_tasks *tasks = argument;
  const descent_plan *plan = tasks->plan;
  const descent_chunk *chunk = &plan->chunks[task];
  const descent_track *track = NULL;
  const double **sources = plan->worker_sources + worker * plan->max_stages;
  for (int64_t i = 0; i < chunk->count; ++i) {
    descent_logical *logical = &plan->logicals[plan->small[chunk->first + i]];
    if (tasks->begins)
      descent_begin_layer(plan, logical, tasks->step);
    if (!logical->present)
      continue;
    if (logical->entry->track != track) {
      track = logical->entry->track;
      memset(sources, 0, track->num_stages * sizeof(*sources));
    }
    run_small_layer(tasks, logical, sources, worker);
    if (tasks->finishes)
      descent_finish_layer(plan, logical, tasks->step);
  }
}

typedef struct wave_tasks {
  const descent_plan *plan;
  const descent_profile *profile;
  const descent_wave *wave;
  uint32_t stage;
} wave_tasks;

static void run_wave_tile(void *argument, int64_t task, int64_t worker) {
  const wave_tasks *tasks = argument;
  const descent_plan *plan = tasks->plan;
  const int64_t *ends = tasks->wave->ends + tasks->stage * tasks->wave->count;
  int64_t first = 0, last = tasks->wave->count - 1; /* the first layer whose tiles end after this one */
  while (first < last) {
    const int64_t middle = first + (last - first) / 2;
    if (ends[middle] > task)
      last = middle;
    else
      first = middle + 1;
  }
  const descent_logical *logical = &plan->logicals[plan->large[tasks->wave->first + first]];
  if (!logical->present)
    return;
  const double started = descent_begin(tasks->profile);
  descent_call_kernel(&tasks->wave->track->stages[tasks->stage], &logical->entry->grids[tasks->stage],
                      task - (first > 0 ? ends[first - 1] : 0), logical->buffers, logical->slots,
                      descent_worker_memory(plan, worker));
  descent_end_stage(tasks->profile, plan->artifact, worker, logical->entry->group, tasks->stage, started);
}

static bool is_wave_present(const descent_plan *plan, const descent_wave *wave) {
  for (int64_t i = 0; i < wave->count; ++i)
    if (plan->logicals[plan->large[wave->first + i]].present)
      return true;
  return false;
}

static void run_wave(descent_plan *plan, const descent_step *step, const descent_wave *wave, uint32_t segment) {
  const int64_t track = wave->track - plan->artifact->tracks;
  if (!is_wave_present(plan, wave))
    return;
  for (uint32_t s = descent_stage_begin(plan, track, segment); s < descent_stage_begin(plan, track, segment + 1); ++s) {
    wave_tasks tasks = {plan, step->profile, wave, s};
    fork_join(plan, step->parallel, wave->ends[s * wave->count + wave->count - 1], wave->costs[s], run_wave_tile,
              &tasks);
  }
}

static void run_shared_bodies(descent_plan *plan, const descent_profile *profile, uint32_t segment) {
  static const descent_grid whole = {1, 1, 1, 1, 1, 1, false};
  for (uint32_t t = plan->artifact->num_groups; t < plan->artifact->num_tracks; ++t)
    for (uint32_t s = descent_stage_begin(plan, t, segment); s < descent_stage_begin(plan, t, segment + 1); ++s) {
      const double started = descent_begin(profile);
      descent_call_kernel(&plan->artifact->tracks[t].stages[s], &whole, 0, NULL, plan->shared_slots[t],
                          descent_worker_memory(plan, 0));
      descent_end_stage(profile, plan->artifact, 0, t, s, started);
    }
}

void descent_run_segment(descent_plan *plan, const descent_step *step, uint32_t segment) {
  run_shared_bodies(plan, step->profile, segment);
  for (int64_t i = 0; i < plan->num_waves; ++i)
    run_wave(plan, step, &plan->waves[i], segment);
  const bool begins = segment == 0, ends = segment + 1 == plan->artifact->num_segments;
  bool any = begins || ends;
  for (uint32_t g = 0; g < plan->artifact->num_groups; ++g)
    any = any || descent_stage_begin(plan, g, segment) != descent_stage_begin(plan, g, segment + 1);
  if (!any)
    return;
  small_tasks tasks = {plan, step, segment, begins, ends && plan->finishes_in_tasks};
  /* Chunks are made so that sharing them repays. */
  fork_join(plan, step->parallel, plan->num_chunks, HUGE_VAL, run_chunk, &tasks);
}
