#include "Data.h"
#include "Random.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

using namespace gpt;

static std::vector<uint8_t> readBytes(const std::string &path) {
  std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  std::vector<uint8_t> bytes;
  std::array<uint8_t, 65536> block;
  size_t count = 0;
  if (file)
    while ((count = std::fread(block.data(), 1, block.size(), file.get())) > 0)
      bytes.insert(bytes.end(), block.begin(), block.begin() + count);
  if (!file || std::ferror(file.get()))
    throw std::runtime_error("cannot read data file '" + path + "': " + std::strerror(errno));
  return bytes;
}

Corpus::Corpus(const std::string &path, int64_t context) : context(context), tokens(readBytes(path)) {
  int64_t size = static_cast<int64_t>(tokens.size()), needed = 10 * (context + 1);
  if (size < needed)
    throw std::runtime_error("data file '" + path + "' is too small: it has " + std::to_string(size) +
                             " bytes, and a context of " + std::to_string(context) + " needs at least " +
                             std::to_string(needed));
  trainingSize = size - size / 10;

  std::array<bool, 256> occurs = {};
  for (uint8_t byte : tokens)
    occurs[byte] = true;
  std::array<uint8_t, 256> tokenOf = {};
  for (int byte = 0; byte < 256; ++byte)
    if (occurs[byte]) {
      tokenOf[byte] = static_cast<uint8_t>(bytes.size());
      bytes.push_back(static_cast<char>(byte));
    }
  for (uint8_t &token : tokens)
    token = tokenOf[token];
}

void Corpus::copyWindow(int64_t begin, int *inputs, int *targets) const {
  for (int64_t i = 0; i < context; ++i) {
    inputs[i] = tokens[begin + i];
    targets[i] = tokens[begin + i + 1];
  }
}

void Corpus::trainingWindow(uint64_t seed, int64_t step, int64_t index, int *inputs, int *targets) const {
  uint64_t key = mix(mix(mix(seed) + step) + index);
  copyWindow(static_cast<int64_t>(key % (trainingSize - context)), inputs, targets);
}

void Corpus::validationWindow(int64_t index, int64_t count, int *inputs, int *targets) const {
  int64_t lastBegin = static_cast<int64_t>(tokens.size()) - trainingSize - context - 1;
  copyWindow(trainingSize + lastBegin * index / count, inputs, targets);
}
