/* Runs the products of a library on the grids and in the scratch that the products of layers have. */
#include "descent/Runtime/products.h"

#include "Cpu.h"
#include "Errors.h"
#include "Plan.h"
#include "Segments.h"

#include <fenv.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BUFFERS = 8, MOST_STAGES = 4, OPERANDS = 4 };

typedef struct product_layout {
  descent_entry entry;
  descent_grid grids[MOST_STAGES];
  descent_scratch scratches[MOST_BUFFERS];
  int64_t workers, kernel_bytes;
} product_layout;

static bool has_addend(const descent_product *product) { return product->d.data && product->beta != 0.0; }

/* The track of a kind is named after it, and with a `d` has "_add" behind. */
static const descent_track *find_track(const descent_artifact *artifact, const descent_product *product) {
  const size_t length = strlen(product->kind);
  const char *suffix = has_addend(product) ? "_add" : "";
  for (uint32_t t = 0; t < artifact->num_tracks; ++t) {
    const char *name = artifact->tracks[t].name;
    if (strncmp(name, product->kind, length) == 0 && strcmp(name + length, suffix) == 0)
      return &artifact->tracks[t];
  }
  return NULL;
}

static int32_t check_parallel(const descent_parallel *parallel, descent_error *error) {
  if (!parallel)
    return DESCENT_OK;
  if (parallel->size != sizeof(descent_parallel))
    return descent_fail(error, DESCENT_WRONG_ABI,
                        "the product's parallel has size %" PRIu64 ", but this version wants %zu; set `size`",
                        parallel->size, sizeof(descent_parallel));
  if (!parallel->run || parallel->workers < 1)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the product's parallel has %" PRId64 " workers and %s, but it wants 1 worker or more, and "
                        "`run`",
                        parallel->workers, parallel->run ? "a function" : "no function");
  return DESCENT_OK;
}

static int32_t lay_out(const descent_artifact *artifact, const descent_product *product, product_layout *layout,
                       descent_error *error) {
  if (!product || product->size != sizeof(descent_product) || !product->kind)
    return descent_fail(error, DESCENT_WRONG_ABI, "the product is null, has no kind or not the size %zu; set `size`",
                        sizeof(descent_product));
  const descent_track *track = find_track(artifact, product);
  if (!track || track->num_buffers > MOST_BUFFERS || track->num_stages > MOST_STAGES)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "'%s' has no product '%s'", artifact->name, product->kind);
  if (product->rows < 0 || product->cols < 0 || product->inner < 0)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "the product has the sizes %" PRId64 ", %" PRId64 " and %" PRId64
                        ", but sizes are not negative",
                        product->rows, product->cols, product->inner);
  const int32_t code = check_parallel(product->parallel, error);
  if (code != DESCENT_OK)
    return code;
  *layout = (product_layout){.workers = product->parallel ? product->parallel->workers : 1};
  layout->entry = (descent_entry){.track = track,
                                  .rows = product->rows,
                                  .cols = product->cols,
                                  .inner = product->inner,
                                  .batch = 1,
                                  .grids = layout->grids,
                                  .scratches = layout->scratches};
  if (product->rows > 0 && product->cols > 0 && !descent_lay_out_entry(&layout->entry))
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "the product's scratch exceeds the address space");
  for (uint32_t s = 0; s < track->num_stages; ++s)
    if (track->stages[s].kernel_scratch_bytes > layout->kernel_bytes)
      layout->kernel_bytes = descent_align(track->stages[s].kernel_scratch_bytes);
  return DESCENT_OK;
}

int64_t descent_rt_product_bytes(const descent_artifact *artifact, const descent_product *product,
                                 descent_error *error) {
  product_layout layout;
  const descent_artifact *path;
  if (descent_choose_path(artifact, NULL, &path, error) != DESCENT_OK ||
      lay_out(artifact, product, &layout, error) != DESCENT_OK)
    return -1;
  return layout.entry.worker_bytes + layout.workers * layout.kernel_bytes + 64;
}

static void bind(const descent_product *product, const product_layout *layout, descent_buffer *buffers) {
  const descent_view *operands[OPERANDS] = {&product->a, &product->b, &product->c, &product->d};
  for (uint32_t b = 0; b < layout->entry.track->num_buffers; ++b) {
    const descent_buffer_desc *desc = &layout->entry.track->buffers[b];
    const descent_scratch *scratch = &layout->scratches[b];
    buffers[b] = (descent_buffer){(char *)product->workspace + scratch->offset, scratch->rows, scratch->cols,
                                  scratch->row_stride};
    if (desc->source == DESCENT_BUFFER_OPERAND && desc->index < OPERANDS) {
      buffers[b].data = operands[desc->index]->data;
      buffers[b].row_stride = operands[desc->index]->row_stride;
    }
  }
}

typedef struct stage_tasks {
  const product_layout *layout;
  const descent_stage *stage;
  const descent_grid *grid;
  const descent_buffer *buffers;
  double *slots;
  char *kernel_memory;
} stage_tasks;

static void run_tile(void *argument, int64_t task, int64_t worker) {
  const stage_tasks *tasks = argument;
  descent_call_kernel(tasks->stage, tasks->grid, task, tasks->buffers, tasks->slots,
                      tasks->kernel_memory + worker * tasks->layout->kernel_bytes);
}

static void run_stage(const stage_tasks *tasks, const descent_parallel *parallel) {
  const int64_t tiles = descent_num_tiles(tasks->grid);
  const double cost = descent_stage_cost(&tasks->layout->entry, tasks->stage, tasks->grid);
  if (parallel && parallel->workers > 1 && descent_repays_fork(tiles, cost)) {
    descent_run_on_callers(parallel, tiles, run_tile, (void *)tasks);
    return;
  }
  for (int64_t tile = 0; tile < tiles; ++tile)
    run_tile((void *)tasks, tile, 0);
}

int32_t descent_rt_product_run(const descent_artifact *artifact, const descent_product *product, descent_error *error) {
  product_layout layout;
  const int32_t code = lay_out(artifact, product, &layout, error);
  if (code != DESCENT_OK || product->rows == 0 || product->cols == 0)
    return code;
  const descent_track *track = layout.entry.track;
  descent_buffer buffers[MOST_BUFFERS];
  double slots[2] = {product->alpha, product->beta};
  bind(product, &layout, buffers);
  fenv_t environment; /* as a step does */
  fegetenv(&environment);
  fesetenv(FE_DFL_ENV);
  for (uint32_t s = 0; s < track->num_stages; ++s) {
    const stage_tasks tasks = {&layout,
                               &track->stages[s],
                               &layout.grids[s],
                               buffers,
                               slots,
                               (char *)product->workspace + layout.entry.worker_bytes};
    run_stage(&tasks, product->parallel);
  }
  fesetenv(&environment);
  return DESCENT_OK;
}

descent_parallel *descent_rt_workers_create(const descent_artifact *artifact, int64_t count) {
  (void)artifact;
  descent_parallel *workers = malloc(sizeof(descent_parallel));
  if (!workers)
    return NULL;
  *workers = (descent_parallel){sizeof(descent_parallel), count, descent_pool_run, NULL};
  workers->context = count > 0 ? descent_pool_create(count) : NULL;
  if (workers->context)
    return workers;
  free(workers);
  return NULL;
}

void descent_rt_workers_destroy(const descent_artifact *artifact, descent_parallel *workers) {
  (void)artifact;
  if (!workers)
    return;
  descent_pool_destroy(workers->context);
  free(workers);
}
