// Finds the totals of a recipe and the cuts at which they are folded.
#include "Totals.h"

using namespace mlir;
using namespace descent;

size_t Totals::getOrCreate(StringRef name, plan::CombineKind kind, plan::Reach reach) {
  for (auto [index, total] : llvm::enumerate(totals))
    if (total.name == name)
      return index;
  totals.push_back({name.str(), kind, reach, 0});
  return totals.size() - 1;
}

static plan::CombineKind convert(CombineKind kind) { return static_cast<plan::CombineKind>(kind); }

LogicalResult Totals::collect(Operation *body) {
  StringRef bodyName = SymbolTable::getSymbolName(body).getValue();
  int64_t ordinal = 0;
  for (Operation &op : body->getRegion(0).front()) {
    if (auto over = dyn_cast<OverLayersOp>(op)) {
      // Instances of one rule meet in the model's totals; other totals are the track's own.
      bool isModel = over.getReach() == Reach::Model && over.getTotal();
      std::string name =
          isModel ? "over." + over.getTotal()->str() : ("layers." + bodyName + "." + Twine(ordinal++)).str();
      size_t total = getOrCreate(name, convert(over.getKind()), static_cast<plan::Reach>(over.getReach()));
      if (totals[total].kind != convert(over.getKind()))
        return over.emitOpError() << "named \"" << *over.getTotal() << "\" takes the "
                                  << stringifyCombineKind(over.getKind()) << ", but another with this name the "
                                  << plan::stringifyCombineKind(totals[total].kind);
      contributions[&op] = received[&op] = total;
    } else if (auto contribute = dyn_cast<ContributeOp>(op)) {
      contributions[&op] =
          getOrCreate("model." + contribute.getTotal().str(), convert(contribute.getKind()), plan::Reach::Model);
    } else if (auto publish = dyn_cast<PublishOp>(op)) {
      contributions[&op] = getOrCreate(("published." + bodyName + "." + publish.getName()).str(),
                                       plan::CombineKind::Sum, plan::Reach::Model);
    } else if (auto total = dyn_cast<TotalOp>(op)) {
      received[&op] = getOrCreate("model." + total.getTotal().str(), convert(total.getKind()), plan::Reach::Model);
    } else if (auto published = dyn_cast<PublishedOp>(op)) {
      received[&op] = getOrCreate(("published." + published.getShared() + "." + published.getName()).str(),
                                  plan::CombineKind::Sum, plan::Reach::Model);
    }
  }
  return success();
}

LogicalResult Totals::checkReceived(ArrayRef<Operation *> bodies) {
  llvm::DenseSet<size_t> contributed;
  for (auto [op, index] : contributions)
    contributed.insert(index);
  for (Operation *body : bodies)
    for (Operation &op : body->getRegion(0).front()) {
      auto found = received.find(&op);
      if (found != received.end() && !contributed.contains(found->second))
        return op.emitOpError() << "reads '@" << totals[found->second].name << "', to which nothing contributes";
    }
  return success();
}

/// Moves the op, and the total that it contributes to, behind what they need. Returns whether anything moved.
bool Totals::visit(Operation *op) {
  int64_t segment = 0;
  for (Value operand : op->getOperands())
    if (Operation *producer = operand.getDefiningOp())
      segment = std::max(segment, earliest.lookup(producer));
  bool moved = false;
  if (auto found = contributions.find(op); found != contributions.end()) {
    int64_t &cut = totals[found->second].cut;
    moved = segment > cut;
    cut = std::max(cut, segment);
  }
  if (auto found = received.find(op); found != received.end())
    segment = totals[found->second].cut + 1;
  moved |= segment > earliest.lookup(op);
  earliest[op] = segment;
  return moved;
}

/// Visits every operation once; fails when one is behind more cuts than there are totals.
FailureOr<bool> Totals::visitAll(ArrayRef<Operation *> bodies) {
  bool moved = false;
  for (Operation *body : bodies)
    for (Operation &op : body->getRegion(0).front()) {
      moved |= visit(&op);
      if (earliest.lookup(&op) > static_cast<int64_t>(totals.size()))
        return op.emitOpError() << "depends on itself through totals, a cycle";
    }
  return moved;
}

LogicalResult Totals::placeCuts(ArrayRef<Operation *> bodies) {
  FailureOr<bool> moved = true;
  while (succeeded(moved) && *moved)
    moved = visitAll(bodies);
  if (failed(moved))
    return failure();
  for (const Total &total : totals)
    numSegments = std::max(numSegments, total.cut + 2);
  for (Operation *body : bodies)
    for (auto skip : body->getRegion(0).getOps<SkipWhenOp>())
      firstStore = std::max(firstStore, earliest.lookup(skip) + 1);
  numSegments = std::max(numSegments, firstStore + 1);
  return success();
}

FailureOr<Totals> Totals::compute(ArrayRef<Operation *> bodies) {
  Totals result;
  for (Operation *body : bodies)
    if (failed(result.collect(body)))
      return failure();
  if (failed(result.checkReceived(bodies)) || failed(result.placeCuts(bodies)))
    return failure();
  return result;
}
