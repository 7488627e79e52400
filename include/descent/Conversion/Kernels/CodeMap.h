// The numbers that 8-bit codes stand for: bitsandbytes' dynamic map (arXiv 2110.02861).
#ifndef DESCENT_CONVERSION_KERNELS_CODEMAP_H
#define DESCENT_CONVERSION_KERNELS_CODEMAP_H

#include "descent/Dialect/Plan/IR/Plan.h"

#include <vector>

namespace descent::plan {

/// Seven decades e of [0.1, 1] * 10^(e - 6), in 2^e equal bins each (twice as many if unsigned), whose middles are the
/// magnitudes of codes; and 0 and 1. Positive magnitudes are numbered from 1; 0 has number 0.
class CodeMap {
public:
  explicit CodeMap(CodeSign sign) : isSigned(sign == CodeSign::Signed) {}

  /// What each code stands for. Signed codes have no -1.
  std::vector<float> getNumbers() const;
  /// Entry k: a magnitude is nearer to number k + 1 than to number k when it exceeds this. Padded to a power of two.
  std::vector<float> getThresholds() const;
  int64_t getZero() const { return isSigned ? 127 : 0; }

  /// A line slope * y + offset, for each decade.
  struct Line {
    float slope, offset;
  };
  /// For a magnitude y, the least of these lines, rounded down, is the number of its code or one less: each gives the
  /// number in its own decade, less a quarter of a code, and more in others. What the boundaries between decades are
  /// off is less than that quarter.
  std::vector<Line> getLines() const;

  /// The same for tables of 32 words, from the upper half of an f32: exponent and 7 bits of the mantissa. Keys count
  /// such halves from that of 2^-23, which is less than every threshold. Cell (key + shifts[key >> 7]) >> 7 holds the
  /// keys of one binade and one decade, and (slopes[cell] * key + offsets[cell]) >> 8 is the number, modulo 2^16.
  struct Cells {
    static constexpr int kBits = 7, kFirst = (127 - 23) << kBits, kBinades = 24;
    std::vector<uint16_t> shifts, slopes, offsets;
  };
  Cells getCells() const;

  bool isSigned;

private:
  static constexpr int kDecades = 7;
  int64_t getBins(int decade) const { return int64_t(isSigned ? 1 : 2) << decade; }
  int64_t getFirstNumber(int decade) const { return isSigned ? getBins(decade) : getBins(decade) - 1; }
  std::vector<float> getMagnitudes() const;
  int getKey(float magnitude) const;
};

} // namespace descent::plan

#endif // DESCENT_CONVERSION_KERNELS_CODEMAP_H
