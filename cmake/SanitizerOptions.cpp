// MLIR itself is not instrumented: its containers look overflowed, its allocators do not unpoison what our code
// poisons, and it keeps what it allocates once.
extern "C" const char *__asan_default_options() {
  return "detect_leaks=0:detect_container_overflow=0:allow_user_poisoning=0";
}
