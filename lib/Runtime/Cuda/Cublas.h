/* The part of cuBLASLt that products need, found when it is first needed. Names and numbers are those of the library's
 * interface (cublasLt.h), of versions 12 and 13. */
#ifndef DESCENT_LIB_RUNTIME_CUDA_CUBLAS_H
#define DESCENT_LIB_RUNTIME_CUDA_CUBLAS_H

#include "descent/Runtime/descent.h"

#include <stddef.h>

typedef struct cublasLtContext *cublasLtHandle_t;
typedef struct cublasLtMatmulDescOpaque *cublasLtMatmulDesc_t;
typedef struct cublasLtMatrixLayoutOpaque *cublasLtMatrixLayout_t;
typedef struct cublasLtMatmulPreferenceOpaque *cublasLtMatmulPreference_t;

typedef struct cublasLtMatmulAlgo_t {
  uint64_t data[8];
} cublasLtMatmulAlgo_t;

typedef struct cublasLtMatmulHeuristicResult_t {
  cublasLtMatmulAlgo_t algo;
  size_t workspaceSize;
  int state;
  float wavesCount;
  int reserved[4];
} cublasLtMatmulHeuristicResult_t;

enum {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_ARCH_MISMATCH = 8,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
  CUBLAS_OP_N = 0,
  CUBLAS_OP_T = 1,
  CUBLAS_COMPUTE_32F = 68,
  CUBLAS_COMPUTE_64F = 70,
  CUDA_R_32F = 0,
  CUDA_R_64F = 1,
  CUDA_R_16F = 2,
  CUDA_R_16BF = 14,
  CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5,          /* int32_t */
  CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET = 6, /* int64_t */
  CUBLASLT_MATMUL_DESC_TRANSA = 3,                 /* int32_t */
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,    /* uint64_t */
  CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3,  /* uint32_t */
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5,  /* uint32_t; B, C and D follow */
  CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2
};

#define DESCENT_CUBLAS_FUNCTIONS(FUNCTION)                                                                             \
  FUNCTION(cublasLtCreate, (cublasLtHandle_t * handle))                                                                \
  FUNCTION(cublasLtDestroy, (cublasLtHandle_t handle))                                                                 \
  FUNCTION(cublasLtMatmulDescCreate, (cublasLtMatmulDesc_t * desc, int compute_type, int scale_type))                  \
  FUNCTION(cublasLtMatmulDescDestroy, (cublasLtMatmulDesc_t desc))                                                     \
  FUNCTION(cublasLtMatmulDescSetAttribute,                                                                             \
           (cublasLtMatmulDesc_t desc, int attribute, const void *value, size_t bytes))                                \
  FUNCTION(cublasLtMatrixLayoutCreate,                                                                                 \
           (cublasLtMatrixLayout_t * layout, int type, uint64_t rows, uint64_t cols, int64_t leading))                 \
  FUNCTION(cublasLtMatrixLayoutDestroy, (cublasLtMatrixLayout_t layout))                                               \
  FUNCTION(cublasLtMatrixLayoutSetAttribute,                                                                           \
           (cublasLtMatrixLayout_t layout, int attribute, const void *value, size_t bytes))                            \
  FUNCTION(cublasLtMatmulPreferenceCreate, (cublasLtMatmulPreference_t * preference))                                  \
  FUNCTION(cublasLtMatmulPreferenceDestroy, (cublasLtMatmulPreference_t preference))                                   \
  FUNCTION(cublasLtMatmulPreferenceSetAttribute,                                                                       \
           (cublasLtMatmulPreference_t preference, int attribute, const void *value, size_t bytes))                    \
  FUNCTION(cublasLtMatmulAlgoGetHeuristic,                                                                             \
           (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,    \
            cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int wanted,     \
            cublasLtMatmulHeuristicResult_t *results, int *found))                                                     \
  FUNCTION(cublasLtMatmul,                                                                                             \
           (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,                      \
            cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,         \
            const void *c, cublasLtMatrixLayout_t c_layout, void *d, cublasLtMatrixLayout_t d_layout,                  \
            const cublasLtMatmulAlgo_t *algorithm, void *workspace, size_t workspace_bytes, void *stream))

typedef struct descent_cublas {
#define DESCENT_CUBLAS_MEMBER(name, parameters) int(*name) parameters;
  DESCENT_CUBLAS_FUNCTIONS(DESCENT_CUBLAS_MEMBER)
#undef DESCENT_CUBLAS_MEMBER
  const char *(*cublasLtGetStatusName)(int status);
} descent_cublas;

/* Loads the newest version that the driver (12 or 13) can have; DESCENT_NO_DEVICE if there is none. It stays in the
 * process. */
int32_t descent_cublas_find(descent_cublas *cublas, int driver, descent_error *error);

/* DESCENT_OK for CUBLAS_STATUS_SUCCESS; else the code and message of what failed. */
int32_t descent_cublas_check(const descent_cublas *cublas, int status, const char *work, descent_error *error);

#endif
