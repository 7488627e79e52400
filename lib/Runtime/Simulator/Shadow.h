/* What is known of memory that kernels work on: whether a kernel may touch it, whether it was ever written, and who
 * read and wrote it last. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_SHADOW_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A thread of a launch: its block, then 10 bits for its place in the block. A warp is 32 neighbours. The places after
 * the block's threads stand for what happens asynchronously: see Clocks.h. */
enum { DESCENT_SIM_MOST_ACTORS = 1024 }; /* of a block */

static inline uint32_t descent_sim_thread_id(int64_t block, int64_t thread) {
  return (uint32_t)block << 10 | (uint32_t)thread;
}

/* Who makes an access. A block's clock advances at each barrier of the block or of one of its warps, and whenever a
 * thread or an asynchronous operation lets others know how far it is. */
typedef struct descent_sim_actor {
  uint32_t stamp;       /* of the launch, not 0 */
  uint32_t thread;      /* a thread id */
  uint32_t threads;     /* of the block; actors beyond them are asynchronous */
  uint32_t now;         /* the block's clock */
  uint32_t block_since; /* what the block's threads did before is ordered */
  uint32_t warp_since;  /* what the warp did before is ordered */
  const uint32_t *seen; /* what each of the block's actors did before is ordered; null: nothing but the above */
  /* Of an asynchronous access: what each thread wrote before is no longer in its own view of memory only; else null. */
  const uint32_t *fenced;
  const char *where; /* the operation */
} descent_sim_actor;

typedef enum descent_sim_fault {
  DESCENT_SIM_FINE = 0,
  DESCENT_SIM_OUTSIDE,        /* no byte of any buffer */
  DESCENT_SIM_CONSTANT,       /* written, but constant */
  DESCENT_SIM_UNWRITTEN,      /* read before anything was written there */
  DESCENT_SIM_READ_RACE,      /* another thread wrote it, and nothing orders the two */
  DESCENT_SIM_WRITE_RACE,     /* as above, for two writes */
  DESCENT_SIM_OVERWRITE_RACE, /* another thread reads it, and nothing orders the two */
  DESCENT_SIM_UNFENCED,       /* a thread wrote it before, but asynchronous accesses need not see that */
  DESCENT_SIM_NO_MEMORY       /* to remember the access */
} descent_sim_fault;

/* The first byte of an access that is at fault, and the access that it is at odds with. */
typedef struct descent_sim_finding {
  descent_sim_fault fault;
  uintptr_t byte;
  uint32_t other;          /* thread id, of a race */
  const char *other_where; /* of a race */
} descent_sim_finding;

typedef struct descent_shadow descent_shadow;

descent_shadow *descent_shadow_create(void);
void descent_shadow_destroy(descent_shadow *shadow);

typedef enum descent_sim_content {
  DESCENT_SIM_NOTHING = 0, /* no kernel may touch it */
  DESCENT_SIM_FRESH = 1,   /* memory that was not written yet */
  DESCENT_SIM_DATA = 2,
  DESCENT_SIM_FIXED = 3 /* may be read only */
} descent_sim_content;

/* What bytes hold from now on; who accessed them before is forgotten. False without memory. */
bool descent_shadow_set(descent_shadow *shadow, const void *begin, int64_t bytes, descent_sim_content content);

descent_sim_content descent_shadow_content(descent_shadow *shadow, const void *address);

/* From now on kernels may touch these bytes; `written` tells whether they hold something. False without memory. */
bool descent_shadow_allow(descent_shadow *shadow, const void *begin, int64_t bytes, bool written);
void descent_shadow_forbid(descent_shadow *shadow, const void *begin, int64_t bytes);

/* Checks an access, and remembers it. */
descent_sim_finding descent_shadow_access(descent_shadow *shadow, const descent_sim_actor *actor, const void *address,
                                          int64_t bytes, bool store);

#endif
