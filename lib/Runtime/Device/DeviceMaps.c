/* Tensor maps: what a device must know of a matrix to copy boxes of it by itself. */
#include "../Errors.h"
#include "DevicePlan.h"

#include <inttypes.h>
#include <stdio.h>

enum { MULTIPLE = 16 };
static const int64_t most_entries = INT64_C(1) << 32, most_row_bytes = INT64_C(1) << 40;

typedef struct buffer_name {
  char text[96];
} buffer_name;

static buffer_name name_buffer(const descent_track *track, const descent_buffer_desc *desc) {
  buffer_name name = {"scratch"};
  switch (desc->source) {
  case DESCENT_BUFFER_WEIGHT:
    snprintf(name.text, sizeof(name.text), "weight");
    break;
  case DESCENT_BUFFER_INPUT:
    snprintf(name.text, sizeof(name.text), "input '%s'", track->input_names[desc->index]);
    break;
  case DESCENT_BUFFER_STATE:
    snprintf(name.text, sizeof(name.text), "state '%s'", track->states[desc->index].name);
    break;
  default:
    break;
  }
  return name;
}

/* A buffer of one row has no distance from row to row that means anything. */
static descent_device_matrix make_matrix(const descent_buffer *buffer, const descent_buffer_desc *desc,
                                         const descent_device_map *map) {
  const int64_t bytes = desc->element_bytes;
  const int64_t row_bytes =
      buffer->rows > 1 ? buffer->row_stride * bytes : (buffer->cols * bytes + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
  return (descent_device_matrix){buffer->data,    buffer->rows,  buffer->cols,  row_bytes,
                                 (uint32_t)bytes, map->box_rows, map->box_cols, map->swizzle};
}

/* What the matrix lacks, or null. */
static const char *find_fault(const descent_device_matrix *matrix) {
  if ((uintptr_t)matrix->data % MULTIPLE != 0)
    return "begins at an address that is no multiple of 16";
  if (matrix->row_bytes % MULTIPLE != 0)
    return "has rows that lie no multiple of 16 bytes apart";
  if (matrix->rows > most_entries || matrix->cols > most_entries || matrix->row_bytes >= most_row_bytes)
    return "is larger than 2^32 rows or columns, or has rows 2^40 bytes apart";
  return NULL;
}

static int32_t make_map(const descent_plan *plan, const descent_logical *logical, const descent_device_launch *launch,
                        const descent_device_map *map, void *record, descent_error *error) {
  const descent_device_plan *device = plan->device;
  const descent_entry *entry = logical->entry;
  const descent_buffer_desc *desc = &entry->track->buffers[map->buffer];
  const descent_device_matrix matrix = make_matrix(&logical->buffers[map->buffer], desc, map);
  const char *fault = find_fault(&matrix);
  descent_error found = {.size = sizeof(descent_error)};
  if (!fault) {
    const int32_t code = device->device->methods->make_map(device->device, &matrix, record, &found);
    if (code == DESCENT_OK)
      return code;
    fault = found.message;
  }
  const buffer_name name = name_buffer(entry->track, desc);
  return descent_fail(error, found.code ? (descent_code)found.code : DESCENT_INVALID_LAYER,
                      "layer %" PRId64 " '%s': its %s %s, but the kernel '%s' for %s copies boxes of it",
                      (int64_t)(entry - plan->entries), entry->name, name.text, fault,
                      device->device->program->kernels[launch->kernel].name, plan->artifact->target);
}

/* Layers without tiles run another alternative, and may have none of the buffers. */
static int32_t make_launch_maps(descent_plan *plan, uint32_t number, descent_error *error) {
  descent_device_plan *device = plan->device;
  const descent_device_launch *launch = &device->device->program->launches[number];
  const descent_device_track *track = &device->tracks[launch->track];
  char *record = device->staged + device->tables[TABLE_MAPS].offset +
                 device->launches[number].first_map * (int64_t)DESCENT_MAP_BYTES;
  int32_t code = DESCENT_OK;
  for (int64_t i = 0; i < track->num_layers; ++i, record += (size_t)launch->num_maps * DESCENT_MAP_BYTES) {
    const descent_logical *logical = &plan->logicals[track->logicals[i]];
    if (descent_num_tiles(&logical->entry->grids[launch->stage]) == 0)
      continue;
    for (uint32_t m = 0; m < launch->num_maps && code == DESCENT_OK; ++m)
      code = make_map(plan, logical, launch, &launch->maps[m], record + m * DESCENT_MAP_BYTES, error);
  }
  return code;
}

int32_t descent_device_make_maps(descent_plan *plan, descent_error *error) {
  const descent_device_program *program = plan->artifact->device;
  int32_t code = DESCENT_OK;
  for (uint32_t i = 0; i < program->num_launches && code == DESCENT_OK; ++i)
    if (program->launches[i].num_maps > 0)
      code = make_launch_maps(plan, i, error);
  return code;
}
