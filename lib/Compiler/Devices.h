// What compilation for devices writes.
#ifndef DESCENT_COMPILER_DEVICES_H
#define DESCENT_COMPILER_DEVICES_H

#include "descent/Compiler/Compiler.h"
#include "descent/Target/Gpu/GpuTarget.h"

namespace descent {

/// Whether the output's extension is one that devices have.
llvm::LogicalResult checkDeviceOutput(mlir::MLIRContext &context, llvm::StringRef extension,
                                      const CompileOptions &options);

/// Prints the plan, and the devices that there would be kernels for.
llvm::LogicalResult explainForDevices(mlir::ModuleOp module, const CompileOptions &options);

/// A plan -> IR of --emit.
llvm::LogicalResult emitDeviceIR(mlir::ModuleOp module, const CompileOptions &options);

/// A plan -> kernels in the form that the extension says; beside assembled ones, a table of what they take.
llvm::LogicalResult emitDeviceCode(mlir::ModuleOp module, llvm::StringRef extension, const CompileOptions &options);

/// A plan -> all that the host has of an artifact, in the LLVM dialect; null after an error.
mlir::OwningOpRef<mlir::ModuleOp> lowerDeviceArtifact(mlir::ModuleOp module, const CompileOptions &options);

/// A plan -> an artifact, its header and its manifest.
llvm::LogicalResult emitDeviceArtifact(mlir::ModuleOp module, llvm::StringRef extension, const CompileOptions &options);

} // namespace descent

#endif // DESCENT_COMPILER_DEVICES_H
