#include "Optimizer.h"

#include "gpt_adamw.h"
#include "gpt_lanton.h"

const gpt::Artifact *gpt::findArtifact(const std::string &rule) {
  static const Artifact lanton = GPT_ARTIFACT(gpt_lanton, GPT_LANTON), adamw = GPT_ARTIFACT(gpt_adamw, GPT_ADAMW);
  return rule == "lanton" ? &lanton : rule == "adamw" ? &adamw : nullptr;
}
