/* A cuBLASLt that multiplies on the host, entry by entry as its interface says: matrices are column-major. What is
 * asked of it is looked at by tests, and can be made to fail. */
#ifndef DESCENT_TEST_RUNTIME_FAKECUBLAS_H
#define DESCENT_TEST_RUNTIME_FAKECUBLAS_H

#include "Cuda/Cublas.h"

typedef struct fake_cublas_state {
  const char *failing; /* a function; with this status */
  int fails;
  int finds_nothing;    /* no algorithm */
  int handles, objects; /* and not given back */
  int products;
  uint64_t workspace_bytes;
  uint32_t scheme, alignments[4]; /* of the last preference */
  void *stream, *workspace;       /* of the last product */
} fake_cublas_state;

extern fake_cublas_state fake_cublas;

#endif
