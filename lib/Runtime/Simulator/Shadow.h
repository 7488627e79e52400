/* What is known of each byte of memory that kernels work on: whether a kernel may touch it, whether it was ever
 * written, and who read and wrote it last. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_SHADOW_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who makes an access. Barriers of a block part its time into epochs: accesses in different epochs are ordered. */
typedef struct descent_sim_actor {
  uint32_t stamp;   /* of the launch; of workgroup memory, of the block's run */
  uint32_t thread;  /* in the whole launch */
  uint32_t threads; /* of a block */
  uint32_t epoch;
} descent_sim_actor;

typedef enum descent_sim_fault {
  DESCENT_SIM_FINE = 0,
  DESCENT_SIM_OUTSIDE,       /* no byte of any buffer */
  DESCENT_SIM_UNWRITTEN,     /* read before anything was written there */
  DESCENT_SIM_READ_RACE,     /* another thread wrote it, and nothing orders the two */
  DESCENT_SIM_WRITE_RACE,    /* as above, for two writes */
  DESCENT_SIM_OVERWRITE_RACE /* another thread reads it, and nothing orders the two */
} descent_sim_fault;

/* The first byte of an access that is at fault, and the thread that it is at odds with. */
typedef struct descent_sim_finding {
  descent_sim_fault fault;
  const char *byte;
  uint32_t other; /* thread in the whole launch, of a race */
  bool several;   /* the other is one of several */
} descent_sim_finding;

typedef struct descent_sim_cell descent_sim_cell;
typedef struct descent_shadow descent_shadow;

descent_shadow *descent_shadow_create(void);
void descent_shadow_destroy(descent_shadow *shadow);

/* From now on kernels may touch these bytes; `written` tells whether they hold something. False without memory. */
bool descent_shadow_allow(descent_shadow *shadow, const void *begin, int64_t bytes, bool written);
void descent_shadow_forbid(descent_shadow *shadow, const void *begin, int64_t bytes);

/* Checks an access, and remembers it. */
descent_sim_finding descent_shadow_access(descent_shadow *shadow, descent_sim_actor actor, const void *address,
                                          int64_t bytes, bool store);

/* The same of memory that is all of one piece, with a cell a byte: workgroup memory. */
descent_sim_cell *descent_cells_create(int64_t bytes);
void descent_cells_forget(descent_sim_cell *cells, int64_t bytes);
descent_sim_finding descent_cells_access(descent_sim_cell *cells, const char *begin, int64_t size,
                                         descent_sim_actor actor, const void *address, int64_t bytes, bool store);

#endif
