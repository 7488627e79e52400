/* A test is a function; one line a test says how it went. */
#ifndef DESCENT_TEST_RUNTIME_CHECK_H
#define DESCENT_TEST_RUNTIME_CHECK_H

#include "descent/Runtime/artifact.h"

#include <stdbool.h>

#define CHECK(condition) check_that(condition, #condition, __FILE__, __LINE__)
#define RUN(test) run_test(test, #test)

bool check_that(bool held, const char *condition, const char *file, int line);
void run_test(void (*test)(void), const char *name);
int failed_tests(void);

/* The call failed with `wanted`, and its message has every one of the texts (a null ends them). */
#define CHECK_REFUSED(code, wanted, error, ...)                                                                        \
  check_refused(code, wanted, error, (const char *const[]){__VA_ARGS__, 0}, __FILE__, __LINE__)
void check_refused(int32_t code, int32_t wanted, const descent_error *error, const char *const *texts, const char *file,
                   int line);

void test_capture(void);
void test_cublas(void);
void test_cuda(void);
void test_products(void);
void test_layers(void);
void test_states(void);
void test_profile(void);
void test_steps(void);
void test_choices(void);
void test_device(void);
void test_numbers(void);
void test_scratch(void);
void test_tiles(void);
void test_grids(void);
void test_threads(void);
void test_simulator(void);

#endif
