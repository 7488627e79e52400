/* What the layer table says, entry by entry, and the checks that it must pass before anything is written. */
#ifndef DESCENT_LIB_RUNTIME_LAYERS_H
#define DESCENT_LIB_RUNTIME_LAYERS_H

#include "descent/Runtime/artifact.h"

#include <stdbool.h>

typedef enum descent_role { ROLE_WEIGHT, ROLE_GRADIENT, ROLE_INPUT, ROLE_STATE } descent_role;

/* One tensor of one entry, as its view lays it out: rows and cols of a batch member, a state's own ones for a state. */
typedef struct descent_tensor {
  descent_role role;
  const char *name; /* of the input or state */
  uint32_t type;
  int64_t rows, cols, batch;
  descent_view view; /* its row_stride is `cols` where the tensor has no rows */
} descent_tensor;

/* "weight", "gradient", "input 'hvp'", "state 'm'" */
typedef struct descent_tensor_name {
  char text[96];
} descent_tensor_name;
descent_tensor_name descent_name_tensor(const descent_tensor *tensor);

/* An entry's tensors in order: weight, gradient, inputs, states. */
int64_t descent_num_tensors(const descent_track *track);
descent_tensor descent_get_tensor(const descent_track *track, const descent_layer *layer, int64_t index);

/* Numbers of a batch member of a state. */
void descent_state_shape(const descent_state_desc *state, int64_t rows, int64_t cols, int64_t *state_rows,
                         int64_t *state_cols);

int32_t descent_check_artifact(const descent_artifact *artifact, descent_error *error);

/* Everything about entry `index` that needs no pointer. */
int32_t descent_check_shape(const descent_artifact *artifact, const descent_layer *layer, int64_t index,
                            descent_error *error);

/* The table as a whole: the entries by descent_check_shape, their ids. */
int32_t descent_check_shapes(const descent_artifact *artifact, const descent_layer *layers, int64_t count,
                             descent_error *error);

/* Pointer, alignment and strides of one tensor of entry `index`, which is called `layer_name`. */
int32_t descent_check_tensor(const descent_tensor *tensor, int64_t index, const char *layer_name, descent_error *error);

/* All tensors of entry `index`; a null gradient is an absent layer. */
int32_t descent_check_tensors(const descent_track *track, const descent_layer *layer, int64_t index,
                              descent_error *error);

#endif
