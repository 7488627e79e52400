/* How the runtime says no: a code and a message, never an abort or a print. */
#ifndef DESCENT_LIB_RUNTIME_ERRORS_H
#define DESCENT_LIB_RUNTIME_ERRORS_H

#include "descent/Runtime/descent.h"

#if defined(__GNUC__)
#define DESCENT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define DESCENT_PRINTF(text, first)
#endif

/* Fills in `error`, when there is one, and returns `code`. A struct of a size that this version does not know is left
 * alone: writing into it could reach past its end. */
int32_t descent_fail(descent_error *error, descent_code code, const char *format, ...) DESCENT_PRINTF(3, 4);

#endif
