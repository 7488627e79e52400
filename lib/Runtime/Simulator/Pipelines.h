/* What generated code calls for kernels with asynchronous operations: mbarriers, bulk copies of tensors, products of
 * warpgroups. `where` as in Simulator.h. None of them returns after a fault. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_PIPELINES_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_PIPELINES_H

#include "Simulator.h"

/* ---- Barriers of some of a block's threads: bar.sync and bar.arrive. ---- */

void descent_sim_named_barrier(descent_sim_thread *thread, const char *where, int32_t number, int32_t count);
void descent_sim_named_arrive(descent_sim_thread *thread, const char *where, int32_t number, int32_t count);

/* ---- mbarriers: words of 64 bits of workgroup memory. ---- */

void descent_sim_mbarrier_init(descent_sim_thread *thread, const char *where, void *address, int32_t count);
void descent_sim_mbarrier_invalidate(descent_sim_thread *thread, const char *where, void *address);
void descent_sim_mbarrier_expect(descent_sim_thread *thread, const char *where, void *address, int32_t bytes);
/* Returns the number of the phase that it arrived in, which is the state that a test takes. */
int64_t descent_sim_mbarrier_arrive(descent_sim_thread *thread, const char *where, void *address, int32_t count);
/* Returns once the last phase of this parity, 0 or 1, is complete. */
void descent_sim_mbarrier_wait(descent_sim_thread *thread, const char *where, void *address, int32_t parity);
/* Whether it is complete. Others go on meanwhile, so that a loop of tests ends. */
int32_t descent_sim_mbarrier_test(descent_sim_thread *thread, const char *where, void *address, int32_t parity);
int32_t descent_sim_mbarrier_test_state(descent_sim_thread *thread, const char *where, void *address, int64_t state);

/* ---- Fences ---- */

void descent_sim_fence_mbarriers(descent_sim_thread *thread, const char *where);
/* What the thread wrote before is seen by asynchronous operations. */
void descent_sim_fence_asynchronous(descent_sim_thread *thread, const char *where);
void descent_sim_fence_map(descent_sim_thread *thread, const char *where, const void *map);

/* ---- Boxes of matrices: see TensorMap.h. ---- */

/* From global to workgroup memory, at some time before the mbarrier's phase is complete. */
void descent_sim_copy_box(descent_sim_thread *thread, const char *where, void *tile, const void *map, void *mbarrier,
                          int32_t col, int32_t row);
/* From workgroup to global memory, at some time before the thread has waited for the copy's group. */
void descent_sim_store_box(descent_sim_thread *thread, const char *where, const void *map, void *tile, int32_t col,
                           int32_t row);
void descent_sim_commit_stores(descent_sim_thread *thread, const char *where);
/* Until no more than the last `left` groups of the thread go on; if `is_read`, they may still write. */
void descent_sim_wait_stores(descent_sim_thread *thread, const char *where, int32_t left, int32_t is_read);

/* ---- Products of a warpgroup: four warps, the first of them one of every four. ---- */

enum {
  DESCENT_SIM_FACTORS_F16 = 1, /* else bf16 */
  DESCENT_SIM_LEFT_ROWS = 2,   /* neighbours of the left factor are along its rows' dimension, else along the inner */
  DESCENT_SIM_RIGHT_COLS = 4,  /* those of the right one along its columns' */
  DESCENT_SIM_NEGATED_LEFT = 8,
  DESCENT_SIM_NEGATED_RIGHT = 16,
  DESCENT_SIM_FRESH_SUM = 32 /* the sum is not added to */
};

/* wgmma.mma_async of 64 x 16 by 16 x `cols`: both factors are described by matrix descriptors. `sum` is the thread's
 * part, in the layout of PTX, which the product replaces. */
void descent_sim_warpgroup_product(descent_sim_thread *thread, const char *where, float *sum, uint64_t left,
                                   uint64_t right, int32_t cols, int32_t flags);
void descent_sim_fence_registers(descent_sim_thread *thread, const char *where);
void descent_sim_commit_products(descent_sim_thread *thread, const char *where);
void descent_sim_wait_products(descent_sim_thread *thread, const char *where, int64_t left);
/* Before registers are used that the product at `product` may still write. */
void descent_sim_use_sum(descent_sim_thread *thread, const char *where, const char *product);

/* setmaxnreg: by a whole warpgroup. Each thread of the block has `launched` registers at the begin; 0: as many as the
 * only block of a multiprocessor can have. */
void descent_sim_set_registers(descent_sim_thread *thread, const char *where, int32_t count, int32_t is_increase,
                               int32_t launched);

/* elect.sync: 1 for one lane of the warp, always the same one, and no lane that a kernel can know of. */
int32_t descent_sim_elect(descent_sim_thread *thread, const char *where);

#endif
