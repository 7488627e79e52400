/* One stack of its own for each simulated thread, switched by hand: a block's threads take turns on one processor. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_FIBER_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_FIBER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct descent_fiber descent_fiber;

/* A stack whose end is guarded, to be used by one body after the other; null without memory. */
descent_fiber *descent_fiber_create(size_t stack_bytes);
void descent_fiber_destroy(descent_fiber *fiber);

/* Prepares `body(argument)`, which starts at the next resume. What an earlier body left on the stack is forgotten,
 * whether it had returned or not. */
void descent_fiber_start(descent_fiber *fiber, void (*body)(void *), void *argument);

/* Runs the fiber until it yields or its body returns; false once it has returned. */
bool descent_fiber_resume(descent_fiber *fiber);

/* Whether these bytes lie on the fiber's stack. */
bool descent_fiber_owns(const descent_fiber *fiber, const void *address, size_t bytes);

/* From within a body: back to whoever resumed it. */
void descent_fiber_yield(descent_fiber *fiber);

#endif
