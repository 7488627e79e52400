#include "Threads.h"

using namespace gpt;

/// Rounds follow each other within microseconds; a thread that went to sleep would wake up too late for the next one.
template <class Condition> static bool spinUntil(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition())
      return true;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return false;
}

ThreadPool::ThreadPool(int64_t workers) {
  for (int64_t worker = 1; worker < workers; ++worker)
    threads.emplace_back([this, worker] { serve(worker); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
    ++round;
  }
  roundStarted.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void ThreadPool::run(int64_t count, Body newBody, void *newArgument) {
  if (threads.empty() || count <= 1) {
    for (int64_t task = 0; task < count; ++task)
      newBody(newArgument, task, 0);
    return;
  }
  body = newBody;
  argument = newArgument;
  tasks = count;
  nextTask = 0;
  busyThreads = static_cast<int64_t>(threads.size());
  {
    std::lock_guard<std::mutex> lock(mutex);
    ++round;
  }
  roundStarted.notify_all();
  claimTasks(0);
  auto finished = [this] { return busyThreads.load(std::memory_order_acquire) == 0; };
  if (spinUntil(finished))
    return;
  std::unique_lock<std::mutex> lock(mutex);
  roundFinished.wait(lock, finished);
}

void ThreadPool::serve(int64_t worker) {
  for (uint64_t seen = 0;; ++seen) {
    auto started = [this, seen] { return round.load(std::memory_order_acquire) != seen; };
    if (!spinUntil(started)) {
      std::unique_lock<std::mutex> lock(mutex);
      roundStarted.wait(lock, started);
    }
    if (stopping)
      return;
    claimTasks(worker);
    if (busyThreads.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard<std::mutex> lock(mutex);
      roundFinished.notify_one();
    }
  }
}

void ThreadPool::claimTasks(int64_t worker) {
  for (int64_t task = nextTask++; task < tasks; task = nextTask++)
    body(argument, task, worker);
}
