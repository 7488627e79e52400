/* An artifact by hand, with all that the tables can say: two groups, a shared body, cuts of every reach, a guard,
 * scratch of both kinds, states of three scopes. And a model for it. */
#ifndef DESCENT_TEST_RUNTIME_DUO_H
#define DESCENT_TEST_RUNTIME_DUO_H

#include "Check.h"

#include <stddef.h>

enum { HIDDEN = 0, VECTORS = 1 };
enum { HIDDEN_M, HIDDEN_R, HIDDEN_H, HIDDEN_UPDATES };
enum { VECTORS_W0, VECTORS_UPDATES };
enum { HIDDEN_WEIGHT = 0, HIDDEN_DIRECTION = 5, HIDDEN_APPLY = 4 }; /* buffers, and the stage that reads them */
enum { REPORT_NOISE, REPORT_NORM2, REPORT_PARAMETER, REPORTS };
enum { WIDE, TINY, EXPERTS, BIAS, TALL, SCALES, QUERY, KEY, VALUE, LAYERS };
enum { SHARED = 2, SHARED_TOTAL = 0 }; /* the track and slot of the squared norm of all gradients */
enum { LOGICALS = LAYERS + 2 + 1 };    /* EXPERTS has three members, SCALES two */

typedef struct duo_hyper {
  struct {
    double lr, beta, clip;
  } hidden;
  struct {
    double lr;
  } vectors;
} duo_hyper;

extern const descent_artifact duo;

/* Every tensor of a model in one block, so that one comparison tells whether anything has changed. */
typedef struct model {
  descent_layer layers[LAYERS];
  descent_view inputs[LAYERS];
  descent_view views[64];
  double factors[LAYERS];
  char *block;
  size_t bytes;
} model;

/* The same numbers every time. The states are placed and initialised. */
void model_create(model *made);
void model_destroy(model *made);
float *element(const descent_view *view, int64_t member, int64_t row, int64_t col);

descent_plan_options plan_options(int64_t workers);
descent_step first_step(void);

/* Deterministic, in [-1, 1). */
float noise(uint64_t index);

#endif
