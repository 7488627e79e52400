// Places the operations of a rule in time.
#include "Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/SetVector.h"

#include <set>

using namespace mlir;
using namespace descent;

//===----------------------------------------------------------------------===//
// What an operation becomes
//===----------------------------------------------------------------------===//

static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }

static plan::Extent getExtent(Side side) {
  switch (side) {
  case Side::Rows:
    return plan::Extent::Rows;
  case Side::Cols:
    return plan::Extent::Cols;
  case Side::Short:
    return plan::Extent::Short;
  case Side::Long:
    return plan::Extent::Long;
  }
  llvm_unreachable("a side without an extent");
}

std::pair<plan::Extent, plan::Extent> Schedule::getDomain(RankedTensorType type) {
  SmallVector<Side, 2> sides = *getSides(type);
  if (sides.size() == 1)
    return {plan::Extent::One, getExtent(sides[0])};
  return {getExtent(sides[0]), getExtent(sides[1])};
}

std::pair<plan::Extent, plan::Extent> Schedule::getDomain(Operation *op) {
  bool reduces = isa<ReduceOp, InnerOp>(op);
  return getDomain(cast<RankedTensorType>(reduces ? op->getOperand(0).getType() : op->getResult(0).getType()));
}

/// Whether the operation computes every entry of its result from one entry of each of its tensors.
static bool isElementwise(Operation *op) {
  return isa<BroadcastOp, IdentityOp, OrientOp>(op) ||
         (OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1);
}

/// Whether a consumer needs the value in memory rather than entry by entry.
static bool needsMemory(Operation *consumer) { return isa<ProductOp, OrientOp>(consumer); }

/// Whether every stage has to compute the operation anew: truth values have no storage type, the others cost nothing.
static bool isAlwaysAgain(Operation *op) {
  bool isTruth = op->getNumResults() == 1 && getElementTypeOrSelf(op->getResult(0).getType()).isInteger(1);
  return isa<BroadcastOp, OrientOp, arith::ExtFOp>(op) || isTruth;
}

/// Whether the operation follows from memory that the step leaves as it is.
bool Schedule::readsNothingWritten(Operation *op) const {
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    if (!isTensor(operand))
      return true;
    if (auto argument = dyn_cast<BlockArgument>(operand))
      return !rule.getUpdate().getValueFor(argument.getArgNumber());
    Operation *producer = operand.getDefiningOp();
    bool isTruth = getElementTypeOrSelf(operand.getType()).isInteger(1);
    return work.lookup(producer) == Work::Free && !isTruth && !isa<arith::ExtFOp>(producer) &&
           !decisions.again.contains(producer);
  });
}

Work Schedule::classify(Operation *op) const {
  bool hasTensor = llvm::any_of(op->getOperands(), isTensor) || llvm::any_of(op->getResults(), isTensor);
  if (isa<UpdateOp>(op) || (!hasTensor && op->getNumResults() == 0))
    return Work::None;
  if (!hasTensor)
    return Work::Number;
  if (isa<ReduceOp, InnerOp>(op))
    return decisions.again.lookup(op) ? Work::Free : Work::Reduce;
  if (isa<ProductOp>(op))
    return Work::Product;
  if (isa<ChooseOp>(op))
    return Work::Choose;
  if (llvm::any_of(op->getUsers(), needsMemory))
    return Work::Entry;
  if (isAlwaysAgain(op))
    return Work::Free;
  if (!decisions.fuse)
    return Work::Entry;
  auto decided = decisions.again.find(op);
  bool again = decided != decisions.again.end() ? decided->second : readsNothingWritten(op);
  return again ? Work::Free : Work::Entry;
}

LogicalResult Schedule::classify() {
  for (Operation &op : rule.getBody().front()) {
    for (Value value : llvm::concat<Value>(llvm::to_vector<4>(op.getOperands()), llvm::to_vector<4>(op.getResults())))
      if (auto type = dyn_cast<RankedTensorType>(value.getType()); type && failed(getSides(type)))
        return op.emitOpError() << "has a tensor of type " << type
                                << ", which is neither shaped like the parameter nor described by '#descent.dims'";
    Work kind = classify(&op);
    bool known = kind != Work::Free && kind != Work::Entry;
    if (!known && !isElementwise(&op) && !isa<ReduceOp>(op))
      return op.emitOpError() << "has no place in a plan; lower it first ('descent-expand')";
    work[&op] = kind;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// What only one alternative needs
//===----------------------------------------------------------------------===//

void Schedule::findAlternatives() {
  for (auto choice : rule.getBody().front().getOps<ChooseOp>())
    choices.insert({choice, choices.size()});
  for (Operation &op : llvm::reverse(rule.getBody().front().getOperations())) {
    std::optional<Alternative> common;
    for (OpOperand &use : op.getUses()) {
      Operation *user = use.getOwner();
      Alternative wanted =
          isa<ChooseOp>(user) ? Alternative{choices.lookup(user), use.getOperandNumber()} : alternatives.lookup(user);
      common = !common || *common == wanted ? wanted : Alternative();
    }
    alternatives[&op] = isa<ChooseOp>(op) ? Alternative() : common.value_or(Alternative());
  }
}

//===----------------------------------------------------------------------===//
// As early as possible
//===----------------------------------------------------------------------===//

/// The first time at which `user` can use `value`.
Time Schedule::getAvailable(Value value, Operation *user) const {
  Operation *producer = value.getDefiningOp();
  if (!producer)
    return {};
  Time time = times.lookup(producer);
  switch (work.lookup(producer)) {
  case Work::Reduce:
    return time.next();
  case Work::Entry:
  case Work::Product: {
    // What is stored, in an argument or for a choice, may be stored by the stage that computes it.
    if (isa<UpdateOp>(user))
      return time;
    if (isa<ChooseOp>(user))
      return getAlternative(producer).choice == choices.lookup(user) ? time : time.next();
    bool sameStage = decisions.fuse && getDomain(cast<RankedTensorType>(value.getType())) == getDomain(user) &&
                     getAlternative(producer) == getAlternative(user);
    return needsMemory(user) || !sameStage ? time.next() : time;
  }
  default:
    return time;
  }
}

void Schedule::placeEarliest() {
  std::set<StageKey> products;
  std::set<Time> taken;
  for (Operation &op : rule.getBody().front()) {
    Time time{segments.lookup(&op), 0};
    for (Value operand : op.getOperands())
      time = std::max(time, getAvailable(operand, &op));
    if (const Total *total = totals.getReceived(&op))
      time = std::max(time, Time{total->cut + 1, 0});
    // After the stages that write what is chosen.
    Work kind = work.lookup(&op);
    if (kind == Work::Choose)
      time = time.next();
    // A stage has one product; without fusion it has one operation.
    while (kind == Work::Product && !products.insert({time, getDomain(&op), getAlternative(&op)}).second)
      time = time.next();
    bool isAlone = !decisions.fuse && (kind == Work::Entry || kind == Work::Reduce || kind == Work::Product);
    while (isAlone && !taken.insert(time).second)
      time = time.next();
    times[&op] = time;
  }
}

//===----------------------------------------------------------------------===//
// As late as the first use allows
//===----------------------------------------------------------------------===//

/// Visits every stage that reads the value, directly or through operations that are recomputed where they are used:
/// entry by entry, in either orientation, as a factor of a product, or to store it.
void Schedule::forEachRead(Value value, function_ref<void(const StageKey &, bool inMemory)> visit) const {
  for (Operation *user : value.getUsers()) {
    if (work.lookup(user) == Work::Free)
      forEachRead(user->getResult(0), visit);
    else if (!isa<UpdateOp, ChooseOp>(user))
      visit(getStage(user), needsMemory(user));
  }
  for (const Store &store : stores)
    if (store.value == value)
      visit(store.key, false);
}

/// The last segment in which the operation's users still find its result.
int64_t Schedule::getLatestSegment(Operation *op) const {
  if (const Total *total = totals.getContribution(op))
    return total->cut;
  int64_t latest = totals.getNumSegments() - 1;
  if (op->getNumResults() != 1)
    return latest;
  // What is only stored is stored as soon as that is allowed.
  if (llvm::all_of(op->getUsers(), llvm::IsaPred<UpdateOp>))
    return totals.getFirstStore();
  for (Operation *user : op->getUsers())
    if (!isa<UpdateOp>(user))
      latest = std::min(latest, segments.lookup(user));
  return latest;
}

void Schedule::sinkBelowCuts() {
  for (Operation &op : llvm::reverse(rule.getBody().front().getOperations())) {
    // A total is received a segment later than it is contributed to.
    int64_t earliest = totals.getContribution(&op) ? 0 : totals.getEarliest(&op);
    segments[&op] = decisions.fuse ? std::max(getLatestSegment(&op), earliest) : totals.getEarliest(&op);
  }
}

/// Moves an entry-by-entry operation to the first stage that reads it. Returns whether it moved.
bool Schedule::sink(Operation *op) {
  std::optional<Time> latest;
  forEachRead(op->getResult(0), [&](const StageKey &key, bool inMemory) {
    Time time = key.time;
    bool isOtherStage = inMemory || key.domain != getDomain(op) || !(key.alternative == getAlternative(op));
    if (isOtherStage)
      time = time.level > 0 ? Time{time.segment, time.level - 1} : times.lookup(op);
    latest = latest ? std::min(*latest, time) : time;
  });
  if (!latest || !(times.lookup(op) < *latest))
    return false;
  times[op] = *latest;
  return true;
}

void Schedule::sinkWithinSegments() {
  for (bool moved = true; moved;) {
    moved = false;
    placeStores();
    for (Operation &op : llvm::reverse(rule.getBody().front().getOperations()))
      if (work.lookup(&op) == Work::Entry)
        moved |= sink(&op);
  }
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

/// The first time at which a stage like `writer` may overwrite the argument.
Time Schedule::getLastRead(Value argument, const StageKey &writer) const {
  Time last;
  forEachRead(argument, [&](const StageKey &key, bool inMemory) {
    bool isSameStage = !inMemory && key.domain == writer.domain && key.alternative == writer.alternative;
    last = std::max(last, isSameStage ? key.time : key.time.next());
  });
  return last;
}

void Schedule::listStores() {
  auto add = [&](Value destination, Value value, int64_t segment, Alternative alternative) {
    auto domain = getDomain(cast<RankedTensorType>(value.getType()));
    stores.push_back({destination, value, {{segment, 0}, domain, alternative}});
  };
  UpdateOp update = rule.getUpdate();
  for (auto [destination, value] : llvm::zip(update.getDestinations(), update.getValues()))
    if (isTensor(value) && value != rule.getBody().getArgument(destination))
      add(rule.getBody().getArgument(destination), value, totals.getFirstStore(), Alternative());
  int64_t number = 0;
  for (auto choice : rule.getBody().front().getOps<ChooseOp>()) {
    for (OpOperand &use : choice->getOpOperands())
      if (isTensor(use.get()))
        add(choice.getResult(), use.get(), segments.lookup(choice), {number, use.getOperandNumber()});
    ++number;
  }
}

void Schedule::placeStores() {
  for (bool moved = true; moved;) {
    moved = false;
    for (Store &store : stores) {
      Operation *choice = store.destination.getDefiningOp();
      Time time = store.key.time;
      if (!choice)
        time = std::max(time, getLastRead(store.destination, store.key));
      time = std::max(time, getAvailable(store.value, choice ? choice : rule.getUpdate()));
      moved |= !(time == store.key.time);
      store.key.time = time;
    }
  }
}

//===----------------------------------------------------------------------===//
// What is kept in memory
//===----------------------------------------------------------------------===//

void Schedule::keep(Value value, int64_t useSegment) {
  if (!value.getDefiningOp())
    return;
  kept[value].acrossCut |= useSegment != times.lookup(value.getDefiningOp()).segment;
}

/// A stage needs the entries of `value`.
void Schedule::require(Value value, const StageKey &key) {
  Operation *producer = value.getDefiningOp();
  if (!producer || !isTensor(value))
    return;
  Work kind = work.lookup(producer);
  if (kind == Work::Free) {
    for (Value operand : producer->getOperands())
      require(operand, key);
    return;
  }
  bool isComputedThere = (kind == Work::Entry || kind == Work::Product) && getStage(producer) == key;
  if (!isComputedThere)
    keep(value, key.time.segment);
}

void Schedule::keepValues() {
  for (Operation &op : rule.getBody().front()) {
    Work kind = work.lookup(&op);
    if (kind == Work::Product)
      for (Value operand : op.getOperands())
        keep(operand, times.lookup(&op).segment);
    if (kind == Work::Entry || kind == Work::Reduce)
      for (Value operand : op.getOperands())
        require(operand, getStage(&op));
    // What is reduced to a number a row or column lies in memory in any case.
    if (kind == Work::Reduce && isTensor(op.getResult(0)))
      kept[op.getResult(0)];
  }
  for (const Store &store : stores)
    require(store.value, store.key);
}

std::vector<StageKey> Schedule::getStages() const {
  std::set<StageKey> keys;
  for (auto [op, kind] : work)
    if (kind == Work::Reduce || kind == Work::Product)
      keys.insert(getStage(op));
  for (const Store &store : stores)
    keys.insert(store.key);
  for (const auto &[value, unused] : kept)
    if (getWork(value.getDefiningOp()) != Work::Choose)
      keys.insert(getStage(value.getDefiningOp()));
  return {keys.begin(), keys.end()};
}

//===----------------------------------------------------------------------===//
// What could be decided otherwise
//===----------------------------------------------------------------------===//

/// Whether the operation may be computed once or wherever it is used.
bool Schedule::isChoice(Operation *op) const {
  Work kind = work.lookup(op);
  return (kind == Work::Entry || kind == Work::Free) && !isAlwaysAgain(op) &&
         llvm::none_of(op->getUsers(), [](Operation *user) { return needsMemory(user) || isa<ChooseOp>(user); });
}

/// The reduction and all that follows from it down to broadcasts over its matrix, if everything does: the numbers of
/// the rows are needed by the same rows only. Otherwise nothing.
static SmallVector<Operation *> getRowWork(ReduceOp reduce) {
  auto type = dyn_cast<RankedTensorType>(reduce.getType());
  auto domain = Schedule::getDomain(reduce);
  if (!type || Schedule::getDomain(type).second != domain.first)
    return {};
  llvm::SetVector<Operation *> rows;
  rows.insert(reduce);
  for (size_t i = 0; i < rows.size(); ++i)
    for (Operation *user : rows[i]->getUsers()) {
      if (!isElementwise(user))
        return {};
      bool isSpread = isa<BroadcastOp>(user);
      if (isSpread && Schedule::getDomain(user) != domain)
        return {};
      if (!isSpread)
        rows.insert(user);
    }
  return rows.takeVector();
}

/// The operation and what it follows from, down to what has to be in memory.
llvm::SetVector<Operation *> Schedule::getChain(Operation *op) const {
  llvm::SetVector<Operation *> chain;
  chain.insert(op);
  for (size_t i = 0; i < chain.size(); ++i)
    for (Value operand : chain[i]->getOperands())
      if (Operation *next = operand.getDefiningOp(); next && isTensor(operand) && isChoice(next))
        chain.insert(next);
  return chain;
}

bool Schedule::isReadByTwoStages(Operation *op) const {
  std::set<StageKey> stages;
  forEachRead(op->getResult(0), [&](const StageKey &key, bool) { stages.insert(key); });
  return stages.size() > 1;
}

std::vector<Decisions> Schedule::getVariations() const {
  std::vector<Decisions> variations;
  auto add = [&](ArrayRef<Operation *> ops, bool again) {
    variations.push_back(decisions);
    for (Operation *op : ops)
      variations.back().again[op] = again;
  };
  if (!decisions.fuse)
    return variations;
  for (auto reduce : rule.getBody().getOps<ReduceOp>())
    if (SmallVector<Operation *> rows = getRowWork(reduce); !rows.empty() && work.lookup(reduce) == Work::Reduce)
      add(rows, true);
  for (const auto &[value, unused] : kept) {
    Operation *producer = value.getDefiningOp();
    if (!isChoice(producer))
      continue;
    add(producer, true);
    if (llvm::SetVector<Operation *> chain = getChain(producer); chain.size() > 1)
      add(chain.getArrayRef(), true);
  }
  for (Operation &op : rule.getBody().front())
    if (work.lookup(&op) == Work::Free && isChoice(&op) && isReadByTwoStages(&op))
      add(&op, false);
  return variations;
}

FailureOr<Schedule> Schedule::compute(OptimizerOp rule, const Totals &totals, const Decisions &decisions) {
  Schedule schedule(rule, totals, decisions);
  if (failed(schedule.classify()))
    return failure();
  schedule.sinkBelowCuts();
  schedule.findAlternatives();
  schedule.listStores();
  schedule.placeEarliest();
  if (decisions.fuse)
    schedule.sinkWithinSegments();
  else
    schedule.placeStores();
  schedule.keepValues();
  return schedule;
}
