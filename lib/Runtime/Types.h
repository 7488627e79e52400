/* Numbers in memory: their sizes, and conversions that round to nearest even. */
#ifndef DESCENT_LIB_RUNTIME_TYPES_H
#define DESCENT_LIB_RUNTIME_TYPES_H

#include <stdint.h>

int64_t descent_type_bytes(uint32_t type);
const char *descent_type_name(uint32_t type);

double descent_load_number(const void *address, uint32_t type);
void descent_store_number(void *address, uint32_t type, double value);

/* `count` elements that follow each other. */
void descent_fill_numbers(void *to, uint32_t type, int64_t count, double value);
void descent_convert_numbers(void *to, uint32_t to_type, const void *from, uint32_t from_type, int64_t count);

#endif
