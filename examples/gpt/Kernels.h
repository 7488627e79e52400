#ifndef GPT_KERNELS_H
#define GPT_KERNELS_H

#include "Product.h"

#include <vector>

namespace gpt {

/// Threads, and the memory that kernels work in.
template <class T> struct Workspace {
  explicit Workspace(ThreadPool &pool) : pool(pool), workers(pool.workers()) {}

  struct Worker {
    Buffer<T> panels, square;
  };
  ThreadPool &pool;
  Buffer<T> panels;
  std::vector<Worker> workers;
};

// Activations are row-major matrices with one row a position of a sequence: rows = sequences * context. Every backward
// function adds to the gradients of parameters, and overwrites the gradient of its input unless its name says "add".

template <class T> struct Embedding {
  const int *tokens;
  int64_t rows, context, width, vocabulary;
};
/// out[r] = token[tokens[r]] + position[r % context]
template <class T>
void embeddingForward(Workspace<T> &, const Embedding<T> &, T *out, const T *token, const T *position);
template <class T> void embeddingBackward(Workspace<T> &, const Embedding<T> &, const T *dout, T *dtoken, T *dposition);

/// out = (in - mean) * rstd * weight + bias over each row; mean and rstd are kept for the backward pass.
template <class T> struct NormStatistics {
  T *mean, *rstd;
};
template <class T>
void layerNormForward(Workspace<T> &, T *out, NormStatistics<T>, const T *in, const T *weight, const T *bias,
                      int64_t rows, int64_t width);
template <class T>
void layerNormBackwardAdd(Workspace<T> &, T *din, T *dweight, T *dbias, const T *dout, NormStatistics<T>, const T *in,
                          const T *weight, int64_t rows, int64_t width);

/// A linear layer: in[rows, inputs] -> out[rows, outputs], weight[outputs, inputs]. A null bias is no bias.
template <class T> struct Linear {
  const T *weight, *bias;
  T *dweight, *dbias;
  int64_t rows, inputs, outputs;
};
/// out = residual + in weight^T + bias; a null residual is 0.
template <class T> void linearForward(Workspace<T> &, const Linear<T> &, T *out, const T *in, const T *residual);
template <class T> void linearBackward(Workspace<T> &, const Linear<T> &, T *din, const T *dout, const T *in);

/// Causal attention: qkv[rows, 3 * width] -> out[rows, width]; weights[sequences, heads, context, context] are kept.
struct AttentionShape {
  int64_t sequences, context, width, heads;
};
template <class T> void attentionForward(Workspace<T> &, const AttentionShape &, T *out, T *weights, const T *qkv);
template <class T>
void attentionBackward(Workspace<T> &, const AttentionShape &, T *dqkv, const T *dout, const T *weights, const T *qkv);

/// GELU in its tanh form: x * sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)).
template <class T> void geluForward(Workspace<T> &, T *out, const T *in, int64_t count);
/// gradient = gradient * gelu'(in)
template <class T> void geluBackwardInPlace(Workspace<T> &, T *gradient, const T *in, int64_t count);

/// Turns logits into probabilities in place, and returns the mean cross entropy of the targets.
template <class T>
double crossEntropyForward(Workspace<T> &, T *logits, T *losses, const int *targets, int64_t rows, int64_t classes);
/// Turns probabilities into scale * d(mean cross entropy) / d(logits) in place.
template <class T>
void crossEntropyBackward(Workspace<T> &, T *probabilities, const int *targets, int64_t rows, int64_t classes, T scale);

} // namespace gpt

#endif
