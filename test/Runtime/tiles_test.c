/* The grid of tiles is part of what a compiled optimizer computes: reductions follow it. */
#include "Duo.h"

#include <stdlib.h>

typedef struct grid_case {
  int64_t rows, cols, tile_cols, tile_elements;
  int64_t row_block, row_blocks, col_block, col_blocks; /* from the formulas in artifact.h, by hand */
} grid_case;

static const grid_case cases[] = {
    {300, 701, 64, 2048, 30, 10, 64, 11},    /* 11 blocks of 64 columns, 32 rows fit: 10 blocks of 30 */
    {300, 704, 100, 4096, 38, 8, 96, 8},     /* 8 blocks of 88, rounded up to 96; 42 rows fit: 8 blocks of 38 */
    {5, 17, 16, 16, 1, 5, 16, 2},            /* 2 blocks of 9, rounded up to 16 */
    {1000, 1, 1024, 65536, 1000, 1, 16, 1},  /* a column fills no block: 4096 rows fit */
    {10000, 1, 1024, 65536, 3334, 3, 16, 1}, /* 3 blocks of 3334 */
    {7, 1000, 128, 64, 1, 7, 128, 8},        /* a tile has a row at least */
    {4, 130, 128, 1 << 20, 4, 1, 80, 2},     /* 2 blocks of 65, rounded up to 80 */
    {3, 33, 0, 1 << 20, 3, 1, 48, 1},        /* without a width the tile is the row */
};

enum { MOST_TILES = 128 };
static descent_tile seen[MOST_TILES];
static int64_t num_seen, counted_tiles, counted_rows, counted_cols;

static void note_tile(const descent_buffer *buffers, double *slots, const uint32_t *operands, const descent_tile *tile,
                      void *scratch) {
  (void)slots;
  (void)operands;
  CHECK((uintptr_t)scratch % 64 == 0);
  if (num_seen < MOST_TILES)
    seen[num_seen] = *tile;
  ++num_seen;
  counted_tiles = buffers[0].cols;
  counted_rows = buffers[1].rows;
  counted_cols = buffers[1].cols;
  for (int b = 0; b < 2; ++b)
    CHECK((uintptr_t)buffers[b].data % 64 == 0 && buffers[b].row_stride >= buffers[b].cols);
  CHECK(buffers[1].row_stride * 4 % 64 == 0);
}

static void step_through(const grid_case *test) {
  static const descent_buffer_desc buffers[] = {
      {DESCENT_BUFFER_WORKER, 0, {DESCENT_COUNT_EXTENT, DESCENT_ONE}, {DESCENT_COUNT_TILES, 0}, 8},
      {DESCENT_BUFFER_LAYER, 0, {DESCENT_COUNT_ROW_BLOCKS, 0}, {DESCENT_COUNT_COL_BLOCKS, 0}, 4},
  };
  const descent_stage stage = {.name = "note",
                               .domain = {DESCENT_ROWS, DESCENT_COLS, test->tile_cols, test->tile_elements},
                               .kernel_scratch_bytes = 100,
                               .kernel = note_tile};
  const descent_track track = {.name = "tiles",
                               .weight_type = DESCENT_F32,
                               .gradient_type = DESCENT_F32,
                               .updates_state = UINT32_MAX,
                               .num_buffers = 2,
                               .buffers = buffers,
                               .num_stages = 1,
                               .stages = &stage,
                               .nonfinite_slot = UINT32_MAX};
  const descent_artifact artifact = {.size = sizeof(artifact),
                                     .abi_version = DESCENT_ABI_VERSION,
                                     .num_segments = 1,
                                     .name = "tiles",
                                     .num_tracks = 1,
                                     .tracks = &track,
                                     .num_groups = 1,
                                     .guard_segment = UINT32_MAX};
  float *memory = calloc((size_t)(2 * test->rows * test->cols), sizeof(float));
  const descent_layer layer = {.size = sizeof(layer),
                               .name = "noted",
                               .rows = test->rows,
                               .cols = test->cols,
                               .batch = 1,
                               .weight = {memory, test->cols, 0},
                               .gradient = {memory + test->rows * test->cols, test->cols, 0}};
  const descent_plan_options options = plan_options(1);
  const descent_step step = first_step();
  descent_plan *plan = NULL;
  num_seen = 0;
  CHECK(descent_rt_plan_create(&artifact, &layer, 1, &options, &plan, NULL) == DESCENT_OK);
  CHECK(descent_rt_step(&artifact, plan, &step, NULL, NULL) == DESCENT_OK);
  descent_rt_plan_destroy(&artifact, plan);
  free(memory);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static void tiles_follow_the_formulas(void) {
  for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); ++c) {
    const grid_case *test = &cases[c];
    step_through(test);
    if (!CHECK(num_seen == test->row_blocks * test->col_blocks && num_seen <= MOST_TILES))
      continue;
    CHECK(counted_tiles == num_seen && counted_rows == test->row_blocks && counted_cols == test->col_blocks);
    for (int64_t t = 0; t < num_seen; ++t) {
      const int64_t row = t / test->col_blocks, col = t % test->col_blocks;
      CHECK(seen[t].index == t && seen[t].row_block == row && seen[t].col_block == col);
      CHECK(seen[t].row_begin == row * test->row_block && seen[t].col_begin == col * test->col_block);
      CHECK(seen[t].row_end == smaller((row + 1) * test->row_block, test->rows));
      CHECK(seen[t].col_end == smaller((col + 1) * test->col_block, test->cols));
    }
  }
}

void test_tiles(void) { RUN(tiles_follow_the_formulas); }
