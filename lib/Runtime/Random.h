/* The key of a layer's random numbers in one step; kernels hash the elements' places with it. */
#ifndef DESCENT_LIB_RUNTIME_RANDOM_H
#define DESCENT_LIB_RUNTIME_RANDOM_H

#include <stdint.h>

/* What the seed is when the step's number is mixed in. */
uint64_t descent_random_seed(uint64_t seed);

/* A whole number below 2^52, so that a slot holds it exactly. */
double descent_random_key(uint64_t seed, int64_t step, uint64_t layer_id, int64_t member);

#endif
