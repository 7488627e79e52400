#include "Arena.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

/* In front of every block, as long as the alignment. */
typedef struct block_header {
  void *next;
} block_header;

void *descent_arena_take(descent_arena *arena, int64_t count, size_t size) {
  size_t bytes;
  if (count < 0 || __builtin_mul_overflow((size_t)(count > 0 ? count : 1), size, &bytes) || bytes > PTRDIFF_MAX / 2)
    return NULL;
  bytes = (bytes + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  block_header *block = aligned_alloc(ALIGNMENT, bytes);
  if (!block)
    return NULL;
  memset(block, 0, bytes);
  block->next = arena->blocks;
  arena->blocks = block;
  return (char *)block + ALIGNMENT;
}

void descent_arena_release(descent_arena *arena) {
  while (arena->blocks) {
    block_header *block = arena->blocks;
    arena->blocks = block->next;
    free(block);
  }
}
