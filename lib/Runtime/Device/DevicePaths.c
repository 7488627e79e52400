/* Which of an artifact's code paths a device runs. */
#include "../Cpu.h"
#include "../Errors.h"
#include "DevicePlan.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int32_t check_allocator(const descent_allocator *allocator, descent_error *error) {
  if (!allocator)
    return DESCENT_OK;
  if (allocator->size != sizeof(descent_allocator))
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the plan's allocator has size %" PRIu64 ", but this version wants %zu; set `size`",
                        allocator->size, sizeof(descent_allocator));
  if (!allocator->allocate || !allocator->release)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the plan's allocator lacks `%s`",
                        allocator->allocate ? "release" : "allocate");
  return DESCENT_OK;
}

/* Older programs have a shorter struct. */
int32_t descent_read_device_options(const descent_device_options *given, descent_device_options *options,
                                    descent_error *error) {
  *options = (descent_device_options){.size = sizeof(descent_device_options), .device = -1};
  if (!given)
    return DESCENT_OK;
  if (given->size != sizeof(descent_device_options) && given->size != offsetof(descent_device_options, allocator) &&
      given->size != offsetof(descent_device_options, products))
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the plan's device options have size %" PRIu64 ", but this version wants %zu; set `size`",
                        given->size, sizeof(descent_device_options));
  memcpy(options, given, given->size);
  if (options->workspace_bytes < 0)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the plan's device options ask for a workspace of %" PRId64
                        " bytes, but it has 0 (as much as is useful) or more",
                        options->workspace_bytes);
  if (options->products > DESCENT_PRODUCTS_LIBRARY)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the plan's device options say %" PRIu32
                        " for products, but they are 0 (auto), 1 (own kernels) or 2 (the library)",
                        options->products);
  return check_allocator(options->allocator, error);
}

/* How well a device runs a path; in between, that it is later than the chip with this capability. */
enum { FITS_NOT = 0, FITS_EXACTLY = INT32_MAX };

/* Of later chips, the latest is best. */
static int32_t rate(const descent_device_program *program, uint32_t capability) {
  int32_t best = FITS_NOT;
  for (uint32_t i = 0; i < program->num_chips; ++i) {
    const descent_device_chip *chip = &program->chips[i];
    if (chip->capability == capability)
      return FITS_EXACTLY;
    if (chip->is_forward && chip->capability < capability && (int32_t)chip->capability > best)
      best = (int32_t)chip->capability;
  }
  return best;
}

static bool is_wanted(const descent_artifact *path, const char *target) {
  return !target || (path->target && strcmp(path->target, target) == 0);
}

static int32_t fail_unfit(const descent_artifact *artifact, const char *target, const descent_device_kind *kind,
                          descent_error *error) {
  char paths[512] = "";
  for (const descent_artifact *path = artifact; path; path = path->next) {
    const size_t used = strlen(paths);
    if (is_wanted(path, target))
      snprintf(paths + used, sizeof(paths) - used, "%s%s", used > 0 ? " and " : "", path->target);
  }
  return descent_fail(error, DESCENT_NO_DEVICE,
                      "the kernels of '%s' are for %s, but the device is %s, of sm_%u; compile for its chip, or for "
                      "sm_80, whose kernels later ones run too",
                      artifact->name, paths, kind->name, kind->capability);
}

int32_t descent_device_choose_path(const descent_artifact *artifact, const char *target,
                                   const descent_device_options *given, const descent_artifact **chosen,
                                   descent_error *error) {
  descent_device_options options;
  int32_t code = descent_read_device_options(given, &options, error);
  if (code == DESCENT_OK) /* by the name alone, and by what the processor beside the device can do */
    code = descent_choose_path(artifact, target, chosen, error);
  if (code != DESCENT_OK)
    return code;
  const descent_device_program *first = (*chosen)->device;
  if (first->version != DESCENT_DEVICE_VERSION)
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the kernels of '%s' have tables of version %u, but this runtime has version %d; link the "
                        "runtime of the same release",
                        artifact->name, first->version, DESCENT_DEVICE_VERSION);
  if (first->num_chips == 0)
    return DESCENT_OK; /* of the simulator */
  descent_device_kind kind = {0};
  code = first->methods->identify(&options, &kind, error);
  int32_t best = FITS_NOT;
  for (const descent_artifact *path = artifact; path && code == DESCENT_OK; path = path->next) {
    const int32_t rating = is_wanted(path, target) ? rate(path->device, kind.capability) : FITS_NOT;
    if (rating <= best)
      continue;
    *chosen = path;
    best = rating;
  }
  return code == DESCENT_OK && best == FITS_NOT ? fail_unfit(artifact, target, &kind, error) : code;
}
