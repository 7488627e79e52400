#include "Shadow.h"

#include <stdlib.h>
#include <string.h>

/* Two bits above a thread id. Of a writer: the content. Of a reader: which others read since they were last ordered. */
enum { FLAGS_SHIFT = 30 };
static const uint32_t THREAD = (UINT32_C(1) << FLAGS_SHIFT) - 1;
enum { ONE_READER, SEVERAL_LANES, SEVERAL_WARPS, SEVERAL_BLOCKS };

/* A thread that read too, of a block whose actors keep clocks: barriers of all or of a warp need not order them. */
typedef struct reader {
  uint32_t thread, time;
  const char *where;
  struct reader *next;
} reader;

/* Some bytes that were always accessed together. A stamp of 0 is no access. */
typedef struct cell {
  uint32_t writer, reader; /* thread ids and flags */
  uint32_t write_stamp, read_stamp;
  uint32_t write_time, read_time;
  const char *write_where, *read_where;
  reader *others; /* of the reader's block, since they were last ordered */
} cell;

/* Cells stand for as many bytes as all accesses of a page so far were multiples of: pages split theirs as they must. */
enum { PAGE_BITS = 10, PAGE = 1 << PAGE_BITS, LARGEST_UNIT_BITS = 4, CACHE = 64 };

typedef struct page {
  uintptr_t number; /* address >> PAGE_BITS */
  struct page *next;
  unsigned unit_bits; /* a cell stands for 1 << unit_bits bytes */
  cell *cells;
} page;

struct descent_shadow {
  page **buckets;
  size_t num_buckets, num_pages; /* a power of two */
  page *cache[CACHE];            /* by the number's last bits */
};

static size_t bucket_of(const descent_shadow *shadow, uintptr_t number) {
  return (size_t)(number * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (shadow->num_buckets - 1);
}

static page *find_page(descent_shadow *shadow, uintptr_t number) {
  page **cached = &shadow->cache[number % CACHE];
  if (*cached && (*cached)->number == number)
    return *cached;
  page *found = shadow->buckets[bucket_of(shadow, number)];
  while (found && found->number != number)
    found = found->next;
  if (found)
    *cached = found;
  return found;
}

static bool grow(descent_shadow *shadow) {
  const size_t before = shadow->num_buckets;
  page **old = shadow->buckets, **larger = calloc(before * 2, sizeof(page *));
  if (!larger)
    return false;
  shadow->buckets = larger;
  shadow->num_buckets = before * 2;
  for (size_t b = 0; b < before; ++b)
    for (page *at = old[b], *next; at; at = next) {
      next = at->next;
      page **place = &larger[bucket_of(shadow, at->number)];
      at->next = *place;
      *place = at;
    }
  free(old);
  return true;
}

static page *make_page(descent_shadow *shadow, uintptr_t number) {
  page *found = find_page(shadow, number);
  if (found || (shadow->num_pages >= shadow->num_buckets && !grow(shadow)))
    return found;
  found = calloc(1, sizeof(page));
  cell *cells = calloc(PAGE >> LARGEST_UNIT_BITS, sizeof(cell));
  if (!found || !cells) {
    free(found);
    free(cells);
    return NULL;
  }
  page **place = &shadow->buckets[bucket_of(shadow, number)];
  *found = (page){number, *place, LARGEST_UNIT_BITS, cells};
  *place = found;
  ++shadow->num_pages;
  return found;
}

static void forget_readers(cell *at) {
  for (reader *each = at->others, *next; each; each = next) {
    next = each->next;
    free(each);
  }
  at->others = NULL;
}

static void free_page(page *at) {
  for (size_t i = 0; i < (size_t)PAGE >> at->unit_bits; ++i)
    forget_readers(&at->cells[i]);
  free(at->cells);
  free(at);
}

static void remove_page(descent_shadow *shadow, uintptr_t number) {
  page **place = &shadow->buckets[bucket_of(shadow, number)];
  while (*place && (*place)->number != number)
    place = &(*place)->next;
  if (!*place)
    return;
  page *found = *place;
  *place = found->next;
  if (shadow->cache[number % CACHE] == found)
    shadow->cache[number % CACHE] = NULL;
  --shadow->num_pages;
  free_page(found);
}

static bool copy_readers(cell *to) {
  const reader *from = to->others;
  to->others = NULL;
  for (; from; from = from->next) {
    reader *copy = malloc(sizeof(reader));
    if (!copy)
      return false;
    *copy = *from;
    copy->next = to->others;
    to->others = copy;
  }
  return true;
}

/* Splits cells so that some begin at both addresses. */
static bool split_cells(page *at, uintptr_t begin, uintptr_t end) {
  unsigned wanted = at->unit_bits;
  while ((begin | end) & ((UINT64_C(1) << wanted) - 1))
    --wanted;
  const unsigned finer = at->unit_bits - wanted;
  if (finer == 0)
    return true;
  const size_t count = (size_t)PAGE >> wanted;
  cell *cells = malloc(count * sizeof(cell));
  if (!cells)
    return false;
  bool copied = true;
  for (size_t i = 0; i < count; ++i) {
    cells[i] = at->cells[i >> finer];
    if (i & (((size_t)1 << finer) - 1)) /* the first one keeps the others */
      copied = copy_readers(&cells[i]) && copied;
  }
  free(at->cells);
  at->cells = cells;
  at->unit_bits = wanted;
  return copied;
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
      free_page(at);
    }
  free(shadow->buckets);
  free(shadow);
}

/* The part of [at, end) that lies in the page of `at`. */
static uintptr_t end_in_page(uintptr_t at, uintptr_t end) {
  const uintptr_t page_end = ((at >> PAGE_BITS) + 1) << PAGE_BITS;
  return end < page_end ? end : page_end;
}

static cell *cell_at(page *of, uintptr_t at) { return &of->cells[(at & (PAGE - 1)) >> of->unit_bits]; }

bool descent_shadow_set(descent_shadow *shadow, const void *begin, int64_t bytes, descent_sim_content content) {
  const uintptr_t end = (uintptr_t)begin + (uintptr_t)bytes;
  for (uintptr_t at = (uintptr_t)begin, stop; at < end; at = stop) {
    stop = end_in_page(at, end);
    if (content == DESCENT_SIM_NOTHING && stop - at == PAGE)
      remove_page(shadow, at >> PAGE_BITS);
    if (content == DESCENT_SIM_NOTHING && !find_page(shadow, at >> PAGE_BITS))
      continue;
    page *found = make_page(shadow, at >> PAGE_BITS);
    if (!found || !split_cells(found, at, stop))
      return false;
    const cell fresh = {.writer = (uint32_t)content << FLAGS_SHIFT};
    for (cell *each = cell_at(found, at), *last = cell_at(found, stop - 1); each <= last; ++each) {
      forget_readers(each);
      *each = fresh;
    }
  }
  return true;
}

descent_sim_content descent_shadow_content(descent_shadow *shadow, const void *address) {
  page *found = find_page(shadow, (uintptr_t)address >> PAGE_BITS);
  return found ? (descent_sim_content)(cell_at(found, (uintptr_t)address)->writer >> FLAGS_SHIFT) : DESCENT_SIM_NOTHING;
}

bool descent_shadow_allow(descent_shadow *shadow, const void *begin, int64_t bytes, bool written) {
  return descent_shadow_set(shadow, begin, bytes, written ? DESCENT_SIM_DATA : DESCENT_SIM_FRESH);
}

void descent_shadow_forbid(descent_shadow *shadow, const void *begin, int64_t bytes) {
  (void)descent_shadow_set(shadow, begin, bytes, DESCENT_SIM_NOTHING);
}

static uint32_t block_of(uint32_t thread) { return thread >> 10; }
static uint32_t warp_of(uint32_t thread) { return thread >> 5; }

static uint32_t place_of(uint32_t thread) { return thread % DESCENT_SIM_MOST_ACTORS; }

/* Whether earlier accesses of this launch, the last by `other` at `time`, are ordered before those of the actor. */
static bool is_ordered(const descent_sim_actor *actor, uint32_t other, uint32_t several, uint32_t time) {
  if (several == SEVERAL_BLOCKS || block_of(other) != block_of(actor->thread))
    return false;
  if (several == ONE_READER && actor->seen && time < actor->seen[place_of(other)])
    return true;
  if (place_of(other) >= actor->threads)
    return false; /* whatever threads do, it may still go on */
  if (time < actor->block_since)
    return true;
  if (several == SEVERAL_WARPS || warp_of(other) != warp_of(actor->thread))
    return false;
  return time < actor->warp_since || (several == ONE_READER && other == actor->thread);
}

static bool races_with_write(const cell *at, const descent_sim_actor *actor) {
  return at->write_stamp == actor->stamp && !is_ordered(actor, at->writer & THREAD, ONE_READER, at->write_time);
}

static bool races_with_last_read(const cell *at, const descent_sim_actor *actor) {
  return at->read_stamp == actor->stamp &&
         !is_ordered(actor, at->reader & THREAD, at->reader >> FLAGS_SHIFT, at->read_time);
}

/* One of the other readers that is not ordered before the actor; null: all are. */
static const reader *find_racing_reader(const cell *at, const descent_sim_actor *actor) {
  const reader *each = at->read_stamp == actor->stamp ? at->others : NULL;
  while (each && is_ordered(actor, each->thread, ONE_READER, each->time))
    each = each->next;
  return each;
}

static bool races_with_reads(const cell *at, const descent_sim_actor *actor) {
  return races_with_last_read(at, actor) || find_racing_reader(at, actor);
}

static bool is_unfenced(const cell *at, const descent_sim_actor *actor) {
  const uint32_t writer = at->writer & THREAD, place = place_of(writer);
  return actor->fenced && at->write_stamp == actor->stamp && block_of(writer) == block_of(actor->thread) &&
         place < actor->threads && at->write_time >= actor->fenced[place];
}

/* The last reader becomes one of the others, who no longer count if they are ordered before the actor. False without
 * memory. */
static bool keep_readers(cell *at, const descent_sim_actor *actor) {
  if (at->read_stamp != actor->stamp)
    forget_readers(at);
  for (reader **place = &at->others, *each; (each = *place);) {
    if (each->thread != actor->thread && !is_ordered(actor, each->thread, ONE_READER, each->time)) {
      place = &each->next;
      continue;
    }
    *place = each->next;
    free(each);
  }
  if (at->reader == actor->thread || !races_with_last_read(at, actor))
    return true;
  reader *kept = malloc(sizeof(reader));
  if (!kept)
    return false;
  *kept = (reader){at->reader & THREAD, at->read_time, at->read_where, at->others};
  at->others = kept;
  return true;
}

/* Who reads now stands for those whose reads are ordered before. Whatever is ordered after the one is after the others
 * too. */
static uint32_t find_several(const cell *at, const descent_sim_actor *actor) {
  if (!races_with_last_read(at, actor))
    return ONE_READER;
  const uint32_t before = at->reader & THREAD, now = actor->thread, flag = at->reader >> FLAGS_SHIFT;
  const uint32_t several = block_of(before) != block_of(now) ? SEVERAL_BLOCKS
                           : warp_of(before) != warp_of(now) ? SEVERAL_WARPS
                                                             : SEVERAL_LANES;
  return flag > several ? flag : several;
}

/* False without memory. */
static bool remember_read(cell *at, const descent_sim_actor *actor) {
  uint32_t several = find_several(at, actor);
  const bool listed = actor->seen && several != SEVERAL_BLOCKS && at->reader >> FLAGS_SHIFT == ONE_READER;
  if (listed && !keep_readers(at, actor))
    return false;
  if (listed)
    several = ONE_READER;
  else
    forget_readers(at);
  at->read_stamp = actor->stamp;
  at->reader = actor->thread | several << FLAGS_SHIFT;
  at->read_time = actor->now;
  at->read_where = actor->where;
  return true;
}

/* All earlier accesses are ordered before it, so nothing more needs to be known of them. */
static void remember_write(cell *at, const descent_sim_actor *actor) {
  forget_readers(at);
  at->write_stamp = actor->stamp;
  at->writer = actor->thread | (uint32_t)DESCENT_SIM_DATA << FLAGS_SHIFT;
  at->write_time = actor->now;
  at->write_where = actor->where;
  at->read_stamp = 0;
}

static descent_sim_fault check_cell(const cell *at, const descent_sim_actor *actor, bool store) {
  const descent_sim_content content = (descent_sim_content)(at->writer >> FLAGS_SHIFT);
  if (content == DESCENT_SIM_NOTHING)
    return DESCENT_SIM_OUTSIDE;
  if (content == DESCENT_SIM_FIXED)
    return store ? DESCENT_SIM_CONSTANT : DESCENT_SIM_FINE;
  if (races_with_write(at, actor))
    return store ? DESCENT_SIM_WRITE_RACE : DESCENT_SIM_READ_RACE;
  if (is_unfenced(at, actor))
    return DESCENT_SIM_UNFENCED;
  if (store)
    return races_with_reads(at, actor) ? DESCENT_SIM_OVERWRITE_RACE : DESCENT_SIM_FINE;
  return content == DESCENT_SIM_FRESH ? DESCENT_SIM_UNWRITTEN : DESCENT_SIM_FINE;
}

static descent_sim_finding make_finding(descent_sim_fault fault, uintptr_t byte) {
  return (descent_sim_finding){fault, byte, 0, NULL};
}

/* The access that an actor's is at odds with. */
static void name_other(descent_sim_finding *finding, const cell *at, const descent_sim_actor *actor) {
  finding->other = at->writer & THREAD;
  finding->other_where = at->write_where;
  if (finding->fault != DESCENT_SIM_OVERWRITE_RACE)
    return;
  const reader *racing = races_with_last_read(at, actor) ? NULL : find_racing_reader(at, actor);
  finding->other = racing ? racing->thread : at->reader & THREAD;
  finding->other_where = racing ? racing->where : at->read_where;
}

/* Of one cell. */
static descent_sim_fault access_cell(cell *at, const descent_sim_actor *actor, bool store) {
  const descent_sim_fault fault = check_cell(at, actor, store);
  if (fault != DESCENT_SIM_FINE || at->writer >> FLAGS_SHIFT == DESCENT_SIM_FIXED)
    return fault;
  if (store)
    remember_write(at, actor);
  else if (!remember_read(at, actor))
    return DESCENT_SIM_NO_MEMORY;
  return DESCENT_SIM_FINE;
}

/* The part of an access that lies in one page. */
static descent_sim_finding access_page(page *of, const descent_sim_actor *actor, uintptr_t begin, uintptr_t end,
                                       bool store) {
  if (!split_cells(of, begin, end))
    return make_finding(DESCENT_SIM_NO_MEMORY, begin);
  cell *last = cell_at(of, end - 1);
  for (cell *at = cell_at(of, begin); at <= last; ++at) {
    descent_sim_finding finding = make_finding(access_cell(at, actor, store), begin);
    if (finding.fault != DESCENT_SIM_FINE) {
      name_other(&finding, at, actor);
      return finding;
    }
    begin += (uintptr_t)1 << of->unit_bits;
  }
  return make_finding(DESCENT_SIM_FINE, 0);
}

descent_sim_finding descent_shadow_access(descent_shadow *shadow, const descent_sim_actor *actor, const void *address,
                                          int64_t bytes, bool store) {
  const uintptr_t end = (uintptr_t)address + (uintptr_t)bytes;
  for (uintptr_t at = (uintptr_t)address, stop; at < end; at = stop) {
    stop = end_in_page(at, end);
    page *found = find_page(shadow, at >> PAGE_BITS);
    if (!found)
      return make_finding(DESCENT_SIM_OUTSIDE, at);
    const descent_sim_finding finding = access_page(found, actor, at, stop, store);
    if (finding.fault != DESCENT_SIM_FINE)
      return finding;
  }
  return make_finding(DESCENT_SIM_FINE, 0);
}
