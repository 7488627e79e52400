#include "Types.h"

#include "descent/Runtime/artifact.h"

#include <math.h>
#include <string.h>

/* The 16-bit formats differ only in where their 15 bits below the sign are cut. */
typedef struct narrow_format {
  int mantissa_bits, exponent_bits;
} narrow_format;

static const narrow_format bf16_format = {7, 8};
static const narrow_format f16_format = {10, 5};

int64_t descent_type_bytes(uint32_t type) {
  switch (type) {
  case DESCENT_F64:
  case DESCENT_I64:
    return 8;
  case DESCENT_F32:
    return 4;
  case DESCENT_Q8_SIGNED:
  case DESCENT_Q8_UNSIGNED:
    return 1;
  default:
    return 2;
  }
}

const char *descent_type_name(uint32_t type) {
  static const char *const names[] = {"f64", "f32", "bf16", "f16", "i64", "i16", "q8", "q8"};
  return type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown";
}

/* From the bits of the double in one rounding: by way of f32 there would be two. */
static uint16_t narrow(double value, narrow_format format) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  const uint16_t sign = (uint16_t)(bits >> 63 << 15);
  const int top = (1 << format.exponent_bits) - 1;
  const uint16_t infinity = (uint16_t)(top << format.mantissa_bits);
  if (isnan(value))
    return (uint16_t)(sign | infinity | 1u << (format.mantissa_bits - 1));
  const int source_exponent = (int)(bits >> 52 & 0x7ff);
  int exponent = source_exponent - 1023 + (top >> 1);
  if (exponent >= top)
    return (uint16_t)(sign | infinity);
  if (source_exponent == 0)
    return sign;
  const uint64_t significand = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
  int shift = 52 - format.mantissa_bits;
  if (exponent <= 0) { /* a subnormal of the narrow format */
    shift += 1 - exponent;
    exponent = 1;
  }
  if (shift > 54)
    return sign;
  /* The significand's leading one adds 1 to the exponent field, and so does a carry out of the rounding. */
  uint64_t result = ((uint64_t)(exponent - 1) << format.mantissa_bits) + (significand >> shift);
  const uint64_t rest = significand & ((UINT64_C(1) << shift) - 1), half = UINT64_C(1) << (shift - 1);
  result += rest > half || (rest == half && (result & 1));
  return (uint16_t)(sign | result);
}

static double widen(uint16_t bits, narrow_format format) {
  const int top = (1 << format.exponent_bits) - 1;
  const int exponent = bits >> format.mantissa_bits & top;
  const int mantissa = bits & ((1 << format.mantissa_bits) - 1);
  const int one = 1 << format.mantissa_bits;
  double magnitude;
  if (exponent == top)
    magnitude = mantissa ? (double)NAN : (double)INFINITY;
  else if (exponent == 0)
    magnitude = ldexp(mantissa, 1 - (top >> 1) - format.mantissa_bits);
  else
    magnitude = ldexp(mantissa + one, exponent - (top >> 1) - format.mantissa_bits);
  return bits >> 15 ? -magnitude : magnitude;
}

double descent_load_number(const void *address, uint32_t type) {
  switch (type) {
  case DESCENT_F64:
    return *(const double *)address;
  case DESCENT_F32:
    return *(const float *)address;
  case DESCENT_I64:
    return (double)*(const int64_t *)address;
  case DESCENT_I16:
    return (double)*(const int16_t *)address;
  case DESCENT_Q8_SIGNED:
  case DESCENT_Q8_UNSIGNED:
    return (double)*(const uint8_t *)address;
  default:
    return widen(*(const uint16_t *)address, type == DESCENT_BF16 ? bf16_format : f16_format);
  }
}

void descent_store_number(void *address, uint32_t type, double value) {
  switch (type) {
  case DESCENT_F64:
    *(double *)address = value;
    return;
  case DESCENT_F32:
    *(float *)address = (float)value;
    return;
  case DESCENT_I64:
    *(int64_t *)address = (int64_t)value;
    return;
  case DESCENT_I16:
    *(int16_t *)address = (int16_t)value;
    return;
  case DESCENT_Q8_SIGNED: /* of a block of equal numbers, none below 0: their scale is the number itself */
    *(uint8_t *)address = value > 0.0 ? 255 : 127;
    return;
  case DESCENT_Q8_UNSIGNED:
    *(uint8_t *)address = value > 0.0 ? 255 : 0;
    return;
  default:
    *(uint16_t *)address = narrow(value, type == DESCENT_BF16 ? bf16_format : f16_format);
  }
}

void descent_fill_numbers(void *to, uint32_t type, int64_t count, double value) {
  static const char zeros[sizeof(double)] = {0};
  const size_t bytes = (size_t)descent_type_bytes(type), all = (size_t)count * bytes;
  if (count == 0)
    return;
  descent_store_number(to, type, value);
  if (memcmp(to, zeros, bytes) == 0) {
    memset(to, 0, all);
    return;
  }
  for (size_t filled = bytes; filled < all; filled *= 2)
    memcpy((char *)to + filled, to, filled < all - filled ? filled : all - filled);
}

void descent_convert_numbers(void *to, uint32_t to_type, const void *from, uint32_t from_type, int64_t count) {
  const int64_t to_bytes = descent_type_bytes(to_type), from_bytes = descent_type_bytes(from_type);
  if (to_type == from_type) {
    memcpy(to, from, (size_t)(count * to_bytes));
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    descent_store_number((char *)to + i * to_bytes, to_type,
                         descent_load_number((const char *)from + i * from_bytes, from_type));
}
