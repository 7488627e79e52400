/* Products as a device's library does them, one entry after the other. Sums are f64, and results are rounded once: no
 * library promises an order. */
#include "SimulatedLibrary.h"

#include "../Errors.h"
#include "../Types.h"

#include <inttypes.h>
#include <stdlib.h>

struct descent_library {
  descent_device *device;
};

struct descent_library_call {
  descent_library_product product;
};

static int32_t open_library(descent_device *device, descent_library **library, descent_error *error) {
  *library = malloc(sizeof(descent_library));
  if (!*library)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for the simulated library");
  **library = (descent_library){device};
  return DESCENT_OK;
}

static void close_library(descent_library *library) { free(library); }

static int32_t prepare(descent_library *library, const descent_library_product *product, descent_library_call **call,
                       descent_error *error) {
  (void)library;
  *call = malloc(sizeof(descent_library_call));
  if (!*call)
    return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory for a product of the simulated library");
  (*call)->product = *product;
  return DESCENT_OK;
}

static void discard(descent_library *library, descent_library_call *call) {
  (void)library;
  free(call);
}

/* A matrix of one layer. */
typedef struct matrix {
  char *data;
  int64_t rows, cols, row_stride;
  uint32_t type;
} matrix;

static matrix get_matrix(const descent_library_matrix *all, int64_t layer, int64_t rows, int64_t cols, uint32_t type) {
  char *data = all->data ? all->data + layer * all->layer_stride * descent_type_bytes(type) : NULL;
  return (matrix){data, rows, cols, all->row_stride, type};
}

static char *place_of(const matrix *matrix, int64_t row, int64_t col) {
  return matrix->data + (row * matrix->row_stride + col) * descent_type_bytes(matrix->type);
}

static double load(const matrix *matrix, int64_t row, int64_t col) {
  return descent_load_number(place_of(matrix, row, col), matrix->type);
}

/* The least that is known of any entry: that it lies outside, was never written, or holds a number. */
static descent_sim_content get_content(descent_shadow *shadow, const matrix *matrix) {
  descent_sim_content least = DESCENT_SIM_FIXED;
  for (int64_t row = 0; row < matrix->rows; ++row)
    for (int64_t col = 0; col < matrix->cols; ++col) {
      const descent_sim_content content = descent_shadow_content(shadow, place_of(matrix, row, col));
      least = content < least ? content : least;
    }
  return least;
}

/* A result of what nobody wrote is as if nobody had written it: of a layer that is absent. */
static int32_t mark_result(descent_shadow *shadow, const matrix *result, descent_sim_content content,
                           descent_error *error) {
  for (int64_t row = 0; row < result->rows; ++row)
    if (!descent_shadow_set(shadow, place_of(result, row, 0), result->cols * descent_type_bytes(result->type),
                            content == DESCENT_SIM_FRESH ? DESCENT_SIM_FRESH : DESCENT_SIM_DATA))
      return descent_fail(error, DESCENT_OUT_OF_MEMORY, "no memory to watch over a product of the simulated library");
  return DESCENT_OK;
}

static int32_t check(descent_shadow *shadow, const matrix *matrices, int count, const matrix *result,
                     descent_error *error) {
  descent_sim_content least = DESCENT_SIM_FIXED;
  for (int i = 0; i < count; ++i) {
    const descent_sim_content content = get_content(shadow, &matrices[i]);
    least = content < least ? content : least;
  }
  const descent_sim_content target = get_content(shadow, result);
  if (least == DESCENT_SIM_NOTHING || target == DESCENT_SIM_NOTHING || target == DESCENT_SIM_FIXED)
    return descent_fail(error, DESCENT_DEVICE_FAULT,
                        "the simulated library was given a matrix that is not in memory that it may touch");
  return mark_result(shadow, result, least, error);
}

static void multiply(const descent_library_product *product, const matrix *lhs, const matrix *rhs, const matrix *added,
                     const matrix *result) {
  const descent_device_product *form = product->form;
  for (int64_t row = 0; row < product->rows; ++row)
    for (int64_t col = 0; col < product->cols; ++col) {
      double sum = 0;
      for (int64_t i = 0; i < product->inner; ++i)
        sum += load(lhs, row, i) * (form->transposed ? load(rhs, col, i) : load(rhs, i, col));
      sum *= form->alpha;
      if (added->data)
        sum += form->beta * load(added, row, col);
      descent_store_number(place_of(result, row, col), form->result_type, sum);
    }
}

static int32_t run(descent_library *library, void *stream, const descent_library_call *call, void *workspace,
                   descent_error *error) {
  (void)stream;
  (void)workspace;
  const descent_library_product *product = &call->product;
  const uint32_t factors = product->form->factor_type, results = product->form->result_type;
  const int64_t rows = product->rows, cols = product->cols, inner = product->inner;
  int32_t code = DESCENT_OK;
  for (int64_t i = 0; i < product->layers && code == DESCENT_OK; ++i) {
    const bool transposed = product->form->transposed;
    const matrix matrices[] = {
        get_matrix(&product->lhs, i, rows, inner, factors),
        get_matrix(&product->rhs, i, transposed ? cols : inner, transposed ? inner : cols, factors),
        get_matrix(&product->added, i, rows, cols, results)};
    const matrix result = get_matrix(&product->result, i, rows, cols, results);
    code = check(descent_simulated_shadow(library->device), matrices, product->added.data ? 3 : 2, &result, error);
    if (code == DESCENT_OK)
      multiply(product, &matrices[0], &matrices[1], &matrices[2], &result);
  }
  return code;
}

const descent_library_methods descent_simulated_library = {
    .name = "the simulated library",
    .open = open_library,
    .close = close_library,
    .prepare = prepare,
    .discard = discard,
    .run = run,
};
