#include "FakeCublas.h"

#include "FakeCuda.h"

#include <stdlib.h>
#include <string.h>

fake_cublas_state fake_cublas;

struct cublasLtContext {
  int unused;
};
struct cublasLtMatmulDescOpaque {
  int compute_type, scale_type, transposed;
};
struct cublasLtMatrixLayoutOpaque {
  int type;
  uint64_t rows, cols;
  int64_t leading, stride;
  int32_t count;
};
struct cublasLtMatmulPreferenceOpaque {
  int unused;
};

enum { FAKE_WORKSPACE = 4096, ALGORITHM = 17 };

#define DECLARE(name, parameters) int name parameters;
DESCENT_CUBLAS_FUNCTIONS(DECLARE)
const char *cublasLtGetStatusName(int status);

static int result(const char *function) {
  return fake_cublas.failing && strcmp(fake_cublas.failing, function) == 0 ? fake_cublas.fails : CUBLAS_STATUS_SUCCESS;
}

/* An object that is counted; null if its function is told to fail. */
static int make(const char *function, void **object, size_t bytes) {
  *object = NULL;
  if (result(function) != CUBLAS_STATUS_SUCCESS)
    return result(function);
  *object = calloc(1, bytes);
  ++fake_cublas.objects;
  return CUBLAS_STATUS_SUCCESS;
}

static int destroy(void *object) {
  fake_cublas.objects -= object != NULL;
  free(object);
  return CUBLAS_STATUS_SUCCESS;
}

const char *cublasLtGetStatusName(int status) {
  return status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_OTHER";
}

/* The device must be the thread's. */
int cublasLtCreate(cublasLtHandle_t *handle) {
  static struct cublasLtContext only;
  *handle = fake_cuda.depth > 0 ? &only : NULL;
  if (result("cublasLtCreate") != CUBLAS_STATUS_SUCCESS || !*handle)
    return *handle ? result("cublasLtCreate") : CUBLAS_STATUS_NOT_INITIALIZED;
  ++fake_cublas.handles;
  return CUBLAS_STATUS_SUCCESS;
}

int cublasLtDestroy(cublasLtHandle_t handle) {
  fake_cublas.handles -= handle != NULL;
  return CUBLAS_STATUS_SUCCESS;
}

int cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, int compute_type, int scale_type) {
  const int code = make("cublasLtMatmulDescCreate", (void **)desc, sizeof(**desc));
  if (code == CUBLAS_STATUS_SUCCESS)
    **desc = (struct cublasLtMatmulDescOpaque){compute_type, scale_type, 0};
  return code;
}

int cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) { return destroy(desc); }

int cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, int attribute, const void *value, size_t bytes) {
  if (attribute != CUBLASLT_MATMUL_DESC_TRANSA || bytes != sizeof(int32_t))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  desc->transposed = *(const int32_t *)value == CUBLAS_OP_T;
  return result("cublasLtMatmulDescSetAttribute");
}

int cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, int type, uint64_t rows, uint64_t cols,
                               int64_t leading) {
  const int code = make("cublasLtMatrixLayoutCreate", (void **)layout, sizeof(**layout));
  if (code == CUBLAS_STATUS_SUCCESS)
    **layout = (struct cublasLtMatrixLayoutOpaque){type, rows, cols, leading, 0, 1};
  return code;
}

int cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return destroy(layout); }

int cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout, int attribute, const void *value, size_t bytes) {
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT && bytes == sizeof(int32_t))
    layout->count = *(const int32_t *)value;
  else if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET && bytes == sizeof(int64_t))
    layout->stride = *(const int64_t *)value;
  else
    return CUBLAS_STATUS_NOT_SUPPORTED;
  return result("cublasLtMatrixLayoutSetAttribute");
}

int cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
  return make("cublasLtMatmulPreferenceCreate", (void **)preference, sizeof(**preference));
}

int cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) { return destroy(preference); }

int cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference, int attribute, const void *value,
                                         size_t bytes) {
  const int matrix = attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES && bytes == sizeof(uint64_t))
    fake_cublas.workspace_bytes = *(const uint64_t *)value;
  else if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK && bytes == sizeof(uint32_t))
    fake_cublas.scheme = *(const uint32_t *)value;
  else if (matrix >= 0 && matrix < 4 && bytes == sizeof(uint32_t))
    fake_cublas.alignments[matrix] = *(const uint32_t *)value;
  else
    return CUBLAS_STATUS_NOT_SUPPORTED;
  return preference ? result("cublasLtMatmulPreferenceSetAttribute") : CUBLAS_STATUS_NOT_SUPPORTED;
}

int cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                   cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                   cublasLtMatmulPreference_t preference, int wanted,
                                   cublasLtMatmulHeuristicResult_t *results, int *found) {
  *found = !fake_cublas.finds_nothing;
  if (*found) {
    results[0].state = CUBLAS_STATUS_SUCCESS;
    results[0].algo.data[0] = ALGORITHM;
    results[0].workspaceSize = FAKE_WORKSPACE;
  }
  return handle && desc && a && b && c && d && preference && wanted == 1 ? result("cublasLtMatmulAlgoGetHeuristic")
                                                                         : CUBLAS_STATUS_NOT_SUPPORTED;
}

static double load(const void *data, cublasLtMatrixLayout_t layout, int32_t member, uint64_t row, uint64_t col) {
  const int64_t index = member * layout->stride + (int64_t)col * layout->leading + (int64_t)row;
  if (layout->type == CUDA_R_64F)
    return ((const double *)data)[index];
  if (layout->type == CUDA_R_32F)
    return (double)((const float *)data)[index];
  const uint32_t bits = (uint32_t)((const uint16_t *)data)[index] << 16; /* bf16 */
  float number;
  memcpy(&number, &bits, sizeof(number));
  return (double)number;
}

/* Numbers of tests need no rounding. */
static void store(void *data, cublasLtMatrixLayout_t layout, int32_t member, uint64_t row, uint64_t col, double value) {
  const int64_t index = member * layout->stride + (int64_t)col * layout->leading + (int64_t)row;
  const float number = (float)value;
  if (layout->type == CUDA_R_64F) {
    ((double *)data)[index] = value;
  } else if (layout->type == CUDA_R_32F) {
    ((float *)data)[index] = number;
  } else {
    uint32_t bits;
    memcpy(&bits, &number, sizeof(bits));
    ((uint16_t *)data)[index] = (uint16_t)(bits >> 16);
  }
}

static double get_scalar(const void *scalar, int type) {
  return type == CUDA_R_64F ? *(const double *)scalar : (double)*(const float *)scalar;
}

/* An entry of the product. */
static double multiply(cublasLtMatmulDesc_t desc, const void *a, cublasLtMatrixLayout_t a_layout, const void *b,
                       cublasLtMatrixLayout_t b_layout, int32_t member, uint64_t row, uint64_t col) {
  double sum = 0;
  for (uint64_t i = 0; i < b_layout->rows; ++i)
    sum += (desc->transposed ? load(a, a_layout, member, i, row) : load(a, a_layout, member, row, i)) *
           load(b, b_layout, member, i, col);
  return sum;
}

int cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,
                   cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,
                   const void *c, cublasLtMatrixLayout_t c_layout, void *d, cublasLtMatrixLayout_t d_layout,
                   const cublasLtMatmulAlgo_t *algorithm, void *workspace, size_t workspace_bytes, void *stream) {
  if (!handle || fake_cuda.depth == 0 || algorithm->data[0] != ALGORITHM || workspace_bytes != FAKE_WORKSPACE ||
      (desc->scale_type == CUDA_R_64F) != (desc->compute_type == CUBLAS_COMPUTE_64F))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  ++fake_cublas.products;
  fake_cublas.stream = stream;
  fake_cublas.workspace = workspace;
  const double times = get_scalar(alpha, desc->scale_type), plus = get_scalar(beta, desc->scale_type);
  for (int32_t member = 0; member < d_layout->count; ++member)
    for (uint64_t col = 0; col < d_layout->cols; ++col)
      for (uint64_t row = 0; row < d_layout->rows; ++row) {
        const double sum = times * multiply(desc, a, a_layout, b, b_layout, member, row, col) +
                           (plus != 0 ? plus * load(c, c_layout, member, row, col) : 0);
        store(d, d_layout, member, row, col, sum);
      }
  return result("cublasLtMatmul");
}
