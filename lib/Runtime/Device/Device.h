/* What the device runtime asks of a device. Two implementations: the simulator, where device memory is the host's, and
 * CUDA. Functions that can fail return a descent_code and fill in the error, as the runtime's own do. */
#ifndef DESCENT_LIB_RUNTIME_DEVICE_DEVICE_H
#define DESCENT_LIB_RUNTIME_DEVICE_DEVICE_H

#include "../Overlap.h"

#include "descent/Runtime/device.h"

/* One kernel is run: `kernel` is an index into the program's kernels, `arguments` has the address of each argument. */
typedef struct descent_device_call {
  int64_t blocks;
  void *const *arguments;
  uint32_t kernel, num_arguments;
} descent_device_call;

/* A device before it is opened. */
typedef struct descent_device_kind {
  uint32_t capability; /* its compute capability: 90 for 9.0; 0: of the simulator */
  char name[128];
} descent_device_kind;

/* A matrix in device memory, which kernels copy boxes of. Its address and, of more than one row, the bytes from row to
 * row are multiples of 16. */
typedef struct descent_device_matrix {
  void *data;
  int64_t rows, cols, row_bytes;
  uint32_t element_bytes, box_rows, box_cols, swizzle; /* as in descent_device_map */
} descent_device_matrix;

/* A device with an artifact's kernels, opened for one plan. Each implementation begins its own struct with this one. */
typedef struct descent_device {
  const struct descent_device_methods *methods;
  const descent_device_program *program;
} descent_device;

/* A row-major matrix of each of some layers. Strides count elements. */
typedef struct descent_library_matrix {
  char *data; /* of the first layer; null: there is none */
  int64_t row_stride, layer_stride;
} descent_library_matrix;

/* A product of layers that have the same shape and lie at the same distance from each other. */
typedef struct descent_library_product {
  const descent_device_product *form;
  int64_t rows, cols, inner, layers;
  descent_library_matrix lhs, rhs, added, result;
} descent_library_product;

/* A library of matrix products on a device, opened for one plan, and a product that it has got ready. Each
 * implementation has its own. */
typedef struct descent_library descent_library;
typedef struct descent_library_call descent_library_call;

typedef struct descent_library_methods {
  const char *name;
  int64_t workspace_bytes; /* of device memory that each call may use while it is at work; 0: none */
  int32_t (*open)(descent_device *device, descent_library **library, descent_error *error);
  void (*close)(descent_library *library);

  /* Finds the way to do a product, once for all steps. Fails if the library has none. */
  int32_t (*prepare)(descent_library *library, const descent_library_product *product, descent_library_call **call,
                     descent_error *error);
  void (*discard)(descent_library *library, descent_library_call *call);

  /* In the order of the stream, as a launch; a CUDA graph can capture it. */
  int32_t (*run)(descent_library *library, void *stream, const descent_library_call *call, void *workspace,
                 descent_error *error);
} descent_library_methods;

/* What is given a stream happens in the order of that stream, and does not wait for what came before; a null stream is
 * the device's default one. All else takes effect before it returns, after what was asked for on any stream. */
typedef struct descent_device_methods {
  const char *name; /* "simulator", "cuda" */

  /* The first use of the device: the driver is looked for. `options` may be null. */
  int32_t (*identify)(const descent_device_options *options, descent_device_kind *kind, descent_error *error);

  /* Loads the kernels of one of an artifact's code paths. On failure there is no device to close. */
  int32_t (*open)(const descent_artifact *artifact, const descent_device_options *options, descent_device **device,
                  descent_error *error);
  void (*close)(descent_device *device);

  /* Multiprocessors: launches have no more blocks than these keep busy. */
  int64_t (*processors)(const descent_device *device);

  /* Memory for kernels, aligned to 256 bytes, `bytes` at least 1, nothing written. Null may be released. */
  int32_t (*allocate)(descent_device *device, int64_t bytes, void **memory, descent_error *error);
  void (*release)(descent_device *device, void *memory);

  /* The caller's memory: kernels may touch the bytes of the box from now on, and no longer. Fails if they cannot: the
   * message says what is wrong with an address, the caller which tensor it is. */
  int32_t (*admit)(descent_device *device, const descent_box *box, descent_error *error);
  void (*dismiss)(descent_device *device, const descent_box *box);

  /* DESCENT_MAP_BYTES of the host's memory, aligned to 64, become the matrix's tensor map. */
  int32_t (*make_map)(descent_device *device, const descent_device_matrix *matrix, void *map, descent_error *error);

  /* Between host and device memory. */
  int32_t (*upload)(descent_device *device, void *to, const void *from, int64_t bytes, descent_error *error);
  int32_t (*download)(descent_device *device, void *stream, void *to, const void *from, int64_t bytes,
                      descent_error *error); /* waits for the stream alone */

  /* Words of the host, as they are now, to device memory, in the order of the stream: a CUDA graph that captures it
   * keeps them, so they travel as arguments of kernels. */
  int32_t (*write)(descent_device *device, void *stream, void *to, const uint64_t *words, int64_t count,
                   descent_error *error);
  /* Within device memory, in the order of the stream. */
  int32_t (*copy)(descent_device *device, void *stream, void *to, const void *from, int64_t bytes,
                  descent_error *error);
  int32_t (*launch)(descent_device *device, void *stream, const descent_device_call *call, descent_error *error);

  const descent_library_methods *library; /* null: none */
} descent_device_methods;

extern const descent_device_methods descent_simulator_methods; /* ../Simulator/SimulatedDevice.c */
extern const descent_device_methods descent_cuda_methods;      /* ../Cuda */

#endif
