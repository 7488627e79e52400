/* Grids of products: multiples, limits, triangles; and the panels that a factor gets. */
#include "Check.h"
#include "Plan.h"

static void sides_are_multiples(void) {
  const descent_domain domain = {DESCENT_ROWS, DESCENT_COLS, 256, 256 * 96, 96, 8, 32, DESCENT_LONG, 0};
  descent_grid grid;
  CHECK(descent_make_grid(&domain, 770, 1000, &grid));
  CHECK(grid.row_block == 88 && grid.row_blocks == 9); /* 9 blocks of 86, rounded up */
  CHECK(grid.col_block == 256 && grid.col_blocks == 4);
  CHECK(descent_make_grid(&domain, 770, 20, &grid));
  CHECK(grid.row_block == 88 && grid.col_block == 32 && grid.col_blocks == 1); /* narrow tiles are no taller */
  CHECK(descent_make_grid(&domain, 5, 0, &grid) && descent_num_tiles(&grid) == 0);
}

/* Below the diagonal row by row, then the diagonal; together they and their mirror images are all there is. */
static void check_triangle(int64_t size) {
  const descent_domain domain = {DESCENT_SHORT, DESCENT_SHORT, 96, 96 * 96, 96, 32, 32, DESCENT_LONG, 1};
  descent_grid grid;
  CHECK(descent_make_grid(&domain, size, size, &grid) && grid.row_block == grid.col_block);
  const int64_t blocks = grid.row_blocks, tiles = descent_num_tiles(&grid);
  CHECK(tiles == blocks * (blocks + 1) / 2);
  int64_t row = 1, col = 0, entries = 0;
  for (int64_t t = 0; t < tiles; ++t) {
    const descent_tile tile = descent_get_tile(&grid, t);
    const bool diagonal = t >= tiles - blocks;
    if (diagonal)
      row = col = t - (tiles - blocks);
    CHECK(tile.index == t && tile.row_block == row && tile.col_block == col);
    CHECK(tile.row_begin == row * grid.row_block && tile.row_end <= size && tile.col_end <= size);
    entries += (tile.row_end - tile.row_begin) * (tile.col_end - tile.col_begin) * (diagonal ? 1 : 2);
    if (!diagonal && ++col == row)
      ++row, col = 0;
  }
  CHECK(entries == size * size);
}

static void a_triangle_and_its_image_are_the_square(void) {
  for (int64_t size = 0; size < 700; size += 13)
    check_triangle(size);
  check_triangle(20000);
}

static void panels_are_there_where_they_pay(void) {
  static const descent_buffer_desc buffers[] = {{DESCENT_BUFFER_WORKER,
                                                 0,
                                                 {DESCENT_COUNT_EXTENT, DESCENT_LONG},
                                                 {DESCENT_COUNT_EXTENT, DESCENT_SHORT},
                                                 4,
                                                 32,
                                                 16,
                                                 1,
                                                 DESCENT_SHORT},
                                                {DESCENT_BUFFER_WORKER,
                                                 0,
                                                 {DESCENT_COUNT_EXTENT, DESCENT_LONG},
                                                 {DESCENT_COUNT_EXTENT, DESCENT_SHORT},
                                                 2,
                                                 32,
                                                 32,
                                                 0,
                                                 0}};
  const descent_track track = {.num_buffers = 2, .buffers = buffers};
  descent_scratch scratches[2];
  descent_entry entry = {.track = &track, .rows = 1001, .cols = 1003, .scratches = scratches};
  CHECK(descent_lay_out_entry(&entry));
  CHECK(scratches[0].rows == 1024 && scratches[0].cols == 1008 && scratches[0].row_stride >= 1008);
  CHECK(scratches[1].rows == 1024 && scratches[1].cols == 1024);
  entry.rows = 50; /* it fits in a cache, where products read it as it lies */
  CHECK(descent_lay_out_entry(&entry) && scratches[0].rows == 0 && scratches[1].rows == 1024);
}

void test_grids(void) {
  RUN(sides_are_multiples);
  RUN(a_triangle_and_its_image_are_the_square);
  RUN(panels_are_there_where_they_pay);
}
