#include "Model.h"
#include "Random.h"

#include <algorithm>

using namespace gpt;

template <class T>
Model<T>::Model(const Config &config, int64_t sequences, ThreadPool &pool)
    : shape(config), sequences(sequences), rows(sequences * config.context), space(pool) {
  int64_t width = shape.width;
  addTensor("token", Kind::Embed, shape.vocabulary, width);
  addTensor("position", Kind::Embed, shape.context, width);
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    std::string block = "block" + std::to_string(layer) + ".";
    auto add = [&](const char *name, int64_t outputs, int64_t inputs, int64_t parts = 1) {
      addTensor(block + name + ".weight", Kind::Hidden, outputs, inputs, parts);
      addTensor(block + name + ".bias", Kind::Vector, 1, outputs);
    };
    auto addNorm = [&](const char *name) {
      addTensor(block + name + ".weight", Kind::Vector, 1, width);
      addTensor(block + name + ".bias", Kind::Vector, 1, width);
    };
    addNorm("norm1");
    add("qkv", 3 * width, width, 3);
    add("proj", width, width);
    addNorm("norm2");
    add("fc", 4 * width, width);
    add("out", width, 4 * width);
  }
  addTensor("norm.weight", Kind::Vector, 1, width);
  addTensor("norm.bias", Kind::Vector, 1, width);
  addTensor("head", Kind::Embed, shape.vocabulary, width);
  allocate();
}

template <class T>
void Model<T>::addTensor(const std::string &name, Kind kind, int64_t rows, int64_t cols, int64_t parts) {
  int64_t offset = parameters.empty() ? 0 : parameters.back().offset + parameters.back().size();
  parameters.push_back({name, kind, rows, cols, parts, offset});
}

template <class T> void Model<T>::allocate() {
  int64_t total = parameters.back().offset + parameters.back().size(), width = shape.width;
  weightMemory = Buffer<T>(total);
  gradientMemory = Buffer<T>(total);
  auto activation = [&](int64_t cols) { return Buffer<T>(rows * cols); };
  auto norm = [&] { return Norm{activation(width), activation(1), activation(1)}; };
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    Block block;
    block.norm1 = norm();
    block.qkv = activation(3 * width);
    block.attention = activation(shape.heads * shape.context);
    block.attended = activation(width);
    block.middle = activation(width);
    block.norm2 = norm();
    block.mlp = activation(4 * width);
    block.gelu = activation(4 * width);
    block.out = activation(width);
    blocks.push_back(std::move(block));
  }
  embedded = activation(width);
  lastNorm = norm();
  logits = activation(shape.vocabulary);
  losses = activation(1);
  dresidual = activation(width);
  dnarrow = activation(width);
  dwide = activation(4 * width);
}

template <class T> void Model<T>::initialize(uint64_t seed, double deviation) {
  for (size_t index = 0; index < parameters.size(); ++index) {
    const Tensor &tensor = parameters[index];
    auto endsWith = [&](const std::string &end) {
      return tensor.name.size() >= end.size() && tensor.name.substr(tensor.name.size() - end.size()) == end;
    };
    bool isNormWeight = tensor.kind == Kind::Vector && endsWith(".weight");
    bool writesResidual = endsWith("proj.weight") || endsWith("out.weight");
    double scale = writesResidual ? deviation / std::sqrt(2.0 * shape.layers) : deviation;
    uint64_t key = mix(mix(seed) + index);
    for (int64_t i = 0; i < tensor.size(); ++i)
      weight(index)[i] = tensor.kind == Kind::Vector ? T(isNormWeight) : T(scale * normal(mix(key) + i));
  }
}

template <class T> Linear<T> Model<T>::linear(int64_t tensor, bool hasBias) {
  return {weight(tensor),
          hasBias ? weight(tensor + 1) : nullptr,
          gradient(tensor),
          hasBias ? gradient(tensor + 1) : nullptr,
          rows,
          parameters[tensor].cols,
          parameters[tensor].rows};
}

template <class T> void Model<T>::normForward(int64_t tensor, Norm &norm, const T *in) {
  layerNormForward(space, norm.out.data(), norm.statistics(), in, weight(tensor), weight(tensor + 1), rows,
                   shape.width);
}

/// From dnarrow, the gradient of the norm's output, to dresidual.
template <class T> void Model<T>::normBackward(int64_t tensor, Norm &norm, const T *in) {
  layerNormBackwardAdd(space, dresidual.data(), gradient(tensor), gradient(tensor + 1), dnarrow.data(),
                       norm.statistics(), in, weight(tensor), rows, shape.width);
}

template <class T> void Model<T>::blockForward(int64_t index, const T *in) {
  Block &b = blocks[index];
  int64_t first = FirstBlock + index * PerBlock;
  AttentionShape attention = {sequences, shape.context, shape.width, shape.heads};
  normForward(first + Norm1, b.norm1, in);
  linearForward<T>(space, linear(first + Qkv), b.qkv.data(), b.norm1.out.data(), nullptr);
  attentionForward(space, attention, b.attended.data(), b.attention.data(), b.qkv.data());
  linearForward(space, linear(first + Proj), b.middle.data(), b.attended.data(), in);
  normForward(first + Norm2, b.norm2, b.middle.data());
  linearForward<T>(space, linear(first + Fc), b.mlp.data(), b.norm2.out.data(), nullptr);
  geluForward(space, b.gelu.data(), b.mlp.data(), b.mlp.size());
  linearForward<T>(space, linear(first + Out), b.out.data(), b.gelu.data(), b.middle.data());
}

template <class T> void Model<T>::blockBackward(int64_t index, const T *in) {
  Block &b = blocks[index];
  int64_t first = FirstBlock + index * PerBlock;
  AttentionShape attention = {sequences, shape.context, shape.width, shape.heads};
  T *residual = dresidual.data(), *narrow = dnarrow.data(), *wide = dwide.data();
  linearBackward(space, linear(first + Out), wide, residual, b.gelu.data());
  geluBackwardInPlace(space, wide, b.mlp.data(), b.mlp.size());
  linearBackward(space, linear(first + Fc), narrow, wide, b.norm2.out.data());
  normBackward(first + Norm2, b.norm2, b.middle.data());
  linearBackward(space, linear(first + Proj), narrow, residual, b.attended.data());
  attentionBackward(space, attention, wide, narrow, b.attention.data(), b.qkv.data());
  linearBackward(space, linear(first + Qkv), narrow, wide, b.norm1.out.data());
  normBackward(first + Norm1, b.norm1, in);
}

template <class T> double Model<T>::forward(const int *tokens, const int *targets) {
  inputs.assign(tokens, tokens + rows);
  expected.assign(targets, targets + rows);
  Embedding<T> embedding = {inputs.data(), rows, shape.context, shape.width, shape.vocabulary};
  embeddingForward(space, embedding, embedded.data(), weight(Token), weight(Position));
  for (int64_t layer = 0; layer < shape.layers; ++layer)
    blockForward(layer, blockInput(layer));
  normForward(finalNorm(), lastNorm, blockInput(shape.layers));
  linearForward<T>(space, linear(finalNorm() + 2, false), logits.data(), lastNorm.out.data(), nullptr);
  return crossEntropyForward(space, logits.data(), losses.data(), expected.data(), rows, shape.vocabulary);
}

template <class T> void Model<T>::backward(T scale) {
  crossEntropyBackward(space, logits.data(), expected.data(), rows, shape.vocabulary, scale);
  linearBackward(space, linear(finalNorm() + 2, false), dnarrow.data(), logits.data(), lastNorm.out.data());
  std::fill_n(dresidual.data(), dresidual.size(), T(0));
  normBackward(finalNorm(), lastNorm, blockInput(shape.layers));
  for (int64_t layer = shape.layers - 1; layer >= 0; --layer)
    blockBackward(layer, blockInput(layer));
  Embedding<T> embedding = {inputs.data(), rows, shape.context, shape.width, shape.vocabulary};
  embeddingBackward(space, embedding, dresidual.data(), gradient(Token), gradient(Position));
}

template <class T> void Model<T>::clearGradients() { std::fill_n(gradientMemory.data(), gradientMemory.size(), T(0)); }

template class gpt::Model<float>;
template class gpt::Model<double>;
