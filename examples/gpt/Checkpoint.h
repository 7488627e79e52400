#ifndef GPT_CHECKPOINT_H
#define GPT_CHECKPOINT_H

#include "Model.h"

#include <string>
#include <vector>

namespace gpt {

/// All that a run needs to go on as if it had never stopped.
struct Checkpoint {
  Config config;
  uint64_t seed = 0;
  int64_t step = 0;
  std::string vocabulary; // the byte value of each token
  std::string signature;  // of the optimizer's states
  std::vector<float> weights;
  std::vector<char> states;
};

/// Writes beside `path` first and then renames: a reader, or a run that is killed, never sees half a checkpoint.
/// Both functions throw std::runtime_error; `readCheckpoint` also when the file is truncated, damaged or of another
/// program.
void writeCheckpoint(const std::string &path, const Checkpoint &checkpoint);
Checkpoint readCheckpoint(const std::string &path);

} // namespace gpt

#endif
