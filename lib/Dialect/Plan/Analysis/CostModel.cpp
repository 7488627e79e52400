#include "descent/Dialect/Plan/Analysis/CostModel.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace descent::plan;

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

void Formula::add(double factor, ArrayRef<Extent> extents) {
  Powers powers = {0, 0, 0, 0};
  for (Extent extent : extents)
    if (extent >= Extent::Rows && extent <= Extent::Long)
      ++powers[unsigned(extent) - unsigned(Extent::Rows)];
  for (; powers[0] && powers[1]; --powers[0], --powers[1]) {
    ++powers[2];
    ++powers[3];
  }
  if (factor != 0)
    terms[powers] += factor;
}

Formula &Formula::operator+=(const Formula &other) {
  for (auto [powers, factor] : other.terms)
    terms[powers] += factor;
  return *this;
}

Formula Formula::operator*(double factor) const {
  Formula product;
  if (factor != 0)
    for (auto [powers, term] : terms)
      product.terms[powers] = factor * term;
  return product;
}

double Formula::evaluate(Shape shape) const {
  double sides[] = {double(shape.rows), double(shape.cols), double(std::min(shape.rows, shape.cols)),
                    double(std::max(shape.rows, shape.cols))};
  double sum = 0;
  for (auto [powers, factor] : terms) {
    double term = factor;
    for (auto [side, power] : llvm::zip(sides, powers))
      for (unsigned i = 0; i < power; ++i)
        term *= side;
    sum += term;
  }
  return sum;
}

double Formula::squareFactor() const {
  double sum = 0;
  for (auto [powers, factor] : terms)
    if (powers[0] + powers[1] + powers[2] + powers[3] == 2)
      sum += factor;
  return sum;
}

static std::string formatPower(StringRef name, unsigned count) {
  if (count == 0)
    return "";
  return (" " + name + (count > 1 ? "^" + llvm::Twine(count) : llvm::Twine())).str();
}

std::string Formula::str() const {
  std::string text;
  for (auto [powers, factor] : llvm::reverse(terms)) {
    unsigned elements = std::min(powers[2], powers[3]);
    std::string number = llvm::formatv("{0:f3}", factor);
    text += (text.empty() ? "" : " + ") + StringRef(number).rtrim('0').rtrim('.').str();
    text += formatPower("n", elements) + formatPower("short", powers[2] - elements) +
            formatPower("long", powers[3] - elements);
    text += formatPower("rows", powers[0]) + formatPower("cols", powers[1]);
  }
  return text.empty() ? "-" : text;
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

Traffic descent::plan::getTraffic(Operation *op) {
  Traffic traffic;
  auto addOnce = [](SmallVector<Value> &list, ValueRange values) {
    for (Value value : values)
      if (!llvm::is_contained(list, value))
        list.push_back(value);
  };
  if (auto product = dyn_cast<ProductOp>(op))
    addOnce(traffic.reads, {product.getLhs(), product.getPacked() ? product.getPacked() : product.getRhs()});
  if (auto stage = dyn_cast<StageOpInterface>(op)) {
    addOnce(traffic.reads, stage.getStageReads());
    addOnce(traffic.writes, stage.getStageWrites());
    addOnce(traffic.writes, stage.getStagePartials());
  } else if (auto pack = dyn_cast<PackOp>(op)) {
    traffic = {{pack.getSource()}, {pack.getTarget()}};
  } else if (auto fold = dyn_cast<FoldOp>(op)) {
    traffic = {{fold.getPartials()}, {fold.getTarget()}};
  } else if (auto combine = dyn_cast<CombineOp>(op)) {
    traffic = {{combine.getPartials()}, {}};
  }
  return traffic;
}

Formula descent::plan::getBytes(BufferType type) {
  Formula bytes;
  if (!type.isPartial())
    bytes.add(type.getEntryBytes(), {type.getRows(), type.getCols()});
  return bytes;
}

Formula descent::plan::getBytes(Operation *op) {
  Formula bytes;
  Traffic traffic = getTraffic(op);
  for (Value buffer : llvm::concat<Value>(traffic.reads, traffic.writes))
    bytes += getBytes(cast<BufferType>(buffer.getType()));
  return bytes;
}

//===----------------------------------------------------------------------===//
// Operations and cost
//===----------------------------------------------------------------------===//

StageFlops descent::plan::getFlops(Operation *op) {
  StageFlops flops;
  auto stage = dyn_cast<StageOpInterface>(op);
  if (!stage)
    return flops;
  auto product = dyn_cast<ProductOp>(op);
  double computed = product && product.getSymmetric() ? 0.5 : 1.0;
  EntryFlops entry = stage.getEntryFlops();
  DomainAttr domain = stage.getStageDomain();
  flops.product.add(computed * entry.perInner, {domain.getRows(), domain.getCols(), entry.inner});
  flops.entries.add(computed * entry.rest, {domain.getRows(), domain.getCols()});
  flops.slow.add(computed * entry.slow, {domain.getRows(), domain.getCols()});
  return flops;
}

static double getProductRate(ProductOp product, const CostRates &rates) {
  unsigned bits = std::max(product.getLhs().getType().getElementType().getIntOrFloatBitWidth(),
                           product.getRhs().getType().getElementType().getIntOrFloatBitWidth());
  return bits == 64 ? rates.productFlopF64 : bits == 32 ? rates.productFlopF32 : rates.productFlop16;
}

Formula descent::plan::getCost(Operation *op, const CostRates &rates) {
  Formula cost;
  if (!isStage(op))
    return cost;
  cost.add(rates.stage, {});
  StageFlops flops = getFlops(op);
  cost += getBytes(op) * rates.byte;
  cost += flops.entries * rates.entryFlop;
  cost += flops.slow * rates.slowFlop;
  if (auto product = dyn_cast<ProductOp>(op))
    cost += flops.product * getProductRate(product, rates);
  return cost;
}

Formula descent::plan::getCost(TrackOp track, unsigned choice, unsigned alternative, const CostRates &rates) {
  auto wanted = AlternativeAttr::get(track.getContext(), choice, alternative);
  Formula cost;
  for (Operation &op : *track.getBody())
    if (getAlternative(&op) == wanted)
      cost += getCost(&op, rates);
  return cost;
}

double descent::plan::getCost(TrackOp track, Shape shape, const CostRates &rates) {
  Formula always;
  for (Operation &op : *track.getBody())
    if (!getAlternative(&op))
      always += getCost(&op, rates);
  double cost = always.evaluate(shape);
  for (auto [number, choice] : llvm::enumerate(getChoices(track))) {
    double cheapest = HUGE_VAL;
    for (unsigned index = 0; index < choice.getNames().size(); ++index)
      cheapest = std::min(cheapest, getCost(track, number, index, rates).evaluate(shape));
    cost += cheapest;
  }
  return cost;
}
