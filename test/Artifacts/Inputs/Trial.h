/* A model of five entries on which any generated optimizer with the groups "hidden" and "rest" can be tried. */
#ifndef DESCENT_TEST_ARTIFACTS_TRIAL_H
#define DESCENT_TEST_ARTIFACTS_TRIAL_H

#include "model.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHECK(condition) trial_check(condition, #condition, __FILE__, __LINE__)

/* The call failed with this code, and its message has each of the texts (a null ends them). */
#define REFUSED(call, wanted, ...)                                                                                     \
  do {                                                                                                                 \
    const char *const refused_texts[] = {__VA_ARGS__, 0};                                                              \
    trial_error = (descent_error){sizeof(trial_error), 0, {0}};                                                        \
    trial_check_refused(call, wanted, refused_texts, __FILE__, __LINE__);                                              \
  } while (0)

enum { WIDE, HEADS, TALL, EMBED, BIAS, ENTRIES };

/* The entry points of one optimizer. */
typedef struct trial_optimizer {
  int64_t (*states_count)(const descent_layer *, int64_t, descent_error *);
  int64_t (*states_bytes)(const descent_layer *, int64_t, descent_error *);
  int32_t (*states_place)(descent_layer *, int64_t, void *, descent_view *, descent_error *);
  int32_t (*states_init)(const descent_layer *, int64_t, descent_error *);
  int32_t (*plan_create)(const descent_layer *, int64_t, const descent_plan_options *, descent_plan **,
                         descent_error *);
  void (*plan_destroy)(descent_plan *);
  int32_t (*step)(descent_plan *, const descent_step *, descent_result *, descent_error *);
} trial_optimizer;

#define TRIAL_OPTIMIZER(x)                                                                                             \
  {x##_states_count, x##_states_bytes, x##_states_place, x##_states_init, x##_plan_create, x##_plan_destroy, x##_step}

typedef struct trial {
  const trial_optimizer *optimizer;
  descent_layer layers[ENTRIES];
  float *weights, *gradients; /* of all entries, one after the other */
  void *states;
  size_t floats, state_bytes;
  descent_view *views;
  descent_plan *plan;
} trial;

extern descent_error trial_error;

void trial_check(bool held, const char *condition, const char *file, int line);
void trial_check_refused(int32_t code, int32_t wanted, const char *const *texts, const char *file, int line);
/* 0 when every check held. */
int trial_result(void);

/* Weights from a fixed seed, states, and a plan for this many workers. `hidden` and `rest` are the groups' numbers. */
trial trial_begin(const trial_optimizer *optimizer, uint32_t hidden, uint32_t rest, int64_t workers);
void trial_end(trial *tried);
/* Gradients that depend on the number of the step only. */
void trial_draw(trial *tried, int64_t step);
descent_step trial_step(int64_t step);
/* Draws and steps. */
void trial_run(trial *tried, int64_t first, int64_t last);
bool trial_same(const trial *left, const trial *right);

#ifdef __cplusplus
}
#endif
#endif
