#include "descent/Dialect/Descent/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace descent;

void descent::buildDescentExpandPipeline(OpPassManager &manager, const ExpandOptions &options) {
  // Each group has a rule of its own, with its norm and its defaults.
  manager.addPass(createInstantiateGroups());

  // Gradients are scaled, clipped and tested. States come first: the gradient that one starts as is scaled as well.
  manager.addPass(createExpandInitialGradient());
  manager.addPass(createGuardGradients());

  // Algebra while operations still have norms; what two of them would compute alike is one operation.
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  if (options.fuse)
    manager.addPass(createSimplify());

  // Arithmetic, reductions and polar factors; a factor that an oracle shares with a dual norm is computed once.
  manager.addPass(createExpandMomentum());
  manager.addPass(createExpandNorms());
  manager.addPass(createCSEPass());

  // Arithmetic, reductions, orientations and products; rows are those of memory.
  manager.addPass(createExpandOrthogonalize({options.form}));
  manager.addPass(createOrientStorage());

  // Matrices have the policy's element type.
  manager.addPass(createNarrow({options.compute}));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  if (!options.fuse)
    return;

  // Fewer passes over memory.
  manager.addPass(createHoistOrientations());
  manager.addPass(createSimplify());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void descent::registerDescentTransformsPipelines() {
  PassPipelineRegistration<ExpandOptions>("descent-expand", "write a recipe as arithmetic, reductions and products",
                                          buildDescentExpandPipeline);
}
