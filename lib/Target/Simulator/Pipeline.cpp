#include "descent/Target/Cpu/Cpu.h"
#include "descent/Target/Cpu/Passes.h"
#include "descent/Target/Simulator/Passes.h"
#include "descent/Target/Simulator/Simulator.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace descent;

void descent::buildGpuToSimulatorPipeline(OpPassManager &passes, const CpuTarget &target) {
  // All accesses are told of; nothing may move them any more.
  passes.addPass(createSimulatorCheckAccesses());
  passes.addPass(createSimulatorLowerKernels());
  // No kernel of a device is left: functions of loops, vectors and memrefs.
  passes.addPass(createConvertVectorToSCFPass());
  buildLoopsToLLVMPipeline(passes, target);
  passes.addPass(createCpuCarryBf16());
}

namespace {
struct SimulatorPipelineOptions : PassPipelineOptions<SimulatorPipelineOptions> {
  Option<std::string> target{*this, "target", llvm::cl::desc("the processors that the simulator runs on"),
                             llvm::cl::init("cpu:native")};
};
} // namespace

void descent::registerSimulatorPipelines() {
  registerDescentSimulatorPasses();
  PassPipelineRegistration<SimulatorPipelineOptions>(
      "gpu-to-simulator", "compile kernels of a device to functions of the LLVM dialect that the simulator runs",
      [](OpPassManager &passes, const SimulatorPipelineOptions &options) {
        buildGpuToSimulatorPipeline(passes, findCpuTarget(options.target).value_or(getCpuTargets().back()));
      });
}
