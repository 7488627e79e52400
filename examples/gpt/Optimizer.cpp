#include "Optimizer.h"

#include <stdexcept>

using namespace gpt;

/// Identifies a parameter from run to run: 64-bit FNV-1a of its name.
static uint64_t idOf(const std::string &name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (unsigned char c : name)
    hash = (hash ^ c) * 0x100000001b3ull;
  return hash;
}

static descent_error emptyError() {
  descent_error error = {};
  error.size = sizeof(error);
  return error;
}

static void runInPool(void *context, int64_t tasks, void (*body)(void *, int64_t, int64_t), void *argument) {
  static_cast<ThreadPool *>(context)->run(tasks, body, argument);
}

Optimizer::Optimizer(const Artifact &artifact, Model<float> &model, ThreadPool &pool, double learningRateScale)
    : artifact(artifact), pool(pool), parallel{sizeof(descent_parallel), pool.workers(), runInPool, &pool},
      defaults(artifact.hyperCount) {
  size_t entries = 0;
  for (const Tensor &tensor : model.tensors())
    entries += tensor.parts;
  names.reserve(entries); // the table points at the names
  for (const Tensor &tensor : model.tensors())
    addEntries(model, tensor);

  descent_error error = emptyError();
  require(artifact.hyperDefaults(defaults.data(), defaults.size(), &error) == DESCENT_OK, "hyper_defaults", error);
  for (uint64_t index : artifact.learningRates)
    defaults[index] *= learningRateScale;
  createStates();
  createPlan();
}

Optimizer::~Optimizer() { artifact.planDestroy(plan); }

/// One entry of the table for each part: the fused matrix of queries, keys and values is three matrices to an
/// optimizer whose update depends on singular values or on norms.
void Optimizer::addEntries(Model<float> &model, const Tensor &tensor) {
  static const char *const partNames[] = {".query", ".key", ".value"};
  for (int64_t part = 0; part < tensor.parts; ++part) {
    int64_t rows = tensor.rows / tensor.parts, offset = tensor.offset + part * rows * tensor.cols;
    names.push_back(tensor.parts == 1 ? tensor.name : tensor.name + partNames[part]);
    descent_layer layer = {};
    layer.size = sizeof(layer);
    layer.name = names.back().c_str();
    layer.id = idOf(names.back());
    layer.group = artifact.groups[static_cast<size_t>(tensor.kind)];
    layer.rows = rows;
    layer.cols = tensor.cols;
    layer.batch = 1;
    layer.weight = {model.weights() + offset, tensor.cols, 0};
    layer.gradient = {model.gradients() + offset, tensor.cols, 0};
    table.push_back(layer);
  }
}

void Optimizer::createStates() {
  descent_error error = emptyError();
  int64_t count = static_cast<int64_t>(table.size());
  int64_t views = artifact.statesCount(table.data(), count, &error);
  require(views >= 0, "states_count", error);
  int64_t bytes = artifact.statesBytes(table.data(), count, &error);
  require(bytes >= 0, "states_bytes", error);
  stateViews.resize(views);
  stateMemory = Buffer<char>(bytes);
  require(artifact.statesPlace(table.data(), count, stateMemory.data(), stateViews.data(), &error) == DESCENT_OK,
          "states_place", error);
  require(artifact.statesInit(table.data(), count, &error) == DESCENT_OK, "states_init", error);
}

void Optimizer::createPlan() {
  descent_error error = emptyError();
  descent_plan_options options = {};
  options.size = sizeof(options);
  options.abi_version = DESCENT_ABI_VERSION;
  options.workers = pool.workers();
  int32_t code = artifact.planCreate(table.data(), static_cast<int64_t>(table.size()), &options, &plan, &error);
  require(code == DESCENT_OK, "plan_create", error);
}

descent_result Optimizer::step(int64_t number, double factor, double gradientScale, double loss) {
  hyper = defaults;
  for (uint64_t index : artifact.learningRates)
    hyper[index] *= factor;
  descent_step step = {};
  step.size = sizeof(step);
  step.abi_version = DESCENT_ABI_VERSION;
  step.step = number;
  step.hyper = hyper.data();
  step.gradient_scale = gradientScale;
  step.loss = loss;
  step.parallel = &parallel;
  descent_result result = {};
  result.size = sizeof(result);
  descent_error error = emptyError();
  require(artifact.step(plan, &step, &result, &error) == DESCENT_OK, "step", error);
  return result;
}

double Optimizer::learningRate(Kind kind, double factor) const {
  return defaults[artifact.learningRates[static_cast<size_t>(kind)]] * factor;
}

void Optimizer::checkSignature(const std::string &saved) const {
  descent_error error = emptyError();
  require(artifact.checkSignature(saved.c_str(), &error) == DESCENT_OK, "check_signature", error);
}

void Optimizer::require(bool good, const char *entryPoint, const descent_error &error) const {
  if (!good)
    throw std::runtime_error(std::string(artifact.name) + "_" + entryPoint + ": " + error.message);
}
