#include "Product.h"

#include <algorithm>

using namespace gpt;

// One tile of the result stays in registers while the inner index runs: tileRows x 2 vectors of accumulators. With
// AVX-512 that is 16 of 32 registers, with AVX2 12 of 16.
#if defined(__AVX512F__)
static constexpr int vectorBytes = 64, tileRows = 8;
#else
static constexpr int vectorBytes = 32, tileRows = 6;
#endif

/// Rows of the result per task of the pool: whole tiles, and enough tasks for the small matrices of this model.
static constexpr int64_t taskRows = 4 * tileRows;

namespace {
template <class T> struct Tile {
  typedef T Vector __attribute__((vector_size(vectorBytes), aligned(sizeof(T)), may_alias));
  static constexpr int lanes = vectorBytes / sizeof(T);
  static constexpr int cols = 2 * lanes;
};
} // namespace

/// Copies columns [panel * Tile::cols, ...) of b so that the inner index runs through memory; missing columns are 0.
template <class T> static void packPanel(const Factor<T> &b, int64_t panel, T *packed) {
  constexpr int64_t width = Tile<T>::cols;
  int64_t begin = panel * width, cols = std::min(width, b.cols - begin);
  const T *source = b.data + begin * b.colStride;
  if (cols < width)
    std::fill(packed, packed + b.rows * width, T(0));
  if (b.colStride == 1) {
    for (int64_t k = 0; k < b.rows; ++k)
      std::copy_n(source + k * b.rowStride, cols, packed + k * width);
    return;
  }
  for (int64_t k = 0; k < b.rows; ++k)
    for (int64_t j = 0; j < cols; ++j)
      packed[k * width + j] = source[k * b.rowStride + j * b.colStride];
}

/// out[i] = sum over k of a(row + i, k) panel(k, :). Rows past the end repeat the last one and are not stored.
template <class T>
static void multiplyTile(const Factor<T> &a, int64_t row, const T *panel, T (&out)[tileRows][Tile<T>::cols]) {
  using Vector = typename Tile<T>::Vector;
  constexpr int lanes = Tile<T>::lanes;
  const T *rows[tileRows];
  for (int i = 0; i < tileRows; ++i)
    rows[i] = a.data + std::min<int64_t>(row + i, a.rows - 1) * a.rowStride;
  Vector left[tileRows] = {}, right[tileRows] = {};
  for (int64_t k = 0; k < a.cols; ++k) {
    Vector b0 = *reinterpret_cast<const Vector *>(panel + k * 2 * lanes);
    Vector b1 = *reinterpret_cast<const Vector *>(panel + k * 2 * lanes + lanes);
#pragma GCC unroll 8
    for (int i = 0; i < tileRows; ++i) {
      T factor = rows[i][k * a.colStride];
      left[i] += factor * b0;
      right[i] += factor * b1;
    }
  }
  for (int i = 0; i < tileRows; ++i) {
    *reinterpret_cast<Vector *>(out[i]) = left[i];
    *reinterpret_cast<Vector *>(out[i] + lanes) = right[i];
  }
}

/// Writes, or adds, the part of a tile that lies within the result.
template <class T>
static void storeTile(const Destination<T> &destination, int64_t row, int64_t rows, int64_t col, int64_t cols,
                      const T (&tile)[tileRows][Tile<T>::cols]) {
  for (int64_t i = 0; i < rows; ++i) {
    T *target = destination.data + (row + i) * destination.stride + col;
    for (int64_t j = 0; j < cols; ++j)
      target[j] = destination.add ? target[j] + tile[i][j] : tile[i][j];
  }
}

/// Rows [begin, end) of the result, all panels.
template <class T>
static void multiplyRows(const Factor<T> &a, int64_t bCols, const Destination<T> &destination, const T *panels,
                         int64_t begin, int64_t end) {
  constexpr int64_t width = Tile<T>::cols;
  alignas(vectorBytes) T tile[tileRows][width];
  for (int64_t col = 0; col < bCols; col += width)
    for (int64_t row = begin; row < end; row += tileRows) {
      multiplyTile(a, row, panels + col * a.cols, tile);
      storeTile(destination, row, std::min<int64_t>(tileRows, end - row), col, std::min(width, bCols - col), tile);
    }
}

template <class T> static int64_t panelCount(const Factor<T> &b) {
  return (b.cols + Tile<T>::cols - 1) / Tile<T>::cols;
}

template <class T> void gpt::multiply(Factor<T> a, Factor<T> b, Destination<T> destination, Buffer<T> &panels) {
  int64_t panelSize = b.rows * Tile<T>::cols;
  panels.reserve(panelCount(b) * panelSize);
  for (int64_t panel = 0; panel < panelCount(b); ++panel)
    packPanel(b, panel, panels.data() + panel * panelSize);
  multiplyRows(a, b.cols, destination, panels.data(), 0, a.rows);
}

template <class T>
void gpt::multiply(ThreadPool &pool, Factor<T> a, Factor<T> b, Destination<T> destination, Buffer<T> &panels) {
  int64_t panelSize = b.rows * Tile<T>::cols;
  panels.reserve(panelCount(b) * panelSize);
  pool.forEach(panelCount(b), [&](int64_t panel, int64_t) { packPanel(b, panel, panels.data() + panel * panelSize); });
  pool.forEach((a.rows + taskRows - 1) / taskRows, [&](int64_t task, int64_t) {
    multiplyRows(a, b.cols, destination, panels.data(), task * taskRows, std::min(a.rows, (task + 1) * taskRows));
  });
}

template void gpt::multiply(Factor<float>, Factor<float>, Destination<float>, Buffer<float> &);
template void gpt::multiply(Factor<double>, Factor<double>, Destination<double>, Buffer<double> &);
template void gpt::multiply(ThreadPool &, Factor<float>, Factor<float>, Destination<float>, Buffer<float> &);
template void gpt::multiply(ThreadPool &, Factor<double>, Factor<double>, Destination<double>, Buffer<double> &);
