// EXPLAIN for optimizers: what a plan moves, computes and keeps, as formulas in the layer's shape.
#include "descent/Dialect/Plan/Transforms/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

#include <array>
#include <map>

using namespace mlir;
using namespace descent::plan;

namespace {
/// A sum of products of extents, such as 28 n + 4 rows. n is rows * cols, which is short * long.
class Formula {
public:
  void add(int64_t factor, ArrayRef<Extent> extents) {
    std::array<unsigned, 4> powers = {0, 0, 0, 0};
    for (Extent extent : extents)
      if (extent >= Extent::Rows && extent <= Extent::Long)
        ++powers[unsigned(extent) - unsigned(Extent::Rows)];
    for (; powers[0] && powers[1]; --powers[0], --powers[1]) {
      ++powers[2];
      ++powers[3];
    }
    if (factor)
      terms[powers] += factor;
  }
  void add(const Formula &other) {
    for (auto [powers, factor] : other.terms)
      terms[powers] += factor;
  }
  bool isZero() const { return terms.empty(); }

  /// For a square layer of many rows: the sum of the terms that grow fastest, those of two extents.
  double squareFactor() const {
    double sum = 0;
    for (auto [powers, factor] : terms)
      if (powers[0] + powers[1] + powers[2] + powers[3] == 2)
        sum += factor;
    return sum;
  }

  std::string str() const {
    if (isZero())
      return "-";
    std::string text;
    for (auto [powers, factor] : llvm::reverse(terms)) {
      unsigned elements = std::min(powers[2], powers[3]);
      text += (text.empty() ? "" : " + ") + std::to_string(factor);
      text += power("n", elements) + power("short", powers[2] - elements) + power("long", powers[3] - elements);
      text += power("rows", powers[0]) + power("cols", powers[1]);
    }
    return text;
  }

private:
  static std::string power(StringRef name, unsigned count) {
    if (count == 0)
      return "";
    return (" " + name + (count > 1 ? "^" + llvm::Twine(count) : llvm::Twine())).str();
  }
  std::map<std::array<unsigned, 4>, int64_t> terms;
};

/// Explains one track.
class TrackReport {
public:
  TrackReport(TrackOp track, raw_ostream &os) : track(track), os(os) { nameBuffers(); }
  void print();

private:
  struct Access {
    SmallVector<Value> reads, writes;
  };
  void nameBuffers();
  std::string names(ArrayRef<Value> buffers) const;
  static Access getAccess(Operation *stage);
  static Formula getBytes(const Access &access);
  static Formula getFlops(Operation *stage);
  void printStage(unsigned number, Operation *stage);
  void noteAccess(const Access &access);
  void printSegment(unsigned segment);
  void printMemory();

  TrackOp track;
  raw_ostream &os;
  llvm::DenseMap<Value, std::string> buffers;
  // Of the segment so far.
  unsigned launches = 0;
  Formula moved, flops;
  llvm::SetVector<Value> needed, stored; // of the caller's memory
};
} // namespace

static int64_t elementBytes(Value buffer) {
  return cast<BufferType>(buffer.getType()).getElementType().getIntOrFloatBitWidth() / 8;
}

/// Partial results are as many as tiles: they are not counted.
static void addBytes(Formula &formula, Value buffer) {
  auto type = cast<BufferType>(buffer.getType());
  if (!type.isPartial())
    formula.add(elementBytes(buffer), {type.getRows(), type.getCols()});
}

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

TrackReport::Access TrackReport::getAccess(Operation *op) {
  Access access;
  auto addOnce = [](SmallVector<Value> &list, Value value) {
    if (!llvm::is_contained(list, value))
      list.push_back(value);
  };
  if (auto product = dyn_cast<ProductOp>(op)) {
    addOnce(access.reads, product.getLhs());
    addOnce(access.reads, product.getRhs());
  }
  if (auto stage = dyn_cast<StageOpInterface>(op)) {
    for (Value value : stage.getStageReads())
      addOnce(access.reads, value);
    for (Value value :
         llvm::concat<Value>(llvm::to_vector(stage.getStageWrites()), llvm::to_vector(stage.getStagePartials())))
      addOnce(access.writes, value);
  } else if (auto orient = dyn_cast<OrientOp>(op)) {
    access = {{orient.getSource()}, {orient.getTarget()}};
  } else if (auto fold = dyn_cast<FoldOp>(op)) {
    access = {{fold.getPartials()}, {fold.getTarget()}};
  } else if (auto combine = dyn_cast<CombineOp>(op)) {
    access = {{combine.getPartials()}, {}};
  }
  return access;
}

Formula TrackReport::getBytes(const Access &access) {
  Formula bytes;
  for (Value value : llvm::concat<const Value>(access.reads, access.writes))
    addBytes(bytes, value);
  return bytes;
}

Formula TrackReport::getFlops(Operation *op) {
  Formula formula;
  auto stage = dyn_cast<StageOpInterface>(op);
  if (!stage)
    return formula;
  EntryFlops flops = stage.getEntryFlops();
  DomainAttr domain = stage.getStageDomain();
  formula.add(flops.perInner, {domain.getRows(), domain.getCols(), flops.inner});
  formula.add(flops.rest, {domain.getRows(), domain.getCols()});
  return formula;
}

/// What any plan with these cuts has to move: memory that is read before it is written here, and what is written.
void TrackReport::noteAccess(const Access &access) {
  auto isCallers = [](Value value) { return !value.getDefiningOp<ScratchOp>(); };
  for (Value value : access.reads)
    if (isCallers(value) && !stored.contains(value))
      needed.insert(value);
  for (Value value : access.writes)
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
  Access access = getAccess(op);
  Formula bytes = getBytes(access), stageFlops = getFlops(op);
  os << llvm::formatv("  {0,3}  {1,-22} {2,-20} {3,-16} {4,-24} {5}\n", number, describeKind(op), names(access.reads),
                      names(access.writes), bytes.str(), stageFlops.str());
  ++launches;
  moved.add(bytes);
  flops.add(stageFlops);
  noteAccess(access);
}

void TrackReport::printSegment(unsigned segment) {
  Formula bound;
  for (Value value : llvm::concat<const Value>(needed.getArrayRef(), stored.getArrayRef()))
    addBytes(bound, value);
  os << llvm::formatv("  segment {0}: {1} launches, {2} bytes, {3} flops; at least {4} bytes", segment, launches,
                      moved.str(), flops.str(), bound.str());
  if (bound.squareFactor() > 0)
    os << llvm::formatv(", {0:f2} times that", moved.squareFactor() / bound.squareFactor());
  os << '\n';
  launches = 0;
  moved = flops = Formula();
  needed.clear();
  stored.clear();
}

void TrackReport::printMemory() {
  Formula states, worker, layer;
  int64_t perParameter = 0;
  for (StateOp state : track.getBody()->getOps<StateOp>()) {
    addBytes(states, state.getResult());
    if (state.getResult().getType().getRows() == Extent::Rows)
      perParameter += elementBytes(state.getResult());
  }
  for (auto state : track.getBody()->getOps<LayerStateOp>()) {
    (void)state;
    states.add(8, {});
  }
  for (ScratchOp scratch : track.getBody()->getOps<ScratchOp>())
    addBytes(scratch.getLifetime() == Lifetime::Worker ? worker : layer, scratch.getResult());
  os << llvm::formatv("  states: {0} bytes a parameter ({1} a layer); scratch: {2} bytes a worker, {3} a layer\n",
                      perParameter, states.str(), worker.str(), layer.str());
}

void TrackReport::print() {
  os << "\ntrack " << track.getSymName();
  if (track.getRule())
    os << ", rule " << *track.getRule();
  if (track.getNorm())
    os << ", norm " << *track.getNorm();
  os << (track.getShared() ? ", shared\n" : "\n");
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
  if (!track.getShared())
    printMemory();
}

void descent::plan::explain(ProgramOp program, raw_ostream &os) {
  os << "plan " << program.getSymName() << ": " << program.getSegments()
     << (program.getSegments() == 1 ? " segment" : " segments") << "; n = rows * cols, #i is scratch\n";
  for (TrackOp track : program.getBody()->getOps<TrackOp>())
    TrackReport(track, os).print();
}
