/* The part of NVIDIA's driver that kernels are run with, found when it is first needed: what is compiled here needs
 * nothing of CUDA to be built, linked or loaded. Names and numbers are those of the driver's interface (cuda.h). */
#ifndef DESCENT_LIB_RUNTIME_CUDA_DRIVER_H
#define DESCENT_LIB_RUNTIME_CUDA_DRIVER_H

#include "descent/Runtime/descent.h"

#include <stddef.h>

typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUlib_st *CUlibrary;
typedef struct CUkern_st *CUkernel;
typedef struct CUstream_st *CUstream;

enum {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222
};

enum {
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
  CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED = 14,
  CU_POINTER_ATTRIBUTE_MEMORY_TYPE = 2,
  CU_POINTER_ATTRIBUTE_IS_MANAGED = 8,
  CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9,
  CU_MEMORYTYPE_DEVICE = 2,
  CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION = 4
};

enum {
  CU_TENSOR_MAP_DATA_TYPE_UINT8 = 0,
  CU_TENSOR_MAP_DATA_TYPE_UINT16 = 1,
  CU_TENSOR_MAP_DATA_TYPE_UINT32 = 2,
  CU_TENSOR_MAP_INTERLEAVE_NONE = 0,
  CU_TENSOR_MAP_SWIZZLE_NONE = 0,
  CU_TENSOR_MAP_SWIZZLE_32B = 1,
  CU_TENSOR_MAP_SWIZZLE_64B = 2,
  CU_TENSOR_MAP_SWIZZLE_128B = 3,
  CU_TENSOR_MAP_L2_PROMOTION_L2_256B = 3,
  CU_TENSOR_MAP_OOB_FILL_NONE = 0
};

typedef struct CUlaunchAttribute {
  uint32_t id;
  char pad[4];
  union {
    char pad[64];
    struct {
      uint32_t x, y, z;
    } clusterDim;
  } value;
} CUlaunchAttribute;

typedef struct CUlaunchConfig {
  uint32_t gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ;
  uint32_t sharedMemBytes;
  CUstream hStream;
  CUlaunchAttribute *attrs;
  uint32_t numAttrs;
} CUlaunchConfig;

/* Those of version 12.0, the first with kernels that all contexts share. */
#define DESCENT_CUDA_FUNCTIONS(FUNCTION)                                                                               \
  FUNCTION(cuInit, "cuInit", (uint32_t flags))                                                                         \
  FUNCTION(cuDriverGetVersion, "cuDriverGetVersion", (int *version))                                                   \
  FUNCTION(cuGetErrorName, "cuGetErrorName", (int error, const char **name))                                           \
  FUNCTION(cuGetErrorString, "cuGetErrorString", (int error, const char **text))                                       \
  FUNCTION(cuDeviceGet, "cuDeviceGet", (CUdevice * device, int ordinal))                                               \
  FUNCTION(cuDeviceGetName, "cuDeviceGetName", (char *name, int length, CUdevice device))                              \
  FUNCTION(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int *value, int attribute, CUdevice device))                 \
  FUNCTION(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (CUcontext * context, CUdevice device))               \
  FUNCTION(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (CUdevice device))                               \
  FUNCTION(cuCtxGetCurrent, "cuCtxGetCurrent", (CUcontext * context))                                                  \
  FUNCTION(cuCtxGetDevice, "cuCtxGetDevice", (CUdevice * device))                                                      \
  FUNCTION(cuCtxPushCurrent, "cuCtxPushCurrent_v2", (CUcontext context))                                               \
  FUNCTION(cuCtxPopCurrent, "cuCtxPopCurrent_v2", (CUcontext * context))                                               \
  FUNCTION(cuCtxSynchronize, "cuCtxSynchronize", (void))                                                               \
  FUNCTION(cuLibraryLoadData, "cuLibraryLoadData",                                                                     \
           (CUlibrary * library, const void *code, void *jit_options, void **jit_values, uint32_t num_jit,             \
            void *options, void **values, uint32_t num_options))                                                       \
  FUNCTION(cuLibraryUnload, "cuLibraryUnload", (CUlibrary library))                                                    \
  FUNCTION(cuLibraryGetKernel, "cuLibraryGetKernel", (CUkernel * kernel, CUlibrary library, const char *name))         \
  FUNCTION(cuKernelSetAttribute, "cuKernelSetAttribute", (int attribute, int value, CUkernel kernel, CUdevice device)) \
  FUNCTION(cuMemAlloc, "cuMemAlloc_v2", (CUdeviceptr * memory, size_t bytes))                                          \
  FUNCTION(cuMemFree, "cuMemFree_v2", (CUdeviceptr memory))                                                            \
  FUNCTION(cuMemcpyHtoD, "cuMemcpyHtoD_v2", (CUdeviceptr to, const void *from, size_t bytes))                          \
  FUNCTION(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void *to, CUdeviceptr from, size_t bytes, CUstream stream))     \
  FUNCTION(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                                                  \
           (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))                                          \
  FUNCTION(cuStreamSynchronize, "cuStreamSynchronize", (CUstream stream))                                              \
  FUNCTION(cuPointerGetAttributes, "cuPointerGetAttributes",                                                           \
           (unsigned count, int *attributes, void **values, CUdeviceptr address))                                      \
  FUNCTION(cuTensorMapEncodeTiled, "cuTensorMapEncodeTiled",                                                           \
           (void *map, int type, uint32_t rank, void *data, const uint64_t *extents, const uint64_t *strides,          \
            const uint32_t *box, const uint32_t *steps, int interleave, int swizzle, int promotion, int fill))         \
  FUNCTION(cuLaunchKernelEx, "cuLaunchKernelEx",                                                                       \
           (const CUlaunchConfig *config, CUkernel kernel, void **arguments, void **extra))

typedef struct descent_cuda_driver {
#define DESCENT_CUDA_MEMBER(name, symbol, parameters) int(*name) parameters;
  DESCENT_CUDA_FUNCTIONS(DESCENT_CUDA_MEMBER)
#undef DESCENT_CUDA_MEMBER
} descent_cuda_driver;

/* Loads the driver and initializes it; DESCENT_NO_DEVICE if it is not there or too old. It stays in the process. */
int32_t descent_cuda_find_driver(descent_cuda_driver *driver, descent_error *error);

/* DESCENT_OK for CUDA_SUCCESS; else the code and message of what failed: "loading the kernels of 'muon':
 * CUDA_ERROR_...".
 */
int32_t descent_cuda_check(const descent_cuda_driver *driver, int result, const char *work, descent_error *error);

#endif
