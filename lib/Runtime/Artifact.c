#include "Errors.h"
#include "Layers.h"

#include <inttypes.h>

int32_t descent_rt_hyper_defaults(const descent_artifact *artifact, double *hyper, uint64_t count,
                                  descent_error *error) {
  const int32_t code = descent_check_artifact(artifact, error);
  if (code != DESCENT_OK)
    return code;
  if (count != artifact->num_hypers)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                        "there is room for %" PRIu64 " hyperparameters, but '%s' has %" PRIu32
                        "; pass sizeof(%s_hyper) / sizeof(double)",
                        count, artifact->name, artifact->num_hypers, artifact->name);
  if (count > 0 && !hyper)
    return descent_fail(error, DESCENT_INVALID_ARGUMENT, "there is no place for the hyperparameters: `hyper` is null");
  for (uint32_t h = 0; h < artifact->num_hypers; ++h)
    hyper[h] = artifact->hypers[h].default_value;
  return DESCENT_OK;
}

const char *descent_rt_signature(const descent_artifact *artifact) { return artifact->signature; }

const char *descent_rt_manifest(const descent_artifact *artifact) { return artifact->manifest; }

uint64_t descent_rt_fingerprint(const descent_artifact *artifact) { return artifact->fingerprint; }
