#include "Args.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <getopt.h>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace gpt;

const char *const gpt::usage =
    R"(usage: gpt-train --data FILE [options]

Trains a small character-level GPT with an optimizer that Descent compiled.

  --data FILE        the text to learn
  --rule NAME        lanton (default) or adamw
  --lr SCALE         multiplies the default learning rate of every group (1)
  --steps N          length of the run and of its learning-rate schedule (800)
  --stop-after N     stop after step N, as if interrupted
  --seed N           initial weights and order of the data (1)
  --threads N        0: one a processor (0)
  --batch N          sequences in a batch (16)
  --accumulate N     batches whose gradients make a step (1)
  --loss-scale X     factor on all gradients of the backward pass, taken out again by the optimizer (1)
  --context N        characters in a sequence (64)
  --layers N, --width N, --heads N
                     shape of the model (4, 128, 4)
  --eval-every N     steps between two validations; 0: only after the last step (50)
  --save FILE        write a checkpoint after the last step
  --save-every N     ... and after every N steps
  --resume FILE      go on from a checkpoint
  --log FILE         write one line of JSON for each step
  --quiet            print the result only
  --help             print this text
)";

static double toNumber(const std::string &option, const char *text) {
  char *end;
  errno = 0;
  double value = std::strtod(text, &end);
  if (end == text || *end || errno || !std::isfinite(value) || value <= 0)
    throw std::runtime_error("--" + option + " wants a positive number, not '" + text + "'");
  return value;
}

static int64_t toInteger(const std::string &option, const char *text, int64_t least, int64_t most) {
  char *end;
  errno = 0;
  long long value = std::strtoll(text, &end, 10);
  if (end == text || *end || errno || value < least || value > most)
    throw std::runtime_error("--" + option + " wants an integer from " + std::to_string(least) + " to " +
                             std::to_string(most) + ", not '" + text + "'");
  return value;
}

// Options by the type of their value: the table of getopt and the assignments both come from these.
namespace {
struct TextOption {
  const char *name;
  std::string Args::*value;
};
struct NumberOption {
  const char *name;
  double Args::*value;
};
struct IntegerOption {
  const char *name;
  int64_t Args::*value;
  int64_t least, most;
};
struct FlagOption {
  const char *name;
  bool Args::*value;
};
} // namespace

static const TextOption textOptions[] = {
    {"data", &Args::data}, {"rule", &Args::rule}, {"save", &Args::save}, {"resume", &Args::resume}, {"log", &Args::log},
};
static const NumberOption numberOptions[] = {{"lr", &Args::learningRateScale}, {"loss-scale", &Args::lossScale}};
// The product of any four sizes, in bytes, fits into 64 bits.
static constexpr int64_t mostSize = 1 << 14, mostSteps = 1 << 30;
static const IntegerOption integerOptions[] = {
    {"steps", &Args::steps, 1, mostSteps},          {"stop-after", &Args::stopAfter, 1, mostSteps},
    {"save-every", &Args::saveEvery, 0, mostSteps}, {"eval-every", &Args::evalEvery, 0, mostSteps},
    {"threads", &Args::threads, 0, 1024},           {"batch", &Args::batch, 1, mostSize},
    {"accumulate", &Args::accumulate, 1, mostSize}, {"context", &Args::context, 1, mostSize},
    {"layers", &Args::layers, 1, mostSize},         {"width", &Args::width, 1, mostSize},
    {"heads", &Args::heads, 1, mostSize},
};
static const FlagOption flagOptions[] = {{"quiet", &Args::quiet}, {"help", &Args::help}};

static std::vector<option> getoptTable() {
  std::vector<option> table;
  for (const TextOption &o : textOptions)
    table.push_back({o.name, required_argument, nullptr, 0});
  for (const NumberOption &o : numberOptions)
    table.push_back({o.name, required_argument, nullptr, 0});
  for (const IntegerOption &o : integerOptions)
    table.push_back({o.name, required_argument, nullptr, 0});
  table.push_back({"seed", required_argument, nullptr, 0});
  for (const FlagOption &o : flagOptions)
    table.push_back({o.name, no_argument, nullptr, 0});
  table.push_back({nullptr, 0, nullptr, 0});
  return table;
}

static void setOption(Args &args, const std::string &name, const char *text) {
  for (const TextOption &o : textOptions)
    if (name == o.name)
      args.*o.value = text;
  for (const NumberOption &o : numberOptions)
    if (name == o.name)
      args.*o.value = toNumber(name, text);
  for (const IntegerOption &o : integerOptions)
    if (name == o.name)
      args.*o.value = toInteger(name, text, o.least, o.most);
  for (const FlagOption &o : flagOptions)
    if (name == o.name)
      args.*o.value = true;
  if (name == "seed")
    args.seed = toInteger(name, text, 0, INT64_MAX);
}

static void check(const Args &args) {
  if (args.data.empty())
    throw std::runtime_error("no text to learn: give --data FILE (see --help)");
  if (args.rule != "lanton" && args.rule != "adamw")
    throw std::runtime_error("--rule wants lanton or adamw, not '" + args.rule + "'");
  if (args.width % args.heads != 0)
    throw std::runtime_error("--width " + std::to_string(args.width) + " cannot be divided among --heads " +
                             std::to_string(args.heads));
  if (args.saveEvery && args.save.empty())
    throw std::runtime_error("--save-every needs --save FILE");
}

Args gpt::parseArgs(int argc, char **argv) {
  Args args;
  std::vector<option> table = getoptTable();
  opterr = 0;
  for (int index = 0;;) {
    int code = getopt_long(argc, argv, ":", table.data(), &index);
    if (code == -1)
      break;
    if (code == ':')
      throw std::runtime_error(std::string("option ") + argv[optind - 1] + " wants a value");
    if (code == '?')
      throw std::runtime_error(std::string("cannot make sense of option ") + argv[optind - 1] + " (see --help)");
    setOption(args, table[index].name, optarg);
  }
  if (args.help)
    return args;
  if (optind < argc)
    throw std::runtime_error(std::string("unexpected argument '") + argv[optind] + "' (see --help)");
  check(args);
  if (args.threads == 0)
    args.threads = std::max(1u, std::thread::hardware_concurrency());
  return args;
}
