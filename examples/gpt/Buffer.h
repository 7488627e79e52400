#ifndef GPT_BUFFER_H
#define GPT_BUFFER_H

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace gpt {

/// A fixed number of zeros, aligned to 64 bytes: one cache line and one vector register.
template <class T> class Buffer {
public:
  Buffer() = default;
  explicit Buffer(int64_t count) : count(count) {
    size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    memory.reset(static_cast<T *>(std::aligned_alloc(64, bytes ? bytes : 64)));
    if (!memory)
      throw std::bad_alloc();
    std::memset(static_cast<void *>(memory.get()), 0, bytes);
  }

  /// Makes room for `wanted` elements; the old ones are lost when that needs new memory.
  void reserve(int64_t wanted) {
    if (wanted > count)
      *this = Buffer(wanted);
  }

  T *data() { return memory.get(); }
  const T *data() const { return memory.get(); }
  int64_t size() const { return count; }

private:
  struct Free {
    void operator()(T *pointer) const { std::free(pointer); }
  };
  std::unique_ptr<T, Free> memory;
  int64_t count = 0;
};

} // namespace gpt

#endif
