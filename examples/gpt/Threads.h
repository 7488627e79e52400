#ifndef GPT_THREADS_H
#define GPT_THREADS_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace gpt {

/// A pool of `workers` threads; the caller of `run` is worker 0. Callers cut their work into tasks that do not depend
/// on the number of workers, which is why the same bits come out for any number of them.
class ThreadPool {
public:
  using Body = void (*)(void *argument, int64_t task, int64_t worker);

  explicit ThreadPool(int64_t workers);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int64_t workers() const { return static_cast<int64_t>(threads.size()) + 1; }

  /// Runs body(argument, task, worker) once for every task in [0, tasks). Tasks must not call `run` themselves.
  void run(int64_t tasks, Body body, void *argument);

  /// The same for a callable of (task, worker).
  template <class Callable> void forEach(int64_t tasks, Callable callable) {
    run(
        tasks, [](void *argument, int64_t task, int64_t worker) { (*static_cast<Callable *>(argument))(task, worker); },
        &callable);
  }

private:
  void serve(int64_t worker);
  void claimTasks(int64_t worker);

  Body body = nullptr;
  void *argument = nullptr;
  int64_t tasks = 0;
  std::atomic<int64_t> nextTask{0};
  std::atomic<int64_t> busyThreads{0};
  std::atomic<uint64_t> round{0};
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable roundStarted, roundFinished;
  std::vector<std::thread> threads;
};

} // namespace gpt

#endif
