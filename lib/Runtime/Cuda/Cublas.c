#include "Cublas.h"

#include "../Errors.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { OLDEST = 12, NEWEST = 13 };

/* What dlsym finds is an object's address to C, and a function's to POSIX. */
static const char *resolve(void *handle, descent_cublas *cublas) {
  void *address;
#define DESCENT_CUBLAS_RESOLVE(name, parameters)                                                                       \
  address = dlsym(handle, #name);                                                                                      \
  if (!address)                                                                                                        \
    return #name;                                                                                                      \
  memcpy(&cublas->name, &address, sizeof(address));
  DESCENT_CUBLAS_FUNCTIONS(DESCENT_CUBLAS_RESOLVE)
  DESCENT_CUBLAS_RESOLVE(cublasLtGetStatusName, (int status))
#undef DESCENT_CUBLAS_RESOLVE
  return NULL;
}

/* One that the program has loaded already, such as a framework's, is found wherever it lies. */
static void *load(int driver, int mode, char *name, size_t length) {
  void *handle = NULL;
  for (int version = driver < NEWEST ? driver : NEWEST; version >= OLDEST && !handle; --version) {
    snprintf(name, length, "libcublasLt.so.%d", version);
    handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | mode);
  }
  return handle;
}

int32_t descent_cublas_find(descent_cublas *cublas, int driver, descent_error *error) {
  char name[32] = "libcublasLt.so";
  void *handle = load(driver, RTLD_NOLOAD, name, sizeof(name));
  if (!handle)
    handle = load(driver, 0, name, sizeof(name));
  if (!handle)
    return descent_fail(error, DESCENT_NO_DEVICE, "cuBLASLt, libcublasLt.so.%d%s, is not on this machine",
                        driver < NEWEST ? driver : NEWEST, driver > OLDEST ? " or an older one" : "");
  const char *missing = resolve(handle, cublas);
  dlclose(handle); /* which only forgets that it was opened once more */
  if (missing)
    return descent_fail(error, DESCENT_NO_DEVICE, "cuBLASLt, %s, has no %s", name, missing);
  return DESCENT_OK;
}

static descent_code to_code(int status) {
  switch (status) {
  case CUBLAS_STATUS_ALLOC_FAILED:
    return DESCENT_OUT_OF_MEMORY;
  case CUBLAS_STATUS_NOT_INITIALIZED:
  case CUBLAS_STATUS_ARCH_MISMATCH:
    return DESCENT_NO_DEVICE;
  default:
    return DESCENT_DEVICE_FAULT;
  }
}

int32_t descent_cublas_check(const descent_cublas *cublas, int status, const char *work, descent_error *error) {
  if (status == CUBLAS_STATUS_SUCCESS)
    return DESCENT_OK;
  const char *name = cublas->cublasLtGetStatusName(status);
  return descent_fail(error, to_code(status), "%s: cuBLASLt says %s (%d)", work, name ? name : "error", status);
}
