#include "Overlap.h"

#include "Errors.h"
#include "Types.h"

#include <inttypes.h>
#include <stdlib.h>

descent_box descent_make_box(const descent_tensor *tensor, int64_t layer) {
  const int64_t bytes = descent_type_bytes(tensor->type);
  descent_box box;
  box.layer = layer;
  box.tensor = *tensor;
  box.batch = tensor->batch;
  box.rows = tensor->rows;
  box.length = tensor->cols * bytes;
  box.row_bytes = tensor->rows > 1 ? tensor->view.row_stride * bytes : box.length;
  box.batch_bytes = tensor->batch > 1 ? tensor->view.batch_stride * bytes : box.length;
  box.begin = (uintptr_t)tensor->view.data;
  box.end = box.begin + (uintptr_t)((box.rows - 1) * box.row_bytes + (box.batch - 1) * box.batch_bytes + box.length);
  return box;
}

static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && a < 0); }

/* Is there a k in [first, last] with -below < distance + k * stride < above? */
static bool lands(int64_t distance, int64_t stride, int64_t first, int64_t last, int64_t below, int64_t above) {
  const int64_t low = floor_divide(-below - distance, stride) + 1;
  const int64_t high = floor_divide(above - distance - 1, stride);
  return (low > first ? low : first) <= (high < last ? high : last);
}

/* One member of each; `distance` bytes from the first run of `left` to the first run of `right`. */
static bool members_meet(const descent_box *left, const descent_box *right, int64_t distance) {
  if (left->rows == 1)
    return lands(distance, right->row_bytes, 0, right->rows - 1, right->length, left->length);
  if (right->rows == 1)
    return lands(-distance, left->row_bytes, 0, left->rows - 1, left->length, right->length);
  /* With one row stride only the difference of the two rows matters. */
  if (left->row_bytes == right->row_bytes)
    return lands(distance, left->row_bytes, -(left->rows - 1), right->rows - 1, right->length, left->length);
  if (left->rows > right->rows)
    return members_meet(right, left, -distance);
  for (int64_t row = 0; row < left->rows; ++row)
    if (lands(distance - row * left->row_bytes, right->row_bytes, 0, right->rows - 1, right->length, left->length))
      return true;
  return false;
}

bool descent_boxes_meet(const descent_box *left, const descent_box *right) {
  if (left->begin >= right->end || right->begin >= left->end)
    return false;
  const int64_t distance =
      left->begin <= right->begin ? (int64_t)(right->begin - left->begin) : -(int64_t)(left->begin - right->begin);
  for (int64_t i = 0; i < left->batch; ++i)
    for (int64_t j = 0; j < right->batch; ++j)
      if (members_meet(left, right, distance + j * right->batch_bytes - i * left->batch_bytes))
        return true;
  return false;
}

int64_t descent_num_written(const descent_artifact *artifact, const descent_layer *layers, int64_t count) {
  int64_t boxes = 0;
  for (int64_t i = 0; i < count; ++i)
    boxes += 1 + (int64_t)artifact->tracks[layers[i].group].num_states;
  return boxes;
}

size_t descent_written_bytes(int64_t boxes) { return (size_t)boxes * (sizeof(descent_box) + sizeof(uintptr_t)); }

static int compare_boxes(const void *left, const void *right) {
  const descent_box *a = left, *b = right;
  if (a->begin != b->begin)
    return a->begin < b->begin ? -1 : 1;
  return (a->end > b->end) - (a->end < b->end);
}

void descent_collect_written(const descent_artifact *artifact, const descent_layer *layers, int64_t count, void *memory,
                             descent_written *written) {
  written->boxes = memory;
  written->count = 0;
  for (int64_t i = 0; i < count; ++i) {
    const descent_track *track = &artifact->tracks[layers[i].group];
    for (int64_t t = 0; t < descent_num_tensors(track); ++t) {
      const descent_tensor tensor = descent_get_tensor(track, &layers[i], t);
      if (tensor.role == ROLE_WEIGHT || tensor.role == ROLE_STATE)
        written->boxes[written->count++] = descent_make_box(&tensor, i);
    }
  }
  written->reach = (uintptr_t *)(void *)(written->boxes + written->count);
  if (written->count > 1)
    qsort(written->boxes, (size_t)written->count, sizeof(descent_box), compare_boxes);
  for (int64_t i = 0; i < written->count; ++i) {
    const uintptr_t before = i > 0 ? written->reach[i - 1] : 0;
    written->reach[i] = written->boxes[i].end > before ? written->boxes[i].end : before;
  }
}

const descent_box *descent_find_overlap(const descent_written *written, int64_t limit, const descent_box *box) {
  int64_t first = 0, last = limit; /* the boxes before `first` begin before `box` ends */
  while (first < last) {
    const int64_t middle = first + (last - first) / 2;
    if (written->boxes[middle].begin < box->end)
      first = middle + 1;
    else
      last = middle;
  }
  for (int64_t i = first - 1; i >= 0 && written->reach[i] > box->begin; --i)
    if (descent_boxes_meet(&written->boxes[i], box))
      return &written->boxes[i];
  return NULL;
}

int32_t descent_fail_overlap(const descent_box *box, const char *name, const descent_box *met, const char *other,
                             descent_error *error) {
  const bool weights = box->tensor.role == ROLE_WEIGHT && met->tensor.role == ROLE_WEIGHT;
  return descent_fail(
      error, DESCENT_OVERLAP,
      "the %s of layer %" PRId64 " '%s' and the %s of layer %" PRId64 " '%s' share an element, and the step writes %s",
      descent_name_tensor(&met->tensor).text, met->layer, other, descent_name_tensor(&box->tensor).text, box->layer,
      name, weights ? "both; list a tied weight once" : "at least one of them; give each its own memory");
}

int32_t descent_check_overlap(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                              const descent_written *written, descent_error *error) {
  for (int64_t i = 0; i < written->count; ++i) {
    const descent_box *box = &written->boxes[i], *met = descent_find_overlap(written, i, box);
    if (met)
      return descent_fail_overlap(box, layers[box->layer].name, met, layers[met->layer].name, error);
  }
  for (int64_t i = 0; i < count; ++i) {
    const descent_track *track = &artifact->tracks[layers[i].group];
    for (int64_t t = 0; t < descent_num_tensors(track); ++t) {
      const descent_tensor tensor = descent_get_tensor(track, &layers[i], t);
      if ((tensor.role != ROLE_GRADIENT && tensor.role != ROLE_INPUT) || !tensor.view.data)
        continue;
      const descent_box box = descent_make_box(&tensor, i);
      const descent_box *met = descent_find_overlap(written, written->count, &box);
      if (met)
        return descent_fail_overlap(&box, layers[i].name, met, layers[met->layer].name, error);
    }
  }
  return DESCENT_OK;
}
