#include "Random.h"

/* The step of splitmix64. */
static uint64_t mix(uint64_t z) {
  z += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

uint64_t descent_random_seed(uint64_t seed) { return mix(seed); }

double descent_random_key(uint64_t seed, int64_t step, uint64_t layer_id, int64_t member) {
  return (double)(mix(mix(mix(descent_random_seed(seed) ^ (uint64_t)step) ^ layer_id) ^ (uint64_t)member) >> 12);
}
