#include "Driver.h"

#include "../Errors.h"

#include <dlfcn.h>
#include <string.h>

static const char library[] = "libcuda.so.1";
enum { LEAST_VERSION = 12000 };

/* What dlsym finds is an object's address to C, and a function's to POSIX. */
static const char *resolve(void *handle, descent_cuda_driver *driver) {
  void *address;
#define DESCENT_CUDA_RESOLVE(name, symbol, parameters)                                                                 \
  address = dlsym(handle, symbol);                                                                                     \
  if (!address)                                                                                                        \
    return symbol;                                                                                                     \
  memcpy(&driver->name, &address, sizeof(address));
  DESCENT_CUDA_FUNCTIONS(DESCENT_CUDA_RESOLVE)
#undef DESCENT_CUDA_RESOLVE
  return NULL;
}

int32_t descent_cuda_find_driver(descent_cuda_driver *driver, descent_error *error) {
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle)
    return descent_fail(error, DESCENT_NO_DEVICE, "NVIDIA's driver is not on this machine: %s", dlerror());
  const char *missing = resolve(handle, driver);
  dlclose(handle); /* which only forgets that it was opened once more */
  if (missing)
    return descent_fail(error, DESCENT_NO_DEVICE, "NVIDIA's driver, %s, has no %s: it is older than CUDA 12.0", library,
                        missing);
  int version = 0;
  int32_t code = descent_cuda_check(driver, driver->cuInit(0), "initializing NVIDIA's driver", error);
  code =
      code ? code
           : descent_cuda_check(driver, driver->cuDriverGetVersion(&version), "asking for the driver's version", error);
  if (!code && version < LEAST_VERSION)
    return descent_fail(error, DESCENT_NO_DEVICE, "NVIDIA's driver is for CUDA %d.%d, found %s; 12.0 is wanted",
                        version / 1000, version % 1000 / 10, library);
  return code;
}

static descent_code to_code(int result) {
  switch (result) {
  case CUDA_ERROR_OUT_OF_MEMORY:
    return DESCENT_OUT_OF_MEMORY;
  case CUDA_ERROR_NO_DEVICE:
  case CUDA_ERROR_INVALID_DEVICE:
  case CUDA_ERROR_NO_BINARY_FOR_GPU:
  case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
    return DESCENT_NO_DEVICE;
  default:
    return DESCENT_DEVICE_FAULT;
  }
}

int32_t descent_cuda_check(const descent_cuda_driver *driver, int result, const char *work, descent_error *error) {
  if (result == CUDA_SUCCESS)
    return DESCENT_OK;
  const char *name = NULL, *text = NULL;
  driver->cuGetErrorName(result, &name);
  driver->cuGetErrorString(result, &text);
  return descent_fail(error, to_code(result), "%s: %s (%d), %s", work, name ? name : "error", result,
                      text ? text : "which the driver does not know");
}
