#ifndef DESCENT_LIB_RUNTIME_CPU_H
#define DESCENT_LIB_RUNTIME_CPU_H

#include "descent/Runtime/artifact.h"

/* DESCENT_UNSUPPORTED_CPU unless this processor, and its operating system, have all that the kernels need. */
int32_t descent_check_cpu(const descent_artifact *artifact, descent_error *error);

#endif
