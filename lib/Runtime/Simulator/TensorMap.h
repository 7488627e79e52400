/* Tensor maps of the simulated device: which matrix in global memory boxes are copied from and to. Those of a real one
 * are opaque, and have as many bytes. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_TENSORMAP_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_TENSORMAP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct descent_sim_tensor_map {
  uint64_t mark; /* of a map that was sealed */
  void *data;
  int64_t rows, cols, row_bytes; /* row_bytes: from one row to the next */
  uint32_t element_bytes, box_rows, box_cols;
  uint32_t swizzle; /* bytes of a box's row in workgroup memory whose parts are permuted: 0, 32, 64 or 128 */
  uint64_t reserved[9];
} descent_sim_tensor_map;

_Static_assert(sizeof(descent_sim_tensor_map) == 128, "as many bytes as CUDA's");

/* Makes a map of one whose other fields are set. Returns what is wrong with it, as no driver makes such a map; else
 * null. */
const char *descent_sim_seal_map(descent_sim_tensor_map *map);

bool descent_sim_is_map(const descent_sim_tensor_map *map);

#endif
