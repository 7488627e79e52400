#ifndef GPT_PRODUCT_H
#define GPT_PRODUCT_H

#include "Buffer.h"
#include "Threads.h"

namespace gpt {

/// A factor of a product: element (i, j) is data[i * rowStride + j * colStride].
template <class T> struct Factor {
  const T *data;
  int64_t rows, cols, rowStride, colStride;

  static Factor rowMajor(const T *data, int64_t rows, int64_t cols, int64_t stride) {
    return {data, rows, cols, stride, 1};
  }
  Factor transposed() const { return {data, cols, rows, colStride, rowStride}; }
};

/// Where a product goes: row-major, either overwritten or added to.
template <class T> struct Destination {
  T *data;
  int64_t stride;
  bool add;
};

/// destination = a b. Each element is one sum in the order of the inner index, whoever computes it.
/// `panels` is memory for a copy of b; with a pool, the rows of the result are divided among its workers.
template <class T> void multiply(Factor<T> a, Factor<T> b, Destination<T> destination, Buffer<T> &panels);
template <class T>
void multiply(ThreadPool &pool, Factor<T> a, Factor<T> b, Destination<T> destination, Buffer<T> &panels);

} // namespace gpt

#endif
