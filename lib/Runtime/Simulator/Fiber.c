#define _DEFAULT_SOURCE
#include "Fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DESCENT_TELLS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define DESCENT_TELLS_SANITIZER 1
#endif
#if defined(DESCENT_TELLS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

struct descent_fiber {
  char *memory; /* a page that must not be touched, then the stack */
  size_t bytes;
  void (*body)(void *);
  void *argument;
  bool done;
#if defined(__x86_64__)
  void *own, *caller; /* stack pointers of who does not run */
#else
  ucontext_t own, caller;
#endif
#if defined(DESCENT_TELLS_SANITIZER)
  const void *caller_stack;
  size_t caller_bytes;
#endif
};

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

descent_fiber *descent_fiber_create(size_t stack_bytes) {
  descent_fiber *fiber = calloc(1, sizeof(descent_fiber));
  if (!fiber)
    return NULL;
  const size_t page = page_bytes();
  fiber->bytes = (stack_bytes + page - 1) / page * page + page;
  fiber->memory = mmap(NULL, fiber->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fiber->memory == MAP_FAILED || mprotect(fiber->memory, page, PROT_NONE) != 0) {
    if (fiber->memory != MAP_FAILED)
      munmap(fiber->memory, fiber->bytes);
    free(fiber);
    return NULL;
  }
  return fiber;
}

/* A body that never returned has left what the sanitizer knows of its frames. */
static void forget_frames(const descent_fiber *fiber) {
#if defined(DESCENT_TELLS_SANITIZER)
  ASAN_UNPOISON_MEMORY_REGION(fiber->memory + page_bytes(), fiber->bytes - page_bytes());
#else
  (void)fiber;
#endif
}

void descent_fiber_destroy(descent_fiber *fiber) {
  if (!fiber)
    return;
  forget_frames(fiber);
  munmap(fiber->memory, fiber->bytes);
  free(fiber);
}

static void enter_fiber(descent_fiber *fiber) {
#if defined(DESCENT_TELLS_SANITIZER)
  __sanitizer_finish_switch_fiber(NULL, &fiber->caller_stack, &fiber->caller_bytes);
#endif
  fiber->body(fiber->argument);
  fiber->done = true;
  descent_fiber_yield(fiber);
}

#if defined(__x86_64__)
/* Keeps the registers that calls preserve on the stack at hand, and goes on from another one. The rounding mode is the
 * same on both sides. */
void descent_switch_stack(void **from, void *to);
__asm__(".text\n"
        ".hidden descent_switch_stack\n"
        ".globl descent_switch_stack\n"
        ".type descent_switch_stack, @function\n"
        "descent_switch_stack:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size descent_switch_stack, .-descent_switch_stack\n");

/* The first switch returns to here, with the fiber in rbx. */
void descent_first_entry(void);
__asm__(".text\n"
        ".hidden descent_first_entry\n"
        ".globl descent_first_entry\n"
        ".type descent_first_entry, @function\n"
        "descent_first_entry:\n"
        "  movq %rbx, %rdi\n"
        "  callq *%r12\n"
        "  ud2\n"
        ".size descent_first_entry, .-descent_first_entry\n");

static void prepare(descent_fiber *fiber) {
  enum { REGISTERS = 6, RBX = 4, R12 = 3 };
  uintptr_t top = ((uintptr_t)fiber->memory + fiber->bytes) & ~(uintptr_t)63;
  void **stack = (void **)top - 3 - REGISTERS; /* so that a call in descent_first_entry finds the stack aligned */
  for (int i = 0; i < REGISTERS; ++i)
    stack[i] = NULL;
  stack[RBX] = fiber;
  stack[R12] = (void *)(uintptr_t)enter_fiber;
  stack[REGISTERS] = (void *)(uintptr_t)descent_first_entry;
  fiber->own = stack;
}

static void switch_in(descent_fiber *fiber) { descent_switch_stack(&fiber->caller, fiber->own); }
static void switch_out(descent_fiber *fiber) { descent_switch_stack(&fiber->own, fiber->caller); }
#else
static void enter_halves(unsigned high, unsigned low) {
  enter_fiber((descent_fiber *)(((uintptr_t)high << 16 << 16) | low));
}

static void prepare(descent_fiber *fiber) {
  const uintptr_t address = (uintptr_t)fiber;
  getcontext(&fiber->own);
  fiber->own.uc_stack.ss_sp = fiber->memory + page_bytes();
  fiber->own.uc_stack.ss_size = fiber->bytes - page_bytes();
  fiber->own.uc_link = NULL;
  makecontext(&fiber->own, (void (*)(void))enter_halves, 2, (unsigned)(address >> 16 >> 16), (unsigned)address);
}

static void switch_in(descent_fiber *fiber) { swapcontext(&fiber->caller, &fiber->own); }
static void switch_out(descent_fiber *fiber) { swapcontext(&fiber->own, &fiber->caller); }
#endif

void descent_fiber_start(descent_fiber *fiber, void (*body)(void *), void *argument) {
  forget_frames(fiber);
  fiber->body = body;
  fiber->argument = argument;
  fiber->done = false;
  prepare(fiber);
}

bool descent_fiber_owns(const descent_fiber *fiber, const void *address, size_t bytes) {
  const uintptr_t place = (uintptr_t)address - (uintptr_t)fiber->memory;
  return place < fiber->bytes && bytes <= fiber->bytes - place;
}

bool descent_fiber_resume(descent_fiber *fiber) {
#if defined(DESCENT_TELLS_SANITIZER)
  void *fake;
  __sanitizer_start_switch_fiber(&fake, fiber->memory + page_bytes(), fiber->bytes - page_bytes());
#endif
  switch_in(fiber);
#if defined(DESCENT_TELLS_SANITIZER)
  __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
  return !fiber->done;
}

void descent_fiber_yield(descent_fiber *fiber) {
#if defined(DESCENT_TELLS_SANITIZER)
  void *fake = NULL;
  __sanitizer_start_switch_fiber(fiber->done ? NULL : &fake, fiber->caller_stack, fiber->caller_bytes);
#endif
  switch_out(fiber);
#if defined(DESCENT_TELLS_SANITIZER)
  __sanitizer_finish_switch_fiber(fake, &fiber->caller_stack, &fiber->caller_bytes);
#endif
}
