#include "TensorMap.h"

#include <stddef.h>

static const uint64_t MARK = UINT64_C(0x70616D20726F736E); /* "nsor map" */

enum { MOST_BOX = 256 }; /* rows or columns */

/* As cuTensorMapEncodeTiled wants it. A box as wide as its swizzle is all that is simulated: what a narrower one leaves
 * between its rows is not documented. */
static const char *find_problem(const descent_sim_tensor_map *map) {
  const int64_t most_row_bytes = INT64_C(1) << 40, most_size = INT64_C(1) << 32;
  const int64_t box_bytes = (int64_t)map->box_cols * map->element_bytes;
  const uint32_t element = map->element_bytes, swizzle = map->swizzle;
  if (element != 1 && element != 2 && element != 4 && element != 8)
    return "its elements have no 1, 2, 4 or 8 bytes";
  if (map->rows < 1 || map->rows > most_size || map->cols < 1 || map->cols > most_size)
    return "it has no rows or no columns, or more than 2^32";
  if (!map->data || (uintptr_t)map->data % 16 != 0)
    return "its address is no multiple of 16";
  const bool is_pitched =
      map->row_bytes % 16 == 0 && map->row_bytes < most_row_bytes && map->row_bytes >= map->cols * element;
  if (map->rows > 1 && !is_pitched)
    return "its rows do not begin multiples of 16 bytes apart, or overlap";
  if (map->box_rows < 1 || map->box_rows > MOST_BOX || map->box_cols < 1 || map->box_cols > MOST_BOX)
    return "its box has not 1 to 256 rows and columns";
  if (box_bytes % 16 != 0)
    return "a row of its box is no multiple of 16 bytes";
  if (swizzle != 0 && swizzle != 32 && swizzle != 64 && swizzle != 128)
    return "its swizzle is not of 0, 32, 64 or 128 bytes";
  if (swizzle != 0 && box_bytes != swizzle)
    return "a row of its box is not as long as its swizzle";
  return NULL;
}

const char *descent_sim_seal_map(descent_sim_tensor_map *map) {
  const char *problem = find_problem(map);
  map->mark = problem ? 0 : MARK;
  return problem;
}

bool descent_sim_is_map(const descent_sim_tensor_map *map) { return map->mark == MARK; }
