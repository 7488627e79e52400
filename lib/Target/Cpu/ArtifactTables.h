// Builds the tables of artifact.h.
#ifndef DESCENT_LIB_TARGET_CPU_ARTIFACTTABLES_H
#define DESCENT_LIB_TARGET_CPU_ARTIFACTTABLES_H

#include "ConstantTables.h"

#include "descent/Target/Artifact/ProgramLayout.h"
#include "descent/Target/Cpu/CpuTarget.h"

namespace descent {

/// The program's `descent_artifact` for one code path; emits all that it points to. `next` is the address of that for
/// the next path.
Constant emitArtifactTables(ConstantTables &tables, const plan::ProgramLayout &layout, const CpuTarget &target,
                            llvm::StringRef manifest, Constant next);

} // namespace descent

#endif // DESCENT_LIB_TARGET_CPU_ARTIFACTTABLES_H
