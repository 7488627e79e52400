/* The linker wraps the runtime's allocations (--wrap), so that a test can count them and make them fail. */
#ifndef DESCENT_TEST_RUNTIME_ALLOCATION_H
#define DESCENT_TEST_RUNTIME_ALLOCATION_H

#include <stdint.h>

int64_t allocations_so_far(void);

/* The allocation after `allowed` further ones fails, and all after it; negative: none does. */
void fail_allocations_after(int64_t allowed);

#endif
