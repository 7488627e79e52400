/* A driver of CUDA with two devices that have no memory of their own and run no kernels: what is asked of it is looked
 * at by tests, and can be made to fail. */
#ifndef DESCENT_TEST_RUNTIME_FAKECUDA_H
#define DESCENT_TEST_RUNTIME_FAKECUDA_H

#include "Cuda/Driver.h"

#include <stdbool.h>

enum { FAKE_DEVICES = 2, FAKE_DEPTH = 8, FAKE_CAPTURE_UNSUPPORTED = 900 };

/* What the last tensor map was made of. */
typedef struct fake_map {
  void *data;
  int type, swizzle;
  uint64_t extents[2], stride;
  uint32_t box[2];
} fake_map;

typedef struct fake_cuda_state {
  int version, capability; /* capability 0: 75 */
  int fails;               /* with this, what `failing` names */
  const char *failing;     /* a function of the driver */
  int depth;               /* of the thread's contexts */
  CUcontext stack[FAKE_DEPTH];
  int retained, libraries, allocations; /* and not given back */
  int launches, synchronized;
  int questions;  /* about pointers */
  bool capturing; /* streams record launches and copies; what else touches memory or waits is refused, and counted */
  int uncaptured;
  CUlaunchConfig config; /* of the last launch, with the number of blocks in its cluster */
  uint32_t cluster;
  const char *kernel;
  void *first_argument;
  int dynamic_bytes; /* that a kernel may ask for */
  int non_portable;  /* kernels that may have large clusters */
  fake_map map;
  const void *on_other_device, *of_host, *pinned;
} fake_cuda_state;

extern fake_cuda_state fake_cuda;

CUcontext fake_context(int device);

#endif
