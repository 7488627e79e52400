// Emits the kernels of a plan's stages for a device.
#include "ProductKernel.h"
#include "ThreadEntries.h"
#include "ThreadFolds.h"

#include "descent/Conversion/Kernels/KernelLibrary.h"
#include "descent/Conversion/Passes.h"
#include "descent/Dialect/Plan/Analysis/Launches.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

namespace descent {
#define GEN_PASS_DEF_CONVERTPLANTOGPU
#include "descent/Conversion/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent::plan;

static FailureOr<gpu::GPUFuncOp> createSweepKernel(ImplicitLocOpBuilder &b, SweepOp sweep, GpuShape shape) {
  auto stage = cast<StageOpInterface>(sweep.getOperation());
  sweep->setAttr("plan.tile", b.getDenseI64ArrayAttr(ThreadEntries::getTile(stage, shape)));
  return createTileKernel(b, sweep, shape,
                          [&](GpuKernel &kernel) { return ThreadEntries(b, stage, kernel).emitTile(); });
}

/// A warp's threads take a column each, and every warp some of the column's blocks.
static SmallVector<Value> emitFold(ImplicitLocOpBuilder &b, FoldOp fold, GpuKernel &kernel) {
  IndexBuilder index(b);
  Value partials = kernel.buffer(fold.getPartials()), target = kernel.buffer(fold.getTarget());
  Value warp = index.div(kernel.thread, GpuShape::warp), zero = index.constant(0);
  Value col = index.add(kernel.colBegin, index.rem(kernel.thread, GpuShape::warp));
  Value exists = index.compare(arith::CmpIPredicate::slt, col, kernel.colEnd);
  Value end = index.select(exists, index.dim(partials, 0), zero);
  Value identity = createIdentity(b, fold.getKind(), b.getF64Type());
  auto loop = scf::ForOp::create(b, warp, end, index.constant(kernel.shape.threads / GpuShape::warp), identity,
                                 [&](OpBuilder &, Location, Value block, ValueRange sofar) {
                                   Value part = memref::LoadOp::create(b, partials, ValueRange{block, col});
                                   scf::YieldOp::create(b, createFold(b, fold.getKind(), sofar.front(), part));
                                 });
  Value vector = vector::FromElementsOp::create(b, VectorType::get({1}, b.getF64Type()), loop.getResults());
  vector = foldGroups(b, kernel, fold.getKind(), vector, index.constant(GpuShape::warp));
  Value isFirst = index.compare(arith::CmpIPredicate::eq, warp, zero);
  index.ifTrue(arith::AndIOp::create(b, exists, isFirst), [&] {
    Type stored = cast<MemRefType>(target.getType()).getElementType();
    Value number = vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
    memref::StoreOp::create(b, convertFloat(b, number, stored), target, ValueRange{zero, col});
  });
  return {};
}

static FailureOr<gpu::GPUFuncOp> createFoldKernel(ImplicitLocOpBuilder &b, FoldOp fold, GpuShape shape) {
  fold->setAttr("plan.tile", b.getDenseI64ArrayAttr({GpuShape::warp, GpuShape::warp}));
  return createTileKernel(
      b, fold, shape, [&](GpuKernel &kernel) -> FailureOr<SmallVector<Value>> { return emitFold(b, fold, kernel); });
}

namespace {
/// The kernels of the module `@kernels`.
struct GpuLibrary {
  explicit GpuLibrary(gpu::GPUModuleOp module) : module(module), kernels(module) {}

  SymbolRefAttr add(gpu::GPUFuncOp function, StringRef name) {
    return SymbolRefAttr::get(module.getNameAttr(), FlatSymbolRefAttr::get(kernels.add(function, name)));
  }

  gpu::GPUModuleOp module;
  KernelLibrary kernels;
};

struct ConvertPlanToGpu : descent::impl::ConvertPlanToGpuBase<ConvertPlanToGpu> {
  using ConvertPlanToGpuBase::ConvertPlanToGpuBase;

  void runOnOperation() override {
    if (threads < 32 || threads > 1024 || !llvm::isPowerOf2_32(threads)) {
      emitError(getOperation().getLoc(), "threads must be a power of two from 32 to 1024, not ") << unsigned(threads);
      return signalPassFailure();
    }
    if (vectorBytes < 4 || vectorBytes > 16 || !llvm::isPowerOf2_32(vectorBytes)) {
      emitError(getOperation().getLoc(), "vector-bytes must be 4, 8 or 16, not ") << unsigned(vectorBytes);
      return signalPassFailure();
    }
    ImplicitLocOpBuilder b(getOperation().getLoc(), getOperation().getBody(), getOperation().getBody()->end());
    GpuLibrary library(gpu::GPUModuleOp::create(b, "kernels"));
    getOperation()->setAttr(gpu::GPUDialect::getContainerModuleAttrName(), b.getUnitAttr());
    for (ProgramOp program : getOperation().getOps<ProgramOp>())
      for (TrackOp track : program.getBody()->getOps<TrackOp>())
        if (failed(lowerTrack(track, library)))
          return signalPassFailure();
  }

  GpuShape getShape() const { return {int64_t(threads), int64_t(vectorBytes), products, int64_t(workgroupBytes)}; }

  LogicalResult lowerTrack(TrackOp track, GpuLibrary &library) {
    unsigned index = 0;
    for (const Launch &launch : getLaunches(track)) {
      if (isWorkOnNumbers(launch.front()))
        emitNumbers(track, launch, index, library);
      else if (failed(emitStage(track, launch.front(), index, library)))
        return failure();
      index += launch.size();
    }
    return success();
  }

  void emitNumbers(TrackOp track, ArrayRef<Operation *> stages, unsigned index, GpuLibrary &library) {
    ImplicitLocOpBuilder b(stages.front()->getLoc(), &getContext());
    b.setInsertionPointToEnd(library.module.getBody());
    gpu::GPUFuncOp function = createNumbersKernel(b, stages, getShape());
    SymbolRefAttr symbol = library.add(function, llvm::formatv("{0}_{1}_numbers", track.getSymName(), index).str());
    for (Operation *stage : stages)
      stage->setAttr("plan.kernel", symbol);
  }

  LogicalResult emitStage(TrackOp track, Operation *stage, unsigned index, GpuLibrary &library) {
    using Result = FailureOr<gpu::GPUFuncOp>;
    ImplicitLocOpBuilder b(stage->getLoc(), &getContext());
    b.setInsertionPointToEnd(library.module.getBody());
    auto function =
        llvm::TypeSwitch<Operation *, Result>(stage)
            .Case([&](SweepOp op) { return createSweepKernel(b, op, getShape()); })
            .Case([&](ProductOp op) { return createProductKernel(b, op, getShape()); })
            .Case([&](FoldOp op) { return createFoldKernel(b, op, getShape()); })
            .Default([](Operation *op) -> Result { return op->emitOpError("has no kernel for a device yet"); });
    if (failed(function))
      return failure();
    std::string name = llvm::formatv("{0}_{1}_{2}", track.getSymName(), index, stage->getName().stripDialect());
    stage->setAttr("plan.kernel", library.add(*function, name));
    return success();
  }
};
} // namespace
