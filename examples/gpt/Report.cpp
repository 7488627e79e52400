#include "Report.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <unistd.h>

using namespace gpt;

/// Steps between two plain lines.
static constexpr int64_t lineEvery = 10;

Report::Report(const Args &args, int64_t parameters) : args(args), onTerminal(isatty(STDOUT_FILENO)) {
  if (!args.log.empty()) {
    log.reset(std::fopen(args.log.c_str(), args.resume.empty() ? "w" : "a"));
    if (!log)
      throw std::runtime_error("cannot write log '" + args.log + "': " + std::strerror(errno));
    std::fprintf(log.get(),
                 "{\"rule\": \"%s\", \"lr_scale\": %.9g, \"steps\": %lld, \"parameters\": %lld, "
                 "\"tokens_per_step\": %lld, \"threads\": %lld}\n",
                 args.rule.c_str(), args.learningRateScale, static_cast<long long>(args.steps),
                 static_cast<long long>(parameters),
                 static_cast<long long>(args.batch * args.context * args.accumulate),
                 static_cast<long long>(args.threads));
  }
  if (!args.quiet)
    std::printf("%s, %lld parameters, %lld steps of %lld x %lld characters, %lld threads\n", args.rule.c_str(),
                static_cast<long long>(parameters), static_cast<long long>(args.steps),
                static_cast<long long>(args.batch * args.accumulate), static_cast<long long>(args.context),
                static_cast<long long>(args.threads));
}

void Report::step(const StepRecord &record) {
  seconds += record.seconds;
  ++stepsDone;
  if (record.validationLoss)
    lastValidation = record.validationLoss;
  if (log)
    writeLog(record);
  if (args.quiet)
    return;
  if (onTerminal)
    printBar(record);
  else if (record.step % lineEvery == 0 || record.validationLoss)
    printLine(record);
}

/// JSON has no NaN and no infinity.
static std::string json(double value) {
  if (!std::isfinite(value))
    return "null";
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

void Report::writeLog(const StepRecord &r) {
  std::string line = "{\"step\": " + std::to_string(r.step) + ", \"loss\": " + json(r.loss) +
                     ", \"lr\": " + json(r.learningRate) + ", \"gradient_norm\": " + json(r.gradientNorm) +
                     ", \"skipped\": " + (r.skipped ? "true" : "false") + ", \"seconds\": " + json(r.seconds) +
                     ", \"optimizer_seconds\": " + json(r.optimizerSeconds);
  if (r.validationLoss)
    line += ", \"validation_loss\": " + json(*r.validationLoss);
  std::fprintf(log.get(), "%s}\n", line.c_str());
  std::fflush(log.get());
}

void Report::printBar(const StepRecord &r) {
  constexpr int64_t width = 30;
  int64_t full = width * r.step / args.steps;
  std::string bar = std::string(full, '=') + std::string(width - full, ' ');
  double rate = stepsDone * static_cast<double>(args.batch * args.context * args.accumulate) / seconds;
  std::printf("\r[%s] %lld/%lld  loss %.4f  %.0f tokens/s", bar.c_str(), static_cast<long long>(r.step),
              static_cast<long long>(args.steps), r.loss, rate);
  if (lastValidation)
    std::printf("  validation %.4f", *lastValidation);
  std::printf("%s\033[K", r.skipped ? "  skipped" : "");
  std::fflush(stdout);
}

void Report::printLine(const StepRecord &r) {
  std::printf("step %lld  loss %.4f  lr %.3e  %.1f ms, of which optimizer %.1f ms", static_cast<long long>(r.step),
              r.loss, r.learningRate, r.seconds * 1e3, r.optimizerSeconds * 1e3);
  if (r.validationLoss)
    std::printf("  validation %.4f", *r.validationLoss);
  std::printf("%s\n", r.skipped ? "  skipped: the gradient is not finite" : "");
  std::fflush(stdout);
}

void Report::finish(int64_t step, double validationLoss) {
  std::printf("%s%s lr x%g: step %lld, validation loss %.4f, %.1f ms a step\n", onTerminal && !args.quiet ? "\n" : "",
              args.rule.c_str(), args.learningRateScale, static_cast<long long>(step), validationLoss,
              stepsDone ? seconds / stepsDone * 1e3 : 0.0);
}
