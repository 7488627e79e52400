/* A step on a device: its numbers are written, then all is launched, and nothing waits unless the host wants results.
 */
#include "../Errors.h"
#include "DevicePlan.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* Null in the steps of programs from before there were devices. */
static const descent_device_step *get_device_step(const descent_step *step) {
  return step->size > offsetof(descent_step, device) ? step->device : NULL;
}

int32_t descent_check_device_step(const descent_plan *plan, const descent_step *step, descent_error *error) {
  const descent_device_step *own = get_device_step(step);
  if (own && own->size != sizeof(descent_device_step))
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the step's device numbers have size %" PRIu64 ", but this version wants %zu; set `size`",
                        own->size, sizeof(descent_device_step));
  if (own && !plan->device)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the step has numbers of a device, but the plan runs on the target '%s'",
                        plan->artifact->target);
  if (plan->device && step->profile)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the step has a profile, but the time of kernels on a device is not measured; leave it null");
  return DESCENT_OK;
}

static uint64_t word_of(double number) {
  uint64_t word;
  memcpy(&word, &number, sizeof(word));
  return word;
}

/* What the host says of the step. */
static int32_t write_words(descent_plan *plan, const descent_step *step, void *stream, descent_error *error) {
  const descent_artifact *artifact = plan->artifact;
  const double *hyper = step->hyper ? step->hyper : plan->defaults;
  uint64_t *words = plan->device->words, *gradients = words + WORD_HYPER + artifact->num_hypers;
  words[WORD_STEP] = (uint64_t)step->step;
  words[WORD_LOSS] = word_of(step->loss);
  words[WORD_SCALE] = word_of(step->gradient_scale);
  words[WORD_FOUND_INF] = 0;
  if (step->found_inf)
    memcpy(&words[WORD_FOUND_INF], step->found_inf, sizeof(float));
  for (uint32_t h = 0; h < artifact->num_hypers; ++h)
    words[WORD_HYPER + h] = word_of(hyper[h]);
  for (int64_t i = 0; i < plan->num_entries; ++i)
    gradients[i] = (uint64_t)(uintptr_t)(step->gradients ? step->gradients[i] : plan->bindings.bounds[i].gradient.data);
  descent_device *device = plan->device->device;
  return device->methods->write(device, stream, descent_word_address(plan, 0), words,
                                WORD_HYPER + (int64_t)artifact->num_hypers + plan->num_entries, error);
}

/* Memory of the device that is copied before or after the launches. */
typedef struct device_copy {
  void *to;
  const void *from;
  int64_t bytes;
} device_copy;

/* Copies of null, or of nothing, are none. */
static int32_t run_copies(descent_plan *plan, void *stream, const device_copy *copies, size_t count,
                          descent_error *error) {
  descent_device *device = plan->device->device;
  int32_t code = DESCENT_OK;
  for (size_t i = 0; i < count && code == DESCENT_OK; ++i)
    if (copies[i].to && copies[i].from && copies[i].bytes > 0)
      code = device->methods->copy(device, stream, copies[i].to, copies[i].from, copies[i].bytes, error);
  return code;
}

static int64_t count_report_bytes(const descent_plan *plan) {
  return plan->num_logicals * plan->artifact->num_reports * (int64_t)sizeof(double);
}

/* What the device says of the step, in place of the host; and reports as they are, since some are left alone. */
static int32_t copy_in(descent_plan *plan, const descent_step *step, const descent_device_step *own,
                       descent_error *error) {
  descent_device *device = plan->device->device;
  void *reports = descent_record_address(plan->device, TABLE_REPORTS, 0);
  const int64_t report_bytes = count_report_bytes(plan);
  if (step->reports && report_bytes > 0) {
    const int32_t code = device->methods->upload(device, reports, step->reports, report_bytes, error);
    if (code != DESCENT_OK)
      return code;
  }
  const device_copy copies[] = {
      {descent_word_address(plan, WORD_HYPER), own->hyper, plan->artifact->num_hypers * (int64_t)sizeof(double)},
      {descent_word_address(plan, WORD_STEP), own->step, sizeof(int64_t)},
      {descent_word_address(plan, WORD_LOSS), own->loss, sizeof(double)},
      {descent_word_address(plan, WORD_SCALE), own->gradient_scale, sizeof(double)},
      {descent_word_address(plan, WORD_FOUND_INF), own->found_inf, sizeof(float)},
      {reports, own->reports, report_bytes},
  };
  return run_copies(plan, own->stream, copies, sizeof(copies) / sizeof(copies[0]), error);
}

static int32_t copy_out(descent_plan *plan, const descent_step *step, const descent_device_step *own,
                        descent_result *result, descent_error *error) {
  descent_device *device = plan->device->device;
  const void *outcome = descent_record_address(plan->device, TABLE_RESULT, 0);
  const void *reports = descent_record_address(plan->device, TABLE_REPORTS, 0);
  const int64_t report_bytes = count_report_bytes(plan);
  const device_copy copies[] = {{own->result, outcome, sizeof(descent_result)}, {own->reports, reports, report_bytes}};
  int32_t code = run_copies(plan, own->stream, copies, sizeof(copies) / sizeof(copies[0]), error);
  if (code == DESCENT_OK && step->reports && report_bytes > 0)
    code = device->methods->download(device, own->stream, step->reports, reports, report_bytes, error);
  if (code == DESCENT_OK && result)
    code = device->methods->download(device, own->stream, result, outcome, sizeof(descent_result), error);
  return code;
}

static int32_t run_item(const descent_device_plan *plan, void *stream, const descent_device_item *item,
                        descent_error *error) {
  const descent_device_methods *methods = plan->device->methods;
  if (item->product)
    return methods->library->run(plan->products.library, stream, item->product, plan->products.workspace, error);
  return methods->launch(plan->device, stream, &item->call, error);
}

int32_t descent_device_step_run(descent_plan *plan, const descent_step *step, descent_result *result,
                                descent_error *error) {
  static const descent_device_step none = {.size = sizeof(descent_device_step)};
  const descent_device_step *given = get_device_step(step), *own = given ? given : &none;
  const descent_device_plan *launches = plan->device;
  int32_t code = write_words(plan, step, own->stream, error);
  if (code == DESCENT_OK)
    code = copy_in(plan, step, own, error);
  for (int64_t i = 0; i < launches->num_items && code == DESCENT_OK; ++i)
    code = run_item(launches, own->stream, &launches->items[i], error);
  return code == DESCENT_OK ? copy_out(plan, step, own, result, error) : code;
}
