#include "Kernels.h"
#include "Exponential.h"

#include <algorithm>
#include <cmath>

using namespace gpt;

// Work is cut into blocks of these sizes, never by the number of threads.
static constexpr int64_t rowsPerTask = 32, colsPerTask = 32, elementsPerTask = 16384;

/// Calls body(begin, end) for blocks of [0, count).
template <class Body> static void forBlocks(ThreadPool &pool, int64_t count, int64_t block, Body body) {
  pool.forEach((count + block - 1) / block,
               [&](int64_t task, int64_t) { body(task * block, std::min(count, (task + 1) * block)); });
}

/// The sum of term(i) for i in [0, count). Sixteen partial sums, since the compiler may not reorder a single one.
template <class T, class Term> static inline T sumOf(int64_t count, Term term) {
  T partial[16] = {};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int64_t lane = 0; lane < 16; ++lane)
      partial[lane] += term(i + lane);
  for (int64_t lane = 0; i < count; ++i, ++lane)
    partial[lane] += term(i);
  for (int half = 8; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane)
      partial[lane] += partial[lane + half];
  return partial[0];
}

template <class T>
void gpt::embeddingForward(Workspace<T> &space, const Embedding<T> &e, T *out, const T *token, const T *position) {
  forBlocks(space.pool, e.rows, rowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T *what = token + e.tokens[row] * e.width, *where = position + row % e.context * e.width;
      for (int64_t j = 0; j < e.width; ++j)
        out[row * e.width + j] = what[j] + where[j];
    }
  });
}

template <class T>
void gpt::embeddingBackward(Workspace<T> &space, const Embedding<T> &e, const T *dout, T *dtoken, T *dposition) {
  // Several rows add to the same token, so tasks divide the columns.
  forBlocks(space.pool, e.width, colsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < e.rows; ++row) {
      T *what = dtoken + e.tokens[row] * e.width, *where = dposition + row % e.context * e.width;
      for (int64_t j = begin; j < end; ++j) {
        what[j] += dout[row * e.width + j];
        where[j] += dout[row * e.width + j];
      }
    }
  });
}

template <class T>
void gpt::layerNormForward(Workspace<T> &space, T *out, NormStatistics<T> stats, const T *in, const T *weight,
                           const T *bias, int64_t rows, int64_t width) {
  forBlocks(space.pool, rows, rowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T *x = in + row * width;
      T mean = sumOf<T>(width, [&](int64_t j) { return x[j]; }) / width;
      T variance = sumOf<T>(width, [&](int64_t j) { return (x[j] - mean) * (x[j] - mean); }) / width;
      T rstd = 1 / std::sqrt(variance + T(1e-5));
      for (int64_t j = 0; j < width; ++j)
        out[row * width + j] = (x[j] - mean) * rstd * weight[j] + bias[j];
      stats.mean[row] = mean;
      stats.rstd[row] = rstd;
    }
  });
}

template <class T>
void gpt::layerNormBackwardAdd(Workspace<T> &space, T *din, T *dweight, T *dbias, const T *dout,
                               NormStatistics<T> stats, const T *in, const T *weight, int64_t rows, int64_t width) {
  forBlocks(space.pool, rows, rowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T *x = in + row * width, *dy = dout + row * width;
      T mean = stats.mean[row], rstd = stats.rstd[row];
      T sum = sumOf<T>(width, [&](int64_t j) { return dy[j] * weight[j]; }) / width;
      T dot = sumOf<T>(width, [&](int64_t j) { return dy[j] * weight[j] * ((x[j] - mean) * rstd); }) / width;
      for (int64_t j = 0; j < width; ++j)
        din[row * width + j] += rstd * (dy[j] * weight[j] - sum - (x[j] - mean) * rstd * dot);
    }
  });
  forBlocks(space.pool, width, colsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t j = begin; j < end; ++j) {
        T dy = dout[row * width + j];
        dweight[j] += dy * ((in[row * width + j] - stats.mean[row]) * stats.rstd[row]);
        dbias[j] += dy;
      }
  });
}

template <class T>
void gpt::linearForward(Workspace<T> &space, const Linear<T> &layer, T *out, const T *in, const T *residual) {
  int64_t outputs = layer.outputs;
  bool startsAtZero = !layer.bias && !residual;
  if (!startsAtZero)
    forBlocks(space.pool, layer.rows, rowsPerTask, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t j = 0; j < outputs; ++j)
          out[row * outputs + j] = (layer.bias ? layer.bias[j] : 0) + (residual ? residual[row * outputs + j] : 0);
    });
  auto input = Factor<T>::rowMajor(in, layer.rows, layer.inputs, layer.inputs);
  auto weight = Factor<T>::rowMajor(layer.weight, outputs, layer.inputs, layer.inputs);
  multiply(space.pool, input, weight.transposed(), {out, outputs, !startsAtZero}, space.panels);
}

template <class T>
void gpt::linearBackward(Workspace<T> &space, const Linear<T> &layer, T *din, const T *dout, const T *in) {
  int64_t inputs = layer.inputs, outputs = layer.outputs;
  auto gradient = Factor<T>::rowMajor(dout, layer.rows, outputs, outputs);
  auto weight = Factor<T>::rowMajor(layer.weight, outputs, inputs, inputs);
  auto input = Factor<T>::rowMajor(in, layer.rows, inputs, inputs);
  multiply(space.pool, gradient, weight, {din, inputs, false}, space.panels);
  multiply(space.pool, gradient.transposed(), input, {layer.dweight, inputs, true}, space.panels);
  if (!layer.dbias)
    return;
  forBlocks(space.pool, outputs, colsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < layer.rows; ++row)
      for (int64_t j = begin; j < end; ++j)
        layer.dbias[j] += dout[row * outputs + j];
  });
}

namespace {
/// One head of one sequence: where its queries, keys, values and outputs lie.
struct Head {
  Head(const AttentionShape &shape, int64_t task)
      : size(shape.width / shape.heads), qkvStride(3 * shape.width), outStride(shape.width) {
    int64_t sequence = task / shape.heads, head = task % shape.heads;
    query = sequence * shape.context * qkvStride + head * size;
    key = query + shape.width;
    value = key + shape.width;
    out = sequence * shape.context * outStride + head * size;
    weights = task * shape.context * shape.context;
  }
  int64_t size, qkvStride, outStride, query, key, value, out, weights;
};
} // namespace

/// scores[0..count) -> softmax(scale * scores); the rest of the row, which is in the future, becomes 0.
template <class T> static void softmaxCausalRow(T *scores, int64_t count, int64_t context, T scale) {
  T top = *std::max_element(scores, scores + count);
  for (int64_t j = 0; j < count; ++j)
    scores[j] = exponential((scores[j] - top) * scale);
  T sum = sumOf<T>(count, [&](int64_t j) { return scores[j]; });
  for (int64_t j = 0; j < count; ++j)
    scores[j] /= sum;
  std::fill(scores + count, scores + context, T(0));
}

template <class T>
void gpt::attentionForward(Workspace<T> &space, const AttentionShape &shape, T *out, T *weights, const T *qkv) {
  int64_t context = shape.context;
  space.pool.forEach(shape.sequences * shape.heads, [&](int64_t task, int64_t worker) {
    Head head(shape, task);
    Buffer<T> &panels = space.workers[worker].panels;
    T scale = 1 / std::sqrt(T(head.size)), *w = weights + head.weights;
    auto query = Factor<T>::rowMajor(qkv + head.query, context, head.size, head.qkvStride);
    auto key = Factor<T>::rowMajor(qkv + head.key, context, head.size, head.qkvStride);
    auto value = Factor<T>::rowMajor(qkv + head.value, context, head.size, head.qkvStride);
    multiply<T>(query, key.transposed(), {w, context, false}, panels);
    for (int64_t t = 0; t < context; ++t)
      softmaxCausalRow(w + t * context, t + 1, context, scale);
    multiply<T>(Factor<T>::rowMajor(w, context, context, context), value, {out + head.out, head.outStride, false},
                panels);
  });
}

template <class T>
void gpt::attentionBackward(Workspace<T> &space, const AttentionShape &shape, T *dqkv, const T *dout, const T *weights,
                            const T *qkv) {
  int64_t context = shape.context;
  space.pool.forEach(shape.sequences * shape.heads, [&](int64_t task, int64_t worker) {
    Head head(shape, task);
    Buffer<T> &panels = space.workers[worker].panels, &square = space.workers[worker].square;
    square.reserve(context * context);
    T scale = 1 / std::sqrt(T(head.size)), *dscores = square.data();
    const T *w = weights + head.weights;
    auto query = Factor<T>::rowMajor(qkv + head.query, context, head.size, head.qkvStride);
    auto key = Factor<T>::rowMajor(qkv + head.key, context, head.size, head.qkvStride);
    auto value = Factor<T>::rowMajor(qkv + head.value, context, head.size, head.qkvStride);
    auto gradient = Factor<T>::rowMajor(dout + head.out, context, head.size, head.outStride);
    auto scores = Factor<T>::rowMajor(dscores, context, context, context);
    multiply<T>(gradient, value.transposed(), {dscores, context, false}, panels);
    // Softmax: dscore = w * (dw - sum of w dw). In the future w is 0, and so is the gradient.
    for (int64_t t = 0; t < context; ++t) {
      T *row = dscores + t * context;
      const T *p = w + t * context;
      T sum = sumOf<T>(t + 1, [&](int64_t j) { return p[j] * row[j]; });
      for (int64_t j = 0; j <= t; ++j)
        row[j] = p[j] * (row[j] - sum) * scale;
      std::fill(row + t + 1, row + context, T(0));
    }
    auto probabilities = Factor<T>::rowMajor(w, context, context, context);
    multiply<T>(scores, key, {dqkv + head.query, head.qkvStride, false}, panels);
    multiply<T>(scores.transposed(), query, {dqkv + head.key, head.qkvStride, false}, panels);
    multiply<T>(probabilities.transposed(), gradient, {dqkv + head.value, head.qkvStride, false}, panels);
  });
}

// sigmoid(2 y) = (1 + tanh y) / 2 with y = sqrt(2 / pi) (x + cubic x^3).
static constexpr double geluScale = 1.5957691216057308, geluCubic = 0.044715;

template <class T> void gpt::geluForward(Workspace<T> &space, T *out, const T *in, int64_t count) {
  forBlocks(space.pool, count, elementsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T x = in[i], y = T(geluScale) * (x + T(geluCubic) * x * x * x);
      out[i] = x / (1 + exponential(-y));
    }
  });
}

template <class T> void gpt::geluBackwardInPlace(Workspace<T> &space, T *gradient, const T *in, int64_t count) {
  forBlocks(space.pool, count, elementsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T x = in[i], y = T(geluScale) * (x + T(geluCubic) * x * x * x);
      T slope = T(geluScale) * (1 + 3 * T(geluCubic) * x * x);
      T sigmoid = 1 / (1 + exponential(-y));
      gradient[i] *= sigmoid + x * sigmoid * (1 - sigmoid) * slope;
    }
  });
}

template <class T>
double gpt::crossEntropyForward(Workspace<T> &space, T *logits, T *losses, const int *targets, int64_t rows,
                                int64_t classes) {
  forBlocks(space.pool, rows, rowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      T *x = logits + row * classes;
      T top = *std::max_element(x, x + classes), target = x[targets[row]];
      for (int64_t j = 0; j < classes; ++j)
        x[j] = exponential(x[j] - top);
      T sum = sumOf<T>(classes, [&](int64_t j) { return x[j]; });
      for (int64_t j = 0; j < classes; ++j)
        x[j] /= sum;
      losses[row] = std::log(sum) - (target - top);
    }
  });
  double total = 0;
  for (int64_t row = 0; row < rows; ++row)
    total += losses[row];
  return total / rows;
}

template <class T>
void gpt::crossEntropyBackward(Workspace<T> &space, T *probabilities, const int *targets, int64_t rows, int64_t classes,
                               T scale) {
  forBlocks(space.pool, rows, rowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      T *p = probabilities + row * classes;
      p[targets[row]] -= 1;
      for (int64_t j = 0; j < classes; ++j)
        p[j] *= scale / rows;
    }
  });
}

#define GPT_INSTANTIATE(T)                                                                                             \
  template void gpt::embeddingForward(Workspace<T> &, const Embedding<T> &, T *, const T *, const T *);                \
  template void gpt::embeddingBackward(Workspace<T> &, const Embedding<T> &, const T *, T *, T *);                     \
  template void gpt::layerNormForward(Workspace<T> &, T *, NormStatistics<T>, const T *, const T *, const T *,         \
                                      int64_t, int64_t);                                                               \
  template void gpt::layerNormBackwardAdd(Workspace<T> &, T *, T *, T *, const T *, NormStatistics<T>, const T *,      \
                                          const T *, int64_t, int64_t);                                                \
  template void gpt::linearForward(Workspace<T> &, const Linear<T> &, T *, const T *, const T *);                      \
  template void gpt::linearBackward(Workspace<T> &, const Linear<T> &, T *, const T *, const T *);                     \
  template void gpt::attentionForward(Workspace<T> &, const AttentionShape &, T *, T *, const T *);                    \
  template void gpt::attentionBackward(Workspace<T> &, const AttentionShape &, T *, const T *, const T *, const T *);  \
  template void gpt::geluForward(Workspace<T> &, T *, const T *, int64_t);                                             \
  template void gpt::geluBackwardInPlace(Workspace<T> &, T *, const T *, int64_t);                                     \
  template double gpt::crossEntropyForward(Workspace<T> &, T *, T *, const int *, int64_t, int64_t);                   \
  template void gpt::crossEntropyBackward(Workspace<T> &, T *, const int *, int64_t, int64_t, T);

GPT_INSTANTIATE(float)
GPT_INSTANTIATE(double)
