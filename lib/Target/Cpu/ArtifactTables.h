// Builds the tables of artifact.h.
#ifndef DESCENT_LIB_TARGET_CPU_ARTIFACTTABLES_H
#define DESCENT_LIB_TARGET_CPU_ARTIFACTTABLES_H

#include "ConstantTables.h"

#include "descent/Target/Artifact/ProgramLayout.h"
#include "descent/Target/Cpu/CpuTarget.h"

namespace descent {

/// Emits the program's `descent_artifact` and all that it points to; returns its symbol.
mlir::FlatSymbolRefAttr emitArtifactTables(ConstantTables &tables, const plan::ProgramLayout &layout,
                                           const CpuTarget &target);

} // namespace descent

#endif // DESCENT_LIB_TARGET_CPU_ARTIFACTTABLES_H
