#ifndef GPT_OPTIMIZER_H
#define GPT_OPTIMIZER_H

#include "Model.h"

#include "descent/Runtime/descent.h"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace gpt {

/// What the trainer needs of a compiled optimizer: its entry points, and where its groups and their learning rates are.
struct Artifact {
  const char *name;
  const char *(*signature)();
  int32_t (*checkSignature)(const char *, descent_error *);
  int32_t (*hyperDefaults)(double *, uint64_t, descent_error *);
  int64_t (*statesCount)(const descent_layer *, int64_t, descent_error *);
  int64_t (*statesBytes)(const descent_layer *, int64_t, descent_error *);
  int32_t (*statesPlace)(descent_layer *, int64_t, void *, descent_view *, descent_error *);
  int32_t (*statesInit)(const descent_layer *, int64_t, descent_error *);
  int32_t (*planCreate)(const descent_layer *, int64_t, const descent_plan_options *, descent_plan **, descent_error *);
  void (*planDestroy)(descent_plan *);
  int32_t (*step)(descent_plan *, const descent_step *, descent_result *, descent_error *);
  uint64_t hyperCount;
  std::array<uint32_t, 3> groups;        // by Kind
  std::array<uint64_t, 3> learningRates; // by Kind: index into the hyperparameters
};

/// Binds artifact `x`, whose constants begin with `X_`, after its generated header has been included.
#define GPT_ARTIFACT(x, X)                                                                                             \
  gpt::Artifact {                                                                                                      \
    #x, x##_signature, x##_check_signature, x##_hyper_defaults, x##_states_count, x##_states_bytes, x##_states_place,  \
        x##_states_init, x##_plan_create, x##_plan_destroy, x##_step, sizeof(x##_hyper) / sizeof(double),              \
        {X##_GROUP_HIDDEN, X##_GROUP_EMBED, X##_GROUP_VECTORS}, {                                                      \
      offsetof(x##_hyper, hidden.lr) / sizeof(double), offsetof(x##_hyper, embed.lr) / sizeof(double),                 \
          offsetof(x##_hyper, vectors.lr) / sizeof(double)                                                             \
    }                                                                                                                  \
  }

/// The artifact of a rule, "lanton" or "adamw"; null for any other name.
const Artifact *findArtifact(const std::string &rule);

/// The parameters of a model, their optimizer states and the plan that updates them.
class Optimizer {
public:
  /// Every default learning rate is multiplied by `learningRateScale`.
  Optimizer(const Artifact &artifact, Model<float> &model, ThreadPool &pool, double learningRateScale);
  ~Optimizer();
  Optimizer(const Optimizer &) = delete;
  Optimizer &operator=(const Optimizer &) = delete;

  /// Updates the weights from the gradients. `step` counts from 1; `factor` is the schedule's.
  descent_result step(int64_t step, double factor, double gradientScale, double loss);

  double learningRate(Kind kind, double factor) const;
  const char *signature() const { return artifact.signature(); }
  /// Throws std::runtime_error, naming the first difference, when `saved` is not the signature of these states.
  void checkSignature(const std::string &saved) const;
  Buffer<char> &states() { return stateMemory; }

private:
  void addEntries(Model<float> &model, const Tensor &tensor);
  void createStates();
  void createPlan();
  void require(bool good, const char *entryPoint, const descent_error &error) const;

  const Artifact &artifact;
  ThreadPool &pool;
  descent_parallel parallel;
  std::vector<std::string> names;
  std::vector<descent_layer> table;
  std::vector<descent_view> stateViews;
  Buffer<char> stateMemory;
  std::vector<double> defaults, hyper;
  descent_plan *plan = nullptr;
};

} // namespace gpt

#endif
