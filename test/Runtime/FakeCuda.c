#include "FakeCuda.h"

#include <stdlib.h>
#include <string.h>

fake_cuda_state fake_cuda;

static char contexts[FAKE_DEVICES], library;
enum { MOST_KERNELS = 256, USUAL_CAPABILITY = 75 };
static const char *kernels[MOST_KERNELS]; /* that were asked for, by name */

CUcontext fake_context(int device) { return (CUcontext)&contexts[device]; }

static int result(const char *function) {
  const bool is_captured = strcmp(function, "cuLaunchKernelEx") == 0 || strcmp(function, "cuMemcpyDtoDAsync") == 0;
  if (fake_cuda.capturing && !is_captured)
    return ++fake_cuda.uncaptured, FAKE_CAPTURE_UNSUPPORTED;
  return fake_cuda.failing && strcmp(fake_cuda.failing, function) == 0 ? fake_cuda.fails : CUDA_SUCCESS;
}

/* The functions as Driver.h declares them, by the names that are looked for. */
#define cuDevicePrimaryCtxRelease cuDevicePrimaryCtxRelease_v2
#define cuCtxPushCurrent cuCtxPushCurrent_v2
#define cuCtxPopCurrent cuCtxPopCurrent_v2
#define cuMemAlloc cuMemAlloc_v2
#define cuMemFree cuMemFree_v2
#define cuMemcpyHtoD cuMemcpyHtoD_v2
#define cuMemcpyDtoHAsync cuMemcpyDtoHAsync_v2
#define cuMemcpyDtoDAsync cuMemcpyDtoDAsync_v2
#define DECLARE(name, symbol, parameters) int name parameters;
DESCENT_CUDA_FUNCTIONS(DECLARE)

/* Programs that know nothing of the fake say in their environment which device they want. */
int cuInit(uint32_t flags) {
  const char *capability = getenv("FAKE_CUDA_CAPABILITY");
  if (capability) {
    fake_cuda.version = 13000;
    fake_cuda.capability = atoi(capability);
  }
  return flags ? 1 : result("cuInit");
}

int cuDriverGetVersion(int *version) {
  *version = fake_cuda.version;
  return CUDA_SUCCESS;
}

int cuGetErrorName(int error, const char **name) {
  *name = error == CUDA_ERROR_NO_BINARY_FOR_GPU ? "CUDA_ERROR_NO_BINARY_FOR_GPU" : NULL;
  return *name ? CUDA_SUCCESS : 1;
}

int cuGetErrorString(int error, const char **text) {
  *text = error == CUDA_ERROR_NO_BINARY_FOR_GPU ? "no kernel image is available" : NULL;
  return *text ? CUDA_SUCCESS : 1;
}

int cuDeviceGet(CUdevice *device, int ordinal) {
  *device = ordinal;
  return ordinal < FAKE_DEVICES ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

int cuDeviceGetName(char *name, int length, CUdevice device) {
  (void)device;
  strncpy(name, "Fake T4", (size_t)length);
  return CUDA_SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
  const int capability = fake_cuda.capability ? fake_cuda.capability : USUAL_CAPABILITY;
  *value = attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT       ? 40 + device
           : attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? capability / 10
                                                                       : capability % 10;
  return CUDA_SUCCESS;
}

int cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  *context = fake_context(device);
  fake_cuda.retained += result("cuDevicePrimaryCtxRetain") == CUDA_SUCCESS;
  return result("cuDevicePrimaryCtxRetain");
}

int cuDevicePrimaryCtxRelease(CUdevice device) {
  (void)device;
  --fake_cuda.retained;
  return CUDA_SUCCESS;
}

int cuCtxGetCurrent(CUcontext *context) {
  *context = fake_cuda.depth ? fake_cuda.stack[fake_cuda.depth - 1] : NULL;
  return CUDA_SUCCESS;
}

int cuCtxGetDevice(CUdevice *device) {
  CUcontext current;
  cuCtxGetCurrent(&current);
  *device = current == fake_context(1);
  return current ? CUDA_SUCCESS : 201;
}

int cuCtxPushCurrent(CUcontext context) {
  fake_cuda.stack[fake_cuda.depth++] = context;
  return CUDA_SUCCESS;
}

int cuCtxPopCurrent(CUcontext *context) {
  *context = fake_cuda.stack[--fake_cuda.depth];
  return CUDA_SUCCESS;
}

int cuCtxSynchronize(void) {
  ++fake_cuda.synchronized;
  return result("cuCtxSynchronize");
}

int cuLibraryLoadData(CUlibrary *loaded, const void *code, void *jit_options, void **jit_values, uint32_t num_jit,
                      void *options, void **values, uint32_t num_options) {
  if (!code || jit_options || jit_values || num_jit || options || values || num_options)
    return 1;
  *loaded = result("cuLibraryLoadData") == CUDA_SUCCESS ? (CUlibrary)&library : NULL;
  fake_cuda.libraries += *loaded != NULL;
  return result("cuLibraryLoadData");
}

int cuLibraryUnload(CUlibrary unloaded) {
  fake_cuda.libraries -= unloaded == (CUlibrary)&library;
  return CUDA_SUCCESS;
}

int cuLibraryGetKernel(CUkernel *kernel, CUlibrary loaded, const char *name) {
  int i = 0;
  while (i < MOST_KERNELS && kernels[i] && strcmp(kernels[i], name) != 0)
    ++i;
  if (!loaded || i == MOST_KERNELS)
    return 500;
  kernels[i] = name;
  *kernel = (CUkernel)&kernels[i];
  return result("cuLibraryGetKernel");
}

int cuKernelSetAttribute(int attribute, int value, CUkernel kernel, CUdevice device) {
  (void)kernel;
  (void)device;
  if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
    fake_cuda.dynamic_bytes = value;
  else if (attribute == CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED)
    fake_cuda.non_portable += value;
  else
    return 1;
  return result("cuKernelSetAttribute");
}

int cuMemAlloc(CUdeviceptr *memory, size_t bytes) {
  if (result("cuMemAlloc"))
    return result("cuMemAlloc");
  *memory = (CUdeviceptr)(uintptr_t)malloc(bytes);
  ++fake_cuda.allocations;
  return CUDA_SUCCESS;
}

int cuMemFree(CUdeviceptr memory) {
  free((void *)(uintptr_t)memory);
  --fake_cuda.allocations;
  return result("cuMemFree");
}

int cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes) {
  memcpy((void *)(uintptr_t)to, from, bytes);
  return result("cuMemcpyHtoD");
}

int cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  (void)stream;
  memcpy(to, (const void *)(uintptr_t)from, bytes);
  return result("cuMemcpyDtoHAsync");
}

int cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  (void)stream;
  memcpy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes);
  return result("cuMemcpyDtoDAsync");
}

int cuStreamSynchronize(CUstream stream) {
  (void)stream;
  ++fake_cuda.synchronized;
  return result("cuStreamSynchronize");
}

/* What no device knows has attributes of 0. */
int cuPointerGetAttributes(unsigned count, int *attributes, void **values, CUdeviceptr address) {
  const void *pointer = (const void *)(uintptr_t)address;
  for (unsigned i = 0; i < count; ++i) {
    unsigned value = 0;
    if (attributes[i] == CU_POINTER_ATTRIBUTE_MEMORY_TYPE && pointer != fake_cuda.of_host)
      value = pointer == fake_cuda.pinned ? 1 : CU_MEMORYTYPE_DEVICE;
    else if (attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL)
      value = pointer == fake_cuda.on_other_device;
    *(unsigned *)values[i] = value;
  }
  ++fake_cuda.questions;
  return CUDA_SUCCESS;
}

int cuTensorMapEncodeTiled(void *map, int type, uint32_t rank, void *data, const uint64_t *extents,
                           const uint64_t *strides, const uint32_t *box, const uint32_t *steps, int interleave,
                           int swizzle, int promotion, int fill) {
  if (rank != 2 || (uintptr_t)map % 64 || steps[0] != 1 || steps[1] != 1 || interleave || fill ||
      promotion != CU_TENSOR_MAP_L2_PROMOTION_L2_256B)
    return 1;
  fake_cuda.map = (fake_map){data, type, swizzle, {extents[0], extents[1]}, strides[0], {box[0], box[1]}};
  memset(map, 1, 128);
  return result("cuTensorMapEncodeTiled");
}

int cuLaunchKernelEx(const CUlaunchConfig *config, CUkernel kernel, void **arguments, void **extra) {
  if (extra || fake_cuda.depth == 0)
    return 1;
  fake_cuda.config = *config;
  fake_cuda.cluster = config->numAttrs ? config->attrs[0].value.clusterDim.x : 0;
  fake_cuda.kernel = *(const char *const *)kernel;
  fake_cuda.first_argument = *(void **)arguments[0];
  ++fake_cuda.launches;
  if (strcmp(fake_cuda.kernel, "descent_write") == 0)
    memcpy(*(void **)arguments[0], arguments[2], (size_t)*(int32_t *)arguments[1] * sizeof(uint64_t));
  return result("cuLaunchKernelEx");
}
