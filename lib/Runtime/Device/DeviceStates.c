/* States in device memory: they are made in the host's, piece by piece. */
#include "../Errors.h"
#include "../Types.h"
#include "DevicePlan.h"

#include <stdlib.h>

enum { PIECE = 1 << 18 }; /* elements */

typedef struct state_writer {
  descent_device *device;
  double *weights, *states; /* room for a piece of any type */
} state_writer;

/* Elements without gaps from `offset` on, in the tensor's memory. */
static char *place_of(const descent_tensor *tensor, int64_t offset) {
  return (char *)tensor->view.data + offset * descent_type_bytes(tensor->type);
}

static int64_t offset_of(const descent_tensor *tensor, int64_t member, int64_t row) {
  return (tensor->batch > 1 ? member * tensor->view.batch_stride : 0) + row * tensor->view.row_stride;
}

static int32_t write_piece(const state_writer *writer, const descent_state_desc *desc, const descent_tensor *state,
                           int64_t to, const descent_tensor *weight, int64_t from, int64_t count,
                           descent_error *error) {
  const descent_device_methods *methods = writer->device->methods;
  int32_t code = DESCENT_OK;
  if (desc->init == DESCENT_INIT_VALUE) {
    descent_fill_numbers(writer->states, state->type, count, desc->init_value);
  } else {
    code = methods->download(writer->device, NULL, writer->weights, place_of(weight, from),
                             count * descent_type_bytes(weight->type), error);
    if (code == DESCENT_OK)
      descent_convert_numbers(writer->states, state->type, writer->weights, weight->type, count);
  }
  return code == DESCENT_OK ? methods->upload(writer->device, place_of(state, to), writer->states,
                                              count * descent_type_bytes(state->type), error)
                            : code;
}

static bool is_packed(const descent_tensor *tensor) { return tensor->view.row_stride == tensor->cols; }

static int32_t write_state(const state_writer *writer, const descent_state_desc *desc, const descent_tensor *state,
                           const descent_tensor *weight, descent_error *error) {
  const bool copies = desc->init != DESCENT_INIT_VALUE;
  const bool is_one = is_packed(state) && (!copies || is_packed(weight)); /* all rows are like one */
  const int64_t rows = is_one ? 1 : state->rows, cols = is_one ? state->rows * state->cols : state->cols;
  int32_t code = DESCENT_OK;
  for (int64_t run = 0; run < state->batch * rows; ++run) {
    const int64_t to = offset_of(state, run / rows, run % rows);
    const int64_t from = copies ? offset_of(weight, run / rows, run % rows) : 0;
    for (int64_t col = 0; col < cols && code == DESCENT_OK; col += PIECE)
      code = write_piece(writer, desc, state, to + col, weight, from + col, cols - col < PIECE ? cols - col : PIECE,
                         error);
  }
  return code;
}

static int32_t write_states(const state_writer *writer, const descent_artifact *artifact, const descent_layer *layer,
                            descent_error *error) {
  const descent_track *track = &artifact->tracks[layer->group];
  const descent_tensor weight = descent_get_tensor(track, layer, 0);
  int32_t code = DESCENT_OK;
  for (uint32_t s = 0; s < track->num_states && code == DESCENT_OK; ++s) {
    const descent_tensor state = descent_get_tensor(track, layer, 2 + (int64_t)track->num_inputs + s);
    code = write_state(writer, &track->states[s], &state, &weight, error);
  }
  return code;
}

int32_t descent_device_states_init(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                                   descent_error *error) {
  const descent_artifact *path = artifact;
  int32_t code = descent_device_choose_path(artifact, NULL, NULL, &path, error);
  if (code != DESCENT_OK)
    return code;
  state_writer writer = {NULL, malloc(PIECE * sizeof(double)), malloc(PIECE * sizeof(double))};
  if (!writer.weights || !writer.states)
    code = descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory to make states in");
  else
    code = path->device->methods->open(path, NULL, &writer.device, error);
  for (int64_t i = 0; i < count && code == DESCENT_OK; ++i)
    code = write_states(&writer, artifact, &layers[i], error);
  if (writer.device)
    writer.device->methods->close(writer.device);
  free(writer.weights);
  free(writer.states);
  return code;
}
