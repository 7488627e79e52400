/* The tiles of a stage. */
#include "Plan.h"

#include <math.h>

static int64_t ceil_divide(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Blocks of equal size, `most` at most except for rounding; of nothing, too, a block would have a size. */
static int64_t block_size(int64_t size, int64_t most, int64_t multiple) {
  if (size == 0)
    return multiple;
  return ceil_divide(ceil_divide(size, ceil_divide(size, most)), multiple) * multiple;
}

bool descent_make_grid(const descent_domain *domain, int64_t rows, int64_t cols, descent_grid *grid) {
  *grid = (descent_grid){rows, cols, rows, cols, 1, 1, domain->triangle != 0};
  const int64_t row_multiple = domain->row_multiple ? domain->row_multiple : 1;
  const int64_t col_multiple = domain->col_multiple ? domain->col_multiple : 16;
  grid->col_block = block_size(cols, domain->tile_cols > 0 ? domain->tile_cols : cols, col_multiple);
  int64_t most_rows = domain->tile_elements / grid->col_block;
  if (domain->tile_rows > 0)
    most_rows = least(most_rows, domain->tile_rows);
  grid->row_block = block_size(rows, most_rows > 1 ? most_rows : 1, row_multiple);
  if (grid->triangle)
    grid->col_block = grid->row_block;
  grid->col_blocks = ceil_divide(cols, grid->col_block);
  grid->row_blocks = ceil_divide(rows, grid->row_block);
  int64_t tiles;
  return !__builtin_mul_overflow(grid->row_blocks, grid->col_blocks, &tiles);
}

int64_t descent_num_tiles(const descent_grid *grid) {
  if (grid->triangle)
    return grid->row_blocks % 2 ? (grid->row_blocks + 1) / 2 * grid->row_blocks
                                : grid->row_blocks / 2 * (grid->row_blocks + 1);
  return grid->row_blocks * grid->col_blocks;
}

/* row (row - 1) / 2 tiles lie below the diagonal in the rows of blocks before `row`. */
static void find_in_triangle(const descent_grid *grid, int64_t index, int64_t *row, int64_t *col) {
  const int64_t below = descent_num_tiles(grid) - grid->row_blocks;
  if (index >= below) {
    *row = *col = index - below;
    return;
  }
  *row = (int64_t)((1.0 + sqrt(8.0 * (double)index + 1.0)) / 2.0);
  while (*row * (*row - 1) / 2 > index)
    --*row;
  while (*row * (*row + 1) / 2 <= index)
    ++*row;
  *col = index - *row * (*row - 1) / 2;
}

descent_tile descent_get_tile(const descent_grid *grid, int64_t index) {
  int64_t row = index / grid->col_blocks, col = index % grid->col_blocks;
  if (grid->triangle)
    find_in_triangle(grid, index, &row, &col);
  return (descent_tile){row * grid->row_block,
                        least((row + 1) * grid->row_block, grid->rows),
                        col * grid->col_block,
                        least((col + 1) * grid->col_block, grid->cols),
                        row,
                        col,
                        grid->rows,
                        index};
}
