// From a program with kernels of a device to the tables and functions that its users link.
#include "descent/Conversion/GpuKernels.h"
#include "descent/Dialect/Plan/Analysis/Launches.h"
#include "descent/Dialect/Plan/Analysis/LibraryProducts.h"
#include "descent/Runtime/device.h"
#include "descent/Target/Artifact/ArtifactTables.h"
#include "descent/Target/Gpu/GpuTarget.h"
#include "descent/Target/Gpu/Passes.h"

namespace descent {
#define GEN_PASS_DEF_GPUEMITARTIFACT
#include "descent/Target/Gpu/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;
using namespace descent::plan;

// The structs are built field by field below, and driver.mlir knows those of its tables: what they hold has not changed
// as long as their sizes have not.
static_assert(DESCENT_DEVICE_VERSION == 2 && sizeof(descent_device_kernel) == 32 &&
              sizeof(descent_device_launch) == 48 && sizeof(descent_device_map) == 16 &&
              sizeof(descent_device_product) == 48 && sizeof(descent_device_chip) == 8 &&
              sizeof(descent_device_program) == 64 && sizeof(descent_device_grid) == 64);
static_assert(sizeof(descent_device_gradient) == 32 && sizeof(descent_device_load) == 24 &&
              sizeof(descent_device_key) == 40 && sizeof(descent_device_source) == 24 &&
              sizeof(descent_device_group) == 32 && sizeof(descent_device_store) == 32 && sizeof(descent_result) == 32);

namespace {
/// The tables of device.h.
class DeviceTables {
public:
  DeviceTables(ConstantTables &tables, const ProgramLayout &program, gpu::GPUModuleOp module,
               ArrayRef<GpuTarget> targets)
      : tables(tables), program(program), targets(targets), functions(module.getOps<gpu::GPUFuncOp>()) {}

  /// The address of the program's `descent_device_program`; null after an error.
  FailureOr<Constant> emit(StringRef image);

private:
  bool isSimulated() const { return targets.front().chip.empty(); }
  Constant kernel(gpu::GPUFuncOp function);
  Constant product(const TrackLayout &layout, Operation *stage, const llvm::Twine &name);
  LogicalResult launch(unsigned track, const Launch &stages);
  FailureOr<Constant> map(const TrackLayout &layout, Operation *stage, DenseI64ArrayAttr fields);
  LogicalResult maps(const TrackLayout &layout, Operation *stage, gpu::GPUFuncOp function,
                     std::vector<Constant> &described);
  std::vector<Constant> chips();

  ConstantTables &tables;
  const ProgramLayout &program;
  ArrayRef<GpuTarget> targets;
  SmallVector<gpu::GPUFuncOp> functions;
  std::vector<Constant> launches;
};
} // namespace

/// A fact that a kernel may state.
static uint32_t getFact(gpu::GPUFuncOp function, StringRef name, uint32_t otherwise) {
  auto fact = function->getAttrOfType<IntegerAttr>(name);
  return fact ? fact.getInt() : otherwise;
}

Constant DeviceTables::kernel(gpu::GPUFuncOp function) {
  uint32_t threads = function.getKnownBlockSize() ? (*function.getKnownBlockSize())[0] : targets.front().threads;
  return Constant::structure(
      {tables.text(function.getName()),
       isSimulated() ? tables.externalFunction((function.getName() + "_simulated").str()) : Constant::null(),
       Constant::u32(threads), Constant::u32(getFact(function, kDynamicBytes, 0)),
       Constant::u32(getFact(function, kBlocksPerProcessor, targets.front().residentThreads / std::max(threads, 1u))),
       Constant::u32(getFact(function, kCluster, 0))});
}

/// The factor's number, rows and columns of a box, swizzle.
FailureOr<Constant> DeviceTables::map(const TrackLayout &layout, Operation *stage, DenseI64ArrayAttr fields) {
  auto product = dyn_cast<ProductOp>(stage);
  if (!product || !fields || fields.size() != 4 || fields[0] < 0 || fields[0] > 1)
    return stage->emitOpError("has a kernel whose tensor maps are not of the factors of a product: ") << fields;
  Value factor = fields[0] ? product.getRhs() : product.getLhs();
  int64_t bytes = cast<BufferType>(factor.getType()).getMemoryType().getIntOrFloatBitWidth() / 8;
  int64_t rows = fields[1], cols = fields[2], swizzle = fields[3];
  bool fits = bytes <= 4 && rows > 0 && rows <= 256 && cols > 0 && cols <= 256 && cols * bytes % 16 == 0;
  if (!fits || !llvm::is_contained({0, 32, 64, 128}, swizzle) || (swizzle && cols * bytes > swizzle))
    return stage->emitOpError("has a kernel whose tensor maps no device can make: ") << fields;
  if (isa_and_nonnull<GradientOp>(factor.getDefiningOp()))
    return stage->emitOpError("has a kernel with a tensor map of the gradient, which lies elsewhere in each step");
  return Constant::structure(
      {Constant::u32(layout.getBuffer(factor)), Constant::u32(rows), Constant::u32(cols), Constant::u32(swizzle)});
}

LogicalResult DeviceTables::maps(const TrackLayout &layout, Operation *stage, gpu::GPUFuncOp function,
                                 std::vector<Constant> &described) {
  auto all = function->getAttrOfType<ArrayAttr>(kMaps);
  for (Attribute one : all ? all.getValue() : ArrayRef<Attribute>()) {
    FailureOr<Constant> made = map(layout, stage, dyn_cast<DenseI64ArrayAttr>(one));
    if (failed(made))
      return failure();
    described.push_back(*made);
  }
  return success();
}

/// The address of what a library can do in place of the stage.
Constant DeviceTables::product(const TrackLayout &layout, Operation *stage, const llvm::Twine &name) {
  auto product = dyn_cast<ProductOp>(stage);
  std::optional<LibraryProduct> form = product ? getLibraryProduct(product) : std::nullopt;
  if (!form)
    return Constant::null();
  auto buffer = [&](Value value) { return Constant::u32(value ? layout.getBuffer(value) : UINT32_MAX); };
  auto type = [](Value value) {
    return Constant::u32(getTypeCode(cast<BufferType>(value.getType()).getElementType()));
  };
  return Constant::address(tables.add(
      name.str(), Constant::structure({buffer(product.getLhs()), buffer(product.getRhs()), buffer(form->added),
                                       buffer(form->result), type(product.getLhs()), type(form->result),
                                       Constant::u32(product.getTransposed()), Constant::u32(product.getSymmetric()),
                                       Constant::f64(form->alpha), Constant::f64(form->beta)})));
}

/// The operands of work on numbers follow one another.
LogicalResult DeviceTables::launch(unsigned track, const Launch &stages) {
  const TrackLayout &layout = program.tracks[track];
  Operation *first = stages.front();
  auto symbol = first->getAttrOfType<SymbolRefAttr>("plan.kernel");
  auto *called = llvm::find_if(
      functions, [&](gpu::GPUFuncOp function) { return function.getNameAttr() == symbol.getLeafReference(); });
  SmallVector<uint32_t> operands;
  for (Operation *stage : stages)
    llvm::append_range(operands, getStageOperands(layout, stage));
  std::vector<Constant> described;
  if (failed(maps(layout, first, *called, described)))
    return failure();
  std::string name = ("launch" + llvm::Twine(launches.size())).str();
  launches.push_back(Constant::structure(
      {Constant::u32(called - functions.begin()), Constant::u32(track), Constant::u32(layout.getSegment(first)),
       Constant::u32(isWorkOnNumbers(first) ? UINT32_MAX : layout.getStage(first)), Constant::u32(operands.size()),
       Constant::u32(described.size()), tables.array(name + "_operands", operands),
       tables.array(name + "_maps", described), product(layout, first, name + "_product")}));
  return success();
}

std::vector<Constant> DeviceTables::chips() {
  std::vector<Constant> all;
  for (const GpuTarget &target : targets)
    if (!target.chip.empty())
      all.push_back(Constant::structure({Constant::u32(target.getCapability()), Constant::u32(target.isForward())}));
  return all;
}

FailureOr<Constant> DeviceTables::emit(StringRef image) {
  std::vector<Constant> described, own = chips();
  for (auto [track, layout] : llvm::enumerate(program.tracks))
    for (const Launch &stages : getLaunches(layout.track))
      if (failed(launch(track, stages)))
        return failure();
  for (gpu::GPUFuncOp function : functions)
    described.push_back(kernel(function));
  Constant methods = tables.external(isSimulated() ? "descent_simulator_methods" : "descent_cuda_methods");
  Constant program = Constant::structure({Constant::u32(DESCENT_DEVICE_VERSION), Constant::u32(own.size()), methods,
                                          Constant::u32(described.size()), Constant::u32(launches.size()),
                                          tables.array("kernels", described), tables.array("launches", launches),
                                          isSimulated() ? Constant::null() : tables.image("image", image),
                                          Constant::i64(image.size()), tables.array("chips", own)});
  return Constant::address(tables.add("device", program));
}

namespace {
struct GpuEmitArtifact : descent::impl::GpuEmitArtifactBase<GpuEmitArtifact> {
  using GpuEmitArtifactBase::GpuEmitArtifactBase;

  void runOnOperation() override {
    SmallVector<GpuTarget> devices = findGpuTargets(target);
    if (devices.empty()) {
      emitError(getOperation().getLoc(), "there is no target '") << target << "'";
      return signalPassFailure();
    }
    allPaths.clear();
    StringRef(paths.empty() ? target : paths).split(allPaths, '+');
    if (!llvm::is_contained(allPaths, target)) {
      emitError(getOperation().getLoc(), "the target '") << target << "' is not among the artifact's paths";
      return signalPassFailure();
    }
    auto kernels = getOperation().lookupSymbol<gpu::GPUModuleOp>("kernels");
    for (ProgramOp program : llvm::make_early_inc_range(getOperation().getOps<ProgramOp>()))
      if (failed(emit(program, kernels, devices)))
        return signalPassFailure();
    if (kernels)
      kernels.erase();
    getOperation()->removeAttr(kDeviceImage);
    getOperation()->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  }

  LogicalResult checkKernels(const ProgramLayout &layout, gpu::GPUModuleOp kernels) {
    for (const TrackLayout &track : layout.tracks)
      for (Operation *stage : track.stages) {
        auto kernel = stage->getAttrOfType<SymbolRefAttr>("plan.kernel");
        if (!kernel || !kernels || !kernels.lookupSymbol<gpu::GPUFuncOp>(kernel.getLeafReference()))
          return stage->emitOpError("has no kernel; run convert-plan-to-gpu first");
      }
    return success();
  }

  /// What the names of a path's tables begin with.
  static std::string getPrefix(StringRef program, size_t path) {
    return (path ? program + "_path" + llvm::Twine(path) + "_" : program + "_").str();
  }

  /// The header's facts are asked of the first path, which tells of all.
  std::string describePaths(const ProgramLayout &layout) {
    return emitManifest(
        layout, llvm::to_vector(llvm::map_range(allPaths, [&](StringRef name) { return CodePath{name, features}; })));
  }

  LogicalResult emit(ProgramOp program, gpu::GPUModuleOp kernels, ArrayRef<GpuTarget> devices) {
    ProgramLayout layout(program, devices.front().getRates());
    if (failed(checkKernels(layout, kernels)))
      return failure();
    auto image = getOperation()->getAttrOfType<StringAttr>(kDeviceImage);
    std::string name = program.getSymName().str();
    size_t own = llvm::find(allPaths, target) - allPaths.begin();
    SymbolTable symbols(getOperation());
    ImplicitLocOpBuilder b(program.getLoc(), getOperation().getBody(), getOperation().getBody()->end());
    ConstantTables tables(b, symbols, getPrefix(name, own));
    FailureOr<Constant> device =
        DeviceTables(tables, layout, kernels, devices).emit(image ? image.getValue() : StringRef());
    if (failed(device))
      return failure();
    PathTables path = {{target, features}, own ? "" : describePaths(layout)};
    path.device = *device;
    if (own + 1 < allPaths.size())
      path.next = tables.external(getPrefix(name, own + 1) + "artifact");
    Constant artifact = emitArtifactTables(tables, layout, path);
    FlatSymbolRefAttr table = own ? tables.addHidden("artifact", artifact) : tables.add("artifact", artifact);
    symbols.erase(program);
    if (own == 0)
      emitEntryPoints(getOperation(), name, table, /*isLibrary=*/false);
    return success();
  }

  SmallVector<StringRef> allPaths;
};
} // namespace
