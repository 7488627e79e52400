#include "Cuts.h"
#include "Device/DevicePlan.h"
#include "Errors.h"
#include "LayerStep.h"
#include "Plan.h"
#include "Profile.h"
#include "Segments.h"

#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

static int32_t check_structs(const descent_artifact *artifact, const descent_plan *plan, const descent_step *step,
                             const descent_result *result, descent_error *error) {
  int32_t code = descent_check_artifact(artifact, error);
  if (code != DESCENT_OK)
    return code;
  code = descent_check_plan(artifact, plan, error);
  if (code != DESCENT_OK)
    return code;
  if (!step)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the step is null");
  /* Programs from before there were devices have a shorter struct. */
  const bool is_known = step->size == sizeof(descent_step) || step->size == offsetof(descent_step, device);
  if (!is_known || step->abi_version != DESCENT_ABI_VERSION)
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the step has size %" PRIu64 " and ABI version %" PRIu32
                        ", but this version wants %zu and %u; set `size` and `abi_version`",
                        step->size, step->abi_version, sizeof(descent_step), DESCENT_ABI_VERSION);
  if (result && result->size != sizeof(descent_result))
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the result has size %" PRIu64 ", but this version wants %zu; set `size`", result->size,
                        sizeof(descent_result));
  return DESCENT_OK;
}

static int32_t check_parallel(const descent_plan *plan, const descent_parallel *parallel, descent_error *error) {
  if (!parallel)
    return DESCENT_OK;
  if (parallel->size != sizeof(descent_parallel))
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the step's parallel has size %" PRIu64 ", but this version wants %zu; set `size`",
                        parallel->size, sizeof(descent_parallel));
  if (!parallel->run)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the step's parallel has no function: `run` is null");
  if (parallel->workers < 1 || parallel->workers > plan->workers)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the step's parallel has %" PRId64 " workers, but the plan was made for 1 to %" PRId64
                        "; raise `workers` in the plan's options",
                        parallel->workers, plan->workers);
  return DESCENT_OK;
}

static int32_t check_numbers(const descent_artifact *artifact, const descent_step *step, const double *hyper,
                             descent_error *error) {
  if (step->step < 1)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the step's number is %" PRId64 ", but steps count from 1",
                        step->step);
  if (!isfinite(step->gradient_scale) || step->gradient_scale == 0.0)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the gradient's scale is %g, but it is finite and not 0; 1 leaves gradients as they are",
                        step->gradient_scale);
  for (uint32_t h = 0; h < artifact->num_hypers; ++h)
    if (!isfinite(hyper[h]))
      return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                          "hyperparameter '%s' of group '%s' is %g, but hyperparameters are finite",
                          artifact->hypers[h].name, artifact->hypers[h].group, hyper[h]);
  return DESCENT_OK;
}

/* A step's own gradient, as the table would have been checked with it. */
static int32_t check_gradient(descent_plan *plan, int64_t index, const void *data, descent_error *error) {
  const descent_entry *entry = &plan->entries[index];
  descent_tensor tensor = {ROLE_GRADIENT, "",           entry->track->gradient_type,          entry->rows,
                           entry->cols,   entry->batch, plan->bindings.bounds[index].gradient};
  tensor.view.data = (void *)(uintptr_t)data;
  const int32_t code = descent_check_tensor(&tensor, index, entry->name, error);
  if (code != DESCENT_OK)
    return code;
  const descent_box box = descent_make_box(&tensor, index);
  const descent_box *met = descent_find_overlap(&plan->bindings.written, plan->bindings.written.count, &box);
  if (met)
    return descent_fail_overlap(&box, entry->name, met, plan->entries[met->layer].name, error);
  return plan->device ? descent_device_admit_tensor(plan, &tensor, index, error) : (int32_t)DESCENT_OK;
}

static int32_t check_gradients(descent_plan *plan, const descent_step *step, descent_error *error) {
  if (!step->gradients)
    return DESCENT_OK;
  for (int64_t i = 0; i < plan->num_entries; ++i) {
    descent_bound *bound = &plan->bindings.bounds[i];
    const void *data = step->gradients[i];
    if (!data || data == bound->checked || data == bound->gradient.data)
      continue;
    const int32_t code = check_gradient(plan, i, data, error);
    if (code != DESCENT_OK)
      return code;
    bound->checked = data;
  }
  return DESCENT_OK;
}

/* A slot of a shared body; of a group, that of its first layer that is present. */
static double read_slot(const descent_plan *plan, descent_slot_ref ref) {
  if (plan->shared_slots[ref.track])
    return plan->shared_slots[ref.track][ref.slot];
  for (int64_t i = 0; i < plan->num_logicals; ++i)
    if (plan->logicals[i].present && plan->logicals[i].entry->group == ref.track)
      return plan->logicals[i].slots[ref.slot];
  return (double)NAN;
}

static int64_t find_nonfinite(const descent_plan *plan) {
  bool looks = false;
  for (uint32_t g = 0; g < plan->artifact->num_groups; ++g)
    looks = looks || plan->artifact->tracks[g].nonfinite_slot != UINT32_MAX;
  if (!looks)
    return -1;
  for (int64_t i = 0; i < plan->num_logicals; ++i) {
    const descent_logical *logical = &plan->logicals[i];
    const uint32_t slot = logical->entry->track->nonfinite_slot;
    if (logical->present && slot != UINT32_MAX && !(logical->slots[slot] <= 0.0))
      return logical->entry - plan->entries;
  }
  return -1;
}

/* A skipped step may end before it is computed; what an earlier step left must not be told. */
static void forget_norm(descent_plan *plan) {
  const descent_artifact *artifact = plan->artifact;
  if (artifact->norm_valid && plan->shared_slots[artifact->norm.track])
    plan->shared_slots[artifact->norm.track][artifact->norm.slot] = (double)NAN;
}

/* Small layers are begun, and where possible finished, by the tasks that work on them. */
static void finish_layers(const descent_plan *plan, const descent_step *step) {
  const int64_t count = plan->finishes_in_tasks ? plan->num_large : plan->num_logicals;
  for (int64_t i = 0; i < count; ++i)
    descent_finish_layer(plan, &plan->logicals[plan->finishes_in_tasks ? plan->large[i] : i], step);
}

static void run_step(descent_plan *plan, const descent_step *step, descent_result *result) {
  const descent_artifact *artifact = plan->artifact;
  for (int64_t i = 0; i < plan->num_large; ++i)
    descent_begin_layer(plan, &plan->logicals[plan->large[i]], step);
  descent_begin_shared_bodies(plan, step);
  forget_norm(plan);
  for (uint32_t segment = 0; segment < artifact->num_segments && !result->skipped; ++segment) {
    const double started = descent_begin(step->profile);
    descent_run_segment(plan, step, segment);
    descent_run_cuts(plan, segment);
    descent_end_segment(step->profile, segment, started);
    if (segment == artifact->guard_segment)
      result->skipped = !(read_slot(plan, artifact->guard) <= 0.0); /* NaN skips too */
  }
  if (artifact->norm_valid)
    result->gradient_norm = read_slot(plan, artifact->norm);
  result->first_nonfinite = find_nonfinite(plan);
  if (!result->skipped)
    finish_layers(plan, step);
}

static int32_t check_step(descent_plan *plan, const descent_step *step, descent_error *error) {
  int32_t code = descent_check_device_step(plan, step, error);
  if (code == DESCENT_OK && !plan->device)
    code = check_parallel(plan, step->parallel, error);
  if (code == DESCENT_OK && !plan->device)
    code = descent_check_profile(plan, step, error);
  if (code == DESCENT_OK)
    code = check_numbers(plan->artifact, step, step->hyper ? step->hyper : plan->defaults, error);
  if (code == DESCENT_OK)
    code = check_gradients(plan, step, error);
  return code;
}

static int32_t checked_step(descent_plan *plan, const descent_step *step, descent_result *result,
                            descent_error *error) {
  int32_t code = check_step(plan, step, error);
  if (code != DESCENT_OK)
    return code;
  descent_result outcome = {sizeof(descent_result), 0, 0, -1, (double)NAN};
  fenv_t environment; /* the caller may flush subnormal numbers, where the pool's threads do not */
  fegetenv(&environment);
  fesetenv(FE_DFL_ENV);
  if (plan->device)
    code = descent_device_step_run(plan, step, result ? &outcome : NULL, error);
  else if (step->found_inf && *step->found_inf != 0.0f)
    outcome.skipped = 1;
  else
    run_step(plan, step, &outcome);
  fesetenv(&environment);
  if (code == DESCENT_OK && result)
    *result = outcome;
  return code;
}

int32_t descent_rt_step(const descent_artifact *artifact, descent_plan *plan, const descent_step *step,
                        descent_result *result, descent_error *error) {
  int32_t code = check_structs(artifact, plan, step, result, error);
  if (code != DESCENT_OK)
    return code;
  if (atomic_flag_test_and_set_explicit(&plan->stepping, memory_order_acquire))
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the plan is in use by another thread; a thread that steps at the same time needs its own");
  code = checked_step(plan, step, result, error);
  atomic_flag_clear_explicit(&plan->stepping, memory_order_release);
  return code;
}
