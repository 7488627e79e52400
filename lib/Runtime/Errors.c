#include "Errors.h"

#include <stdarg.h>
#include <stdio.h>

int32_t descent_fail(descent_error *error, descent_code code, const char *format, ...) {
  if (!error || error->size < sizeof(descent_error))
    return code;
  va_list arguments;
  va_start(arguments, format);
  error->code = code;
  vsnprintf(error->message, sizeof(error->message), format, arguments);
  va_end(arguments);
  return code;
}
