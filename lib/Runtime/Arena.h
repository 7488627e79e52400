/* Memory that is released together. */
#ifndef DESCENT_LIB_RUNTIME_ARENA_H
#define DESCENT_LIB_RUNTIME_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct descent_arena {
  void *blocks;
} descent_arena;

/* `count` zeroed objects of `size` bytes, aligned to a cache line; null when memory lacks. None is one. */
void *descent_arena_take(descent_arena *arena, int64_t count, size_t size);
void descent_arena_release(descent_arena *arena);

#endif
