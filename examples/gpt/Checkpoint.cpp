#include "Checkpoint.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

using namespace gpt;

static constexpr char magic[8] = {'D', 'S', 'C', 'N', 'T', 'G', 'P', 'T'};
static constexpr uint64_t currentVersion = 1;

namespace {
/// The beginning of a file. Vocabulary, signature, weights and states follow, then the 64-bit FNV-1a of all before it.
struct Header {
  char magic[8];
  uint64_t version;
  uint64_t vocabulary, context, layers, width, heads;
  uint64_t seed, step;
  uint64_t vocabularyBytes, signatureBytes, weightBytes, stateBytes;
};

/// A file that is closed on every way out.
struct File {
  explicit File(int descriptor) : descriptor(descriptor) {}
  File(const File &) = delete;
  ~File() {
    if (descriptor >= 0)
      close(descriptor);
  }
  int descriptor;
};
} // namespace

static uint64_t checksum(const char *data, size_t bytes) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (size_t i = 0; i < bytes; ++i)
    hash = (hash ^ static_cast<unsigned char>(data[i])) * 0x100000001b3ull;
  return hash;
}

static std::vector<char> encode(const Checkpoint &c) {
  Header header = {};
  std::copy_n(magic, sizeof(magic), header.magic);
  header.version = currentVersion;
  header.vocabulary = c.config.vocabulary;
  header.context = c.config.context;
  header.layers = c.config.layers;
  header.width = c.config.width;
  header.heads = c.config.heads;
  header.seed = c.seed;
  header.step = c.step;
  header.vocabularyBytes = c.vocabulary.size();
  header.signatureBytes = c.signature.size();
  header.weightBytes = c.weights.size() * sizeof(float);
  header.stateBytes = c.states.size();

  std::vector<char> file;
  auto append = [&](const void *data, size_t bytes) {
    const char *begin = static_cast<const char *>(data);
    file.insert(file.end(), begin, begin + bytes);
  };
  append(&header, sizeof(header));
  append(c.vocabulary.data(), c.vocabulary.size());
  append(c.signature.data(), c.signature.size());
  append(c.weights.data(), header.weightBytes);
  append(c.states.data(), c.states.size());
  uint64_t sum = checksum(file.data(), file.size());
  append(&sum, sizeof(sum));
  return file;
}

static std::runtime_error writeError(const std::string &path) {
  return std::runtime_error("cannot write checkpoint '" + path + "': " + std::strerror(errno));
}

void gpt::writeCheckpoint(const std::string &path, const Checkpoint &checkpoint) {
  std::vector<char> data = encode(checkpoint);
  std::string temporary = path + ".tmp";
  {
    File file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.descriptor < 0)
      throw writeError(path);
    for (size_t done = 0; done < data.size();) {
      ssize_t count = write(file.descriptor, data.data() + done, data.size() - done);
      if (count < 0 && errno != EINTR)
        throw writeError(path);
      done += std::max<ssize_t>(count, 0);
    }
    // Without this, the new name could outlive a power failure that the data does not.
    if (fsync(file.descriptor) != 0)
      throw writeError(path);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    throw writeError(path);
}

static std::vector<char> readFile(const std::string &path) {
  File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  bool good = file.descriptor >= 0 && fstat(file.descriptor, &status) == 0;
  std::vector<char> data(good ? status.st_size : 0);
  for (size_t done = 0; good && done < data.size();) {
    ssize_t count = read(file.descriptor, data.data() + done, data.size() - done);
    good = count > 0 || (count < 0 && errno == EINTR);
    done += std::max<ssize_t>(count, 0);
  }
  if (!good)
    throw std::runtime_error("cannot read checkpoint '" + path + "': " + std::strerror(errno));
  return data;
}

/// Refuses what is no whole and undamaged checkpoint of this version.
static Header checkedHeader(const std::string &path, const std::vector<char> &data) {
  auto refuse = [&](const std::string &why) { throw std::runtime_error("checkpoint '" + path + "' " + why); };
  Header header;
  if (data.size() < sizeof(magic) || !std::equal(magic, magic + sizeof(magic), data.begin()))
    refuse("is not a checkpoint of this program");
  if (data.size() < sizeof(header) + sizeof(uint64_t))
    refuse("is truncated: it has " + std::to_string(data.size()) + " bytes, which is less than its header");
  std::memcpy(&header, data.data(), sizeof(header));
  if (header.version != currentVersion)
    refuse("has version " + std::to_string(header.version) + ", this program reads version " +
           std::to_string(currentVersion));

  uint64_t left = data.size() - sizeof(header) - sizeof(uint64_t);
  for (uint64_t part : {header.vocabularyBytes, header.signatureBytes, header.weightBytes, header.stateBytes}) {
    if (part > left)
      refuse("is truncated: it has " + std::to_string(data.size()) + " bytes, its header announces more");
    left -= part;
  }
  uint64_t sum;
  std::memcpy(&sum, data.data() + data.size() - sizeof(sum), sizeof(sum));
  if (left != 0 || sum != checksum(data.data(), data.size() - sizeof(sum)))
    refuse("is damaged: its checksum is wrong");
  return header;
}

Checkpoint gpt::readCheckpoint(const std::string &path) {
  std::vector<char> data = readFile(path);
  Header header = checkedHeader(path, data);
  Checkpoint c;
  c.config.vocabulary = header.vocabulary;
  c.config.context = header.context;
  c.config.layers = header.layers;
  c.config.width = header.width;
  c.config.heads = header.heads;
  c.seed = header.seed;
  c.step = header.step;
  const char *next = data.data() + sizeof(header);
  auto take = [&](uint64_t bytes) { return (next += bytes) - bytes; };
  c.vocabulary.assign(take(header.vocabularyBytes), header.vocabularyBytes);
  c.signature.assign(take(header.signatureBytes), header.signatureBytes);
  c.weights.resize(header.weightBytes / sizeof(float));
  std::memcpy(c.weights.data(), take(header.weightBytes), c.weights.size() * sizeof(float));
  c.states.assign(next, next + header.stateBytes);
  return c;
}
