/* Two optimizers in one program, stepped one after the other and then at once. C11, and C++17 with the same text. */
#include "Trial.h"
#include "guarded.h"

#include <pthread.h>

enum { STEPS = 20 };

static void *run(void *argument) {
  trial_run((trial *)argument, 1, STEPS);
  return 0;
}

int main(void) {
  const trial_optimizer model = TRIAL_OPTIMIZER(model), guarded = TRIAL_OPTIMIZER(guarded);
  trial alone[3], together[3];
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) {
    trial *const both[] = {&alone[i], &together[i]};
    for (int j = 0; j < 2; ++j)
      *both[j] = i < 2 ? trial_begin(&model, MODEL_GROUP_HIDDEN, MODEL_GROUP_REST, 1 + i)
                       : trial_begin(&guarded, GUARDED_GROUP_HIDDEN, GUARDED_GROUP_REST, 1);
    run(&alone[i]);
  }
  for (int i = 0; i < 3; ++i)
    CHECK(pthread_create(&threads[i], 0, run, &together[i]) == 0);
  for (int i = 0; i < 3; ++i)
    CHECK(pthread_join(threads[i], 0) == 0);
  for (int i = 0; i < 3; ++i)
    CHECK(trial_same(&alone[i], &together[i]));
  CHECK(trial_same(&alone[0], &alone[1]) && !trial_same(&alone[0], &alone[2]));
  const descent_step step = trial_step(1);
  descent_error error;
  error.size = sizeof(error);
  CHECK(guarded_step(alone[0].plan, &step, 0, &error) == DESCENT_INVALID_ARGUMENT);
  for (int i = 0; i < 3; ++i) {
    trial_end(&alone[i]);
    trial_end(&together[i]);
  }
  return trial_result();
}
