#ifndef GPT_ARGS_H
#define GPT_ARGS_H

#include <cstdint>
#include <optional>
#include <string>

namespace gpt {

/// The command line.
struct Args {
  std::string data, rule = "lanton", save, resume, log;
  double learningRateScale = 1, lossScale = 1;
  int64_t steps = 800, stopAfter = 0, threads = 0, batch = 16, accumulate = 1;
  int64_t context = 64, layers = 4, width = 128, heads = 4;
  int64_t saveEvery = 0, evalEvery = 50;
  std::optional<int64_t> seed; // not given: 1, or the checkpoint's
  bool quiet = false, help = false;
};

extern const char *const usage;

/// Throws std::runtime_error, naming the option, for anything that makes no sense.
Args parseArgs(int argc, char **argv);

} // namespace gpt

#endif
