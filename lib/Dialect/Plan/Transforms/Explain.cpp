// EXPLAIN for optimizers: what a plan moves, computes and keeps, as formulas in the layer's shape.
#include "descent/Dialect/Plan/Analysis/CostModel.h"
#include "descent/Dialect/Plan/Analysis/LibraryProducts.h"
#include "descent/Dialect/Plan/Transforms/Passes.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace descent::plan;

namespace {
/// A layer for which the cost is told: the time of every stage, one after the other.
constexpr Shape example = {1024, 1024};

/// Explains one track.
class TrackReport {
public:
  TrackReport(TrackOp track, const ExplainOptions &options, raw_ostream &os) : track(track), options(options), os(os) {
    nameBuffers();
  }
  void print();

private:
  void nameBuffers();
  std::string names(ArrayRef<Value> buffers) const;
  void printStage(unsigned number, Operation *stage);
  std::string getName(AlternativeAttr alternative);
  std::string describeTime(const Formula &cost);
  void noteTraffic(const Traffic &traffic);
  void printSegment(unsigned segment);
  void printChoices();
  void printAlternative(AlternativeAttr alternative, const Formula &cost);
  void printWinners(unsigned choice, ArrayRef<Formula> costs);
  Formula getAlternativeFlops(AlternativeAttr alternative);
  Formula getWorkerBytes();
  void printMemory();
  void printTypes();

  TrackOp track;
  const ExplainOptions &options;
  raw_ostream &os;
  llvm::DenseMap<Value, std::string> buffers;
  // Of the segment so far.
  unsigned launches = 0;
  bool branches = false; // some stages are of one alternative only
  Formula moved, flops, cost;
  llvm::SetVector<Value> needed, stored; // of the caller's memory
  // Of all segments.
  Formula movedByAll, flopsOfAll, bound;
};
} // namespace

void TrackReport::nameBuffers() {
  unsigned scratch = 0;
  for (Operation &op : *track.getBody()) {
    if (op.getNumResults() != 1 || !isa<BufferType>(op.getResult(0).getType()))
      continue;
    std::string &name = buffers[op.getResult(0)];
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](WeightOp) { name = "w"; })
        .Case([&](GradientOp) { name = "g"; })
        .Case([&](InputOp input) { name = input.getName().str(); })
        .Case([&](StateOp state) { name = state.getName().str(); })
        .Case([&](ScratchOp) { name = "#" + std::to_string(scratch++); });
  }
}

std::string TrackReport::names(ArrayRef<Value> values) const {
  return values.empty() ? "-"
                        : llvm::join(llvm::map_range(values, [&](Value value) { return buffers.lookup(value); }), " ");
}

/// What any plan with these cuts has to move: memory that is read before it is written here, and what is written.
void TrackReport::noteTraffic(const Traffic &traffic) {
  auto isCallers = [](Value value) { return !value.getDefiningOp<ScratchOp>(); };
  for (Value value : traffic.reads)
    if (isCallers(value) && !stored.contains(value))
      needed.insert(value);
  for (Value value : traffic.writes)
    if (isCallers(value))
      stored.insert(value);
}

static std::string describeKind(Operation *op) {
  StringRef kind = op->getName().stripDialect();
  auto stage = dyn_cast<StageOpInterface>(op);
  if (!stage)
    return kind.str();
  DomainAttr domain = stage.getStageDomain();
  return llvm::formatv("{0} {1} x {2}", kind, stringifyExtent(domain.getRows()), stringifyExtent(domain.getCols()));
}

void TrackReport::printStage(unsigned number, Operation *op) {
  Traffic traffic = getTraffic(op);
  Formula bytes = getBytes(op), stageFlops = getFlops(op).total();
  os << llvm::formatv("  {0,3}  {1,-22} {2,-20} {3,-16} {4,-24} {5}", number, describeKind(op), names(traffic.reads),
                      names(traffic.writes), bytes.str(), stageFlops.str());
  AlternativeAttr alternative = getAlternative(op);
  os << (alternative ? "; only " + getName(alternative) : "");
  auto product = dyn_cast<ProductOp>(op);
  os << (options.forDevice && product && getLibraryProduct(product) ? "; or the library" : "") << '\n';
  noteTraffic(traffic);
  if (alternative) {
    branches = true;
    return;
  }
  ++launches;
  moved += bytes;
  flops += stageFlops;
  cost += getCost(op, options.rates);
}

/// "gram", or "gram 1" for that of the second choice.
std::string TrackReport::getName(AlternativeAttr alternative) {
  SmallVector<ChoiceOp> choices = getChoices(track);
  StringRef name = cast<StringAttr>(choices[alternative.getChoice()].getNames()[alternative.getIndex()]);
  return choices.size() == 1 ? name.str() : (name + " " + llvm::Twine(alternative.getChoice())).str();
}

/// For the example; devices take less than milliseconds.
std::string TrackReport::describeTime(const Formula &cost) {
  double time = cost.evaluate(example);
  std::string text =
      options.forDevice ? llvm::formatv("{0:f1} us", 1e-3 * time) : llvm::formatv("{0:f2} ms", 1e-6 * time);
  return llvm::formatv("{0} for {1} x {2}", text, example.rows, example.cols);
}

static std::string describeRatio(const Formula &moved, const Formula &bound) {
  if (bound.squareFactor() <= 0)
    return "";
  return llvm::formatv(", {0:f2} times that", moved.squareFactor() / bound.squareFactor());
}

void TrackReport::printSegment(unsigned segment) {
  Formula least;
  for (Value value : llvm::concat<const Value>(needed.getArrayRef(), stored.getArrayRef()))
    least += getBytes(cast<BufferType>(value.getType()));
  os << llvm::formatv("  segment {0}: {1} launches, {2} bytes, {3} flops; at least {4} bytes{5}", segment, launches,
                      moved.str(), flops.str(), least.str(), branches ? "" : describeRatio(moved, least));
  os << "; " << describeTime(cost) << '\n';
  movedByAll += moved;
  flopsOfAll += flops;
  bound += least;
  launches = 0;
  branches = false;
  moved = flops = cost = Formula();
  needed.clear();
  stored.clear();
}

/// Which alternative of the choice is the cheapest.
static unsigned getCheapest(ArrayRef<Formula> costs, Shape shape) {
  auto isCheaper = [&](const Formula &a, const Formula &b) { return a.evaluate(shape) < b.evaluate(shape); };
  return llvm::min_element(costs, isCheaper) - costs.begin();
}

/// What a layer that runs the alternative does besides what every layer does.
void TrackReport::printAlternative(AlternativeAttr alternative, const Formula &cost) {
  Formula bytes, flops = getAlternativeFlops(alternative);
  unsigned count = 0;
  for (Operation &op : *track.getBody()) {
    if (getAlternative(&op) != alternative)
      continue;
    ++count;
    bytes += getBytes(&op);
  }
  Formula all = Formula(movedByAll) += bytes;
  os << llvm::formatv("  {0}: {1} launches, {2} bytes, {3} flops more, {4} bytes with all segments; at least {5}{6}; "
                      "{7}\n",
                      getName(alternative), count, bytes.str(), flops.str(), all.str(), bound.str(),
                      describeRatio(all, bound), describeTime(cost));
}

void TrackReport::printChoices() {
  for (auto [number, choice] : llvm::enumerate(getChoices(track))) {
    SmallVector<Formula> costs;
    for (unsigned index = 0; index < choice.getNames().size(); ++index) {
      costs.push_back(getCost(track, number, index, options.rates));
      printAlternative(AlternativeAttr::get(track.getContext(), number, index), costs.back());
    }
    printWinners(number, costs);
  }
}

Formula TrackReport::getAlternativeFlops(AlternativeAttr alternative) {
  Formula flops;
  for (Operation &op : *track.getBody())
    if (getAlternative(&op) == alternative)
      flops += getFlops(&op).total();
  return flops;
}

/// Which shapes each alternative wins: matrices of one short side, from square ones on. For devices with the operations
/// of a layer that runs it.
void TrackReport::printWinners(unsigned choice, ArrayRef<Formula> costs) {
  std::string text;
  std::optional<unsigned> last;
  for (int64_t cols = example.rows; cols <= 16 * example.rows; cols += example.rows / 16) {
    unsigned cheapest = getCheapest(costs, {example.rows, cols});
    if (cheapest == last)
      continue;
    last = cheapest;
    auto alternative = AlternativeAttr::get(track.getContext(), choice, cheapest);
    text +=
        llvm::formatv("{0}{1} from {2} x {3} on", text.empty() ? "" : ", ", getName(alternative), example.rows, cols);
    Formula flops = getAlternativeFlops(alternative) += flopsOfAll;
    if (options.forDevice)
      text += llvm::formatv(" ({0:f1} GFLOP)", 1e-9 * flops.evaluate({example.rows, cols}));
  }
  os << "  cheapest: " << text << '\n';
}

/// The rule's own, and the count of updates that Descent keeps.
static int64_t countLayerStates(TrackOp track) {
  auto states = track.getBody()->getOps<LayerStateOp>();
  auto numbers = track.getBody()->getOps<NumberOp>();
  bool counts = llvm::any_of(numbers, [](NumberOp op) { return op.getNumber() == Number::Updates; });
  return std::distance(states.begin(), states.end()) + counts;
}

/// A worker's scratch of the segment that has the most: segments have it in turns.
Formula TrackReport::getWorkerBytes() {
  SmallVector<Formula> segments(1);
  llvm::SmallPtrSet<Operation *, 16> counted;
  for (Operation &op : *track.getBody()) {
    if (isa<CutOp>(op))
      segments.emplace_back();
    for (Value operand : op.getOperands()) {
      auto scratch = operand.getDefiningOp<ScratchOp>();
      if (scratch && scratch.getLifetime() == Lifetime::Worker && counted.insert(scratch).second)
        segments.back() += getBytes(scratch.getResult().getType());
    }
  }
  auto isSmaller = [](const Formula &a, const Formula &b) { return a.evaluate(example) < b.evaluate(example); };
  return *llvm::max_element(segments, isSmaller);
}

void TrackReport::printMemory() {
  Formula states, perParameter, layer;
  for (StateOp state : track.getBody()->getOps<StateOp>()) {
    Formula bytes = getBytes(state.getResult().getType());
    states += bytes;
    perParameter.add(bytes.squareFactor(), {});
  }
  states.add(8.0 * countLayerStates(track), {});
  for (ScratchOp scratch : track.getBody()->getOps<ScratchOp>())
    if (scratch.getLifetime() == Lifetime::Layer)
      layer += getBytes(scratch.getResult().getType());
  os << llvm::formatv("  states: {0} bytes a parameter ({1} a layer); scratch: {2} bytes a worker, {3} a layer\n",
                      perParameter.str(), states.str(), getWorkerBytes().str(), layer.str());
  printTypes();
}

/// What the caller's memory holds, unless it is all of one type.
void TrackReport::printTypes() {
  llvm::SetVector<Type> types;
  std::string text;
  llvm::raw_string_ostream list(text);
  for (Operation &op : *track.getBody())
    if (isa<WeightOp, GradientOp, InputOp, StateOp>(op)) {
      Type type = cast<BufferType>(op.getResult(0).getType()).getElementType();
      types.insert(type);
      list << (text.empty() ? " " : ", ") << buffers.lookup(op.getResult(0)) << ' ' << type;
    }
  if (types.size() > 1)
    os << "  stored:" << text << "\n";
}

void TrackReport::print() {
  os << "\ntrack " << track.getSymName();
  if (track.getRule())
    os << ", rule " << *track.getRule();
  if (track.getNorm())
    os << ", norm " << *track.getNorm();
  os << (track.getShared() ? ", shared\n" : "\n");
  if (auto methods = track->getAttrOfType<ArrayAttr>(kMethods))
    for (Attribute method : methods)
      if (auto text = dyn_cast<StringAttr>(method))
        os << "  " << text.getValue() << '\n';
  os << llvm::formatv("  {0,3}  {1,-22} {2,-20} {3,-16} {4,-24} {5}\n", "", "stage", "reads", "writes", "bytes",
                      "flops");
  unsigned segment = 0, number = 0;
  for (Operation &op : *track.getBody()) {
    if (isStage(&op))
      printStage(number++, &op);
    if (isa<CutOp>(op))
      printSegment(segment++);
  }
  printSegment(segment);
  printChoices();
  if (!track.getShared())
    printMemory();
}

void descent::plan::explain(ProgramOp program, const ExplainOptions &options, raw_ostream &os) {
  os << "plan " << program.getSymName() << ": " << program.getSegments()
     << (program.getSegments() == 1 ? " segment" : " segments") << "; n = rows * cols, #i is scratch\n";
  for (TrackOp track : program.getBody()->getOps<TrackOp>())
    TrackReport(track, options, os).print();
}
