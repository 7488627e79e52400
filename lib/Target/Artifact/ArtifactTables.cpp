#include "descent/Target/Artifact/ArtifactTables.h"

#include "descent/Dialect/Plan/Analysis/CostModel.h"
#include "descent/Runtime/artifact.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <array>

using namespace mlir;
using namespace descent;
using namespace descent::plan;

// The structs are built field by field below: what they hold has not changed as long as their sizes have not.
static_assert(sizeof(descent_artifact) == 160 && sizeof(descent_track) == 144 && sizeof(descent_stage) == 112 &&
              sizeof(descent_state_desc) == 32 && sizeof(descent_buffer_desc) == 64 && sizeof(descent_cut) == 40 &&
              sizeof(descent_slot) == 16 && sizeof(descent_slot_store) == 8 && sizeof(descent_choice) == 16 &&
              sizeof(descent_alternative) == 24 && sizeof(descent_term) == 24 && sizeof(descent_hyper_desc) == 24);
static_assert(DESCENT_SHORT == int(Extent::Short) && DESCENT_LONG == int(Extent::Long) &&
              DESCENT_ROWS == int(Extent::Rows) && DESCENT_COLS == int(Extent::Cols) &&
              DESCENT_ONE == int(Extent::One) && DESCENT_INNER == int(Extent::Inner));
static_assert(DESCENT_MAX == int(CombineKind::Max) && DESCENT_MIN == int(CombineKind::Min));
static_assert(DESCENT_GROUP == int(Reach::Group) && DESCENT_MODEL == int(Reach::Model));
static_assert(DESCENT_CLASS_MATRIX == int(GroupClass::Matrix) && DESCENT_CLASS_VECTOR == int(GroupClass::Vector));
static_assert(DESCENT_SLOT_UPDATES == int(Number::Updates) &&
              DESCENT_SLOT_GRADIENT_SCALE == int(Number::GradientScale) && DESCENT_SLOT_ROWS == int(Number::Rows) &&
              DESCENT_SLOT_STEP == int(Number::Step) && DESCENT_SLOT_RANDOM == int(Number::Random));
static_assert(DESCENT_INIT_PARAMETER == int(StateInit::Parameter));

static constexpr uint32_t none = UINT32_MAX;

static uint32_t getTypeCode(StringRef type) {
  return llvm::StringSwitch<uint32_t>(type)
      .Case("f64", DESCENT_F64)
      .Case("f32", DESCENT_F32)
      .Case("bf16", DESCENT_BF16)
      .Case("f16", DESCENT_F16)
      .Case("i64", DESCENT_I64)
      .Case("i16", DESCENT_I16)
      .Case("q8_signed", DESCENT_Q8_SIGNED)
      .Case("q8_unsigned", DESCENT_Q8_UNSIGNED);
}

uint32_t descent::getTypeCode(Type type) {
  return type.isF64() ? DESCENT_F64 : type.isF32() ? DESCENT_F32 : type.isBF16() ? DESCENT_BF16 : DESCENT_F16;
}

static uint32_t getScopeCode(StringRef scope) {
  return llvm::StringSwitch<uint32_t>(scope)
      .Case("element", DESCENT_SCOPE_ELEMENT)
      .Case("row", DESCENT_SCOPE_ROW)
      .Case("column", DESCENT_SCOPE_COLUMN)
      .Case("layer", DESCENT_SCOPE_LAYER)
      .Case("block", DESCENT_SCOPE_BLOCK);
}

namespace {
/// The tables of one track.
class TrackTables {
public:
  TrackTables(ConstantTables &tables, const ProgramLayout &program, unsigned number)
      : tables(tables), program(program), layout(program.tracks[number]), track(layout.track),
        firstHyper(program.firstHyper[number]), prefix((track.getSymName() + "_").str()) {}

  Constant emit();

private:
  Constant dimension(Value buffer, Extent extent) const;
  std::pair<uint32_t, uint32_t> sourceOf(Operation *op) const;
  Constant buffer(Value value) const;
  Constant stage(Operation *op);
  Constant alternative(unsigned choice, unsigned index);
  Constant choices();
  Constant states();
  Constant inputTypes();
  Constant inputNames();
  std::vector<Constant> slotLoads() const;
  std::vector<Constant> slotStores() const;
  SmallVector<uint32_t> reportSlots() const;
  uint32_t nonfiniteSlot() const;
  uint32_t writerOf(Value partials) const;
  uint32_t segmentOf(Value buffer) const;

  ConstantTables &tables;
  const ProgramLayout &program;
  const TrackLayout &layout;
  mutable TrackOp track;
  unsigned firstHyper;
  std::string prefix;
};
} // namespace

/// The stage whose grid a partial buffer counts.
uint32_t TrackTables::writerOf(Value partials) const {
  for (Operation *user : partials.getUsers())
    if (auto stage = dyn_cast<StageOpInterface>(user))
      if (llvm::is_contained(stage.getStagePartials(), partials))
        return layout.getStage(user);
  return 0;
}

Constant TrackTables::dimension(Value buffer, Extent extent) const {
  auto blocks = [&](uint32_t count) {
    return Constant::structure({Constant::u32(count), Constant::u32(writerOf(buffer))});
  };
  switch (extent) {
  case Extent::Tiles:
    return blocks(DESCENT_COUNT_TILES);
  case Extent::RowBlocks:
    return blocks(DESCENT_COUNT_ROW_BLOCKS);
  case Extent::ColBlocks:
    return blocks(DESCENT_COUNT_COL_BLOCKS);
  default:
    return Constant::structure({Constant::u32(DESCENT_COUNT_EXTENT), Constant::u32(uint32_t(extent))});
  }
}

/// What a buffer is, and which of the track's inputs or states.
std::pair<uint32_t, uint32_t> TrackTables::sourceOf(Operation *op) const {
  if (isa<WeightOp>(op))
    return {DESCENT_BUFFER_WEIGHT, 0};
  if (isa<GradientOp>(op))
    return {DESCENT_BUFFER_GRADIENT, 0};
  if (auto input = dyn_cast<InputOp>(op))
    return {DESCENT_BUFFER_INPUT, layout.getInput(input.getName())};
  if (auto operand = dyn_cast<OperandOp>(op)) {
    auto operands = track.getBody()->getOps<OperandOp>();
    return {DESCENT_BUFFER_OPERAND, std::distance(operands.begin(), llvm::find(operands, operand))};
  }
  if (auto state = dyn_cast<StateOp>(op))
    return {DESCENT_BUFFER_STATE, layout.getState(state.getName())};
  return {cast<ScratchOp>(op).getLifetime() == Lifetime::Layer ? DESCENT_BUFFER_LAYER : DESCENT_BUFFER_WORKER, 0};
}

/// Which choice and, one more than its number, which alternative; 0 for what every layer needs.
static std::pair<Constant, Constant> emitAlternative(AlternativeAttr alternative) {
  return {Constant::u32(alternative ? alternative.getChoice() : 0),
          Constant::u32(alternative ? alternative.getIndex() + 1 : 0)};
}

/// Of a worker's scratch, which lives in one segment; 0 for other buffers.
uint32_t TrackTables::segmentOf(Value buffer) const {
  if (sourceOf(buffer.getDefiningOp()).first != DESCENT_BUFFER_WORKER)
    return 0;
  for (Operation *user : buffer.getUsers())
    if (isStage(user))
      return layout.getSegment(user);
  return 0;
}

Constant TrackTables::buffer(Value value) const {
  auto type = cast<BufferType>(value.getType());
  auto [source, index] = sourceOf(value.getDefiningOp());
  bool isScratch = isa<ScratchOp>(value.getDefiningOp());
  auto [choice, alternative] = emitAlternative(isScratch ? getAlternative(value) : AlternativeAttr());
  auto panels = value.getDefiningOp()->getAttrOfType<DenseI64ArrayAttr>("plan.panels");
  auto panelField = [&](unsigned field) { return Constant::u32(panels ? panels[field] : 0); };
  return Constant::structure(
      {Constant::u32(source), Constant::u32(index), dimension(value, type.getRows()), dimension(value, type.getCols()),
       Constant::i64(type.getMemoryType().getIntOrFloatBitWidth() / 8), panelField(0), panelField(1), panelField(2),
       panelField(3), choice, alternative, Constant::u32(segmentOf(value)), Constant::u32(0)});
}

/// The index space of a stage with a grid.
static DomainAttr getDomain(Operation *op) {
  if (auto stage = dyn_cast<StageOpInterface>(op))
    return stage.getStageDomain();
  if (auto pack = dyn_cast<PackOp>(op))
    return pack.getTarget().getType().getDomain();
  return cast<FoldOp>(op).getTarget().getType().getDomain();
}

/// Columns and elements of a tile, then rows and the multiples of its sides. By default long rows stay whole, so that
/// narrow matrices without gaps can be swept as one row; where columns are reduced, tiles are tall, so that partial
/// results stay few.
static std::array<int64_t, 5> getTile(Operation *op) {
  if (auto tile = op->getAttrOfType<DenseI64ArrayAttr>("plan.tile"))
    return {tile[0], tile[1], tile.size() > 2 ? tile[2] : 0, tile.size() > 3 ? tile[3] : 0,
            tile.size() > 4 ? tile[4] : 0};
  bool isTall = false;
  if (auto stage = dyn_cast<StageOpInterface>(op))
    isTall = llvm::any_of(stage.getStagePartials(), [](Value partials) {
      return cast<BufferType>(partials.getType()).getRows() == Extent::RowBlocks;
    });
  return isTall ? std::array<int64_t, 5>{256, 65536} : std::array<int64_t, 5>{8192, 32768};
}

/// Columns in which a stage's codes share a scale; 0 if it has none.
static int64_t getCodeBlock(Operation *op) {
  for (Value buffer : getDistinctBuffers(op))
    if (auto codes = dyn_cast<Q8Type>(cast<BufferType>(buffer.getType()).getElementType()))
      return codes.getBlock();
  return 0;
}

static Constant emitDomain(Operation *op) {
  Extent rows = Extent::One, cols = Extent::One, inner = Extent::One;
  std::array<int64_t, 5> tile = {};
  if (!isa<CombineOp, ScalarsOp>(op)) {
    rows = getDomain(op).getRows();
    cols = getDomain(op).getCols();
    tile = getTile(op);
    // Tiles begin where blocks of codes do.
    tile[4] = std::max(tile[4], getCodeBlock(op));
  }
  if (auto product = dyn_cast<ProductOp>(op))
    inner = product.getInnerExtent();
  return Constant::structure({Constant::u32(uint32_t(rows)), Constant::u32(uint32_t(cols)), Constant::i64(tile[0]),
                              Constant::i64(tile[1]), Constant::i64(tile[2]), Constant::u32(tile[3]),
                              Constant::u32(tile[4]), Constant::u32(uint32_t(inner)),
                              Constant::u32(op->hasAttr("plan.triangle"))});
}

SmallVector<uint32_t> descent::getStageOperands(const TrackLayout &layout, Operation *op) {
  SmallVector<uint32_t> indices;
  for (Value buffer : getDistinctBuffers(op))
    indices.push_back(layout.getBuffer(buffer));
  for (Value scalar : getScalarOperands(op))
    indices.push_back(layout.getSlot(scalar));
  for (Value number : op->getResults())
    indices.push_back(layout.getSlot(number));
  if (auto stage = dyn_cast<StageOpInterface>(op))
    for (Value partials : stage.getStagePartials())
      if (cast<BufferType>(partials.getType()).getCols() == Extent::Tiles)
        indices.push_back(layout.getBuffer(partials));
  return indices;
}

Constant TrackTables::stage(Operation *op) {
  std::string name =
      (track.getSymName() + "." + llvm::Twine(layout.getStage(op)) + " " + op->getName().stripDialect()).str();
  bool isPerLayer = isa<CombineOp, ScalarsOp>(op);
  auto scratch = op->getAttrOfType<IntegerAttr>("plan.scratch_bytes");
  auto [choice, alternative] = emitAlternative(getAlternative(op));
  auto pack = dyn_cast<PackOp>(op);
  return Constant::structure(
      {tables.text(name), Constant::u32(layout.getSegment(op)), Constant::u32(isPerLayer), emitDomain(op),
       Constant::i64(scratch ? scratch.getInt() : 0), Constant::address(op->getAttrOfType<FlatSymbolRefAttr>("kernel")),
       tables.array(prefix + llvm::utostr(layout.getStage(op)) + "_operands", getStageOperands(layout, op)), choice,
       alternative, Constant::u32(isa<ScalarsOp>(op) ? getScalarOperands(op).size() : 0),
       Constant::u32(isa<ScalarsOp>(op) ? op->getNumResults() : 0),
       Constant::u32(pack ? layout.getBuffer(pack.getTarget()) + 1 : 0), Constant::u32(0)});
}

/// One way to go: its name, and what its stages cost.
Constant TrackTables::alternative(unsigned choice, unsigned index) {
  std::vector<Constant> terms;
  Formula cost = getCost(track, choice, index, program.rates);
  for (auto [powers, factor] : cost.getTerms()) {
    std::vector<Constant> term = {Constant::f64(factor)};
    for (unsigned power : powers)
      term.push_back(Constant::u32(power));
    terms.push_back(Constant::structure(term));
  }
  StringRef name = cast<StringAttr>(getChoices(track)[choice].getNames()[index]);
  return Constant::structure(
      {tables.text(name), Constant::u32(terms.size()), Constant::u32(0),
       tables.array((prefix + "choice" + llvm::Twine(choice) + "_" + name + "_cost").str(), terms)});
}

Constant TrackTables::choices() {
  std::vector<Constant> choices;
  for (auto [number, choice] : llvm::enumerate(getChoices(track))) {
    std::vector<Constant> alternatives;
    for (unsigned index = 0; index < choice.getNames().size(); ++index)
      alternatives.push_back(alternative(number, index));
    std::string name = (prefix + "choice" + llvm::Twine(number)).str();
    choices.push_back(
        Constant::structure({Constant::u32(alternatives.size()), Constant::u32(0), tables.array(name, alternatives)}));
  }
  return tables.array(prefix + "choices", choices);
}

Constant TrackTables::states() {
  std::vector<Constant> states;
  for (const StateField &state : layout.states)
    states.push_back(Constant::structure({tables.text(state.name), Constant::u32(getScopeCode(state.scope)),
                                          Constant::u32(getTypeCode(state.type)), Constant::u32(uint32_t(state.init)),
                                          Constant::u32(state.block), Constant::f64(state.value)}));
  return tables.array(prefix + "states", states);
}

Constant TrackTables::inputTypes() {
  SmallVector<uint32_t> types;
  for (InputOp input : layout.inputs)
    types.push_back(getTypeCode(input.getResult().getType().getElementType()));
  return tables.array(prefix + "input_types", types);
}

Constant TrackTables::inputNames() {
  std::vector<Constant> names;
  for (InputOp input : layout.inputs)
    names.push_back(tables.text(input.getName()));
  return tables.array(prefix + "input_names", names);
}

std::vector<Constant> TrackTables::slotLoads() const {
  std::vector<Constant> loads;
  for (auto [value, slot] : layout.slots) {
    auto load = [&, slot = slot](uint32_t source, uint32_t index) {
      loads.push_back(
          Constant::structure({Constant::u32(slot), Constant::u32(source), Constant::u32(index), Constant::u32(0)}));
    };
    llvm::TypeSwitch<Operation *>(value.getDefiningOp())
        .Case([&](NumberOp op) { load(uint32_t(op.getNumber()), 0); })
        .Case([&](HyperOp op) {
          load(DESCENT_SLOT_HYPER, firstHyper + (llvm::find(layout.hypers, op) - layout.hypers.begin()));
        })
        .Case([&](FactorOp op) { load(DESCENT_SLOT_FACTOR, layout.getFactor(op.getName())); })
        .Case([&](LayerStateOp op) { load(DESCENT_SLOT_STATE, layout.getState(op.getName())); })
        .Case([&](ChoiceOp op) {
          SmallVector<ChoiceOp> choices = getChoices(track);
          load(DESCENT_SLOT_CHOICE, llvm::find(choices, op) - choices.begin());
        });
  }
  return loads;
}

std::vector<Constant> TrackTables::slotStores() const {
  std::vector<Constant> stores;
  for (KeepOp keep : track.getBody()->getOps<KeepOp>())
    stores.push_back(Constant::structure(
        {Constant::u32(layout.getSlot(keep.getValue())), Constant::u32(layout.getState(keep.getName()))}));
  return stores;
}

SmallVector<uint32_t> TrackTables::reportSlots() const {
  SmallVector<uint32_t> slots(program.reports.size(), none);
  for (ReportOp report : track.getBody()->getOps<ReportOp>())
    slots[program.getReport(report.getName())] = layout.getSlot(report.getValue());
  return slots;
}

uint32_t TrackTables::nonfiniteSlot() const {
  for (NonfiniteOp nonfinite : track.getBody()->getOps<NonfiniteOp>())
    return layout.getSlot(nonfinite.getValue());
  return none;
}

Constant TrackTables::emit() {
  std::vector<Constant> buffers, stages, loads = slotLoads(), stores = slotStores();
  SmallVector<uint32_t> reports = reportSlots();
  for (auto [value, index] : layout.buffers)
    buffers.push_back(buffer(value));
  for (Operation *op : layout.stages)
    stages.push_back(stage(op));
  auto count = [](size_t size) { return Constant::u32(size); };
  return Constant::structure({tables.text(track.getSymName()),
                              Constant::u32(track.getShared()),
                              Constant::u32(uint32_t(track.getGroupClass())),
                              Constant::u32(getTypeCode(layout.getWeightType())),
                              Constant::u32(getTypeCode(layout.getGradientType())),
                              count(layout.inputs.size()),
                              count(layout.factors.size()),
                              inputTypes(),
                              inputNames(),
                              count(layout.states.size()),
                              Constant::u32(layout.updatesState.value_or(none)),
                              states(),
                              count(buffers.size()),
                              count(layout.slots.size()),
                              tables.array(prefix + "buffers", buffers),
                              count(loads.size()),
                              count(stores.size()),
                              tables.array(prefix + "slot_loads", loads),
                              tables.array(prefix + "slot_stores", stores),
                              count(stages.size()),
                              count(reports.size()),
                              tables.array(prefix + "stages", stages),
                              tables.array(prefix + "report_slots", reports),
                              Constant::u32(nonfiniteSlot()),
                              Constant::u32(getChoices(track).size()),
                              choices()});
}

//===----------------------------------------------------------------------===//
// Where layers meet
//===----------------------------------------------------------------------===//

static Constant slotRef(uint32_t track, uint32_t slot) {
  return Constant::structure({Constant::u32(track), Constant::u32(slot)});
}

/// The numbers of a track's cuts that belong to a total.
static void addSlots(std::vector<Constant> &slots, const TrackLayout &layout, uint32_t track, ValueRange numbers,
                     ArrayAttr totals, FlatSymbolRefAttr total) {
  for (auto [number, name] : llvm::zip(numbers, totals))
    if (name == total)
      slots.push_back(slotRef(track, layout.getSlot(number)));
}

/// Who contributes to a total and who receives it, in the order of the tracks.
static Constant emitTotal(ConstantTables &tables, const ProgramLayout &program, TotalOp total, uint32_t segment) {
  std::vector<Constant> sources, destinations;
  auto name = FlatSymbolRefAttr::get(total.getSymNameAttr());
  for (auto [number, layout] : llvm::enumerate(program.tracks))
    for (CutOp cut : TrackOp(layout.track).getBody()->getOps<CutOp>()) {
      addSlots(sources, layout, number, cut.getContributions(), cut.getTo(), name);
      addSlots(destinations, layout, number, cut.getResults(), cut.getFrom(), name);
    }
  std::string prefix = total.getSymName().str();
  return Constant::structure(
      {Constant::u32(segment), Constant::u32(uint32_t(total.getKind())), Constant::u32(uint32_t(total.getReach())),
       Constant::u32(sources.size()), Constant::u32(destinations.size()), Constant::u32(0),
       tables.array(prefix + "_sources", sources), tables.array(prefix + "_destinations", destinations)});
}

/// The cut at which a total is made, if it is used.
static std::optional<uint32_t> getCutOf(const ProgramLayout &program, TotalOp total) {
  auto name = FlatSymbolRefAttr::get(total.getSymNameAttr());
  for (const TrackLayout &layout : program.tracks)
    for (CutOp cut : TrackOp(layout.track).getBody()->getOps<CutOp>())
      if (llvm::is_contained(cut.getTo(), name) || llvm::is_contained(cut.getFrom(), name))
        return cut.getIndex();
  return std::nullopt;
}

static std::vector<Constant> emitCuts(ConstantTables &tables, const ProgramLayout &program) {
  std::vector<Constant> cuts;
  ProgramOp op = program.program;
  for (uint32_t segment = 0; segment < op.getSegments(); ++segment)
    for (TotalOp total : op.getBody()->getOps<TotalOp>())
      if (getCutOf(program, total) == segment)
        cuts.push_back(emitTotal(tables, program, total, segment));
  return cuts;
}

/// The slot of the number that the first operation of a kind names, and its segment.
template <typename Op> static std::pair<uint32_t, Constant> findNumber(const ProgramLayout &program) {
  for (auto [number, layout] : llvm::enumerate(program.tracks))
    for (Op op : TrackOp(layout.track).getBody()->template getOps<Op>())
      return {layout.getSegment(op), slotRef(number, layout.getSlot(op.getValue()))};
  return {none, slotRef(none, none)};
}

Constant descent::emitArtifactTables(ConstantTables &tables, const ProgramLayout &program, const PathTables &path) {
  std::vector<Constant> tracks, hypers, reports, cuts = emitCuts(tables, program);
  for (unsigned number = 0; number < program.tracks.size(); ++number)
    tracks.push_back(TrackTables(tables, program, number).emit());
  for (const TrackLayout &layout : program.tracks)
    for (HyperOp hyper : layout.hypers)
      hypers.push_back(
          Constant::structure({tables.text(TrackOp(layout.track).getSymName()), tables.text(hyper.getName()),
                               Constant::f64(hyper.getValue().convertToDouble())}));
  for (StringRef report : program.reports)
    reports.push_back(tables.text(report));

  ProgramOp op = program.program;
  std::string signature = emitSignature(program);
  auto [guardSegment, guard] = findNumber<GuardOp>(program);
  auto [normSegment, norm] = findNumber<GradientNormOp>(program);
  auto count = [](size_t size) { return Constant::u32(size); };
  return Constant::structure({Constant::i64(sizeof(descent_artifact)),
                              Constant::u32(DESCENT_ABI_VERSION),
                              count(op.getSegments()),
                              tables.text(op.getSymName()),
                              tables.text(path.manifest),
                              tables.text(path.path.features),
                              tables.text(signature),
                              Constant::i64(getFingerprint(signature)),
                              count(tracks.size()),
                              count(cuts.size()),
                              count(hypers.size()),
                              count(reports.size()),
                              tables.array("tracks", tracks),
                              count(program.numGroups),
                              Constant::u32(0),
                              tables.array("cuts", cuts),
                              tables.array("hypers", hypers),
                              tables.array("report_names", reports),
                              Constant::u32(guardSegment),
                              guard,
                              Constant::u32(normSegment != none),
                              norm,
                              tables.text(path.path.target),
                              path.next,
                              path.device});
}
