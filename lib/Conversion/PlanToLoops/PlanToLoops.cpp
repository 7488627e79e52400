// Emits the kernels of a plan's stages.
#include "OrientedTile.h"
#include "ProductBlocking.h"

#include "descent/Conversion/Kernels/KernelLibrary.h"
#include "descent/Conversion/Passes.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

namespace descent {
#define GEN_PASS_DEF_CONVERTPLANTOLOOPS
#include "descent/Conversion/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent::plan;

static FailureOr<func::FuncOp> createStageKernel(ImplicitLocOpBuilder &b, Operation *stage, unsigned vectorBits) {
  using Result = FailureOr<func::FuncOp>;
  return llvm::TypeSwitch<Operation *, Result>(stage)
      .Case([&](SweepOp op) { return createSweepKernel(b, op, vectorBits); })
      .Case([&](ProductOp op) { return createProductKernel(b, op, vectorBits); })
      .Case([&](PackOp op) -> Result { return createPackKernel(b, op, vectorBits); })
      .Case([&](CombineOp op) -> Result { return createCombineKernel(b, op); })
      .Case([&](FoldOp op) -> Result { return createFoldKernel(b, op, vectorBits); })
      .Case([&](ScalarsOp op) -> Result { return createScalarsKernel(b, op); });
}

/// What is transposed must fit the memory that a kernel has for it.
static LogicalResult checkTile(Operation *stage) {
  auto tile = stage->getAttrOfType<DenseI64ArrayAttr>("plan.tile");
  if (readsOriented(stage) && (!tile || tile[0] > OrientedTiles::tileCols))
    return stage->emitOpError("reads a matrix in the other orientation, for which its tiles have too many columns");
  return success();
}

namespace {
struct ConvertPlanToLoops : descent::impl::ConvertPlanToLoopsBase<ConvertPlanToLoops> {
  using ConvertPlanToLoopsBase::ConvertPlanToLoopsBase;

  void runOnOperation() override {
    if (vectorBits < 128 || !llvm::isPowerOf2_32(vectorBits)) {
      emitError(getOperation().getLoc(), "vector-bits must be a power of two from 128 on, not ")
          << unsigned(vectorBits);
      return signalPassFailure();
    }
    KernelLibrary library(getOperation());
    for (ProgramOp program : getOperation().getOps<ProgramOp>())
      for (TrackOp track : program.getBody()->getOps<TrackOp>())
        if (failed(lowerTrack(track, library)))
          return signalPassFailure();
  }

  LogicalResult lowerTrack(TrackOp track, KernelLibrary &library) {
    for (auto [index, stage] : llvm::enumerate(getStages(track))) {
      ImplicitLocOpBuilder b(stage->getLoc(), &getContext());
      b.setInsertionPointToEnd(getOperation().getBody());
      FailureOr<func::FuncOp> function = createStageKernel(b, stage, vectorBits);
      if (failed(function) || failed(checkTile(stage)))
        return failure();
      std::string name = llvm::formatv("{0}_{1}_{2}", track.getSymName(), index, stage->getName().stripDialect());
      stage->setAttr("kernel", FlatSymbolRefAttr::get(library.add(*function, name)));
    }
    for (ScratchOp scratch : track.getBody()->getOps<ScratchOp>())
      if (scratch.getType().isPanels())
        describePanels(scratch, vectorBits);
    return success();
  }
};
} // namespace
