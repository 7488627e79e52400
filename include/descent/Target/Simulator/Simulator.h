// Compiles kernels of a device to functions that the simulator runs on a CPU.
#ifndef DESCENT_TARGET_SIMULATOR_SIMULATOR_H
#define DESCENT_TARGET_SIMULATOR_SIMULATOR_H

#include "descent/Target/Cpu/CpuTarget.h"

#include "mlir/Pass/PassManager.h"

namespace descent {

/// `gpu.module`s of kernels -> functions `<kernel>_simulated` in the LLVM dialect, with calls of the simulator.
void buildGpuToSimulatorPipeline(mlir::OpPassManager &passes, const CpuTarget &target);

/// Registers the simulator's passes, and `gpu-to-simulator`: all of the above.
void registerSimulatorPipelines();

} // namespace descent

#endif // DESCENT_TARGET_SIMULATOR_SIMULATOR_H
