/// gpt-train: trains a small GPT with optimizers that Descent compiled. Args.cpp lists the options.

#include "Args.h"
#include "Checkpoint.h"
#include "Data.h"
#include "Optimizer.h"
#include "Report.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

using namespace gpt;

/// At least this many sequences make a validation loss.
static constexpr int64_t validationWindows = 64;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Linear warm-up over the first twentieth of the run, then half a cosine that would reach 0 one step after the last.
static double scheduleFactor(int64_t step, int64_t steps) {
  int64_t warmup = std::max<int64_t>(1, steps / 20);
  if (step <= warmup)
    return static_cast<double>(step) / warmup;
  return 0.5 + 0.5 * std::cos(M_PI * (step - warmup) / (steps - warmup + 1));
}

namespace {
class Trainer {
public:
  explicit Trainer(const Args &args)
      : args(args), corpus(args.data, args.context), pool(args.threads), model(config(), args.batch, pool),
        optimizer(*findArtifact(args.rule), model, pool, args.learningRateScale), seed(args.seed.value_or(1)),
        lastStep(args.stopAfter ? std::min(args.stopAfter, args.steps) : args.steps), inputs(args.batch * args.context),
        targets(args.batch * args.context) {
    if (args.resume.empty())
      model.initialize(seed);
    else
      restore(readCheckpoint(args.resume));
  }

  void run();

private:
  Config config() const;
  void restore(const Checkpoint &checkpoint);
  void save();
  StepRecord train();
  double validate();

  const Args &args;
  Corpus corpus;
  ThreadPool pool;
  Model<float> model;
  Optimizer optimizer;
  uint64_t seed;
  int64_t step = 0, lastStep;
  std::vector<int> inputs, targets;
};
} // namespace

Config Trainer::config() const {
  return {static_cast<int64_t>(corpus.vocabulary().size()), args.context, args.layers, args.width, args.heads};
}

static std::string describe(const Config &c) {
  return std::to_string(c.layers) + " layers, width " + std::to_string(c.width) + ", " + std::to_string(c.heads) +
         " heads, context " + std::to_string(c.context) + ", vocabulary " + std::to_string(c.vocabulary);
}

/// Checks everything first; only then it changes the model and the optimizer.
void Trainer::restore(const Checkpoint &checkpoint) {
  auto refuse = [&](const std::string &why) {
    throw std::runtime_error("checkpoint '" + args.resume + "' cannot be resumed: " + why);
  };
  if (describe(checkpoint.config) != describe(config()))
    refuse("its model has " + describe(checkpoint.config) + "; this one has " + describe(config()));
  if (checkpoint.vocabulary != corpus.vocabulary())
    refuse("its text had other characters than '" + args.data + "'");
  try {
    optimizer.checkSignature(checkpoint.signature);
  } catch (const std::runtime_error &error) {
    refuse(error.what());
  }
  if (static_cast<int64_t>(checkpoint.weights.size()) != model.parameterCount() ||
      static_cast<int64_t>(checkpoint.states.size()) != optimizer.states().size())
    refuse("its weights and states have other sizes");
  if (args.seed && static_cast<uint64_t>(*args.seed) != checkpoint.seed)
    refuse("it was made with --seed " + std::to_string(checkpoint.seed));
  if (checkpoint.step >= lastStep)
    refuse("it is at step " + std::to_string(checkpoint.step) + " already, and this run ends after step " +
           std::to_string(lastStep));
  seed = checkpoint.seed;
  step = checkpoint.step;
  std::copy(checkpoint.weights.begin(), checkpoint.weights.end(), model.weights());
  std::copy(checkpoint.states.begin(), checkpoint.states.end(), optimizer.states().data());
}

void Trainer::save() {
  const char *states = optimizer.states().data();
  writeCheckpoint(args.save, {config(),
                              seed,
                              step,
                              corpus.vocabulary(),
                              optimizer.signature(),
                              {model.weights(), model.weights() + model.parameterCount()},
                              {states, states + optimizer.states().size()}});
}

/// One step: accumulated gradients of `accumulate` batches, then the optimizer.
StepRecord Trainer::train() {
  double begin = now(), loss = 0, factor = scheduleFactor(++step, args.steps);
  model.clearGradients();
  for (int64_t micro = 0; micro < args.accumulate; ++micro) {
    for (int64_t i = 0; i < args.batch; ++i)
      corpus.trainingWindow(seed, step, micro * args.batch + i, &inputs[i * args.context], &targets[i * args.context]);
    loss += model.forward(inputs.data(), targets.data()) / args.accumulate;
    model.backward(static_cast<float>(args.lossScale));
  }
  double beforeOptimizer = now();
  descent_result result = optimizer.step(step, factor, 1 / (args.lossScale * args.accumulate), loss);
  double end = now();
  return {step,
          loss,
          optimizer.learningRate(Kind::Hidden, factor),
          result.gradient_norm,
          end - begin,
          end - beforeOptimizer,
          result.skipped != 0,
          std::nullopt};
}

double Trainer::validate() {
  int64_t batches = (validationWindows + args.batch - 1) / args.batch;
  double loss = 0;
  for (int64_t batch = 0; batch < batches; ++batch) {
    for (int64_t i = 0; i < args.batch; ++i)
      corpus.validationWindow(batch * args.batch + i, batches * args.batch, &inputs[i * args.context],
                              &targets[i * args.context]);
    loss += model.forward(inputs.data(), targets.data()) / batches;
  }
  return loss;
}

void Trainer::run() {
  Report report(args, model.parameterCount());
  double validationLoss = NAN;
  while (step < lastStep) {
    StepRecord record = train();
    if (step == lastStep || (args.evalEvery && step % args.evalEvery == 0))
      record.validationLoss = validationLoss = validate();
    report.step(record);
    if (!args.save.empty() && (step == lastStep || (args.saveEvery && step % args.saveEvery == 0)))
      save();
  }
  report.finish(step, validationLoss);
}

int main(int argc, char **argv) {
  try {
    Args args = parseArgs(argc, argv);
    if (args.help)
      std::fputs(usage, stdout);
    else
      Trainer(args).run();
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "gpt-train: %s\n", error.what());
    return 1;
  }
}
