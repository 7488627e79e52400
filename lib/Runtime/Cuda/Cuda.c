/* NVIDIA's devices for the device runtime: memory, and kernels on the caller's stream. */
#include "Cuda.h"
#include "Driver.h"

#include "../Errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char write_kernel[] = "descent_write";
enum { PORTABLE_CLUSTER = 8 };

typedef struct cuda_device {
  descent_device base;
  descent_cuda_driver driver;
  CUdevice ordinal;
  CUcontext context; /* the device's primary one, which frameworks use too */
  CUlibrary library;
  CUkernel writes;
  CUkernel *kernels; /* of the program */
} cuda_device;

static const cuda_device *as_cuda(const descent_device *device) { return (const cuda_device *)device; }

static int32_t check(const cuda_device *device, int result, const char *work, descent_error *error) {
  return descent_cuda_check(&device->driver, result, work, error);
}

static int32_t enter(const cuda_device *device, descent_error *error) {
  return check(device, device->driver.cuCtxPushCurrent(device->context), "choosing the device", error);
}

static int32_t leave(const cuda_device *device, int32_t code) {
  CUcontext left;
  device->driver.cuCtxPopCurrent(&left);
  return code;
}

int32_t descent_cuda_enter(const descent_device *device, descent_error *error) { return enter(as_cuda(device), error); }

int32_t descent_cuda_leave(const descent_device *device, int32_t code) { return leave(as_cuda(device), code); }

int descent_cuda_version(const descent_device *device) {
  int version = 0;
  as_cuda(device)->driver.cuDriverGetVersion(&version);
  return version / 1000;
}

static int32_t find_ordinal(const descent_cuda_driver *driver, CUdevice *ordinal, const descent_device_options *options,
                            descent_error *error) {
  const int wanted = options ? options->device : -1;
  CUcontext current = NULL;
  if (wanted < 0 && driver->cuCtxGetCurrent(&current) == CUDA_SUCCESS && current)
    return descent_cuda_check(driver, driver->cuCtxGetDevice(ordinal), "asking for the thread's device", error);
  char work[64];
  snprintf(work, sizeof(work), "looking for device %d", wanted < 0 ? 0 : wanted);
  return descent_cuda_check(driver, driver->cuDeviceGet(ordinal, wanted < 0 ? 0 : wanted), work, error);
}

static int get_attribute(const descent_cuda_driver *driver, CUdevice ordinal, int attribute) {
  int value = 0;
  driver->cuDeviceGetAttribute(&value, attribute, ordinal);
  return value;
}

static descent_device_kind get_kind(const descent_cuda_driver *driver, CUdevice ordinal) {
  descent_device_kind kind = {0, "a device"};
  const int major = get_attribute(driver, ordinal, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  kind.capability =
      (uint32_t)(10 * major + get_attribute(driver, ordinal, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
  driver->cuDeviceGetName(kind.name, sizeof(kind.name), ordinal);
  return kind;
}

static int32_t cuda_identify(const descent_device_options *options, descent_device_kind *kind, descent_error *error) {
  descent_cuda_driver driver;
  CUdevice ordinal = 0;
  int32_t code = descent_cuda_find_driver(&driver, error);
  code = code ? code : find_ordinal(&driver, &ordinal, options, error);
  if (!code)
    *kind = get_kind(&driver, ordinal);
  return code;
}

/* Code may be too new for the driver. */
static int32_t fail_to_load(const cuda_device *device, int result, const descent_artifact *artifact,
                            descent_error *error) {
  const descent_device_kind kind = get_kind(&device->driver, device->ordinal);
  char work[512];
  snprintf(work, sizeof(work), "loading the kernels of '%s', which are for %s, on %s (sm_%u)", artifact->name,
           artifact->target, kind.name, kind.capability);
  return check(device, result, work, error);
}

static int32_t find_kernel(cuda_device *device, const char *name, CUkernel *kernel, descent_error *error) {
  char work[256];
  snprintf(work, sizeof(work), "looking for the kernel '%s'", name);
  return check(device, device->driver.cuLibraryGetKernel(kernel, device->library, name), work, error);
}

/* What a kernel must ask for before it is launched: more than 48 KB of workgroup memory, and clusters that not every
 * device of its kind can run. */
static int32_t prepare_kernel(const cuda_device *device, CUkernel kernel, const descent_device_kernel *shape,
                              descent_error *error) {
  const descent_cuda_driver *driver = &device->driver;
  char work[256];
  snprintf(work, sizeof(work), "asking for %u bytes of workgroup memory for the kernel '%s'", shape->dynamic_bytes,
           shape->name);
  int result = CUDA_SUCCESS;
  if (shape->dynamic_bytes > 0)
    result = driver->cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)shape->dynamic_bytes,
                                          kernel, device->ordinal);
  if (result != CUDA_SUCCESS || shape->cluster <= PORTABLE_CLUSTER)
    return check(device, result, work, error);
  snprintf(work, sizeof(work), "asking for clusters of %u blocks for the kernel '%s'", shape->cluster, shape->name);
  return check(
      device,
      driver->cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1, kernel, device->ordinal),
      work, error);
}

static int32_t load_kernels(cuda_device *device, const descent_artifact *artifact, descent_error *error) {
  const descent_device_program *program = artifact->device;
  int result = device->driver.cuLibraryLoadData(&device->library, program->image, NULL, NULL, 0, NULL, NULL, 0);
  if (result != CUDA_SUCCESS)
    return fail_to_load(device, result, artifact, error);
  int32_t code = find_kernel(device, write_kernel, &device->writes, error);
  for (uint32_t i = 0; i < program->num_kernels && !code; ++i) {
    code = find_kernel(device, program->kernels[i].name, &device->kernels[i], error);
    if (!code)
      code = prepare_kernel(device, device->kernels[i], &program->kernels[i], error);
  }
  return code;
}

static void cuda_close(descent_device *base) {
  cuda_device *device = (cuda_device *)base;
  if (device->context && enter(device, NULL) == DESCENT_OK) {
    device->driver.cuCtxSynchronize();
    if (device->library)
      device->driver.cuLibraryUnload(device->library);
    leave(device, DESCENT_OK);
  }
  if (device->context)
    device->driver.cuDevicePrimaryCtxRelease(device->ordinal);
  free(device->kernels);
  free(device);
}

static int32_t open_device(cuda_device *device, const descent_artifact *artifact, const descent_device_options *options,
                           descent_error *error) {
  device->kernels = calloc(device->base.program->num_kernels + 1, sizeof(CUkernel));
  if (!device->kernels)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the device's table of kernels");
  int32_t code = descent_cuda_find_driver(&device->driver, error);
  code = code ? code : find_ordinal(&device->driver, &device->ordinal, options, error);
  if (code)
    return code;
  int result = device->driver.cuDevicePrimaryCtxRetain(&device->context, device->ordinal);
  if (result != CUDA_SUCCESS)
    device->context = NULL;
  code = check(device, result, "taking the device's context", error);
  code = code ? code : enter(device, error);
  return code ? code : leave(device, load_kernels(device, artifact, error));
}

static int32_t cuda_open(const descent_artifact *artifact, const descent_device_options *options,
                         descent_device **opened, descent_error *error) {
  cuda_device *device = calloc(1, sizeof(cuda_device));
  if (!device)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the device");
  device->base.methods = &descent_cuda_methods;
  device->base.program = artifact->device;
  int32_t code = open_device(device, artifact, options, error);
  if (code)
    cuda_close(&device->base);
  else
    *opened = &device->base;
  return code;
}

static int64_t cuda_processors(const descent_device *base) {
  return get_attribute(&as_cuda(base)->driver, as_cuda(base)->ordinal, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
}

static int32_t cuda_allocate(descent_device *base, int64_t bytes, void **memory, descent_error *error) {
  const cuda_device *device = as_cuda(base);
  CUdeviceptr address = 0;
  char work[64];
  snprintf(work, sizeof(work), "allocating %lld bytes", (long long)bytes);
  int32_t code = enter(device, error);
  if (code)
    return code;
  code = leave(device, check(device, device->driver.cuMemAlloc(&address, (size_t)bytes), work, error));
  *memory = (void *)(uintptr_t)address;
  return code;
}

static void cuda_release(descent_device *base, void *memory) {
  const cuda_device *device = as_cuda(base);
  if (!memory || enter(device, NULL) != DESCENT_OK)
    return;
  device->driver.cuMemFree((uintptr_t)memory); /* waits for kernels that are still at work */
  leave(device, DESCENT_OK);
}

/* Where the tensor begins is looked at, not where its allocation ends: frameworks map one tensor in several pieces. One
 * question to the driver, as gradients may be new in every step. */
static int32_t cuda_admit(descent_device *base, const descent_box *box, descent_error *error) {
  const cuda_device *device = as_cuda(base);
  if (box->begin == box->end)
    return DESCENT_OK;
  unsigned type = 0, is_managed = 0;
  int ordinal = device->ordinal;
  int wanted[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_IS_MANAGED,
                  CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  void *found[] = {&type, &is_managed, &ordinal};
  const int result = device->driver.cuPointerGetAttributes(3, wanted, found, box->begin);
  if (result != CUDA_SUCCESS || type == 0)
    return descent_fail(error, DESCENT_INVALID_LAYER, "lies at %p, which is no memory of a device", (void *)box->begin);
  if (type != CU_MEMORYTYPE_DEVICE || is_managed)
    return DESCENT_OK; /* of the host, and pinned so that devices reach it; or of all */
  if (ordinal != device->ordinal)
    return descent_fail(error, DESCENT_INVALID_LAYER, "lies at %p, in memory of device %d, but the plan is for %d",
                        (void *)box->begin, ordinal, device->ordinal);
  return DESCENT_OK;
}

static void cuda_dismiss(descent_device *device, const descent_box *box) {
  (void)device;
  (void)box;
}

/* Entries are told apart by their size alone: they are copied, and zeros have no bits in any type. */
static int32_t cuda_make_map(descent_device *base, const descent_device_matrix *matrix, void *map,
                             descent_error *error) {
  const cuda_device *device = as_cuda(base);
  const uint64_t extents[] = {(uint64_t)matrix->cols, (uint64_t)matrix->rows}, stride = (uint64_t)matrix->row_bytes;
  const uint32_t box[] = {matrix->box_cols, matrix->box_rows}, steps[] = {1, 1};
  int type = CU_TENSOR_MAP_DATA_TYPE_UINT8, swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
  while (type < CU_TENSOR_MAP_DATA_TYPE_UINT32 && 1u << type < matrix->element_bytes)
    ++type;
  while (swizzle < CU_TENSOR_MAP_SWIZZLE_128B && 16u << swizzle < matrix->swizzle)
    ++swizzle;
  int32_t code = enter(device, error);
  if (code)
    return code;
  int result = device->driver.cuTensorMapEncodeTiled(map, type, 2, matrix->data, extents, &stride, box, steps,
                                                     CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
                                                     CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_OOB_FILL_NONE);
  return leave(device, check(device, result, "gets no tensor map", error));
}

static int32_t cuda_upload(descent_device *base, void *to, const void *from, int64_t bytes, descent_error *error) {
  const cuda_device *device = as_cuda(base);
  int32_t code = enter(device, error);
  if (code)
    return code;
  code = check(device, device->driver.cuCtxSynchronize(), "waiting for the device", error);
  if (!code)
    code = check(device, device->driver.cuMemcpyHtoD((uintptr_t)to, from, (size_t)bytes),
                 "copying tables to the device", error);
  return leave(device, code);
}

static int32_t cuda_download(descent_device *base, void *stream, void *to, const void *from, int64_t bytes,
                             descent_error *error) {
  const cuda_device *device = as_cuda(base);
  int32_t code = enter(device, error);
  if (code)
    return code;
  int result = device->driver.cuMemcpyDtoHAsync(to, (uintptr_t)from, (size_t)bytes, stream);
  result = result ? result : device->driver.cuStreamSynchronize(stream);
  return leave(device, check(device, result, "copying results from the device", error));
}

static int32_t cuda_copy(descent_device *base, void *stream, void *to, const void *from, int64_t bytes,
                         descent_error *error) {
  const cuda_device *device = as_cuda(base);
  int32_t code = enter(device, error);
  if (code)
    return code;
  int result = device->driver.cuMemcpyDtoDAsync((uintptr_t)to, (uintptr_t)from, (size_t)bytes, stream);
  return leave(device, check(device, result, "copying within the device", error));
}

/* How a kernel runs: its blocks are a multiple of its cluster. */
static int run(const cuda_device *device, CUkernel kernel, const descent_device_kernel *shape, int64_t blocks,
               void *stream, void **arguments) {
  CUlaunchAttribute cluster = {.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION};
  cluster.value.clusterDim.x = shape->cluster;
  cluster.value.clusterDim.y = cluster.value.clusterDim.z = 1;
  const uint32_t together = shape->cluster > 1 ? shape->cluster : 1;
  const CUlaunchConfig config = {.gridDimX = (uint32_t)((blocks + together - 1) / together * together),
                                 .gridDimY = 1,
                                 .gridDimZ = 1,
                                 .blockDimX = shape->threads,
                                 .blockDimY = 1,
                                 .blockDimZ = 1,
                                 .sharedMemBytes = shape->dynamic_bytes,
                                 .hStream = stream,
                                 .attrs = &cluster,
                                 .numAttrs = together > 1};
  return device->driver.cuLaunchKernelEx(&config, kernel, arguments, NULL);
}

static int32_t cuda_launch(descent_device *base, void *stream, const descent_device_call *call, descent_error *error) {
  const cuda_device *device = as_cuda(base);
  const descent_device_kernel *shape = &base->program->kernels[call->kernel];
  char work[256];
  snprintf(work, sizeof(work), "launching the kernel '%s'", shape->name);
  int32_t code = enter(device, error);
  if (code)
    return code;
  int result = run(device, device->kernels[call->kernel], shape, call->blocks, stream, (void **)call->arguments);
  return leave(device, check(device, result, work, error));
}

/* The words lie in the launch's parameters: neither the caller's memory nor a copy of it must stay. */
static int32_t cuda_write(descent_device *base, void *stream, void *to, const uint64_t *words, int64_t count,
                          descent_error *error) {
  const cuda_device *device = as_cuda(base);
  const descent_device_kernel shape = {.name = write_kernel, .threads = DESCENT_WORDS_AT_ONCE};
  uint64_t sent[DESCENT_WORDS_AT_ONCE];
  int32_t code = enter(device, error);
  if (code)
    return code;
  int result = CUDA_SUCCESS;
  for (int64_t done = 0; done < count && result == CUDA_SUCCESS; done += DESCENT_WORDS_AT_ONCE) {
    uint64_t *target = (uint64_t *)to + done;
    int32_t length = (int32_t)(count - done < DESCENT_WORDS_AT_ONCE ? count - done : DESCENT_WORDS_AT_ONCE);
    memcpy(sent, words + done, (size_t)length * sizeof(uint64_t));
    void *arguments[] = {&target, &length, sent};
    result = run(device, device->writes, &shape, 1, stream, arguments);
  }
  return leave(device, check(device, result, "writing numbers of the step", error));
}

const descent_device_methods descent_cuda_methods = {
    .name = "cuda",
    .identify = cuda_identify,
    .open = cuda_open,
    .close = cuda_close,
    .processors = cuda_processors,
    .allocate = cuda_allocate,
    .release = cuda_release,
    .admit = cuda_admit,
    .dismiss = cuda_dismiss,
    .make_map = cuda_make_map,
    .upload = cuda_upload,
    .download = cuda_download,
    .write = cuda_write,
    .copy = cuda_copy,
    .launch = cuda_launch,
    .library = &descent_cublas_library,
};
