#ifndef GPT_MODEL_H
#define GPT_MODEL_H

#include "Kernels.h"

#include <string>
#include <vector>

namespace gpt {

/// The shape of a model.
struct Config {
  int64_t vocabulary = 0, context = 0, layers = 0, width = 0, heads = 0;
};

/// The three kinds of parameters that optimizers treat differently.
enum class Kind { Hidden, Embed, Vector };

/// One parameter tensor, [rows, cols] from `offset` on. `parts` matrices may be stacked in it along the rows.
struct Tensor {
  std::string name;
  Kind kind;
  int64_t rows, cols, parts, offset;
  int64_t size() const { return rows * cols; }
};

/// A GPT over single characters: pre-LayerNorm blocks, learned positions, an untied head. Forward and backward passes
/// are written out by hand. The same bits result for any number of threads.
template <class T> class Model {
public:
  Model(const Config &config, int64_t sequences, ThreadPool &pool);

  const Config &config() const { return shape; }
  const std::vector<Tensor> &tensors() const { return parameters; }
  int64_t parameterCount() const { return weightMemory.size(); }
  T *weights() { return weightMemory.data(); }
  T *gradients() { return gradientMemory.data(); }

  /// Normal weights of standard deviation `deviation`, those that write to the residual stream divided by
  /// sqrt(2 layers); norms 1; biases 0.
  void initialize(uint64_t seed, double deviation = 0.05);

  /// The mean cross entropy of `targets`; both arrays hold sequences * context tokens.
  double forward(const int *tokens, const int *targets);

  /// Adds scale * d(loss) / d(weights) of the last `forward` to the gradients.
  void backward(T scale);
  void clearGradients();

private:
  struct Norm {
    Buffer<T> out, mean, rstd;
    NormStatistics<T> statistics() { return {mean.data(), rstd.data()}; }
  };
  struct Block {
    Norm norm1, norm2;
    Buffer<T> qkv, attention, attended, middle, mlp, gelu, out;
  };
  // Indices of a block's tensors, counted from its first.
  enum { Norm1, Norm1Bias, Qkv, QkvBias, Proj, ProjBias, Norm2, Norm2Bias, Fc, FcBias, Out, OutBias, PerBlock };
  enum { Token, Position, FirstBlock };

  void addTensor(const std::string &name, Kind kind, int64_t rows, int64_t cols, int64_t parts = 1);
  void allocate();
  T *weight(int64_t tensor) { return weightMemory.data() + parameters[tensor].offset; }
  T *gradient(int64_t tensor) { return gradientMemory.data() + parameters[tensor].offset; }
  Linear<T> linear(int64_t tensor, bool hasBias = true);
  void normForward(int64_t tensor, Norm &norm, const T *in);
  void normBackward(int64_t tensor, Norm &norm, const T *in);
  void blockForward(int64_t index, const T *in);
  void blockBackward(int64_t index, const T *in);
  int64_t finalNorm() const { return FirstBlock + shape.layers * PerBlock; }
  const T *blockInput(int64_t index) { return index ? blocks[index - 1].out.data() : embedded.data(); }

  Config shape;
  int64_t sequences, rows;
  Workspace<T> space;
  std::vector<Tensor> parameters;
  Buffer<T> weightMemory, gradientMemory;
  // Activations, then the gradients of the residual stream, of a norm's output, and of wider activations.
  std::vector<Block> blocks;
  Buffer<T> embedded, logits, losses;
  Norm lastNorm;
  Buffer<T> dresidual, dnarrow, dwide;
  std::vector<int> inputs, expected;
};

} // namespace gpt

#endif
