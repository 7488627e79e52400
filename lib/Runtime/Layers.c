#include "Layers.h"

#include "Errors.h"
#include "Types.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Byte offsets within a tensor, and twice them, must fit in 64 bits. */
static const int64_t most_bytes = INT64_C(1) << 60;

descent_tensor_name descent_name_tensor(const descent_tensor *tensor) {
  descent_tensor_name name;
  switch (tensor->role) {
  case ROLE_WEIGHT:
    snprintf(name.text, sizeof(name.text), "weight");
    break;
  case ROLE_GRADIENT:
    snprintf(name.text, sizeof(name.text), "gradient");
    break;
  case ROLE_INPUT:
    snprintf(name.text, sizeof(name.text), "input '%s'", tensor->name);
    break;
  case ROLE_STATE:
    snprintf(name.text, sizeof(name.text), "state '%s'", tensor->name);
    break;
  }
  return name;
}

void descent_state_shape(const descent_state_desc *state, int64_t rows, int64_t cols, int64_t *state_rows,
                         int64_t *state_cols) {
  *state_rows = state->scope == DESCENT_SCOPE_ELEMENT || state->scope == DESCENT_SCOPE_BLOCK ? rows : 1;
  switch (state->scope) {
  case DESCENT_SCOPE_ELEMENT:
  case DESCENT_SCOPE_COLUMN:
    *state_cols = cols;
    break;
  case DESCENT_SCOPE_BLOCK:
    *state_cols = (cols - 1) / state->block + 1;
    break;
  case DESCENT_SCOPE_ROW:
    *state_cols = rows;
    break;
  default:
    *state_cols = 1;
  }
}

int64_t descent_num_tensors(const descent_track *track) {
  return 2 + (int64_t)track->num_inputs + (int64_t)track->num_states;
}

descent_tensor descent_get_tensor(const descent_track *track, const descent_layer *layer, int64_t index) {
  descent_tensor tensor = {ROLE_WEIGHT, "", track->weight_type, layer->rows, layer->cols, layer->batch, layer->weight};
  const int64_t input = index - 2, state = input - track->num_inputs;
  if (index == 1) {
    tensor.role = ROLE_GRADIENT;
    tensor.type = track->gradient_type;
    tensor.view = layer->gradient;
  } else if (index >= 2 && state < 0) {
    tensor.role = ROLE_INPUT;
    tensor.name = track->input_names[input];
    tensor.type = track->input_types[input];
    tensor.view = layer->inputs[input];
  } else if (index >= 2) {
    const descent_state_desc *desc = &track->states[state];
    tensor.role = ROLE_STATE;
    tensor.name = desc->name;
    tensor.type = desc->type;
    tensor.view = layer->states[state];
    descent_state_shape(desc, layer->rows, layer->cols, &tensor.rows, &tensor.cols);
    if (desc->scope != DESCENT_SCOPE_ELEMENT && desc->scope != DESCENT_SCOPE_BLOCK)
      tensor.view.row_stride = tensor.cols;
  }
  return tensor;
}

int32_t descent_check_artifact(const descent_artifact *artifact, descent_error *error) {
  if (!artifact)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the artifact is null");
  if (artifact->size != sizeof(descent_artifact) || artifact->abi_version != DESCENT_ABI_VERSION)
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the optimizer was compiled for ABI version %" PRIu32 " with a table of %" PRIu64
                        " bytes, but this runtime has version %u with %zu bytes; link the runtime of the same release",
                        artifact->abi_version, artifact->size, DESCENT_ABI_VERSION, sizeof(descent_artifact));
  return DESCENT_OK;
}

static int32_t check_sharding(const descent_layer *layer, int64_t index, descent_error *error) {
  const bool none =
      layer->global_rows == 0 && layer->global_cols == 0 && layer->row_offset == 0 && layer->col_offset == 0;
  const bool whole = layer->global_rows == layer->rows && layer->global_cols == layer->cols && layer->row_offset == 0 &&
                     layer->col_offset == 0;
  if (none || whole)
    return DESCENT_OK;
  return descent_fail(error, DESCENT_INVALID_LAYER,
                      "layer %" PRId64 " '%s': it is a shard of %" PRId64 " x %" PRId64 " at (%" PRId64 ", %" PRId64
                      "), but sharded tensors are refused in this version; set global sizes and offsets to 0 and pass "
                      "the whole tensor of %" PRId64 " x %" PRId64,
                      index, layer->name, layer->global_rows, layer->global_cols, layer->row_offset, layer->col_offset,
                      layer->rows, layer->cols);
}

static int32_t check_sizes(const descent_layer *layer, int64_t index, descent_error *error) {
  if (layer->rows < 1 || layer->cols < 1 || layer->batch < 1)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': it has %" PRId64 " rows, %" PRId64 " columns and batch %" PRId64
                        ", but each is at least 1; leave an empty tensor out of the table",
                        index, layer->name, layer->rows, layer->cols, layer->batch);
  int64_t elements;
  if (__builtin_mul_overflow(layer->rows, layer->cols, &elements) ||
      __builtin_mul_overflow(elements, layer->batch, &elements) || elements > most_bytes / 8)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': %" PRId64 " rows x %" PRId64 " columns x batch %" PRId64
                        " is more elements than memory can hold",
                        index, layer->name, layer->rows, layer->cols, layer->batch);
  return DESCENT_OK;
}

int32_t descent_check_shape(const descent_artifact *artifact, const descent_layer *layer, int64_t index,
                            descent_error *error) {
  if (layer->size != sizeof(descent_layer))
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "layer %" PRId64 ": its size is %" PRIu64 ", but a descent_layer of this version has %zu "
                        "bytes; set `size` to sizeof(descent_layer) in every entry",
                        index, layer->size, sizeof(descent_layer));
  if (!layer->name)
    return descent_fail(error, DESCENT_INVALID_LAYER, "layer %" PRId64 ": its name is null", index);
  if (layer->group >= artifact->num_groups)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': its group is %" PRIu32 ", but '%s' has %" PRIu32
                        " groups; use the header's constants",
                        index, layer->name, layer->group, artifact->name, artifact->num_groups);
  const int32_t code = check_sizes(layer, index, error);
  if (code != DESCENT_OK)
    return code;
  const descent_track *track = &artifact->tracks[layer->group];
  if (track->group_class == DESCENT_CLASS_VECTOR && layer->rows != 1)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': it has %" PRId64 " rows, but group '%s' takes vectors, which have one "
                        "row; list it in a group for matrices or as 1 x %" PRId64,
                        index, layer->name, layer->rows, track->name, layer->rows * layer->cols);
  return check_sharding(layer, index, error);
}

typedef struct identity {
  uint64_t id;
  int64_t index;
} identity;

static int compare_identities(const void *left, const void *right) {
  const identity *a = left, *b = right;
  if (a->id != b->id)
    return a->id < b->id ? -1 : 1;
  return (a->index > b->index) - (a->index < b->index);
}

static int32_t check_ids(const descent_layer *layers, int64_t count, descent_error *error) {
  if (count < 2)
    return DESCENT_OK;
  identity *ids = calloc((size_t)count, sizeof(identity));
  if (!ids)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory to check the ids of %" PRId64 " layers", count);
  for (int64_t i = 0; i < count; ++i)
    ids[i] = (identity){layers[i].id, i};
  qsort(ids, (size_t)count, sizeof(identity), compare_identities);
  int32_t code = DESCENT_OK;
  for (int64_t i = 1; i < count && code == DESCENT_OK; ++i)
    if (ids[i].id == ids[i - 1].id)
      code = descent_fail(error, DESCENT_INVALID_LAYER,
                          "layer %" PRId64 " '%s': its id %" PRIu64 " is that of layer %" PRId64
                          " '%s' too; ids are unique in the table",
                          ids[i].index, layers[ids[i].index].name, ids[i].id, ids[i - 1].index,
                          layers[ids[i - 1].index].name);
  free(ids);
  return code;
}

int32_t descent_check_shapes(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                             descent_error *error) {
  int32_t code = descent_check_artifact(artifact, error);
  if (code != DESCENT_OK)
    return code;
  if (count < 0 || (count > 0 && !layers))
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the layer table %s, and its count is %" PRId64,
                        layers ? "is there" : "is null", count);
  for (int64_t i = 0; i < count && code == DESCENT_OK; ++i)
    code = descent_check_shape(artifact, &layers[i], i, error);
  return code == DESCENT_OK ? check_ids(layers, count, error) : code;
}

/* Elements from the first to the one after the last, or -1 when that does not fit. */
static int64_t span_of(const descent_tensor *tensor) {
  int64_t rows, members, span;
  const int64_t batch_stride = tensor->batch > 1 ? tensor->view.batch_stride : 0;
  if (__builtin_mul_overflow(tensor->rows - 1, tensor->view.row_stride, &rows) ||
      __builtin_mul_overflow(tensor->batch - 1, batch_stride, &members) ||
      __builtin_add_overflow(rows, members, &span) || __builtin_add_overflow(span, tensor->cols, &span))
    return -1;
  return span > most_bytes / descent_type_bytes(tensor->type) ? -1 : span;
}

/* Members b and c share an element when (c - b) batch strides and some number of row strides differ by less than a row.
 */
static bool members_overlap(const descent_tensor *tensor) {
  const int64_t stride = tensor->view.row_stride;
  for (int64_t apart = 1; apart < tensor->batch; ++apart) {
    const int64_t distance = apart * tensor->view.batch_stride;
    const int64_t below = distance / stride, rest = distance % stride;
    if (below < tensor->rows && rest < tensor->cols)
      return true;
    if (below + 1 < tensor->rows && stride - rest < tensor->cols)
      return true;
    if (below >= tensor->rows)
      return false; /* and so are all that lie further apart */
  }
  return false;
}

static int32_t check_strides(const descent_tensor *tensor, int64_t index, const char *layer_name,
                             descent_error *error) {
  const descent_tensor_name name = descent_name_tensor(tensor);
  const descent_view *view = &tensor->view;
  if (view->row_stride < tensor->cols)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': the row stride of its %s is %" PRId64 ", but its rows have %" PRId64
                        " elements; strides count elements, and a packed tensor has row stride %" PRId64,
                        index, layer_name, name.text, view->row_stride, tensor->cols, tensor->cols);
  const bool positive = tensor->batch == 1 || view->batch_stride > 0;
  const int64_t span = positive ? span_of(tensor) : 0;
  if (span < 0 || (uintptr_t)view->data > UINTPTR_MAX - (uintptr_t)(span * descent_type_bytes(tensor->type)))
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': its %s reaches beyond the address space, with row stride %" PRId64
                        " and batch stride %" PRId64,
                        index, layer_name, name.text, view->row_stride, view->batch_stride);
  if (!positive || members_overlap(tensor))
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': the batch stride of its %s is %" PRId64 ", with which batch members "
                        "share elements; a member has %" PRId64 " rows of %" PRId64 " elements, %" PRId64 " apart",
                        index, layer_name, name.text, view->batch_stride, tensor->rows, tensor->cols, view->row_stride);
  return DESCENT_OK;
}

int32_t descent_check_tensor(const descent_tensor *tensor, int64_t index, const char *layer_name,
                             descent_error *error) {
  const descent_tensor_name name = descent_name_tensor(tensor);
  if (!tensor->view.data)
    return descent_fail(error, DESCENT_INVALID_LAYER, "layer %" PRId64 " '%s': its %s is null", index, layer_name,
                        name.text);
  const int64_t bytes = descent_type_bytes(tensor->type);
  if ((uintptr_t)tensor->view.data % (uintptr_t)bytes != 0)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': its %s lies at %p, but an element of type %s is aligned to %" PRId64
                        " bytes",
                        index, layer_name, name.text, tensor->view.data, descent_type_name(tensor->type), bytes);
  return check_strides(tensor, index, layer_name, error);
}

static int32_t check_lists(const descent_track *track, const descent_layer *layer, int64_t index,
                           descent_error *error) {
  if (track->num_inputs > 0 && !layer->inputs)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': its inputs are null, but group '%s' reads %" PRIu32
                        ", '%s' the first of them",
                        index, layer->name, track->name, track->num_inputs, track->input_names[0]);
  if (track->num_states > 0 && !layer->states)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': its states are null, but group '%s' keeps %" PRIu32
                        ", '%s' the first of them; call states_place before",
                        index, layer->name, track->name, track->num_states, track->states[0].name);
  for (uint32_t i = 0; layer->factors && i < track->num_factors; ++i)
    if (!isfinite(layer->factors[i]))
      return descent_fail(error, DESCENT_INVALID_LAYER, "layer %" PRId64 " '%s': its factor %" PRIu32 " is %g", index,
                          layer->name, i, layer->factors[i]);
  return DESCENT_OK;
}

int32_t descent_check_tensors(const descent_track *track, const descent_layer *layer, int64_t index,
                              descent_error *error) {
  int32_t code = check_lists(track, layer, index, error);
  for (int64_t i = 0; i < descent_num_tensors(track) && code == DESCENT_OK; ++i) {
    const descent_tensor tensor = descent_get_tensor(track, layer, i);
    if (tensor.role == ROLE_GRADIENT && !tensor.view.data)
      continue;
    code = descent_check_tensor(&tensor, index, layer->name, error);
  }
  return code;
}
