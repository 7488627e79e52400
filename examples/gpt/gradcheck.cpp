/// Checks the backward pass of the model against central differences of its forward pass, in double precision.

#include "Exponential.h"
#include "Model.h"
#include "Random.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace gpt;

/// No size is a multiple of a tile or of a block.
static const Config config = {/*vocabulary=*/11, /*context=*/9, /*layers=*/2, /*width=*/12, /*heads=*/3};
static constexpr int64_t sequences = 5;
static constexpr uint64_t seed = 7;

namespace {
template <class T> struct Trial {
  explicit Trial(int64_t threads) : pool(threads), model(config, sequences, pool) {
    for (int64_t i = 0; i < sequences * config.context; ++i) {
      tokens.push_back(static_cast<int>(mix(i) % config.vocabulary));
      targets.push_back(static_cast<int>(mix(i + 1000) % config.vocabulary));
    }
    // Far from the initial weights of training, where most gradients are close to 0.
    model.initialize(seed, 0.5);
    for (const Tensor &tensor : model.tensors())
      if (tensor.kind == Kind::Vector)
        for (int64_t i = 0; i < tensor.size(); ++i)
          model.weights()[tensor.offset + i] += T(0.3 * normal(mix(seed + tensor.offset + i)));
  }
  double loss() { return model.forward(tokens.data(), targets.data()); }
  double lossAndGradients() {
    model.clearGradients();
    double value = loss();
    model.backward(1);
    return value;
  }

  ThreadPool pool;
  Model<T> model;
  std::vector<int> tokens, targets;
};
} // namespace

static bool report(const std::string &what, double error, double bound) {
  bool good = error < bound;
  std::printf("%-4s %-24s relative error %.1e, bound %.0e\n", good ? "ok" : "BAD", what.c_str(), error, bound);
  return good;
}

/// |a - b| / |b| in the Euclidean norm.
template <class A, class B> static double relativeError(const A *a, const B *b, int64_t count) {
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < count; ++i) {
    difference += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    norm += double(b[i]) * double(b[i]);
  }
  return std::sqrt(difference / norm);
}

/// The error of central differences is about step^2 + eps / step: 1e-10 for this step.
static bool checkTensor(Trial<double> &trial, const Tensor &tensor) {
  constexpr double step = 1e-5;
  double *weights = trial.model.weights() + tensor.offset;
  std::vector<double> numeric;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    double saved = weights[i];
    weights[i] = saved + step;
    double above = trial.loss();
    weights[i] = saved - step;
    double below = trial.loss();
    weights[i] = saved;
    numeric.push_back((above - below) / (2 * step));
  }
  return report(tensor.name, relativeError(trial.model.gradients() + tensor.offset, numeric.data(), tensor.size()),
                1e-6);
}

template <class T> static bool checkExponential(const char *name, double bound) {
  double worst = 0;
  for (int i = -8600; i <= 8700; ++i) {
    T x = T(i) * T(0.01);
    double exact = std::exp(double(x));
    worst = std::max(worst, std::fabs(double(exponential(x)) - exact) / exact);
  }
  return report(name, worst, bound) && std::isnan(exponential(T(NAN)));
}

template <class T> static bool checkThreads(const char *name) {
  Trial<T> one(1), three(3);
  double lossOne = one.lossAndGradients(), lossThree = three.lossAndGradients();
  bool same =
      lossOne == lossThree &&
      std::equal(one.model.gradients(), one.model.gradients() + one.model.parameterCount(), three.model.gradients());
  std::printf("%-4s %s: the same bits with 1 and 3 threads\n", same ? "ok" : "BAD", name);
  return same;
}

int main() {
  Trial<double> exact(1);
  exact.lossAndGradients();
  bool good = true;
  for (const Tensor &tensor : exact.model.tensors())
    good &= checkTensor(exact, tensor);

  Trial<float> single(1);
  single.lossAndGradients();
  good &= report("all, in float",
                 relativeError(single.model.gradients(), exact.model.gradients(), exact.model.parameterCount()), 1e-5);
  good &= checkExponential<float>("exp, float", 2.5e-7);
  good &= checkExponential<double>("exp, double", 4.5e-16);
  good &= checkThreads<float>("float");
  good &= checkThreads<double>("double");
  std::printf("%s\n", good ? "PASS" : "FAIL");
  return good ? 0 : 1;
}
