/* Matrices over the lanes of a warp.
 *
 * mma.sync of 16-bit factors, as PTX lays its registers out over the lanes of a warp. Lane 4 g + t has, of pairs of
 * neighbours along k: of the left factor rows g and g + 8, columns 2 t and 2 t + 8; of the right one column g, rows 2 t
 * and 2 t + 8; and of the sum rows g and g + 8, columns 2 t and 2 t + 1. */
#include "Lanes.h"

#include <math.h>
#include <string.h>

enum { ROWS = 16, COLS = 8, MOST_K = 16 };

void descent_sim_product(descent_sim_thread *thread, const char *where, uint32_t *words, int32_t k, int32_t factor) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->where = where;
  lane->words = words;
  lane->k = k;
  lane->factor = factor;
  descent_sim_wait(lane, DESCENT_SIM_AT_PRODUCT);
}

static float from_bf16(uint16_t bits) {
  const uint32_t word = (uint32_t)bits << 16;
  float number;
  memcpy(&number, &word, sizeof(number));
  return number;
}

static float from_f16(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float sign = bits >> 15 ? -1.0f : 1.0f;
  if (exponent == 31)
    return mantissa ? NAN : sign * INFINITY;
  return sign * (exponent ? ldexpf((float)(mantissa + 1024), exponent - 25) : ldexpf((float)mantissa, -24));
}

float descent_sim_widen(uint16_t bits, int32_t factor) {
  return factor == DESCENT_SIM_BF16 ? from_bf16(bits) : from_f16(bits);
}

/* The half of a register that has the lower or the upper neighbour. */
static float get_half(uint32_t word, int upper, int32_t factor) {
  return descent_sim_widen((uint16_t)(word >> (16 * upper)), factor);
}

typedef struct factors {
  float left[ROWS][MOST_K], right[MOST_K][COLS];
} factors;

static void gather(const descent_sim_lane *lane, int group, int place, factors *both) {
  const int halves = lane->k / 8; /* of 8 along k */
  for (int h = 0; h < halves; ++h)
    for (int upper = 0; upper < 2; ++upper) {
      const int k = 8 * h + 2 * place + upper;
      both->left[group][k] = get_half(lane->words[2 * h], upper, lane->factor);
      both->left[group + 8][k] = get_half(lane->words[2 * h + 1], upper, lane->factor);
      both->right[k][group] = get_half(lane->words[2 * halves + h], upper, lane->factor);
    }
}

static void add_products(const descent_sim_lane *lane, int group, int place, const factors *both) {
  uint32_t *sums = &lane->words[3 * (lane->k / 8)];
  for (int i = 0; i < 4; ++i) {
    const int row = group + 8 * (i / 2), col = 2 * place + i % 2;
    float sum;
    memcpy(&sum, &sums[i], sizeof(sum));
    for (int k = 0; k < lane->k; ++k)
      sum += both->left[row][k] * both->right[k][col]; /* the product is exact */
    memcpy(&sums[i], &sum, sizeof(sum));
  }
}

void descent_sim_multiply(descent_sim_lane *warp) {
  factors both;
  for (int lane = 0; lane < DESCENT_SIM_WARP; ++lane)
    gather(&warp[lane], lane / 4, lane % 4, &both);
  for (int lane = 0; lane < DESCENT_SIM_WARP; ++lane)
    add_products(&warp[lane], lane / 4, lane % 4, &both);
}

void descent_sim_load_matrices(descent_sim_thread *thread, const char *where, const void *row, uint32_t *words,
                               int32_t matrices, int32_t transposed) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  if (thread->thread % DESCENT_SIM_WARP < 8 * matrices) {
    descent_sim_access(thread, where, row, sizeof(lane->row), sizeof(lane->row), DESCENT_SIM_WORKGROUP);
    memcpy(lane->row, row, sizeof(lane->row));
  }
  lane->where = where;
  lane->words = words;
  lane->matrices = matrices;
  lane->transposed = transposed;
  descent_sim_wait(lane, DESCENT_SIM_AT_MATRICES);
}

/* Lane 4 i + j gets entries 2 j and 2 j + 1 of row, or column, i. */
void descent_sim_hand_out_matrices(descent_sim_lane *warp) {
  for (int l = 0; l < DESCENT_SIM_WARP; ++l)
    for (int m = 0; m < warp[l].matrices; ++m) {
      const descent_sim_lane *rows = &warp[8 * m];
      const int i = l / 4, j = 2 * (l % 4);
      const uint16_t low = warp[l].transposed ? rows[j].row[i] : rows[i].row[j];
      const uint16_t high = warp[l].transposed ? rows[j + 1].row[i] : rows[i].row[j + 1];
      warp[l].words[m] = low | (uint32_t)high << 16;
    }
}
