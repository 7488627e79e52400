/* What parts of the runtime for NVIDIA's devices have of an open one. */
#ifndef DESCENT_LIB_RUNTIME_CUDA_CUDA_H
#define DESCENT_LIB_RUNTIME_CUDA_CUDA_H

#include "../Device/Device.h"

/* The calling thread may be at work on another device. Whatever is done between these two is done on this one. */
int32_t descent_cuda_enter(const descent_device *device, descent_error *error);
/* Returns the code. */
int32_t descent_cuda_leave(const descent_device *device, int32_t code);

/* The version of CUDA that the driver is for: 12 or 13. */
int descent_cuda_version(const descent_device *device);

extern const descent_library_methods descent_cublas_library; /* CublasLibrary.c */

#endif
