/* The simulator as a device: its memory is the host's, and a stream is the order of the calls. */
#include "SimulatedLibrary.h"
#include "Simulator.h"
#include "TensorMap.h"

#include "../Errors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Few, so that blocks take several tiles even of small layers. */
enum { PROCESSORS = 4 };

enum { ALIGNMENT = 256 };

typedef struct simulated_device {
  descent_device base;
  descent_simulator *simulator;
} simulated_device;

/* In front of memory that was allocated, as long as the alignment. */
typedef struct memory_header {
  int64_t bytes;
} memory_header;

static simulated_device *simulated(descent_device *device) { return (simulated_device *)(void *)device; }

descent_shadow *descent_simulated_shadow(descent_device *device) {
  return descent_simulator_memory(simulated(device)->simulator);
}

static int32_t mark(descent_device *device, const void *begin, int64_t bytes, descent_sim_content content,
                    descent_error *error) {
  if (descent_shadow_set(descent_simulated_shadow(device), begin, bytes, content))
    return DESCENT_OK;
  return descent_fail(error, DESCENT_OUT_OF_MEMORY,
                      "no memory to watch over %" PRId64 " bytes of the simulated device; simulate smaller layers",
                      bytes);
}

static void close_device(descent_device *device) {
  descent_simulator_destroy(simulated(device)->simulator);
  free(device);
}

static int32_t open_device(const descent_artifact *artifact, const descent_device_options *options,
                           descent_device **device, descent_error *error) {
  simulated_device *made = calloc(1, sizeof(simulated_device));
  if (made)
    made->simulator = descent_simulator_create(options ? options->simulator_seed : 0);
  if (!made || !made->simulator) {
    free(made);
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the simulator");
  }
  made->base = (descent_device){&descent_simulator_methods, artifact->device};
  *device = &made->base;
  return DESCENT_OK;
}

static int32_t identify(const descent_device_options *options, descent_device_kind *kind, descent_error *error) {
  (void)options;
  (void)error;
  *kind = (descent_device_kind){0, "the simulator"};
  return DESCENT_OK;
}

static int64_t count_processors(const descent_device *device) {
  (void)device;
  return PROCESSORS;
}

static void release(descent_device *device, void *memory) {
  if (!memory)
    return;
  memory_header *header = (memory_header *)(void *)((char *)memory - ALIGNMENT);
  descent_shadow_set(descent_simulated_shadow(device), memory, header->bytes, DESCENT_SIM_NOTHING);
  free(header);
}

static int32_t allocate(descent_device *device, int64_t bytes, void **memory, descent_error *error) {
  memory_header *header =
      bytes < INT64_MAX - 2 * ALIGNMENT ? aligned_alloc(ALIGNMENT, (size_t)(bytes / ALIGNMENT + 2) * ALIGNMENT) : NULL;
  if (!header)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for %" PRId64 " bytes of the simulated device", bytes);
  header->bytes = bytes;
  *memory = (char *)header + ALIGNMENT;
  const int32_t code = mark(device, *memory, bytes, DESCENT_SIM_FRESH, error);
  if (code != DESCENT_OK) {
    release(device, *memory);
    *memory = NULL;
  }
  return code;
}

static const char *row_of(const descent_box *box, int64_t member, int64_t row) {
  return (const char *)box->begin + member * box->batch_bytes + row * box->row_bytes;
}

/* Row by row: what lies between rows is not the tensor's. */
static int32_t mark_box(descent_device *device, const descent_box *box, descent_sim_content content,
                        descent_error *error) {
  int32_t code = DESCENT_OK;
  for (int64_t member = 0; member < box->batch; ++member)
    for (int64_t row = 0; row < box->rows && code == DESCENT_OK; ++row)
      code = mark(device, row_of(box, member, row), box->length, content, error);
  return code;
}

static int32_t admit(descent_device *device, const descent_box *box, descent_error *error) {
  const bool is_read = box->tensor.role == ROLE_GRADIENT || box->tensor.role == ROLE_INPUT;
  return mark_box(device, box, is_read ? DESCENT_SIM_FIXED : DESCENT_SIM_DATA, error);
}

static void dismiss(descent_device *device, const descent_box *box) {
  mark_box(device, box, DESCENT_SIM_NOTHING, NULL);
}

static int32_t make_map(descent_device *device, const descent_device_matrix *matrix, void *map, descent_error *error) {
  (void)device;
  descent_sim_tensor_map made = {.data = matrix->data,
                                 .rows = matrix->rows,
                                 .cols = matrix->cols,
                                 .row_bytes = matrix->row_bytes,
                                 .element_bytes = matrix->element_bytes,
                                 .box_rows = matrix->box_rows,
                                 .box_cols = matrix->box_cols,
                                 .swizzle = matrix->swizzle};
  const char *fault = descent_sim_seal_map(&made);
  if (fault)
    return descent_fail(error, DESCENT_INVALID_LAYER, "gets no tensor map: %s", fault);
  memcpy(map, &made, sizeof(made));
  return DESCENT_OK;
}

static int32_t upload(descent_device *device, void *to, const void *from, int64_t bytes, descent_error *error) {
  memcpy(to, from, (size_t)bytes);
  return mark(device, to, bytes, DESCENT_SIM_DATA, error);
}

static int32_t download(descent_device *device, void *stream, void *to, const void *from, int64_t bytes,
                        descent_error *error) {
  (void)device;
  (void)stream;
  (void)error;
  memcpy(to, from, (size_t)bytes);
  return DESCENT_OK;
}

static int32_t write_words(descent_device *device, void *stream, void *to, const uint64_t *words, int64_t count,
                           descent_error *error) {
  (void)stream;
  return upload(device, to, words, count * (int64_t)sizeof(uint64_t), error);
}

/* What is copied to may be the caller's, which kernels do not see. */
static int32_t copy(descent_device *device, void *stream, void *to, const void *from, int64_t bytes,
                    descent_error *error) {
  (void)stream;
  if (descent_shadow_content(descent_simulated_shadow(device), to) != DESCENT_SIM_NOTHING)
    return upload(device, to, from, bytes, error);
  memcpy(to, from, (size_t)bytes);
  return DESCENT_OK;
}

static int32_t launch(descent_device *device, void *stream, const descent_device_call *call, descent_error *error) {
  (void)stream;
  const descent_device_kernel *kernel = &device->program->kernels[call->kernel];
  const descent_sim_launch run = {.name = kernel->name,
                                  .kernel = (descent_sim_kernel)kernel->simulated,
                                  .threads = kernel->threads,
                                  .blocks = call->blocks,
                                  .dynamic_bytes = kernel->dynamic_bytes,
                                  .arguments = call->arguments};
  const char *message;
  if (descent_simulator_run(simulated(device)->simulator, &run, &message))
    return DESCENT_OK;
  return descent_fail(error, DESCENT_DEVICE_FAULT, "the simulator found a fault: %s", message);
}

const descent_device_methods descent_simulator_methods = {
    .name = "simulator",
    .identify = identify,
    .open = open_device,
    .close = close_device,
    .processors = count_processors,
    .allocate = allocate,
    .release = release,
    .admit = admit,
    .dismiss = dismiss,
    .make_map = make_map,
    .upload = upload,
    .download = download,
    .write = write_words,
    .copy = copy,
    .launch = launch,
    .library = &descent_simulated_library,
};
