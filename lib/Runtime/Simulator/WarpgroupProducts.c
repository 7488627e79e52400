/* wgmma.mma_async: factors in workgroup memory that matrix descriptors describe, in the layouts of PTX.
 *
 * Memory is in pieces of 16 bytes: 8 neighbours. Eight lines of a factor are a core matrix, each as long as the
 * swizzle, or one piece without. Along the inner dimension (K-major), a line is of a row of the left factor or a column
 * of the right one; else (MN-major) of what has one place of the inner dimension. */
#include "Warpgroups.h"

#include "Pipelines.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS = 64, INNER = 16, MOST_COLS = 256, PIECE = 16, PIECE_NUMBERS = 8, LINES = 8 };

typedef struct descriptor {
  uintptr_t start; /* in workgroup memory */
  uint32_t leading, stride;
  uint32_t swizzle; /* bytes of a line, or 0 */
  uint32_t line;    /* bytes of a line */
  bool is_inner;    /* neighbours are along the inner dimension */
} descriptor;

/* A field of 14 bits has an address or a distance without its last four bits. */
static uint32_t get_bytes(uint64_t bits, int shift) { return (uint32_t)(bits >> shift & 0x3FFF) << 4; }

static const char *find_problem(uint64_t bits, const descriptor *at) {
  const uint64_t known = UINT64_C(0xC00E3FFF3FFF3FFF), base_offset = bits >> 49 & 7;
  const uint32_t pattern = at->swizzle * LINES;
  if (bits & ~known)
    return "sets bits that have no meaning";
  if (base_offset != 0)
    return "has a base offset, which the simulator does not know";
  if (at->swizzle != 0 && at->start % pattern >= at->swizzle)
    return "does not begin in the first line of its swizzle's pattern";
  if (at->stride == 0)
    return "has a stride of 0 bytes";
  if (!at->is_inner && at->leading == 0)
    return "has a leading distance of 0 bytes";
  return NULL;
}

static const char *decode(const descent_simulator *simulator, uint64_t bits, bool is_inner, descriptor *at) {
  static const uint32_t swizzles[] = {0, 128, 64, 32};
  at->start = (uintptr_t)simulator->workgroup + get_bytes(bits, 0);
  at->leading = get_bytes(bits, 16);
  at->stride = get_bytes(bits, 32);
  at->swizzle = swizzles[bits >> 62];
  at->line = at->swizzle ? at->swizzle : PIECE;
  at->is_inner = is_inner;
  return find_problem(bits, at);
}

/* Where eight neighbours lie: of line `line`, the piece `piece`. */
static const char *find_piece(const descriptor *at, uint32_t line, uint32_t piece) {
  const uint32_t pieces = at->line / PIECE, far_line = line / LINES, near_line = line % LINES;
  uintptr_t place = at->start + near_line * at->line;
  if (at->is_inner) /* two pieces; without a swizzle, `leading` apart */
    place += far_line * at->stride + (at->swizzle ? piece * PIECE : piece * at->leading);
  else if (at->swizzle)
    place += far_line * at->stride + piece / pieces * at->leading + piece % pieces * PIECE;
  else
    place += far_line * at->leading + piece * at->stride;
  return (const char *)descent_sim_swizzle(place, at->swizzle);
}

/* A factor as numbers[inner][other]. */
typedef struct factor {
  float numbers[INNER][MOST_COLS];
} factor;

static bool read_piece(descent_sim_lane *warpgroup, const descent_sim_actor *actor, const char *piece,
                       uint16_t *numbers) {
  const descent_sim_finding finding =
      descent_shadow_access(warpgroup->simulator->memory, actor, piece, PIECE, /*store=*/false);
  if (finding.fault != DESCENT_SIM_FINE) {
    descent_sim_report(warpgroup, actor->where, finding, PIECE, /*store=*/false);
    return false;
  }
  memcpy(numbers, piece, PIECE);
  return true;
}

static bool read_factor(descent_sim_lane *warpgroup, const descent_sim_actor *actor, const descriptor *at,
                        uint32_t size, int32_t type, factor *read) {
  const uint32_t lines = at->is_inner ? size : INNER, pieces = (at->is_inner ? INNER : size) / PIECE_NUMBERS;
  for (uint32_t line = 0; line < lines; ++line)
    for (uint32_t piece = 0; piece < pieces; ++piece) {
      uint16_t numbers[PIECE_NUMBERS];
      if (!read_piece(warpgroup, actor, find_piece(at, line, piece), numbers))
        return false;
      for (uint32_t i = 0; i < PIECE_NUMBERS; ++i) {
        const uint32_t along = piece * PIECE_NUMBERS + i, inner = at->is_inner ? along : line;
        read->numbers[inner][at->is_inner ? line : along] = descent_sim_widen(numbers[i], type);
      }
    }
  return true;
}

/* A thread's number i is of the row and the column that PTX gives it. */
static float *find_sum(descent_sim_lane *warpgroup, int32_t row, int32_t col) {
  const int32_t warp = row / 16, group = row % 8, lower = row / 8 % 2;
  descent_sim_lane *lane = &warpgroup[warp * DESCENT_SIM_WARP + 4 * group + col % 8 / 2];
  return &lane->request.sum[col / 8 * 4 + 2 * lower + col % 2];
}

/* Adds products to the sum in the order of the inner dimension, each addition rounded to f32. */
static void add_row(descent_sim_lane *warpgroup, int32_t row, const factor *left, const factor *right, float sign) {
  const int32_t cols = warpgroup->request.cols;
  const bool is_fresh = (warpgroup->request.flags & DESCENT_SIM_FRESH_SUM) != 0;
  float sums[MOST_COLS];
  for (int32_t col = 0; col < cols; ++col)
    sums[col] = is_fresh ? 0 : *find_sum(warpgroup, row, col);
  for (int32_t k = 0; k < INNER; ++k) {
    const float number = sign * left->numbers[k][row];
    for (int32_t col = 0; col < cols; ++col)
      sums[col] += number * right->numbers[k][col];
  }
  for (int32_t col = 0; col < cols; ++col)
    *find_sum(warpgroup, row, col) = sums[col];
}

/* False after a fault. */
static bool load_factor(descent_sim_lane *warpgroup, const descent_sim_actor *actor, bool is_left, factor *read) {
  const descent_sim_warpgroup_request *request = &warpgroup->request;
  const int32_t outer = is_left ? DESCENT_SIM_LEFT_ROWS : DESCENT_SIM_RIGHT_COLS;
  descriptor at;
  const char *problem =
      decode(warpgroup->simulator, is_left ? request->left : request->right, !(request->flags & outer), &at);
  if (problem) {
    descent_sim_fail(warpgroup->simulator, warpgroup, "has a matrix descriptor of its %s factor that %s",
                     is_left ? "left" : "right", problem);
    return false;
  }
  const int32_t type = request->flags & DESCENT_SIM_FACTORS_F16 ? DESCENT_SIM_F16 : DESCENT_SIM_BF16;
  return read_factor(warpgroup, actor, &at, is_left ? ROWS : (uint32_t)request->cols, type, read);
}

void descent_sim_compute_product(descent_sim_lane *warpgroup, const descent_sim_actor *actor) {
  const int32_t flags = warpgroup->request.flags;
  const float sign = (flags & DESCENT_SIM_NEGATED_LEFT ? -1.0f : 1.0f) * (flags & DESCENT_SIM_NEGATED_RIGHT ? -1 : 1);
  factor left, right;
  if (!load_factor(warpgroup, actor, true, &left) || !load_factor(warpgroup, actor, false, &right))
    return;
  for (int32_t row = 0; row < ROWS; ++row)
    add_row(warpgroup, row, &left, &right, sign);
}
