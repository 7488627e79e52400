#include "Cpu.h"

#include "Errors.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct cpu_feature {
  const char *name;
  bool present;
} cpu_feature;

/* __builtin_cpu_supports takes only literals. */
#if defined(__x86_64__) || defined(__i386__)
#define FEATURE(name) {name, __builtin_cpu_supports(name) != 0}
#endif

static const cpu_feature *find_feature(const char *name, size_t length, cpu_feature *found) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  const cpu_feature features[] = {
      FEATURE("sse"),         FEATURE("sse2"),       FEATURE("sse3"),         FEATURE("ssse3"),
      FEATURE("sse4.1"),      FEATURE("sse4.2"),     FEATURE("popcnt"),       FEATURE("avx"),
      FEATURE("avx2"),        FEATURE("fma"),        FEATURE("f16c"),         FEATURE("bmi"),
      FEATURE("bmi2"),        FEATURE("avx512f"),    FEATURE("avx512cd"),     FEATURE("avx512bw"),
      FEATURE("avx512dq"),    FEATURE("avx512vl"),   FEATURE("avx512ifma"),   FEATURE("avx512vbmi"),
      FEATURE("avx512vbmi2"), FEATURE("avx512vnni"), FEATURE("avx512bitalg"), FEATURE("avx512vpopcntdq"),
      FEATURE("avx512bf16"),  FEATURE("gfni"),       FEATURE("lzcnt"),        FEATURE("movbe"),
  };
#elif defined(__aarch64__)
  /* Part of the architecture's base. */
  const cpu_feature features[] = {{"neon", true}, {"fp-armv8", true}};
#else
  const cpu_feature features[] = {{"", true}};
#endif
  for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); ++i) {
    if (strlen(features[i].name) != length || strncmp(features[i].name, name, length) != 0)
      continue;
    *found = features[i];
    return found;
  }
  return NULL;
}

/* The first of the features that the path needs and this processor lacks; its length is 0 if there is none. */
typedef struct missing_feature {
  const char *name;
  int length;
  bool known;
} missing_feature;

static missing_feature find_missing(const descent_artifact *path) {
  const char *list = path->cpu_features ? path->cpu_features : "";
  while (*list) {
    const size_t length = strcspn(list, ",");
    cpu_feature found;
    const bool known = length == 0 || find_feature(list, length, &found);
    if (!known || (length > 0 && !found.present))
      return (missing_feature){list, (int)length, known};
    list += length + (list[length] == ',');
  }
  return (missing_feature){"", 0, true};
}

static int32_t fail_unknown_path(const descent_artifact *artifact, const char *target, descent_error *error) {
  char known[256] = "";
  for (const descent_artifact *path = artifact; path; path = path->next) {
    const size_t used = strlen(known);
    snprintf(known + used, sizeof(known) - used, "%s'%s'", used > 0 ? ", " : "", path->target);
  }
  return descent_fail(error, DESCENT_INVALID_ARGUMENT,
                      "the plan's options ask for the target '%s', but '%s' is compiled for %s", target, artifact->name,
                      known);
}

int32_t descent_choose_path(const descent_artifact *artifact, const char *target, const descent_artifact **chosen,
                            descent_error *error) {
  const descent_artifact *last = NULL;
  for (const descent_artifact *path = artifact; path; path = path->next) {
    if (target && (!path->target || strcmp(path->target, target) != 0))
      continue;
    last = path;
    if (find_missing(path).length > 0)
      continue;
    *chosen = path;
    return DESCENT_OK;
  }
  if (!last)
    return fail_unknown_path(artifact, target, error);
  const missing_feature missing = find_missing(last);
  return descent_fail(
      error, DESCENT_UNSUPPORTED_CPU,
      missing.known ? "the kernels of '%s' need the instructions '%.*s', which this processor lacks; compile the "
                      "optimizer for a lesser target, or for all with --target=cpu"
                    : "the kernels of '%s' need the instructions '%.*s', which this runtime does not know on this "
                      "kind of processor; compile the optimizer for this machine's target",
      artifact->name, missing.length, missing.name);
}
