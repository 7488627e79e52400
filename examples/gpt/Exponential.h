#ifndef GPT_EXPONENTIAL_H
#define GPT_EXPONENTIAL_H

#include <cstdint>
#include <cstring>

namespace gpt {

/// ln 2 is split in two, so that n * ln2High is exact for every n that occurs. Adding `magic` rounds to an integer and
/// leaves it in the low bits. The series ends where the next term is below half a unit in the last place.
template <class T> struct ExponentialTraits;
template <> struct ExponentialTraits<float> {
  using Bits = uint32_t;
  static constexpr int mantissaBits = 23, exponentBias = 127, lastTerm = 7;
  static constexpr float magic = 12582912.0f, lowest = -87.0f, highest = 88.0f;
  static constexpr float ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
};
template <> struct ExponentialTraits<double> {
  using Bits = uint64_t;
  static constexpr int mantissaBits = 52, exponentBias = 1023, lastTerm = 13;
  static constexpr double magic = 6755399441055744.0, lowest = -708.0, highest = 709.0;
  static constexpr double ln2High = 6.93147180369123816490e-01, ln2Low = 1.90821492927058770002e-10;
};

/// 1 + r/k (1 + r/(k+1) (1 + ...)), the Taylor series of exp for k = 1.
template <class T, int k> inline T exponentialSeries(T r) {
  if constexpr (k > ExponentialTraits<T>::lastTerm)
    return T(1);
  else
    return T(1) + r * (T(1) / k) * exponentialSeries<T, k + 1>(r);
}

/// exp(x) = 2^n exp(r), |r| <= ln(2) / 2, with neither calls nor branches: loops over it become vector code. Results
/// stay within the normal numbers; a NaN stays one.
template <class T> inline T exponential(T x) {
  using Traits = ExponentialTraits<T>;
  using Bits = typename Traits::Bits;
  x = x < Traits::lowest ? Traits::lowest : x;
  x = x > Traits::highest ? Traits::highest : x;
  T shifted = x * T(1.44269504088896340736) + Traits::magic;
  T n = shifted - Traits::magic;
  T r = (x - n * Traits::ln2High) - n * Traits::ln2Low;
  Bits bits;
  std::memcpy(&bits, &shifted, sizeof(T));
  bits = (bits + Traits::exponentBias) << Traits::mantissaBits;
  T power;
  std::memcpy(&power, &bits, sizeof(T));
  return exponentialSeries<T, 1>(r) * power;
}

} // namespace gpt

#endif
