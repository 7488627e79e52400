#ifndef DESCENT_LIB_RUNTIME_CPU_H
#define DESCENT_LIB_RUNTIME_CPU_H

#include "descent/Runtime/artifact.h"

/* The first of the artifact's code paths for whose kernels this processor, and its operating system, have all that they
 * need; with a target, that path or none. DESCENT_UNSUPPORTED_CPU when none runs here. */
int32_t descent_choose_path(const descent_artifact *artifact, const char *target, const descent_artifact **chosen,
                            descent_error *error);

#endif
