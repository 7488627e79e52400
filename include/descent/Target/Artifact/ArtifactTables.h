// Builds the tables of artifact.h, and the functions over them.
#ifndef DESCENT_TARGET_ARTIFACT_ARTIFACTTABLES_H
#define DESCENT_TARGET_ARTIFACT_ARTIFACTTABLES_H

#include "descent/Target/Artifact/Artifact.h"
#include "descent/Target/Artifact/ConstantTables.h"

namespace descent {

/// What the tables of one code path say besides the program.
struct PathTables {
  plan::CodePath path;
  std::string manifest;               // of the whole artifact; its first path has it
  Constant next = Constant::null();   // the address of the tables of the next path
  Constant device = Constant::null(); // the address of a descent_device_program
};

/// The program's `descent_artifact` for one code path; emits all that it points to.
Constant emitArtifactTables(ConstantTables &tables, const plan::ProgramLayout &layout, const PathTables &path);

/// The descent_type of a floating-point type.
uint32_t getTypeCode(mlir::Type type);

/// The buffers and slots that a stage works on, in the order of `descent_stage.operands`.
llvm::SmallVector<uint32_t> getStageOperands(const plan::TrackLayout &layout, mlir::Operation *stage);

/// The exported functions `<name>_step` and so on at the end of the module, which call the step driver with the tables.
void emitEntryPoints(mlir::ModuleOp module, llvm::StringRef name, mlir::FlatSymbolRefAttr artifact, bool isLibrary);

} // namespace descent

#endif // DESCENT_TARGET_ARTIFACT_ARTIFACTTABLES_H
