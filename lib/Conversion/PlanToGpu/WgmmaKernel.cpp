// A block of three groups of four warps: two multiply, a thread of the third loads for them, and each group loops over
// the block's tiles by itself. So the panels of the next tile are loaded while the sums of this one go through the
// epilogue.
#include "WgmmaKernel.h"

#include "PanelLoader.h"
#include "ProductEpilogue.h"
#include "WgmmaCore.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace descent::plan;

// Registers of a thread: a multiprocessor's 65,536 among 384 threads, and what loaders give to the others.
static constexpr int64_t kernelRegisters = 168, loaderRegisters = 40, multiplierRegisters = 232;

namespace {
class WgmmaBody {
public:
  WgmmaBody(ImplicitLocOpBuilder &b, ProductOp product, GpuKernel &kernel, const RingShape &shape, SumsShape sums)
      : b(b), index(b), product(product), kernel(kernel), sums(sums), ring(b, shape) {}

  LogicalResult emit();

private:
  LogicalResult emitLoaders();
  LogicalResult emitMultipliers(Value group);
  Value getSteps() { return index.ceilDiv(index.dim(kernel.buffer(product.getLhs()), 1), RingShape::depth); }
  Value advance(Value number, Value steps) {
    return arith::AddIOp::create(b, number, arith::IndexCastOp::create(b, b.getI32Type(), steps));
  }
  Value constant(int64_t value) { return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value))); }

  ImplicitLocOpBuilder &b;
  IndexBuilder index;
  ProductOp product;
  GpuKernel &kernel;
  SumsShape sums;
  PanelRing ring;
};
} // namespace

/// One thread loads; those beside it give their registers away.
LogicalResult WgmmaBody::emitLoaders() {
  NVVM::SetMaxRegisterOp::create(b, loaderRegisters, NVVM::SetMaxRegisterAction::decrease);
  LogicalResult result = success();
  Value isFirst = index.compare(arith::CmpIPredicate::eq, kernel.thread, index.constant(RingShape::multipliers));
  index.ifTrue(isFirst, [&] {
    PanelLoader loader(b, kernel, ring);
    Value noLayer = index.constant(-1);
    result = kernel.forTiles({constant(0), noLayer}, [&](ValueRange carried) -> FailureOr<SmallVector<Value>> {
      Value steps = getSteps(), layer = kernel.layer;
      index.ifTrue(index.compare(arith::CmpIPredicate::ne, layer, carried[1]), [&] { loader.enterLayer(); });
      loader.loadTile(carried[0], steps);
      return SmallVector<Value>{advance(carried[0], steps), layer};
    });
  });
  return result;
}

LogicalResult WgmmaBody::emitMultipliers(Value group) {
  kernel.begun = NVVM::SetMaxRegisterOp::create(b, multiplierRegisters, NVVM::SetMaxRegisterAction::increase);
  WgmmaCore core(b, kernel, ring, group);
  BlockMemory memory = ring.memory;
  memory.begin = index.add(memory.begin, ring.shape.epilogueOffset());
  return kernel.forTiles(constant(0), [&](ValueRange carried) -> FailureOr<SmallVector<Value>> {
    Value steps = getSteps(), next = advance(carried[0], steps), sums = core.accumulate(carried[0], steps);
    auto results = ProductEpilogue(b, product, kernel, this->sums, memory).emit([&](Value part, Value memref) {
      core.storeSums(sums, part, this->sums.rows, memref);
    });
    if (failed(results))
      return failure();
    kernel.storeResults(*results);
    return SmallVector<Value>{next};
  });
}

LogicalResult WgmmaBody::emit() {
  Value isFirst = index.compare(arith::CmpIPredicate::eq, kernel.thread, index.constant(0));
  index.ifTrue(isFirst, [&] { ring.initialize(); });
  gpu::BarrierOp::create(b);
  // The same number in all threads of a warp, which the assembler cannot know of a quotient.
  Value group = arith::IndexCastOp::create(b, b.getI32Type(), index.div(kernel.thread, RingShape::group));
  group =
      gpu::ShuffleOp::create(b, group, constant(0), constant(GpuShape::warp), gpu::ShuffleMode::IDX).getShuffleResult();
  Value last = constant(RingShape::multipliers / RingShape::group);
  LogicalResult loaders = success(), multipliers = success();
  scf::IfOp::create(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, group, last),
      [&](OpBuilder &, Location) {
        loaders = emitLoaders();
        scf::YieldOp::create(b);
      },
      [&](OpBuilder &, Location) {
        multipliers = emitMultipliers(arith::IndexCastOp::create(b, b.getIndexType(), group));
        scf::YieldOp::create(b);
      });
  return success(succeeded(loaders) && succeeded(multipliers));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Wide tiles load less for each product, and tiles of a triangle are square.
static int64_t getTileCols(ProductOp product) {
  return ProductEpilogue::isTriangle(product) || !product.getPartials().empty() ? 128 : 256;
}

/// Of the workgroup memory that the kernel declares.
static int64_t getDeclaredBytes(gpu::GPUFuncOp function) {
  int64_t bytes = 0;
  for (BlockArgument buffer : function.getWorkgroupAttributions()) {
    auto type = cast<MemRefType>(buffer.getType());
    bytes += llvm::alignTo(type.getNumElements() * type.getElementTypeBitWidth() / 8, 16);
  }
  return bytes;
}

static FailureOr<gpu::GPUFuncOp> createKernel(ImplicitLocOpBuilder &b, ProductOp product, GpuShape device,
                                              const RingShape &shape, SumsShape sums) {
  device.threads = RingShape::multipliers;
  device.loaders = RingShape::group;
  auto function = createRolesKernel(
      b, product, device, [&](GpuKernel &kernel) { return WgmmaBody(b, product, kernel, shape, sums).emit(); });
  if (failed(function))
    return failure();
  auto note = [&](StringRef name, int64_t value) { (*function)->setAttr(name, b.getI64IntegerAttr(value)); };
  note("plan.registers", kernelRegisters);
  note(descent::kDynamicBytes, shape.bytes());
  note(descent::kBlocksPerProcessor, 1);
  (*function)->setAttr(descent::kMaps, PanelLoader::getMaps(b.getContext(), shape));
  return function;
}

bool descent::plan::suitsWgmma(ProductOp product) { return PanelLoader::canLoad(product); }

/// As many stages as the memory holds that the epilogue leaves.
FailureOr<gpu::GPUFuncOp> descent::plan::createWgmmaKernel(ImplicitLocOpBuilder &b, ProductOp product,
                                                           GpuShape device) {
  constexpr int64_t mostStages = 6, leastStages = 2;
  int64_t cols = getTileCols(product);
  SumsShape sums = {cols == 256 ? 32 : 64, cols, /*gap=*/8, b.getF32Type()};
  ProductEpilogue::describeTile(product, RingShape::rows, cols);
  int64_t epilogueBytes = ProductEpilogue::getMemoryBytes(product, sums), declaredBytes = 0;
  Type type = product.getLhs().getType().getElementType();
  for (int64_t stages = mostStages; stages >= leastStages; --stages) {
    RingShape shape = {type, cols, !product.getTransposed(), stages, epilogueBytes};
    if (declaredBytes + shape.bytes() > device.workgroupBytes)
      continue;
    auto function = createKernel(b, product, device, shape, sums);
    if (failed(function))
      return failure();
    declaredBytes = getDeclaredBytes(*function);
    if (declaredBytes + shape.bytes() <= device.workgroupBytes)
      return function;
    function->erase();
  }
  return product.emitOpError("needs more workgroup memory than the ")
         << device.workgroupBytes << " bytes of a block; 'products=mma' needs less";
}
