// What every artifact carries, whatever its target: a signature of its states, a manifest and a C header.
#ifndef DESCENT_TARGET_ARTIFACT_ARTIFACT_H
#define DESCENT_TARGET_ARTIFACT_ARTIFACT_H

#include "descent/Target/Artifact/ProgramLayout.h"

namespace descent::plan {

/// The groups' states, a line each: "hidden m element f32\n".
std::string emitSignature(const ProgramLayout &layout);

/// FNV-1a, 64 bits, of a signature.
uint64_t getFingerprint(llvm::StringRef signature);

/// A code path of an artifact: its target, and the instruction sets that a processor must have for it.
struct CodePath {
  llvm::StringRef target, features;
};

/// JSON that describes the artifact to programs that load it.
std::string emitManifest(const ProgramLayout &layout, llvm::ArrayRef<CodePath> paths);

/// The C header of the artifact; contains the text of descent.h.
std::string emitHeader(ProgramOp program);

} // namespace descent::plan

#endif // DESCENT_TARGET_ARTIFACT_ARTIFACT_H
