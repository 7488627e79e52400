#include "Cpu.h"

#include "Errors.h"

#include <stdbool.h>
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
      FEATURE("avx512bf16"),  FEATURE("gfni"),
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

int32_t descent_check_cpu(const descent_artifact *artifact, descent_error *error) {
  const char *list = artifact->cpu_features ? artifact->cpu_features : "";
  while (*list) {
    const size_t length = strcspn(list, ",");
    cpu_feature found;
    if (length > 0 && !find_feature(list, length, &found))
      return descent_fail(error, DESCENT_UNSUPPORTED_CPU,
                          "the kernels of '%s' need the instructions '%.*s', which this runtime does not know on this "
                          "kind of processor; compile the optimizer for this machine's target",
                          artifact->name, (int)length, list);
    if (length > 0 && !found.present)
      return descent_fail(error, DESCENT_UNSUPPORTED_CPU,
                          "the kernels of '%s' need the instructions '%.*s', which this processor lacks; compile the "
                          "optimizer for a smaller target",
                          artifact->name, (int)length, list);
    list += length + (list[length] == ',');
  }
  return DESCENT_OK;
}
