#ifndef GPT_REPORT_H
#define GPT_REPORT_H

#include "Args.h"

#include <cstdio>
#include <memory>
#include <optional>

namespace gpt {

/// What is known about a step when it is done.
struct StepRecord {
  int64_t step;
  double loss, learningRate, gradientNorm, seconds, optimizerSeconds;
  bool skipped;
  std::optional<double> validationLoss;
};

/// Tells how the run goes: a bar on a terminal, plain lines elsewhere, and the log.
class Report {
public:
  /// Throws std::runtime_error when the log cannot be opened. A resumed run appends to it.
  Report(const Args &args, int64_t parameters);

  void step(const StepRecord &record);
  void finish(int64_t step, double validationLoss);

private:
  void writeLog(const StepRecord &record);
  void printBar(const StepRecord &record);
  void printLine(const StepRecord &record);

  const Args &args;
  bool onTerminal;
  double seconds = 0;
  int64_t stepsDone = 0;
  std::optional<double> lastValidation;
  std::unique_ptr<FILE, int (*)(FILE *)> log{nullptr, std::fclose};
};

} // namespace gpt

#endif
