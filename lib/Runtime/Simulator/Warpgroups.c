/* What a warpgroup does together: products that go on while it does, and the registers of its threads. */
#include "Warpgroups.h"

#include "Pipelines.h"

#include <inttypes.h>

static descent_sim_warpgroup *group_of(const descent_sim_lane *lane) {
  return &lane->simulator->asynchronous->warpgroups[lane->seen.thread / DESCENT_SIM_WARPGROUP];
}

/* What all lanes of a warp do at once, and each for itself. */
static descent_sim_lane *do_aligned(descent_sim_thread *thread, const char *where) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->where = where;
  descent_sim_wait(lane, DESCENT_SIM_AT_ALIGNED);
  return lane;
}

/* ---- The protocol of products ---- */

void descent_sim_warpgroup_product(descent_sim_thread *thread, const char *where, float *sum, uint64_t left,
                                   uint64_t right, int32_t cols, int32_t flags) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  if (!lane->registers_fenced)
    descent_sim_stop(lane, where,
                     "writes registers with no wgmma.fence before, or none since other operations used them");
  lane->where = where;
  lane->request = (descent_sim_warpgroup_request){sum, left, right, cols, flags};
  descent_sim_warpgroup *group = group_of(lane);
  if (group->place == 0)
    group->place = descent_sim_add_async(lane, DESCENT_SIM_PRODUCTS);
  descent_sim_wait(lane, DESCENT_SIM_AT_WARPGROUP_PRODUCT);
}

void descent_sim_fence_registers(descent_sim_thread *thread, const char *where) {
  do_aligned(thread, where)->registers_fenced = true;
}

void descent_sim_commit_products(descent_sim_thread *thread, const char *where) {
  descent_sim_lane *lane = do_aligned(thread, where);
  descent_sim_commit_group(lane, where, &lane->products);
}

void descent_sim_wait_products(descent_sim_thread *thread, const char *where, int64_t left) {
  descent_sim_lane *lane = do_aligned(thread, where);
  const uint32_t end = descent_sim_drop_groups(&lane->products, left), place = group_of(lane)->place;
  if (end > 0 && place > 0)
    lane->clock[place] = end;
}

void descent_sim_use_sum(descent_sim_thread *thread, const char *where, const char *product) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  const descent_sim_warpgroup *group = group_of(lane);
  lane->registers_fenced = false;
  for (int32_t i = 0; i < group->num_products; ++i)
    if (group->products[i].where == product && !descent_sim_knows(lane, group->place, group->products[i].time))
      descent_sim_stop(lane, where, "uses registers that a product (%s) may still write: no wgmma.wait_group ends it",
                       product);
}

/* When the operation was last begun. */
static bool remember_product(descent_sim_lane *warpgroup, uint32_t time) {
  descent_sim_warpgroup *group = group_of(warpgroup);
  int32_t i = 0;
  while (i < group->num_products && group->products[i].where != warpgroup->where)
    ++i;
  if (i == DESCENT_SIM_MOST_PRODUCTS) {
    descent_sim_fail(warpgroup->simulator, warpgroup, "is one too many: a warpgroup has at most %d different products",
                     DESCENT_SIM_MOST_PRODUCTS);
    return false;
  }
  group->num_products += i == group->num_products;
  group->products[i].where = warpgroup->where;
  group->products[i].time = time;
  return true;
}

/* The first thread that asks for something else than the others; null: none. */
static const descent_sim_lane *find_different(const descent_sim_lane *warpgroup) {
  const descent_sim_warpgroup_request *first = &warpgroup->request;
  for (int32_t i = 1; i < DESCENT_SIM_WARPGROUP; ++i)
    if (warpgroup[i].request.left != first->left || warpgroup[i].request.right != first->right)
      return &warpgroup[i];
  return NULL;
}

/* Both factors are read now, though they may be until the end of the product: whatever writes them meanwhile is a
 * fault in any case. */
void descent_sim_multiply_warpgroup(descent_sim_lane *warpgroup) {
  descent_sim_warpgroup *group = group_of(warpgroup);
  const descent_sim_lane *different = find_different(warpgroup);
  if (different) {
    descent_sim_fail(warpgroup->simulator, different,
                     "has other matrix descriptors than thread %" PRId64 " of its warpgroup", warpgroup->seen.thread);
    return;
  }
  const descent_sim_actor actor =
      descent_sim_begin_async(warpgroup, DESCENT_SIM_WARPGROUP, group->place, warpgroup->where);
  if (remember_product(warpgroup, actor.now))
    descent_sim_compute_product(warpgroup, &actor);
}

/* ---- Registers ---- */

/* As many as the assembler may give each thread of the only block of a multiprocessor. */
static int32_t most_registers(int64_t threads) {
  enum { REGISTERS = 64 << 10, MOST_REGISTERS = 255, REGISTER_UNIT = 8 };
  const int64_t fair = REGISTERS / threads;
  return (int32_t)((fair < MOST_REGISTERS ? fair : MOST_REGISTERS) / REGISTER_UNIT * REGISTER_UNIT);
}

void descent_sim_set_registers(descent_sim_thread *thread, const char *where, int32_t count, int32_t is_increase,
                               int32_t launched) {
  descent_sim_lane *lane = (descent_sim_lane *)thread;
  lane->where = where;
  lane->registers = count;
  lane->is_increase = is_increase;
  lane->launched = launched > 0 ? launched : most_registers(thread->threads);
  descent_sim_wait(lane, DESCENT_SIM_AT_REGISTERS);
}

/* What all of the block's threads have but those of the warpgroup. */
static int64_t count_others(const descent_sim_lane *warpgroup) {
  const descent_simulator *simulator = warpgroup->simulator;
  const descent_sim_warpgroup *own = group_of(warpgroup), *each = simulator->asynchronous->warpgroups;
  const int64_t threads = simulator->launch->threads;
  int64_t count = 0;
  for (int64_t first = 0; first < threads; first += DESCENT_SIM_WARPGROUP, ++each) {
    const int64_t left = threads - first, has = left < DESCENT_SIM_WARPGROUP ? left : DESCENT_SIM_WARPGROUP;
    count += each == own ? 0 : has * (each->registers ? each->registers : warpgroup->launched);
  }
  return count;
}

/* Of what the block was launched with, its warpgroups give up some, and take what is left. */
bool descent_sim_change_registers(descent_sim_lane *warpgroup) {
  descent_sim_warpgroup *group = group_of(warpgroup);
  const int64_t all = warpgroup->launched * warpgroup->seen.threads;
  const int32_t count = warpgroup->registers, before = group->registers ? group->registers : warpgroup->launched;
  if (warpgroup->is_increase ? count < before : count > before) {
    descent_sim_fail(warpgroup->simulator, warpgroup,
                     "%s a thread's registers to %" PRId32 ", but it has %" PRId32 " of them",
                     warpgroup->is_increase ? "increases" : "decreases", count, before);
    return true;
  }
  if (count_others(warpgroup) + (int64_t)count * DESCENT_SIM_WARPGROUP > all)
    return false;
  group->registers = count;
  return true;
}
