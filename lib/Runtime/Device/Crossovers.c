/* Who multiplies matrices of which size: the one place with these numbers. */
#include "DevicePlan.h"

#include <math.h>

typedef struct crossover {
  uint32_t capability; /* of the device, at least; the first line that fits a product decides */
  uint32_t factor_type /* descent_type */, symmetric;
  double from, to; /* sizes that the library does: from this one on, and below that one */
} crossover;

/* The size of a product is the side of a cube with as many multiplications, cbrt(rows cols inner).
 *
 * NONE OF THIS WAS MEASURED with the kernels of this project yet. The numbers are what others have published, until
 * steps of one layer are timed on a device with `products` set to own and to library (docs/cuda.md): the side at which
 * both take the same time then replaces the number here.
 *   from        A tile of the kernel (128; 64 in f64). All smaller layers are one launch of the kernel; the library
 *               takes one for each shape, and each waits for the launch before it.
 *   to, 9.0     X X^T in bf16 on an H100, cuBLAS against a symmetric Triton kernel: 37.2 and 47.6 us at 2048^2, 230.8
 *               and 183.5 us at 4096^2. Times that follow powers of the side are equal at 2900.
 *   to, 8.0     Both have mma.sync. A kernel with two thirds of the library's rate and half of its work wins, once its
 *               triangle has tiles for all of 108 multiprocessors: 14 x 14 tiles of 128. The same for fused
 *               multiply-adds in f32.
 *
 *   INFINITY    The library has no more work than the kernel, or in f64 tensor cores. */
static const crossover crossovers[] = {
    {90, DESCENT_BF16, 1, 128, 2900},     {90, DESCENT_F16, 1, 128, 2900},     {80, DESCENT_BF16, 1, 128, 1792},
    {80, DESCENT_F16, 1, 128, 1792},      {80, DESCENT_F32, 1, 128, 1792},     {80, DESCENT_F64, 1, 64, INFINITY},
    {80, DESCENT_BF16, 0, 128, INFINITY}, {80, DESCENT_F16, 0, 128, INFINITY}, {80, DESCENT_F32, 0, 128, INFINITY},
    {80, DESCENT_F64, 0, 64, INFINITY},
};

bool descent_is_library_faster(const descent_device_product *product, uint32_t capability, int64_t rows, int64_t cols,
                               int64_t inner) {
  const double size = cbrt((double)rows * (double)cols * (double)inner);
  for (size_t i = 0; i < sizeof(crossovers) / sizeof(crossovers[0]); ++i) {
    const crossover *line = &crossovers[i];
    if (capability >= line->capability && product->factor_type == line->factor_type &&
        product->symmetric == line->symmetric)
      return line->from <= size && size < line->to;
  }
  return false;
}
