#include "Device/DevicePlan.h"
#include "Errors.h"
#include "Layers.h"
#include "Types.h"

#include <inttypes.h>
#include <string.h>

static const char nothing[] = "nothing more";
static const int64_t state_alignment = 64; /* a cache line, and the widest vector */
static const int64_t page = 4096, least_staggered = 65536;

/* One state of one entry, packed: members follow each other. */
static int64_t packed_bytes(const descent_state_desc *state, const descent_layer *layer) {
  int64_t rows, cols;
  descent_state_shape(state, layer->rows, layer->cols, &rows, &cols);
  return rows * cols * layer->batch * descent_type_bytes(state->type);
}

static int64_t align_up(int64_t bytes) { return (bytes + state_alignment - 1) / state_alignment * state_alignment; }

/* Where state `index` of a layer begins, when all before it takes `used` bytes. A sweep reads and writes several
 * tensors in step. A processor takes a load for one that depends on an earlier store when their addresses agree in 12
 * bits, and waits: large states begin a quarter of a page apart, and apart from weights, which lie at the start of one.
 */
static int64_t begin_of(int64_t used, uint32_t index, int64_t bytes) {
  if (bytes < least_staggered)
    return align_up(used);
  const int64_t wanted = (index % 3 + 1) * (page / 4);
  return used + (wanted - used % page + page) % page;
}

int64_t descent_rt_state_bytes(const descent_artifact *artifact, const descent_layer *layer, uint32_t state,
                               descent_error *error) {
  if (descent_check_artifact(artifact, error) != DESCENT_OK)
    return -1;
  if (!layer) {
    descent_fail(error, DESCENT_INVALID_ARGUMENT, "the layer is null");
    return -1;
  }
  if (descent_check_shape(artifact, layer, 0, error) != DESCENT_OK)
    return -1;
  const descent_track *track = &artifact->tracks[layer->group];
  if (state >= track->num_states) {
    descent_fail(error, DESCENT_INVALID_ARGUMENT,
                 "layer '%s': there is no state %" PRIu32 ", group '%s' keeps %" PRIu32 "; use the header's constants",
                 layer->name, state, track->name, track->num_states);
    return -1;
  }
  return packed_bytes(&track->states[state], layer);
}

/* How many states the table has, and the bytes of a block that holds them all. */
static int32_t measure(const descent_artifact *artifact, const descent_layer *layers, int64_t count, int64_t *views,
                       int64_t *bytes, descent_error *error) {
  const int32_t code = descent_check_shapes(artifact, layers, count, error);
  if (code != DESCENT_OK)
    return code;
  *views = *bytes = 0;
  for (int64_t i = 0; i < count; ++i) {
    const descent_track *track = &artifact->tracks[layers[i].group];
    *views += track->num_states;
    for (uint32_t s = 0; s < track->num_states; ++s) {
      const int64_t own = packed_bytes(&track->states[s], &layers[i]);
      if (__builtin_add_overflow(begin_of(*bytes, s, own), own, bytes) || *bytes > INT64_MAX - 2 * page)
        return descent_fail(error, DESCENT_INVALID_LAYER,
                            "layer %" PRId64 " '%s': with its state '%s' the table's states exceed the address space",
                            i, layers[i].name, track->states[s].name);
    }
  }
  *bytes = align_up(*bytes);
  return DESCENT_OK;
}

int64_t descent_rt_states_count(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                                descent_error *error) {
  int64_t views, bytes;
  return measure(artifact, layers, count, &views, &bytes, error) == DESCENT_OK ? views : -1;
}

int64_t descent_rt_states_bytes(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                                descent_error *error) {
  int64_t views, bytes;
  return measure(artifact, layers, count, &views, &bytes, error) == DESCENT_OK ? bytes : -1;
}

int32_t descent_rt_states_place(const descent_artifact *artifact, descent_layer *layers, int64_t count, void *memory,
                                descent_view *views, descent_error *error) {
  int64_t total, bytes;
  const int32_t code = measure(artifact, layers, count, &total, &bytes, error);
  if (code != DESCENT_OK)
    return code;
  if (total > 0 && (!memory || !views))
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the %s null, but the table has %" PRId64 " states of %" PRId64 " bytes together",
                        memory ? "views are" : "memory is", total, bytes);
  if ((uintptr_t)memory % sizeof(double) != 0)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the memory of the states lies at %p; align it to 64 bytes, or to %zu at least", memory,
                        sizeof(double));
  int64_t used = 0;
  for (int64_t i = 0; i < count; ++i) {
    const descent_track *track = &artifact->tracks[layers[i].group];
    layers[i].states = track->num_states > 0 ? views : NULL;
    for (uint32_t s = 0; s < track->num_states; ++s, ++views) {
      int64_t rows, cols;
      descent_state_shape(&track->states[s], layers[i].rows, layers[i].cols, &rows, &cols);
      const int64_t own = packed_bytes(&track->states[s], &layers[i]), begin = begin_of(used, s, own);
      *views = (descent_view){(char *)memory + begin, cols, rows * cols};
      used = begin + own;
    }
  }
  return DESCENT_OK;
}

static void init_state(const descent_state_desc *desc, const descent_tensor *state, const descent_tensor *weight) {
  const int64_t bytes = descent_type_bytes(state->type), weight_bytes = descent_type_bytes(weight->type);
  for (int64_t b = 0; b < state->batch; ++b)
    for (int64_t r = 0; r < state->rows; ++r) {
      char *to = (char *)state->view.data;
      to += (b * (state->batch > 1 ? state->view.batch_stride : 0) + r * state->view.row_stride) * bytes;
      if (desc->init == DESCENT_INIT_VALUE) {
        descent_fill_numbers(to, state->type, state->cols, desc->init_value);
        continue;
      }
      const char *from = (const char *)weight->view.data;
      from += (b * (weight->batch > 1 ? weight->view.batch_stride : 0) + r * weight->view.row_stride) * weight_bytes;
      descent_convert_numbers(to, state->type, from, weight->type, state->cols);
    }
}

/* A view of a weight that is not there is no fault when no state begins as its copy. */
static int32_t check_init(const descent_track *track, const descent_layer *layer, int64_t index, descent_error *error) {
  if (track->num_states > 0 && !layer->states)
    return descent_fail(error, DESCENT_INVALID_LAYER,
                        "layer %" PRId64 " '%s': its states are null; call states_place before", index, layer->name);
  const descent_tensor weight = descent_get_tensor(track, layer, 0);
  for (uint32_t s = 0; s < track->num_states; ++s) {
    const descent_tensor state = descent_get_tensor(track, layer, 2 + (int64_t)track->num_inputs + s);
    int32_t code = descent_check_tensor(&state, index, layer->name, error);
    if (code == DESCENT_OK && track->states[s].init == DESCENT_INIT_PARAMETER)
      code = descent_check_tensor(&weight, index, layer->name, error);
    if (code != DESCENT_OK)
      return code;
  }
  return DESCENT_OK;
}

int32_t descent_rt_states_init(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                               descent_error *error) {
  int32_t code = descent_check_shapes(artifact, layers, count, error);
  for (int64_t i = 0; i < count && code == DESCENT_OK; ++i)
    code = check_init(&artifact->tracks[layers[i].group], &layers[i], i, error);
  if (code != DESCENT_OK)
    return code;
  if (artifact->device)
    return descent_device_states_init(artifact, layers, count, error);
  for (int64_t i = 0; i < count; ++i) {
    const descent_track *track = &artifact->tracks[layers[i].group];
    const descent_tensor weight = descent_get_tensor(track, &layers[i], 0);
    for (uint32_t s = 0; s < track->num_states; ++s) {
      const descent_tensor state = descent_get_tensor(track, &layers[i], 2 + (int64_t)track->num_inputs + s);
      init_state(&track->states[s], &state, &weight);
    }
  }
  return DESCENT_OK;
}

int32_t descent_rt_check_signature(const descent_artifact *artifact, const char *signature, descent_error *error) {
  const int32_t code = descent_check_artifact(artifact, error);
  if (code != DESCENT_OK)
    return code;
  if (!signature)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the signature is null; pass the text that was saved with the states of '%s'", artifact->name);
  const char *ours = artifact->signature, *theirs = signature;
  for (int line = 1; *ours || *theirs; ++line) {
    const size_t our_length = strcspn(ours, "\n"), their_length = strcspn(theirs, "\n");
    if (our_length != their_length || strncmp(ours, theirs, our_length) != 0)
      return descent_fail(
          error, DESCENT_FOREIGN_STATE,
          "the states belong to another optimizer: at line %d '%s' keeps '%.*s', but the checkpoint has "
          "'%.*s' (group, state, scope, type)",
          line, artifact->name, (int)(*ours ? our_length : strlen(nothing)), *ours ? ours : nothing,
          (int)(*theirs ? their_length : strlen(nothing)), *theirs ? theirs : nothing);
    ours += our_length + (ours[our_length] == '\n');
    theirs += their_length + (theirs[their_length] == '\n');
  }
  return DESCENT_OK;
}
