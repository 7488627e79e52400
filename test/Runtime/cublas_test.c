/* What the runtime asks of cuBLASLt, of which there is a fake here, and what it makes of the answers. */
#include "Check.h"
#include "Cuda/Cuda.h"
#include "FakeCublas.h"
#include "FakeCuda.h"
#include "Types.h"

#include <string.h>

static const descent_device_kernel kernels[] = {{.name = "first", .threads = 256}};
static const descent_device_chip chips[] = {{90, 0}};
static const descent_device_program program = {.version = DESCENT_DEVICE_VERSION,
                                               .num_chips = 1,
                                               .methods = &descent_cuda_methods,
                                               .num_kernels = 1,
                                               .kernels = kernels,
                                               .image = "",
                                               .chips = chips};
static const descent_artifact artifact = {.size = sizeof(descent_artifact), .name = "trial", .device = &program};
static const descent_library_methods *const cublas = &descent_cublas_library;

static descent_error error;
static descent_device *device;
static descent_library *library;

static void set_up(void) {
  fake_cuda = (fake_cuda_state){.version = 13000};
  fake_cublas = (fake_cublas_state){0};
  error = (descent_error){.size = sizeof(error)};
  library = NULL;
  CHECK(descent_cuda_methods.open(&artifact, NULL, &device, &error) == DESCENT_OK);
  CHECK(descent_cuda_methods.library == cublas);
}

static void tear_down(void) {
  if (library)
    cublas->close(library);
  descent_cuda_methods.close(device);
  CHECK(fake_cublas.handles == 0 && fake_cublas.objects == 0 && fake_cuda.depth == 0 && fake_cuda.retained == 0);
}

/* ---- Products, and what they should be ---- */

enum { ROWS = 3, COLS = 4, INNER = 5, GAP = 3, MEMBERS = 3, ENTRIES = 256 };

/* Room for any matrix of all members, in any type. */
static double lhs[ENTRIES], rhs[ENTRIES], added[ENTRIES], result[ENTRIES];

static descent_library_matrix place(double *data, int64_t rows, int64_t cols) {
  return (descent_library_matrix){(char *)data, cols + GAP, rows * (cols + GAP) + 1};
}

static void fill(double *data, uint32_t type, int seed) {
  for (int64_t i = 0; i < ENTRIES; ++i)
    descent_store_number((char *)data + i * descent_type_bytes(type), type, (double)((i * 5 + seed) % 7 - 3));
}

static double get(const descent_library_matrix *matrix, uint32_t type, int64_t member, int64_t row, int64_t col) {
  const int64_t index = member * matrix->layer_stride + row * matrix->row_stride + col;
  return descent_load_number(matrix->data + index * descent_type_bytes(type), type);
}

static descent_library_product make_product(const descent_device_product *form, int64_t members) {
  const bool transposed = form->transposed;
  descent_library_product product = {.form = form, .rows = ROWS, .cols = COLS, .inner = INNER, .layers = members};
  product.lhs = place(lhs, ROWS, INNER);
  product.rhs = place(rhs, transposed ? COLS : INNER, transposed ? INNER : COLS);
  product.result = place(result, ROWS, COLS);
  if (form->added != UINT32_MAX)
    product.added = place(added, ROWS, COLS);
  fill(lhs, form->factor_type, 1);
  fill(rhs, form->factor_type, 2);
  fill(added, form->result_type, 3);
  fill(result, form->result_type, 4);
  return product;
}

static double expect(const descent_library_product *product, int64_t member, int64_t row, int64_t col) {
  const descent_device_product *form = product->form;
  double sum = 0;
  for (int64_t i = 0; i < INNER; ++i)
    sum += get(&product->lhs, form->factor_type, member, row, i) *
           (form->transposed ? get(&product->rhs, form->factor_type, member, col, i)
                             : get(&product->rhs, form->factor_type, member, i, col));
  sum *= form->alpha;
  return product->added.data ? sum + form->beta * get(&product->added, form->result_type, member, row, col) : sum;
}

static void check_product(const descent_device_product *form, int64_t members) {
  const descent_library_product product = make_product(form, members);
  descent_library_call *call = NULL;
  char stream;
  CHECK(cublas->prepare(library, &product, &call, &error) == DESCENT_OK);
  CHECK(cublas->run(library, &stream, call, &call, &error) == DESCENT_OK);
  CHECK(fake_cublas.stream == &stream && fake_cublas.workspace == (void *)&call);
  cublas->discard(library, call);
  for (int64_t member = 0; member < members; ++member)
    for (int64_t row = 0; row < ROWS; ++row)
      for (int64_t col = 0; col < COLS; ++col)
        CHECK(get(&product.result, form->result_type, member, row, col) == expect(&product, member, row, col));
}

static void products_are_those_of_row_major_matrices(void) {
  static const uint32_t types[][2] = {{DESCENT_F32, DESCENT_F32},
                                      {DESCENT_F64, DESCENT_F64},
                                      {DESCENT_BF16, DESCENT_BF16},
                                      {DESCENT_BF16, DESCENT_F32}};
  set_up();
  CHECK(cublas->open(device, &library, &error) == DESCENT_OK);
  for (int t = 0; t < 4; ++t)
    for (uint32_t transposed = 0; transposed < 2; ++transposed)
      for (int adds = 0; adds < 2; ++adds) {
        const descent_device_product form = {.added = adds ? 0 : UINT32_MAX,
                                             .factor_type = types[t][0],
                                             .result_type = types[t][1],
                                             .transposed = transposed,
                                             .alpha = -1.0,
                                             .beta = adds ? 2.0 : 0.0};
        check_product(&form, 1);
        check_product(&form, MEMBERS);
      }
  CHECK(fake_cublas.products == 32 && fake_cuda.synchronized == 0);
  tear_down();
}

static void ways_fit_memory_and_sums(void) {
  static const descent_device_product form = {
      .added = UINT32_MAX, .factor_type = DESCENT_F32, .result_type = DESCENT_F32, .alpha = 1.0};
  set_up();
  CHECK(cublas->open(device, &library, &error) == DESCENT_OK);
  descent_library_product product = make_product(&form, 2);
  product.lhs.data = (char *)0x7f0000001000;
  product.rhs.data = (char *)0x7f0000001010;
  product.result.data = (char *)0x7f0000001004;
  product.lhs.layer_stride = product.rhs.layer_stride = product.result.layer_stride = 24;
  descent_library_call *call = NULL;
  CHECK(cublas->prepare(library, &product, &call, &error) == DESCENT_OK);
  /* The right factor is the library's first one; what is added is the result. */
  CHECK(fake_cublas.alignments[0] == 16 && fake_cublas.alignments[1] == 32);
  CHECK(fake_cublas.alignments[2] == 4 && fake_cublas.alignments[3] == 4);
  CHECK((int64_t)fake_cublas.workspace_bytes == cublas->workspace_bytes);
  CHECK(fake_cublas.scheme == CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
  cublas->discard(library, call);
  product.layers = 1;
  CHECK(cublas->prepare(library, &product, &call, &error) == DESCENT_OK);
  CHECK(fake_cublas.alignments[1] == 256);
  cublas->discard(library, call);
  tear_down();
}

static void a_machine_may_have_no_library(void) {
  set_up();
  fake_cuda.version = 12080; /* a driver that no library for 13 runs on */
  CHECK_REFUSED(cublas->open(device, &library, &error), DESCENT_NO_DEVICE, &error, "libcublasLt.so.12",
                "not on this machine");
  CHECK(!library);
  tear_down();
}

static void failures_of_the_library_arrive(void) {
  static const descent_device_product form = {
      .added = UINT32_MAX, .factor_type = DESCENT_F32, .result_type = DESCENT_F32, .alpha = 1.0};
  static const char *const functions[] = {"cublasLtMatmulDescCreate",       "cublasLtMatmulDescSetAttribute",
                                          "cublasLtMatrixLayoutCreate",     "cublasLtMatrixLayoutSetAttribute",
                                          "cublasLtMatmulPreferenceCreate", "cublasLtMatmulPreferenceSetAttribute",
                                          "cublasLtMatmulAlgoGetHeuristic"};
  set_up();
  fake_cublas.failing = "cublasLtCreate";
  fake_cublas.fails = CUBLAS_STATUS_NOT_INITIALIZED;
  CHECK_REFUSED(cublas->open(device, &library, &error), DESCENT_NO_DEVICE, &error, "opening cuBLASLt", "(1)");
  fake_cublas.failing = NULL;
  CHECK(cublas->open(device, &library, &error) == DESCENT_OK);
  descent_library_call *call = NULL;
  const descent_library_product product = make_product(&form, 2);
  fake_cublas.fails = CUBLAS_STATUS_ALLOC_FAILED;
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i) {
    fake_cublas.failing = functions[i];
    CHECK_REFUSED(cublas->prepare(library, &product, &call, &error), DESCENT_OUT_OF_MEMORY, &error,
                  "multiply 3 x 5 by 5 x 4, 2 times", "(3)");
    CHECK(!call && fake_cublas.objects == 0 && fake_cuda.depth == 0);
  }
  fake_cublas.failing = NULL;
  fake_cublas.finds_nothing = 1;
  CHECK_REFUSED(cublas->prepare(library, &product, &call, &error), DESCENT_DEVICE_FAULT, &error,
                "CUBLAS_STATUS_NOT_SUPPORTED (15)");
  fake_cublas.finds_nothing = 0;
  CHECK(cublas->prepare(library, &product, &call, &error) == DESCENT_OK);
  fake_cublas.failing = "cublasLtMatmul";
  fake_cublas.fails = 13;
  CHECK_REFUSED(cublas->run(library, NULL, call, NULL, &error), DESCENT_DEVICE_FAULT, &error, "multiplying matrices",
                "(13)");
  CHECK(fake_cuda.depth == 0);
  cublas->discard(library, call);
  tear_down();
}

void test_cublas(void) {
  RUN(products_are_those_of_row_major_matrices);
  RUN(ways_fit_memory_and_sums);
  RUN(a_machine_may_have_no_library);
  RUN(failures_of_the_library_arrive);
}
