/* Which tensors share memory, element by element: slices of one fused matrix interleave in bytes and share nothing. */
#ifndef DESCENT_LIB_RUNTIME_OVERLAP_H
#define DESCENT_LIB_RUNTIME_OVERLAP_H

#include "Layers.h"

#include <stddef.h>

/* The bytes of a tensor: `batch` members of `rows` runs of `length` bytes. */
typedef struct descent_box {
  uintptr_t begin, end;
  int64_t batch, rows, batch_bytes, row_bytes, length;
  int64_t layer;
  descent_tensor tensor;
} descent_box;

descent_box descent_make_box(const descent_tensor *tensor, int64_t layer);
bool descent_boxes_meet(const descent_box *left, const descent_box *right);

/* All tensors that a step writes, by address; weights and states of the whole table. */
typedef struct descent_written {
  int64_t count;
  descent_box *boxes;
  uintptr_t *reach; /* the furthest end among boxes 0 to i */
} descent_written;

int64_t descent_num_written(const descent_artifact *artifact, const descent_layer *layers, int64_t count);
size_t descent_written_bytes(int64_t boxes);
/* `memory`: of descent_written_bytes of the number of written tensors. */
void descent_collect_written(const descent_artifact *artifact, const descent_layer *layers, int64_t count, void *memory,
                             descent_written *written);

/* A box among the first `limit` that shares an element with `box`, or null. */
const descent_box *descent_find_overlap(const descent_written *written, int64_t limit, const descent_box *box);

/* `name`: of the layer that `box` belongs to; `other`: of the one of the box it meets. */
int32_t descent_fail_overlap(const descent_box *box, const char *name, const descent_box *met, const char *other,
                             descent_error *error);

/* No two written tensors may share an element, nor a written and a read one. */
int32_t descent_check_overlap(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                              const descent_written *written, descent_error *error);

#endif
