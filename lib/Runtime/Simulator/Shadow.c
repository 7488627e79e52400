#include "Shadow.h"

#include <stdlib.h>
#include <string.h>

/* Of a reader that is one of several: in this block since the last barrier, or in several blocks of the launch. */
static const uint32_t SEVERAL_THREADS = UINT32_C(1) << 31;
static const uint32_t SEVERAL_BLOCKS = UINT32_C(1) << 30;
static const uint32_t THREAD = (UINT32_C(1) << 30) - 1;

/* A stamp of 0 is no access. */
struct descent_sim_cell {
  uint32_t write_stamp, read_stamp;
  uint32_t writer, reader; /* threads; the reader with the flags above */
  uint16_t write_epoch, read_epoch;
  bool allowed, written;
};

enum { PAGE_BITS = 10, PAGE = 1 << PAGE_BITS };

typedef struct page {
  uintptr_t number; /* address >> PAGE_BITS */
  struct page *next;
  descent_sim_cell cells[PAGE];
} page;

struct descent_shadow {
  page **buckets;
  size_t num_buckets, num_pages; /* a power of two */
  page *last;                    /* the one used last */
};

static size_t bucket_of(const descent_shadow *shadow, uintptr_t number) {
  return (size_t)(number * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (shadow->num_buckets - 1);
}

static page *find_page(descent_shadow *shadow, uintptr_t number) {
  if (shadow->last && shadow->last->number == number)
    return shadow->last;
  page *found = shadow->buckets[bucket_of(shadow, number)];
  while (found && found->number != number)
    found = found->next;
  if (found)
    shadow->last = found;
  return found;
}

static bool grow(descent_shadow *shadow) {
  descent_shadow larger = {calloc(shadow->num_buckets * 2, sizeof(page *)), shadow->num_buckets * 2, 0, NULL};
  if (!larger.buckets)
    return false;
  for (size_t b = 0; b < shadow->num_buckets; ++b)
    for (page *at = shadow->buckets[b], *next; at; at = next) {
      next = at->next;
      page **place = &larger.buckets[bucket_of(&larger, at->number)];
      at->next = *place;
      *place = at;
    }
  free(shadow->buckets);
  shadow->buckets = larger.buckets;
  shadow->num_buckets = larger.num_buckets;
  return true;
}

static page *make_page(descent_shadow *shadow, uintptr_t number) {
  page *found = find_page(shadow, number);
  if (found)
    return found;
  if (shadow->num_pages >= shadow->num_buckets && !grow(shadow))
    return NULL;
  found = calloc(1, sizeof(page));
  if (!found)
    return NULL;
  page **place = &shadow->buckets[bucket_of(shadow, number)];
  found->number = number;
  found->next = *place;
  *place = found;
  ++shadow->num_pages;
  return found;
}

descent_shadow *descent_shadow_create(void) {
  descent_shadow *shadow = calloc(1, sizeof(descent_shadow));
  if (!shadow)
    return NULL;
  shadow->num_buckets = 1024;
  shadow->buckets = calloc(shadow->num_buckets, sizeof(page *));
  if (shadow->buckets)
    return shadow;
  free(shadow);
  return NULL;
}

void descent_shadow_destroy(descent_shadow *shadow) {
  if (!shadow)
    return;
  for (size_t b = 0; b < shadow->num_buckets; ++b)
    for (page *at = shadow->buckets[b], *next; at; at = next) {
      next = at->next;
      free(at);
    }
  free(shadow->buckets);
  free(shadow);
}

bool descent_shadow_allow(descent_shadow *shadow, const void *begin, int64_t bytes, bool written) {
  const uintptr_t first = (uintptr_t)begin, end = first + (uintptr_t)bytes;
  for (uintptr_t at = first; at < end; ++at) {
    page *found = make_page(shadow, at >> PAGE_BITS);
    if (!found)
      return false;
    found->cells[at & (PAGE - 1)] = (descent_sim_cell){.allowed = true, .written = written};
  }
  return true;
}

void descent_shadow_forbid(descent_shadow *shadow, const void *begin, int64_t bytes) {
  const uintptr_t first = (uintptr_t)begin, end = first + (uintptr_t)bytes;
  for (uintptr_t at = first; at < end; ++at) {
    page *found = find_page(shadow, at >> PAGE_BITS);
    if (found)
      found->cells[at & (PAGE - 1)] = (descent_sim_cell){0};
  }
}

/* Whether nothing orders the actor and an earlier access of this launch: another block's, or another thread's since the
 * last barrier. */
static bool is_unordered(descent_sim_actor actor, uint32_t other, uint16_t epoch, bool several_threads) {
  if (other / actor.threads != actor.thread / actor.threads)
    return true;
  return epoch == (uint16_t)actor.epoch && (other != actor.thread || several_threads);
}

static bool races_with_write(const descent_sim_cell *cell, descent_sim_actor actor) {
  return cell->write_stamp == actor.stamp && is_unordered(actor, cell->writer, cell->write_epoch, false);
}

static bool races_with_reads(const descent_sim_cell *cell, descent_sim_actor actor) {
  if (cell->read_stamp != actor.stamp)
    return false;
  return (cell->reader & SEVERAL_BLOCKS) ||
         is_unordered(actor, cell->reader & THREAD, cell->read_epoch, cell->reader & SEVERAL_THREADS);
}

static void remember_read(descent_sim_cell *cell, descent_sim_actor actor) {
  uint32_t flags = 0;
  if (cell->read_stamp == actor.stamp) {
    const uint32_t before = cell->reader & THREAD;
    flags = cell->reader & SEVERAL_BLOCKS;
    if (before / actor.threads != actor.thread / actor.threads)
      flags |= SEVERAL_BLOCKS;
    else if (cell->read_epoch == (uint16_t)actor.epoch)
      flags |= (cell->reader & SEVERAL_THREADS) | (before != actor.thread ? SEVERAL_THREADS : 0);
  }
  cell->read_stamp = actor.stamp;
  cell->reader = actor.thread | flags;
  cell->read_epoch = (uint16_t)actor.epoch;
}

static descent_sim_finding visit(descent_sim_cell *cell, descent_sim_actor actor, bool store) {
  descent_sim_finding finding = {DESCENT_SIM_FINE, NULL, 0, false};
  if (!cell->allowed) {
    finding.fault = DESCENT_SIM_OUTSIDE;
  } else if (races_with_write(cell, actor)) {
    finding.fault = store ? DESCENT_SIM_WRITE_RACE : DESCENT_SIM_READ_RACE;
    finding.other = cell->writer;
  } else if (store && races_with_reads(cell, actor)) {
    finding.fault = DESCENT_SIM_OVERWRITE_RACE;
    finding.other = cell->reader & THREAD;
    finding.several = (cell->reader & ~THREAD) != 0;
  } else if (!store && !cell->written) {
    finding.fault = DESCENT_SIM_UNWRITTEN;
  } else if (store) {
    cell->write_stamp = actor.stamp;
    cell->writer = actor.thread;
    cell->write_epoch = (uint16_t)actor.epoch;
    cell->written = true;
  } else {
    remember_read(cell, actor);
  }
  return finding;
}

descent_sim_finding descent_shadow_access(descent_shadow *shadow, descent_sim_actor actor, const void *address,
                                          int64_t bytes, bool store) {
  static descent_sim_cell nowhere; /* of what no page knows: not allowed */
  descent_sim_finding finding = {DESCENT_SIM_FINE, NULL, 0, false};
  for (int64_t i = 0; i < bytes && finding.fault == DESCENT_SIM_FINE; ++i) {
    const uintptr_t at = (uintptr_t)address + (uintptr_t)i;
    page *found = find_page(shadow, at >> PAGE_BITS);
    finding = visit(found ? &found->cells[at & (PAGE - 1)] : &nowhere, actor, store);
    finding.byte = (const char *)address + i;
  }
  return finding;
}

descent_sim_cell *descent_cells_create(int64_t bytes) { return calloc((size_t)bytes + 1, sizeof(descent_sim_cell)); }

void descent_cells_forget(descent_sim_cell *cells, int64_t bytes) {
  for (int64_t i = 0; i < bytes; ++i)
    cells[i] = (descent_sim_cell){.allowed = true};
}

descent_sim_finding descent_cells_access(descent_sim_cell *cells, const char *begin, int64_t size,
                                         descent_sim_actor actor, const void *address, int64_t bytes, bool store) {
  descent_sim_finding finding = {DESCENT_SIM_FINE, NULL, 0, false};
  const uintptr_t place = (uintptr_t)address - (uintptr_t)begin;
  for (int64_t i = 0; i < bytes && finding.fault == DESCENT_SIM_FINE; ++i) {
    if (place + (uintptr_t)i >= (uintptr_t)size)
      finding.fault = DESCENT_SIM_OUTSIDE;
    else
      finding = visit(&cells[place + (uintptr_t)i], actor, store);
    finding.byte = (const char *)address + i;
  }
  return finding;
}
