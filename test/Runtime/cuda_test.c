/* What the runtime asks of CUDA's driver, of which there is a fake here. */
#include "Check.h"
#include "Device/Device.h"
#include "FakeCuda.h"

#include <string.h>

static const descent_device_kernel kernels[] = {
    {.name = "first", .threads = 256},
    {.name = "second", .threads = 128, .dynamic_bytes = 100000, .cluster = 2},
    {.name = "fake", .threads = 384, .cluster = 16},
};
static const descent_device_program program = {
    .methods = &descent_cuda_methods, .num_kernels = 3, .kernels = kernels, .image = ""};
static const descent_artifact artifact = {
    .size = sizeof(descent_artifact), .name = "trial", .target = "cuda:sm_90a,sm_80", .device = &program};
static const descent_device_methods *const cuda = &descent_cuda_methods;

static descent_error error;
static descent_device *device;

static void set_up(void) {
  fake_cuda = (fake_cuda_state){.version = 12000};
  error = (descent_error){.size = sizeof(error)};
  device = NULL;
}

static int32_t open_on(int32_t number) {
  const descent_device_options options = {.size = sizeof(options), .device = number};
  return cuda->open(&artifact, &options, &device, &error);
}

/* Nothing is kept, and the thread is where it was. */
static void check_balanced(int depth) {
  CHECK(fake_cuda.depth == depth);
  CHECK(fake_cuda.retained == 0);
  CHECK(fake_cuda.libraries == 0);
  CHECK(fake_cuda.allocations == 0);
}

static void a_plan_is_for_the_device_of_its_options(void) {
  set_up();
  CHECK(open_on(1) == DESCENT_OK);
  CHECK(cuda->processors(device) == 41);
  CHECK(fake_cuda.dynamic_bytes == 100000 && fake_cuda.non_portable == 1);
  cuda->close(device);
  check_balanced(0);
}

static void a_device_says_its_kind(void) {
  set_up();
  const descent_device_options options = {.size = sizeof(options), .device = 1};
  descent_device_kind kind;
  CHECK(cuda->identify(&options, &kind, &error) == DESCENT_OK);
  CHECK(kind.capability == 75 && strcmp(kind.name, "Fake T4") == 0);
  const descent_device_options none = {.size = sizeof(none), .device = 7};
  CHECK_REFUSED(cuda->identify(&none, &kind, &error), DESCENT_NO_DEVICE, &error, "looking for device 7");
  check_balanced(0);
}

static void without_a_number_it_is_the_threads_device(void) {
  set_up();
  fake_cuda.stack[fake_cuda.depth++] = fake_context(1);
  CHECK(open_on(-1) == DESCENT_OK);
  CHECK(cuda->processors(device) == 41);
  cuda->close(device);
  check_balanced(1);
  fake_cuda.depth = 0;
  CHECK(cuda->open(&artifact, NULL, &device, &error) == DESCENT_OK);
  CHECK(cuda->processors(device) == 40);
  cuda->close(device);
  check_balanced(0);
}

static void what_cannot_be_opened_leaves_nothing(void) {
  set_up();
  CHECK_REFUSED(open_on(7), DESCENT_NO_DEVICE, &error, "looking for device 7");
  fake_cuda.version = 11080;
  CHECK_REFUSED(open_on(0), DESCENT_NO_DEVICE, &error, "CUDA 11.8", "12.0 is wanted");
  fake_cuda.version = 13000;
  fake_cuda.failing = "cuLibraryLoadData";
  fake_cuda.fails = CUDA_ERROR_NO_BINARY_FOR_GPU;
  CHECK_REFUSED(open_on(0), DESCENT_NO_DEVICE, &error, "kernels of 'trial', which are for cuda:sm_90a,sm_80",
                "Fake T4 (sm_75)", "CUDA_ERROR_NO_BINARY_FOR_GPU (209), no kernel image is available");
  fake_cuda.failing = "cuKernelSetAttribute";
  fake_cuda.fails = 1;
  CHECK_REFUSED(open_on(0), DESCENT_DEVICE_FAULT, &error, "100000 bytes of workgroup memory for the kernel 'second'");
  fake_cuda.failing = "cuLibraryGetKernel";
  fake_cuda.fails = 500;
  CHECK_REFUSED(open_on(0), DESCENT_DEVICE_FAULT, &error, "looking for the kernel 'descent_write'");
  fake_cuda.failing = "cuInit";
  fake_cuda.fails = CUDA_ERROR_NO_DEVICE;
  CHECK_REFUSED(open_on(0), DESCENT_NO_DEVICE, &error, "initializing NVIDIA's driver", "(100)");
  fake_cuda.failing = "cuDevicePrimaryCtxRetain";
  fake_cuda.fails = CUDA_ERROR_OUT_OF_MEMORY;
  CHECK_REFUSED(open_on(0), DESCENT_OUT_OF_MEMORY, &error, "taking the device's context");
  check_balanced(0);
}

static void kernels_run_on_the_stream_in_whole_clusters(void) {
  set_up();
  CHECK(open_on(0) == DESCENT_OK);
  void *word = &word, *arguments[] = {&word};
  char stream;
  descent_device_call call = {.blocks = 5, .arguments = arguments, .num_arguments = 1};
  CHECK(cuda->launch(device, &stream, &call, &error) == DESCENT_OK);
  CHECK(strcmp(fake_cuda.kernel, "first") == 0);
  CHECK(fake_cuda.first_argument == word);
  CHECK(fake_cuda.config.hStream == (CUstream)&stream);
  CHECK(fake_cuda.config.gridDimX == 5 && fake_cuda.config.blockDimX == 256);
  CHECK(fake_cuda.config.sharedMemBytes == 0 && fake_cuda.cluster == 0);
  call.kernel = 1;
  CHECK(cuda->launch(device, &stream, &call, &error) == DESCENT_OK);
  CHECK(fake_cuda.config.gridDimX == 6 && fake_cuda.config.blockDimX == 128 && fake_cuda.cluster == 2);
  CHECK(fake_cuda.config.sharedMemBytes == 100000);
  call.kernel = 2;
  CHECK(cuda->launch(device, &stream, &call, &error) == DESCENT_OK);
  CHECK(fake_cuda.config.gridDimX == 16 && fake_cuda.cluster == 16);
  call.kernel = 1;
  CHECK(fake_cuda.synchronized == 0);
  fake_cuda.failing = "cuLaunchKernelEx";
  fake_cuda.fails = 700;
  CHECK_REFUSED(cuda->launch(device, &stream, &call, &error), DESCENT_DEVICE_FAULT, &error,
                "launching the kernel 'second'", "(700)");
  cuda->close(device);
  check_balanced(0);
}

static void words_travel_as_parameters(void) {
  enum { WORDS = 2 * DESCENT_WORDS_AT_ONCE + 3 };
  static uint64_t sent[WORDS], got[WORDS + 1];
  set_up();
  CHECK(open_on(0) == DESCENT_OK);
  for (int i = 0; i < WORDS; ++i)
    sent[i] = (uint64_t)i + 1;
  CHECK(cuda->write(device, NULL, got, sent, WORDS, &error) == DESCENT_OK);
  CHECK(memcmp(got, sent, sizeof(sent)) == 0 && got[WORDS] == 0);
  CHECK(fake_cuda.launches == 3 && fake_cuda.synchronized == 0);
  CHECK(fake_cuda.config.gridDimX == 1 && fake_cuda.config.blockDimX == DESCENT_WORDS_AT_ONCE);
  cuda->close(device);
  check_balanced(0);
}

static void memory_is_the_devices(void) {
  set_up();
  CHECK(open_on(0) == DESCENT_OK);
  void *memory = NULL;
  uint64_t number = 5, back = 0;
  CHECK(cuda->allocate(device, 64, &memory, &error) == DESCENT_OK);
  CHECK(cuda->upload(device, memory, &number, sizeof(number), &error) == DESCENT_OK);
  CHECK(fake_cuda.synchronized == 1);
  CHECK(cuda->copy(device, NULL, (char *)memory + 32, memory, sizeof(number), &error) == DESCENT_OK);
  CHECK(cuda->download(device, NULL, &back, (char *)memory + 32, sizeof(back), &error) == DESCENT_OK);
  CHECK(back == number);
  cuda->release(device, memory);
  cuda->release(device, NULL);
  fake_cuda.failing = "cuMemAlloc";
  fake_cuda.fails = CUDA_ERROR_OUT_OF_MEMORY;
  CHECK_REFUSED(cuda->allocate(device, 1000, &memory, &error), DESCENT_OUT_OF_MEMORY, &error, "allocating 1000 bytes");
  cuda->close(device);
  check_balanced(0);
}

static void maps_tell_of_matrices(void) {
  static uint64_t map[DESCENT_MAP_BYTES / 8] __attribute__((aligned(64)));
  set_up();
  CHECK(open_on(0) == DESCENT_OK);
  descent_device_matrix matrix = {
      .data = map, .rows = 300, .cols = 70, .row_bytes = 160, .element_bytes = 2, 128, 64, .swizzle = 128};
  CHECK(cuda->make_map(device, &matrix, map, &error) == DESCENT_OK);
  const fake_map *made = &fake_cuda.map;
  CHECK(map[0] != 0 && made->data == map && made->type == CU_TENSOR_MAP_DATA_TYPE_UINT16);
  CHECK(made->extents[0] == 70 && made->extents[1] == 300 && made->stride == 160);
  CHECK(made->box[0] == 64 && made->box[1] == 128 && made->swizzle == CU_TENSOR_MAP_SWIZZLE_128B);
  matrix.element_bytes = 4;
  matrix.swizzle = 32;
  CHECK(cuda->make_map(device, &matrix, map, &error) == DESCENT_OK);
  CHECK(made->type == CU_TENSOR_MAP_DATA_TYPE_UINT32 && made->swizzle == CU_TENSOR_MAP_SWIZZLE_32B);
  matrix.element_bytes = 1;
  matrix.swizzle = 0;
  CHECK(cuda->make_map(device, &matrix, map, &error) == DESCENT_OK);
  CHECK(made->type == CU_TENSOR_MAP_DATA_TYPE_UINT8 && made->swizzle == CU_TENSOR_MAP_SWIZZLE_NONE);
  fake_cuda.failing = "cuTensorMapEncodeTiled";
  fake_cuda.fails = 1;
  CHECK_REFUSED(cuda->make_map(device, &matrix, map, &error), DESCENT_DEVICE_FAULT, &error, "gets no tensor map");
  cuda->close(device);
  check_balanced(0);
}

static void tensors_must_be_within_reach(void) {
  static char places[4];
  set_up();
  CHECK(open_on(0) == DESCENT_OK);
  fake_cuda.on_other_device = &places[1];
  fake_cuda.of_host = &places[2];
  fake_cuda.pinned = &places[3];
  descent_box boxes[4];
  for (int i = 0; i < 4; ++i)
    boxes[i] = (descent_box){.begin = (uintptr_t)&places[i], .end = (uintptr_t)&places[i] + 1};
  CHECK(cuda->admit(device, &boxes[0], &error) == DESCENT_OK);
  CHECK(cuda->admit(device, &boxes[3], &error) == DESCENT_OK);
  CHECK_REFUSED(cuda->admit(device, &boxes[1], &error), DESCENT_INVALID_LAYER, &error,
                "in memory of device 1, but the plan is for 0");
  CHECK_REFUSED(cuda->admit(device, &boxes[2], &error), DESCENT_INVALID_LAYER, &error,
                "which is no memory of a device");
  cuda->close(device);
  check_balanced(0);
}

void test_cuda(void) {
  RUN(a_plan_is_for_the_device_of_its_options);
  RUN(without_a_number_it_is_the_threads_device);
  RUN(what_cannot_be_opened_leaves_nothing);
  RUN(kernels_run_on_the_stream_in_whole_clusters);
  RUN(words_travel_as_parameters);
  RUN(memory_is_the_devices);
  RUN(a_device_says_its_kind);
  RUN(maps_tell_of_matrices);
  RUN(tensors_must_be_within_reach);
}
