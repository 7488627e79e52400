#ifndef GPT_RANDOM_H
#define GPT_RANDOM_H

#include <cmath>
#include <cstdint>

namespace gpt {

/// A random 64-bit number for each key: the finaliser of SplitMix64.
inline uint64_t mix(uint64_t key) {
  key += 0x9e3779b97f4a7c15ull;
  key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9ull;
  key = (key ^ (key >> 27)) * 0x94d049bb133111ebull;
  return key ^ (key >> 31);
}

/// In (0, 1].
inline double uniform(uint64_t key) { return static_cast<double>((mix(key) >> 11) + 1) * 0x1p-53; }

/// Normally distributed, by Box and Muller.
inline double normal(uint64_t key) {
  double radius = std::sqrt(-2 * std::log(uniform(key)));
  return radius * std::cos(6.283185307179586 * uniform(mix(key)));
}

} // namespace gpt

#endif
