/* Products by cuBLASLt. Its matrices are column-major: it sees the transposes of all of ours, and does
 *   result^T = alpha rhs^T lhs^T + beta added^T
 * so that its first factor is our second one. */
#include "Cublas.h"
#include "Cuda.h"

#include "../Errors.h"
#include "../Types.h"

#include <stdio.h>
#include <stdlib.h>

/* As much as NVIDIA advises for devices from 9.0 on. */
#define WORKSPACE_BYTES (INT64_C(32) << 20)

struct descent_library {
  const descent_device *device;
  descent_cublas cublas;
  cublasLtHandle_t handle;
};

/* A number in the type of the sums. */
typedef union descent_number {
  float f32;
  double f64;
} descent_number;

enum { FIRST = 0, SECOND = 1, ADDED = 2, RESULT = 3, MATRICES = 4 };

struct descent_library_call {
  void *data[MATRICES];
  cublasLtMatmulDesc_t desc;
  cublasLtMatrixLayout_t layouts[MATRICES];
  cublasLtMatmulAlgo_t algorithm;
  size_t workspace_bytes;
  descent_number alpha, beta;
};

/* ---- The library ---- */

static void close_library(descent_library *library) {
  if (library->handle && descent_cuda_enter(library->device, NULL) == DESCENT_OK) {
    library->cublas.cublasLtDestroy(library->handle);
    descent_cuda_leave(library->device, DESCENT_OK);
  }
  free(library);
}

static int32_t open_library(descent_device *device, descent_library **opened, descent_error *error) {
  descent_library *library = calloc(1, sizeof(descent_library));
  if (!library)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the library of matrix products");
  library->device = device;
  int32_t code = descent_cublas_find(&library->cublas, descent_cuda_version(device), error);
  if (code == DESCENT_OK)
    code = descent_cuda_enter(device, error);
  if (code == DESCENT_OK) {
    const int status = library->cublas.cublasLtCreate(&library->handle);
    if (status != CUBLAS_STATUS_SUCCESS)
      library->handle = NULL;
    code = descent_cuda_leave(device, descent_cublas_check(&library->cublas, status, "opening cuBLASLt", error));
  }
  if (code == DESCENT_OK)
    *opened = library;
  else
    close_library(library);
  return code;
}

/* ---- A product ---- */

static void discard(descent_library *library, descent_library_call *call) {
  for (int m = 0; m < MATRICES; ++m)
    if (call->layouts[m])
      library->cublas.cublasLtMatrixLayoutDestroy(call->layouts[m]);
  if (call->desc)
    library->cublas.cublasLtMatmulDescDestroy(call->desc);
  free(call);
}

static int get_data_type(uint32_t type) {
  return type == DESCENT_F64    ? CUDA_R_64F
         : type == DESCENT_F32  ? CUDA_R_32F
         : type == DESCENT_BF16 ? CUDA_R_16BF
                                : CUDA_R_16F;
}

/* Of the largest power of two up to 256 to which the matrices of all layers are aligned. */
static uint32_t get_alignment(const descent_library_matrix *matrix, int64_t layers, uint32_t type) {
  const uint64_t distance = layers > 1 ? (uint64_t)(matrix->layer_stride * descent_type_bytes(type)) : 0;
  uint32_t alignment = 256;
  while (((uint64_t)(uintptr_t)matrix->data | distance) % alignment != 0)
    alignment /= 2;
  return alignment;
}

/* A matrix of `rows` x `cols` entries, as we see it. */
typedef struct operand {
  const descent_library_matrix *matrix;
  int64_t rows, cols;
  uint32_t type;
} operand;

static int make_layout(const descent_library *library, const operand *operand, int64_t layers,
                       cublasLtMatrixLayout_t *layout) {
  const descent_cublas *cublas = &library->cublas;
  const int32_t count = (int32_t)layers;
  int status = cublas->cublasLtMatrixLayoutCreate(layout, get_data_type(operand->type), (uint64_t)operand->cols,
                                                  (uint64_t)operand->rows, operand->matrix->row_stride);
  if (status != CUBLAS_STATUS_SUCCESS) {
    *layout = NULL;
    return status;
  }
  if (layers == 1)
    return CUBLAS_STATUS_SUCCESS;
  status = cublas->cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count));
  return status ? status
                : cublas->cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                           &operand->matrix->layer_stride, sizeof(int64_t));
}

/* Sums that are split stay in the type of sums. */
static int set_preference(const descent_library *library, cublasLtMatmulPreference_t preference,
                          const operand *operands, int64_t layers) {
  const descent_cublas *cublas = &library->cublas;
  const uint64_t bytes = (uint64_t)WORKSPACE_BYTES;
  const uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  int status = cublas->cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                            &bytes, sizeof(bytes));
  if (status == CUBLAS_STATUS_SUCCESS)
    status = cublas->cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                                          &scheme, sizeof(scheme));
  for (int m = 0; m < MATRICES && status == CUBLAS_STATUS_SUCCESS; ++m) {
    const uint32_t alignment = get_alignment(operands[m].matrix, layers, operands[m].type);
    status = cublas->cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES + m,
                                                          &alignment, sizeof(alignment));
  }
  return status;
}

/* The library's first choice. */
static int find_algorithm(const descent_library *library, descent_library_call *call, const operand *operands,
                          int64_t layers) {
  const descent_cublas *cublas = &library->cublas;
  cublasLtMatmulPreference_t preference;
  int status = cublas->cublasLtMatmulPreferenceCreate(&preference), found = 0;
  if (status != CUBLAS_STATUS_SUCCESS)
    return status;
  cublasLtMatmulHeuristicResult_t result = {.state = CUBLAS_STATUS_NOT_SUPPORTED};
  status = set_preference(library, preference, operands, layers);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = cublas->cublasLtMatmulAlgoGetHeuristic(library->handle, call->desc, call->layouts[FIRST],
                                                    call->layouts[SECOND], call->layouts[ADDED], call->layouts[RESULT],
                                                    preference, 1, &result, &found);
  cublas->cublasLtMatmulPreferenceDestroy(preference);
  call->algorithm = result.algo;
  call->workspace_bytes = result.workspaceSize;
  return status ? status : found < 1 ? CUBLAS_STATUS_NOT_SUPPORTED : result.state;
}

static descent_number make_number(double value, bool is_wide) {
  return is_wide ? (descent_number){.f64 = value} : (descent_number){.f32 = (float)value};
}

static int fill_call(descent_library *library, const descent_library_product *product, descent_library_call *call) {
  const descent_device_product *form = product->form;
  const descent_cublas *cublas = &library->cublas;
  const uint32_t factors = form->factor_type, results = form->result_type;
  const bool is_wide = factors == DESCENT_F64;
  const int32_t operation = form->transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  /* What is not there is the result, times 0: it is not read then. */
  const descent_library_matrix *added = product->added.data ? &product->added : &product->result;
  const operand operands[MATRICES] = {[FIRST] = {&product->rhs, form->transposed ? product->cols : product->inner,
                                                 form->transposed ? product->inner : product->cols, factors},
                                      [SECOND] = {&product->lhs, product->rows, product->inner, factors},
                                      [ADDED] = {added, product->rows, product->cols, results},
                                      [RESULT] = {&product->result, product->rows, product->cols, results}};
  int status = cublas->cublasLtMatmulDescCreate(&call->desc, is_wide ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F,
                                                is_wide ? CUDA_R_64F : CUDA_R_32F);
  if (status != CUBLAS_STATUS_SUCCESS) {
    call->desc = NULL;
    return status;
  }
  status =
      cublas->cublasLtMatmulDescSetAttribute(call->desc, CUBLASLT_MATMUL_DESC_TRANSA, &operation, sizeof(operation));
  for (int m = 0; m < MATRICES && status == CUBLAS_STATUS_SUCCESS; ++m) {
    call->data[m] = operands[m].matrix->data;
    status = make_layout(library, &operands[m], product->layers, &call->layouts[m]);
  }
  call->alpha = make_number(form->alpha, is_wide);
  call->beta = make_number(product->added.data ? form->beta : 0.0, is_wide);
  return status ? status : find_algorithm(library, call, operands, product->layers);
}

static int32_t prepare(descent_library *library, const descent_library_product *product, descent_library_call **call,
                       descent_error *error) {
  char work[160];
  snprintf(work, sizeof(work), "looking for a way to multiply %lld x %lld by %lld x %lld, %lld times",
           (long long)product->rows, (long long)product->inner, (long long)product->inner, (long long)product->cols,
           (long long)product->layers);
  descent_library_call *made = product->layers <= INT32_MAX ? calloc(1, sizeof(descent_library_call)) : NULL;
  if (!made)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for a product of the library");
  int32_t code = descent_cuda_enter(library->device, error);
  if (code == DESCENT_OK) {
    const int status = fill_call(library, product, made);
    code = descent_cuda_leave(library->device, descent_cublas_check(&library->cublas, status, work, error));
  }
  if (code == DESCENT_OK)
    *call = made;
  else
    discard(library, made);
  return code;
}

static int32_t run(descent_library *library, void *stream, const descent_library_call *call, void *workspace,
                   descent_error *error) {
  int32_t code = descent_cuda_enter(library->device, error);
  if (code != DESCENT_OK)
    return code;
  const int status = library->cublas.cublasLtMatmul(
      library->handle, call->desc, &call->alpha, call->data[FIRST], call->layouts[FIRST], call->data[SECOND],
      call->layouts[SECOND], &call->beta, call->data[ADDED], call->layouts[ADDED], call->data[RESULT],
      call->layouts[RESULT], &call->algorithm, workspace, call->workspace_bytes, stream);
  return descent_cuda_leave(library->device,
                            descent_cublas_check(&library->cublas, status, "multiplying matrices", error));
}

const descent_library_methods descent_cublas_library = {
    .name = "cuBLASLt",
    .workspace_bytes = WORKSPACE_BYTES,
    .open = open_library,
    .close = close_library,
    .prepare = prepare,
    .discard = discard,
    .run = run,
};
