#ifndef GPT_DATA_H
#define GPT_DATA_H

#include <cstdint>
#include <string>
#include <vector>

namespace gpt {

/// A text as tokens: one for each byte value that occurs in it, in the order of the values. The last tenth is kept for
/// validation.
class Corpus {
public:
  /// Throws std::runtime_error when the file cannot be read, or is too short for windows of `context` tokens.
  Corpus(const std::string &path, int64_t context);

  /// The byte value of each token.
  const std::string &vocabulary() const { return bytes; }

  /// Window `index` of a step: `context` tokens and the tokens that follow each of them. It depends on nothing but
  /// (seed, step, index), so that a resumed run, or one with other batches, sees the same text.
  void trainingWindow(uint64_t seed, int64_t step, int64_t index, int *inputs, int *targets) const;

  /// Window `index` of `count` that are spread evenly over the validation part.
  void validationWindow(int64_t index, int64_t count, int *inputs, int *targets) const;

private:
  void copyWindow(int64_t begin, int *inputs, int *targets) const;

  int64_t context, trainingSize;
  std::string bytes;
  std::vector<uint8_t> tokens;
};

} // namespace gpt

#endif
