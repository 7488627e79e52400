// From a program with kernels of a device to the tables and functions that its users link.
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
static_assert(sizeof(descent_device_kernel) == 32 && sizeof(descent_device_launch) == 40 &&
              sizeof(descent_device_product) == 48 && sizeof(descent_device_program) == 56 &&
              sizeof(descent_device_grid) == 64);
static_assert(sizeof(descent_device_gradient) == 32 && sizeof(descent_device_load) == 24 &&
              sizeof(descent_device_key) == 40 && sizeof(descent_device_source) == 24 &&
              sizeof(descent_device_group) == 32 && sizeof(descent_device_store) == 32 && sizeof(descent_result) == 32);

namespace {
/// The tables of device.h.
class DeviceTables {
public:
  DeviceTables(ConstantTables &tables, const ProgramLayout &program, gpu::GPUModuleOp module, const GpuTarget &target)
      : tables(tables), program(program), target(target), functions(module.getOps<gpu::GPUFuncOp>()) {}

  /// The address of the program's `descent_device_program`.
  Constant emit(StringRef image, StringRef chips);

private:
  Constant kernel(gpu::GPUFuncOp function);
  Constant product(const TrackLayout &layout, Operation *stage, const llvm::Twine &name);
  Constant launch(unsigned track, const Launch &stages, unsigned index);
  std::vector<Constant> launches();

  ConstantTables &tables;
  const ProgramLayout &program;
  const GpuTarget &target;
  SmallVector<gpu::GPUFuncOp> functions;
};
} // namespace

/// A fact that a kernel may state.
static uint32_t getFact(gpu::GPUFuncOp function, StringRef name, uint32_t otherwise) {
  auto fact = function->getAttrOfType<IntegerAttr>(name);
  return fact ? fact.getInt() : otherwise;
}

Constant DeviceTables::kernel(gpu::GPUFuncOp function) {
  uint32_t threads = function.getKnownBlockSize() ? (*function.getKnownBlockSize())[0] : target.threads;
  bool isSimulated = target.chip.empty();
  return Constant::structure(
      {tables.text(function.getName()),
       isSimulated ? tables.externalFunction((function.getName() + "_simulated").str()) : Constant::null(),
       Constant::u32(threads), Constant::u32(getFact(function, "plan.dynamic_bytes", 0)),
       Constant::u32(getFact(function, "plan.blocks_per_processor", target.residentThreads / threads)),
       Constant::u32(getFact(function, "plan.cluster", 0))});
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
Constant DeviceTables::launch(unsigned track, const Launch &stages, unsigned index) {
  const TrackLayout &layout = program.tracks[track];
  Operation *first = stages.front();
  auto symbol = first->getAttrOfType<SymbolRefAttr>("plan.kernel");
  auto isCalled = [&](gpu::GPUFuncOp function) { return function.getNameAttr() == symbol.getLeafReference(); };
  SmallVector<uint32_t> operands;
  for (Operation *stage : stages)
    llvm::append_range(operands, getStageOperands(layout, stage));
  std::string name = ("launch" + llvm::Twine(index)).str();
  return Constant::structure({Constant::u32(llvm::find_if(functions, isCalled) - functions.begin()),
                              Constant::u32(track), Constant::u32(layout.getSegment(first)),
                              Constant::u32(isWorkOnNumbers(first) ? UINT32_MAX : layout.getStage(first)),
                              Constant::u32(operands.size()), Constant::u32(0),
                              tables.array(name + "_operands", operands), product(layout, first, name + "_product")});
}

std::vector<Constant> DeviceTables::launches() {
  std::vector<Constant> all;
  for (auto [track, layout] : llvm::enumerate(program.tracks))
    for (const Launch &stages : getLaunches(layout.track))
      all.push_back(launch(track, stages, all.size()));
  return all;
}

Constant DeviceTables::emit(StringRef image, StringRef chips) {
  std::vector<Constant> described, all = launches();
  for (gpu::GPUFuncOp function : functions)
    described.push_back(kernel(function));
  bool isSimulated = target.chip.empty();
  Constant methods = tables.external(isSimulated ? "descent_simulator_methods" : "descent_cuda_methods");
  Constant program = Constant::structure(
      {methods, Constant::u32(described.size()), Constant::u32(all.size()), tables.array("kernels", described),
       tables.array("launches", all), isSimulated ? Constant::null() : tables.image("image", image),
       Constant::i64(image.size()), isSimulated ? Constant::null() : tables.text(chips)});
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
    auto kernels = getOperation().lookupSymbol<gpu::GPUModuleOp>("kernels");
    for (ProgramOp program : llvm::make_early_inc_range(getOperation().getOps<ProgramOp>()))
      if (failed(emit(program, kernels, devices.front())))
        return signalPassFailure();
    if (kernels)
      kernels.erase();
    getOperation()->removeAttr(kDeviceImage);
    getOperation()->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  }

  LogicalResult emit(ProgramOp program, gpu::GPUModuleOp kernels, const GpuTarget &device) {
    ProgramLayout layout(program);
    for (const TrackLayout &track : layout.tracks)
      for (Operation *stage : track.stages) {
        auto kernel = stage->getAttrOfType<SymbolRefAttr>("plan.kernel");
        if (!kernel || !kernels || !kernels.lookupSymbol<gpu::GPUFuncOp>(kernel.getLeafReference()))
          return stage->emitOpError("has no kernel; run convert-plan-to-gpu first");
      }
    auto image = getOperation()->getAttrOfType<StringAttr>(kDeviceImage);
    std::string name = program.getSymName().str();
    SymbolTable symbols(getOperation());
    ImplicitLocOpBuilder b(program.getLoc(), getOperation().getBody(), getOperation().getBody()->end());
    ConstantTables tables(b, symbols, name + "_");
    PathTables path = {{target, features}, emitManifest(layout, CodePath{target, features})};
    path.device = DeviceTables(tables, layout, kernels, device)
                      .emit(image ? image.getValue() : StringRef(), StringRef(target).substr(target.find(':') + 1));
    FlatSymbolRefAttr artifact = tables.add("artifact", emitArtifactTables(tables, layout, path));
    symbols.erase(program);
    emitEntryPoints(getOperation(), name, artifact, /*isLibrary=*/false);
    return success();
  }
};
} // namespace
