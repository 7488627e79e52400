/* A plan's own memory on the device: the driver's, or what the caller's allocator has. */
#include "../Errors.h"
#include "DevicePlan.h"

#include <inttypes.h>

enum { ALIGNMENT = 256 };

/* What kernels may touch of the caller's memory. */
static descent_box make_box(const void *memory, int64_t bytes) {
  const uintptr_t begin = (uintptr_t)memory;
  return (descent_box){.begin = begin,
                       .end = begin + (uintptr_t)bytes,
                       .batch = 1,
                       .rows = 1,
                       .batch_bytes = bytes,
                       .row_bytes = bytes,
                       .length = bytes,
                       .tensor = {.role = ROLE_STATE}};
}

static int32_t fail_given(const void *memory, int64_t bytes, const char *what, descent_error *error) {
  return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the allocator's memory of %" PRId64 " bytes at %p %s", bytes,
                      memory, what);
}

static int32_t admit(descent_device_plan *plan, const void *memory, int64_t bytes, descent_error *error) {
  const descent_box box = make_box(memory, bytes);
  descent_error reason = {.size = sizeof(reason)};
  if ((uintptr_t)memory % ALIGNMENT)
    return fail_given(memory, bytes, "is not aligned to 256 bytes", error);
  const int32_t code = plan->device->methods->admit(plan->device, &box, &reason);
  if (code == DESCENT_INVALID_LAYER)
    return fail_given(memory, bytes, reason.message, error);
  return code == DESCENT_OK ? code : descent_fail(error, code, "%s", reason.message);
}

int32_t descent_device_allocate(descent_device_plan *plan, int64_t bytes, void **memory, descent_error *error) {
  const descent_allocator *caller = &plan->allocator;
  *memory = NULL;
  if (!caller->allocate)
    return plan->device->methods->allocate(plan->device, bytes, memory, error);
  void *given = caller->allocate(caller->context, bytes);
  if (!given)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "the allocator has no memory for %" PRId64 " bytes", bytes);
  const int32_t code = admit(plan, given, bytes, error);
  if (code == DESCENT_OK)
    *memory = given;
  else
    caller->release(caller->context, given, bytes);
  return code;
}

void descent_device_release(descent_device_plan *plan, void *memory, int64_t bytes) {
  const descent_allocator *caller = &plan->allocator;
  if (!caller->allocate) {
    plan->device->methods->release(plan->device, memory);
  } else if (memory) {
    const descent_box box = make_box(memory, bytes);
    plan->device->methods->dismiss(plan->device, &box);
    caller->release(caller->context, memory, bytes);
  }
}
