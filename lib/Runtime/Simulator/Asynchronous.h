/* What the block that runs has begun, and need not be done yet: its mbarriers, bulk copies and products. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_ASYNCHRONOUS_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_ASYNCHRONOUS_H

#include "Clocks.h"
#include "TensorMap.h"

enum {
  DESCENT_SIM_WARPGROUP = 128, /* threads */
  DESCENT_SIM_MOST_WARPGROUPS = 8,
  DESCENT_SIM_MOST_MBARRIERS = 64,
  DESCENT_SIM_MOST_NAMED = 16,
  DESCENT_SIM_MOST_FLIGHTS = 64,
  DESCENT_SIM_MOST_GROUPS = 16,
  DESCENT_SIM_MOST_PRODUCTS = 64, /* operations of a kernel */
  DESCENT_SIM_MOST_MAPS = 256
};

typedef struct descent_sim_mbarrier {
  char *address; /* null: it was invalidated */
  int32_t expected, pending;
  int64_t bytes; /* that are expected and have not arrived */
  int64_t phase;
  uint32_t place; /* of the actor that its copies are */
  uint32_t init_thread, init_time;
  const char *init_where;
  bool is_fenced;                                                                /* so that copies see it */
  uint32_t arrived[DESCENT_SIM_MOST_ACTORS], completed[DESCENT_SIM_MOST_ACTORS]; /* clocks */
} descent_sim_mbarrier;

typedef struct descent_sim_named {
  int32_t count, arrived; /* threads; nothing waits while none has arrived */
  uint32_t clock[DESCENT_SIM_MOST_ACTORS];
} descent_sim_named;

/* A copy of a box that may still go on. */
typedef struct descent_sim_flight {
  bool is_store;
  char *tile;
  descent_sim_tensor_map map;
  int32_t row, col;
  descent_sim_mbarrier *mbarrier; /* unless it is a store */
  int64_t thread;                 /* that asked for it */
  uint32_t time;
  const char *where;
} descent_sim_flight;

/* What a thread committed and has not waited for, the first one first: each group is of what was begun before. */
typedef struct descent_sim_groups {
  int32_t count;
  uint32_t ends[DESCENT_SIM_MOST_GROUPS];
} descent_sim_groups;

typedef struct descent_sim_warpgroup {
  uint32_t place;    /* of the actor that its products are; 0: there were none */
  int32_t registers; /* of a thread; 0: as at the begin */
  int32_t num_products;
  struct {
    const char *where;
    uint32_t time;
  } products[DESCENT_SIM_MOST_PRODUCTS]; /* when each operation was last begun */
} descent_sim_warpgroup;

typedef struct descent_sim_asynchronous {
  descent_sim_mbarrier mbarriers[DESCENT_SIM_MOST_MBARRIERS];
  int32_t num_mbarriers;
  descent_sim_named named[DESCENT_SIM_MOST_NAMED];
  descent_sim_flight flights[DESCENT_SIM_MOST_FLIGHTS];
  int32_t num_flights;
  descent_sim_warpgroup warpgroups[DESCENT_SIM_MOST_WARPGROUPS];
  struct {
    const void *map;
    uint32_t thread, time;
  } fenced_maps[DESCENT_SIM_MOST_MAPS];
  int32_t num_fenced_maps;
  int32_t elected; /* lane of each warp */
  int32_t haste;   /* how soon copies land */
} descent_sim_asynchronous;

/* Swaps the pieces of 16 bytes within 32, 64 or 128 bytes, by where in workgroup memory these lie. */
static inline uintptr_t descent_sim_swizzle(uintptr_t address, uint32_t bytes) {
  const uintptr_t mask = bytes > 16 ? bytes / 16 - 1 : 0;
  return address ^ (((address >> 7) & mask) << 4);
}

#endif
