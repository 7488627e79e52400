/* Products that a device's library does: which layers', and its calls, when the plan is made. Layers of one shape that
 * lie at one distance from each other are one call. */
#include "../Errors.h"
#include "../Types.h"
#include "DevicePlan.h"

static int32_t out_of_memory(descent_error *error) {
  return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the plan's products");
}

int64_t descent_count_tiles(const descent_plan *plan, uint32_t launch, int64_t place) {
  const descent_device_launch *desc = &plan->artifact->device->launches[launch];
  const uint8_t *doers = plan->device->launches[launch].doers;
  const int64_t logical = plan->device->tracks[desc->track].logicals[place];
  if (doers && doers[place] == DOER_LIBRARY)
    return 0;
  return descent_num_tiles(&plan->logicals[logical].entry->grids[desc->stage]);
}

/* ---- The library ---- */

static const descent_library_methods *get_methods(const descent_device_plan *plan) {
  return plan->device->methods->library;
}

static void close_library(descent_device_plan *plan) {
  descent_device_products *products = &plan->products;
  if (products->library)
    get_methods(plan)->close(products->library);
  if (products->workspace)
    descent_device_release(plan, products->workspace, get_methods(plan)->workspace_bytes);
  products->library = NULL;
  products->workspace = NULL;
}

/* When it is first needed, and once. */
static int32_t open_library(descent_device_plan *plan, descent_error *error) {
  const descent_library_methods *methods = get_methods(plan);
  descent_device_products *products = &plan->products;
  if (products->library)
    return DESCENT_OK;
  if (!methods || products->is_absent)
    return descent_fail(error, DESCENT_NO_DEVICE, "there is no library of matrix products for the device '%s'",
                        plan->device->methods->name);
  int32_t code = methods->open(plan->device, &products->library, error);
  if (code == DESCENT_OK && methods->workspace_bytes > 0)
    code = descent_device_allocate(plan, methods->workspace_bytes, &products->workspace, error);
  products->is_absent = code != DESCENT_OK;
  if (products->is_absent)
    close_library(plan);
  return code;
}

void descent_release_products(descent_device_plan *plan) {
  descent_device_products *products = &plan->products;
  for (descent_device_product_call *call = products->calls; call; call = call->next)
    get_methods(plan)->discard(products->library, call->call);
  products->calls = NULL;
  close_library(plan);
}

/* ---- Layers that are one call ---- */

/* A launch of one wave. */
typedef struct wave_products {
  descent_plan *plan;
  uint32_t launch;
  uint32_t products, capability; /* a descent_products; of the device */
  int64_t wave;
  const descent_device_product *form;
  uint8_t *doers;
} wave_products;

static const descent_logical *get_layer(const wave_products *wave, int64_t place) {
  const descent_device_launch *launch = &wave->plan->artifact->device->launches[wave->launch];
  return &wave->plan->logicals[wave->plan->device->tracks[launch->track].logicals[place]];
}

/* As if the layer were alone. */
static descent_library_product describe(const wave_products *wave, int64_t place) {
  const descent_device_product *form = wave->form;
  const descent_buffer *buffers = get_layer(wave, place)->buffers;
  const descent_buffer *lhs = &buffers[form->lhs], *rhs = &buffers[form->rhs], *result = &buffers[form->result];
  descent_library_product product = {.form = form,
                                     .rows = result->rows,
                                     .cols = result->cols,
                                     .inner = lhs->cols,
                                     .layers = 1,
                                     .lhs = {lhs->data, lhs->row_stride, 0},
                                     .rhs = {rhs->data, rhs->row_stride, 0},
                                     .result = {result->data, result->row_stride, 0}};
  if (form->added != UINT32_MAX)
    product.added = (descent_library_matrix){buffers[form->added].data, buffers[form->added].row_stride, 0};
  return product;
}

/* Whether the matrix of another layer is the next one; of the second layer it decides the distance. */
static bool follows(descent_library_matrix *matrix, int64_t layers, const descent_library_matrix *next, uint32_t type) {
  if (!matrix->data)
    return true;
  const int64_t distance = (next->data - matrix->data) / descent_type_bytes(type);
  if (layers == 1)
    matrix->layer_stride = distance;
  return matrix->row_stride == next->row_stride && distance == layers * matrix->layer_stride;
}

/* Takes another layer into the product, if it has its shape and is the next one. */
static bool join(descent_library_product *product, const descent_library_product *next) {
  if (product->rows != next->rows || product->cols != next->cols || product->inner != next->inner)
    return false;
  descent_library_product joined = *product;
  const uint32_t factors = product->form->factor_type, results = product->form->result_type;
  if (!follows(&joined.lhs, joined.layers, &next->lhs, factors) ||
      !follows(&joined.rhs, joined.layers, &next->rhs, factors) ||
      !follows(&joined.added, joined.layers, &next->added, results) ||
      !follows(&joined.result, joined.layers, &next->result, results) || joined.lhs.layer_stride <= 0)
    return false;
  joined.layers++;
  *product = joined;
  return true;
}

/* ---- Calls ---- */

/* Layers that run another alternative have no product. */
static bool is_wanted(const wave_products *wave, int64_t place) {
  if (wave->doers[place] != DOER_UNDECIDED || descent_count_tiles(wave->plan, wave->launch, place) == 0)
    return false;
  if (wave->products == DESCENT_PRODUCTS_LIBRARY)
    return true;
  const descent_library_product product = describe(wave, place);
  return descent_is_library_faster(wave->form, wave->capability, product.rows, product.cols, product.inner);
}

static int32_t add_call(const wave_products *wave, const descent_library_product *product, descent_error *error) {
  descent_device_products *products = &wave->plan->device->products;
  descent_device_product_call *call = descent_arena_take(&wave->plan->memory, 1, sizeof(*call));
  if (!call)
    return out_of_memory(error);
  int32_t code = open_library(wave->plan->device, error);
  if (code == DESCENT_OK)
    code = get_methods(wave->plan->device)->prepare(products->library, product, &call->call, error);
  if (code != DESCENT_OK)
    return code;
  call->launch = wave->launch;
  call->wave = wave->wave;
  *products->end = call;
  products->end = &call->next;
  return DESCENT_OK;
}

/* One call: of the layer and of all later ones of the wave that follow it. Unless the library was asked for, the kernel
 * does what it cannot. `members` has room for all layers. */
static int32_t assign_group(const wave_products *wave, const descent_device_wave *layers, int64_t first,
                            int64_t *members, descent_error *error) {
  const bool is_forced = wave->products == DESCENT_PRODUCTS_LIBRARY;
  descent_library_product product = describe(wave, first);
  members[0] = first;
  for (int64_t place = first + 1; place < layers->first + layers->count; ++place) {
    const descent_library_product next = describe(wave, place);
    if (is_wanted(wave, place) && join(&product, &next))
      members[product.layers - 1] = place;
  }
  const int32_t code = add_call(wave, &product, is_forced ? error : NULL);
  for (int64_t m = 0; m < product.layers; ++m)
    wave->doers[members[m]] = code == DESCENT_OK ? DOER_LIBRARY : DOER_KERNEL;
  return is_forced ? code : (int32_t)DESCENT_OK;
}

/* `wave` tells all that does not depend on the launch. */
static int32_t assign_launch(wave_products wave, uint32_t index, int64_t *members, descent_error *error) {
  descent_plan *plan = wave.plan;
  const descent_device_launch *launch = &plan->artifact->device->launches[index];
  const descent_device_track *track = &plan->device->tracks[launch->track];
  wave.launch = index;
  wave.form = launch->product;
  wave.doers = plan->device->launches[index].doers =
      descent_arena_take(&plan->memory, track->num_layers, sizeof(uint8_t));
  if (!wave.doers)
    return out_of_memory(error);
  int32_t code = DESCENT_OK;
  for (; wave.wave < track->num_waves; ++wave.wave) {
    const descent_device_wave *layers = &track->waves[wave.wave];
    for (int64_t place = layers->first; place < layers->first + layers->count && code == DESCENT_OK; ++place)
      if (is_wanted(&wave, place))
        code = assign_group(&wave, layers, place, members, error);
  }
  return code;
}

int32_t descent_assign_products(descent_plan *plan, const descent_device_options *options, descent_error *error) {
  const descent_device_program *program = plan->artifact->device;
  descent_device_plan *device = plan->device;
  device->products.end = &device->products.calls;
  device->launches = descent_arena_take(&plan->memory, program->num_launches, sizeof(descent_launch_records));
  if (!device->launches)
    return out_of_memory(error);
  descent_device_kind kind;
  int32_t code = device->device->methods->identify(options, &kind, error);
  if (code != DESCENT_OK || options->products == DESCENT_PRODUCTS_OWN)
    return code;
  int64_t *members = descent_arena_take(&plan->memory, plan->num_logicals, sizeof(int64_t));
  if (!members)
    return out_of_memory(error);
  const wave_products wave = {.plan = plan, .products = options->products, .capability = kind.capability};
  for (uint32_t i = 0; i < program->num_launches && code == DESCENT_OK; ++i)
    if (program->launches[i].product)
      code = assign_launch(wave, i, members, error);
  return code;
}
