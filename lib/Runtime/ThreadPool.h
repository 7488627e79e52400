/* The plan's own threads. */
#ifndef DESCENT_LIB_RUNTIME_THREADPOOL_H
#define DESCENT_LIB_RUNTIME_THREADPOOL_H

#include <stdint.h>

typedef struct descent_pool descent_pool;

/* Processors that this process may run on, or as many as its container has time of. */
int64_t descent_processors(void);

/* A pool of `workers` (at least 2), of which the caller of descent_pool_run is one. Null when memory or threads lack.
 */
descent_pool *descent_pool_create(int64_t workers);
void descent_pool_destroy(descent_pool *pool);

/* The contract of descent_parallel.run. A second thread that calls this meanwhile waits for its turn. */
void descent_pool_run(void *pool, int64_t tasks, void (*body)(void *argument, int64_t task, int64_t worker),
                      void *argument);

#endif
