#include "Check.h"

#include <stdio.h>
#include <string.h>

static int failures_here, tests_failed;

bool check_that(bool held, const char *condition, const char *file, int line) {
  if (!held) {
    ++failures_here;
    printf("%s:%d: does not hold: %s\n", file, line, condition);
  }
  return held;
}

void check_refused(int32_t code, int32_t wanted, const descent_error *error, const char *const *texts, const char *file,
                   int line) {
  bool held = code == wanted && error->code == wanted;
  for (; *texts; ++texts)
    held = held && strstr(error->message, *texts);
  if (held)
    return;
  ++failures_here;
  printf("%s:%d: code %d, message '%s', but code %d was wanted\n", file, line, code, error->message, wanted);
}

void run_test(void (*test)(void), const char *name) {
  failures_here = 0;
  test();
  tests_failed += failures_here > 0;
  printf("%s %s\n", failures_here > 0 ? "FAIL" : "PASS", name);
  fflush(stdout);
}

int failed_tests(void) { return tests_failed; }

int main(void) {
  test_layers();
  test_states();
  test_profile();
  test_steps();
  test_choices();
  test_device();
  test_products();
  test_cublas();
  test_numbers();
  test_scratch();
  test_tiles();
  test_grids();
  test_threads();
  test_cuda();
  test_capture();
  test_simulator();
  return failed_tests() > 0;
}
