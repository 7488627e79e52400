#include "Allocation.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

static _Atomic int64_t allocations;
static _Atomic int64_t last_allowed = INT64_MAX;

int64_t allocations_so_far(void) { return allocations; }

void fail_allocations_after(int64_t allowed) { last_allowed = allowed < 0 ? INT64_MAX : allocations + allowed; }

static bool is_allowed(void) { return atomic_fetch_add(&allocations, 1) < last_allowed; }

void *__wrap_malloc(size_t bytes) { return is_allowed() ? __real_malloc(bytes) : NULL; }

void *__wrap_calloc(size_t count, size_t size) { return is_allowed() ? __real_calloc(count, size) : NULL; }

void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return is_allowed() ? __real_aligned_alloc(alignment, bytes) : NULL;
}
