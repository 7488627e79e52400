// One sweep or product: gathers what happens at one time over one domain.
#include "StageBuilder.h"

#include "Splitting.h"
#include "Symmetry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace descent;

static plan::CombineKind getCombineKind(Operation *reduction) {
  auto reduce = dyn_cast<ReduceOp>(reduction);
  if (reduce && reduce.getKind() == ReduceKind::Max)
    return plan::CombineKind::Max;
  if (reduce && reduce.getKind() == ReduceKind::Min)
    return plan::CombineKind::Min;
  return plan::CombineKind::Sum;
}

/// What the stage writes when the rule's argument, or the memory of a choice, takes a new value.
void StageBuilder::addStore(const Store &store) {
  Value destination = store.destination, buffer = track.getStoreBuffer(store);
  if (Value remainder = track.getRemainder(destination)) {
    writes.push_back({store.value, buffer, Part::Rounded});
    writes.push_back({store.value, remainder, Part::Remainder});
    return;
  }
  unsigned stream = track.streams.lookup(destination);
  for (Value written : {buffer, track.getRounded(destination)}) {
    bool isStochastic = written && isa<BlockArgument>(destination) && track.isStochastic(written);
    if (written)
      writes.push_back({store.value, written, isStochastic ? Part::Stochastic : Part::Whole, stream});
  }
}

void StageBuilder::collectRoots() {
  const Schedule &schedule = track.getSchedule();
  for (Operation &op : rule) {
    Work work = schedule.getWork(&op);
    if (work == Work::Product && schedule.getStage(&op) == key)
      product = cast<ProductOp>(op);
    if (work == Work::Reduce && schedule.getStage(&op) == key)
      reductions.push_back(&op);
  }
  for (const Store &store : schedule.getStores())
    if (store.key == key) {
      Value buffer = track.getStoreBuffer(store);
      addStore(store);
      // Later stages read the stored value itself when storing did not round it.
      auto type = cast<plan::BufferType>(buffer.getType());
      Operation *producer = store.value.getDefiningOp();
      if (producer && type.getElementType() == getElementTypeOrSelf(store.value.getType()) &&
          !track.getBuffer(store.value) && schedule.getKept().contains(store.value) &&
          schedule.getStage(producer) == key)
        track.buffers[store.value] = buffer;
    }
  for (const auto &[value, kept] : schedule.getKept()) {
    Operation *producer = value.getDefiningOp();
    Work work = schedule.getWork(producer);
    if ((work != Work::Entry && work != Work::Product) || !(schedule.getStage(producer) == key) ||
        track.getBuffer(value))
      continue;
    auto type = plan::BufferType::get(builder.getContext(), key.domain.first, key.domain.second,
                                      getElementTypeOrSelf(value.getType()));
    auto lifetime = kept.acrossCut ? plan::Lifetime::Layer : plan::Lifetime::Worker;
    track.buffers[value] = plan::ScratchOp::create(track.getBuilder(), loc, type, lifetime);
    writes.push_back({value, track.buffers[value]});
  }
}

//===----------------------------------------------------------------------===//
// Values of one entry
//===----------------------------------------------------------------------===//

Value StageBuilder::convert(Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (value.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, type, value);
  return arith::TruncFOp::create(builder, loc, type, value);
}

/// Stages compute in f32 or f64; what a method rounds to is narrower.
static Type getComputeType(Type type) {
  return type.getIntOrFloatBitWidth() < 32 ? Float32Type::get(type.getContext()) : type;
}

Value StageBuilder::read(Value buffer, Type type) {
  if (!buffer) {
    track.reportUnplaced(loc);
    return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  }
  return convert(readArgument(buffer, getComputeType(type)), type);
}

/// The region's argument for an entry of the buffer.
Value StageBuilder::readArgument(Value buffer, Type type) {
  Value &argument = readEntries[buffer];
  if (!argument) {
    reads.push_back(buffer);
    argument = body->insertArgument((product ? 1 : 0) + reads.size() - 1, type, loc);
  }
  return argument;
}

Value StageBuilder::number(Value value) {
  Value &result = numberEntries[value];
  if (result)
    return result;
  if (Operation *producer = value.getDefiningOp(); producer && isPlainConstant(producer))
    return result = builder.clone(*producer)->getResult(0);
  scalars.push_back(track.getNumber(value));
  Value argument = body->addArgument(builder.getF64Type(), loc);
  if (value.getType().isInteger(1)) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(0.0));
    argument = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE, argument, zero);
  }
  return numberEntries[value] = argument;
}

Value StageBuilder::broadcast(BroadcastOp op) {
  Type type = op.getType().getElementType();
  Value operand = op.getOperand();
  return convert(isa<RankedTensorType>(operand.getType()) ? entry(operand) : number(operand), type);
}

Value StageBuilder::clone(Operation *op) {
  if (auto broadcastOp = dyn_cast<BroadcastOp>(op))
    return broadcast(broadcastOp);
  if (auto orient = dyn_cast<OrientOp>(op))
    return read(track.getWholeBuffer(orient.getOperand(), loc, key.alternative), orient.getType().getElementType());
  if (auto identity = dyn_cast<IdentityOp>(op))
    return plan::DiagonalOp::create(builder, loc, identity.getType().getElementType());
  if (isa<ReduceOp>(op))
    return plan::RowFoldOp::create(builder, loc, builder.getF64Type(), getCombineKind(op), reduced(op));
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, isa<RankedTensorType>(operand.getType()) ? entry(operand) : number(operand));
  Operation *cloned = builder.clone(*op, mapping);
  cloned->getResult(0).setType(getElementTypeOrSelf(op->getResult(0).getType()));
  return cloned->getResult(0);
}

Value StageBuilder::entry(Value value) {
  if (Value known = entries.lookup(value))
    return known;
  const Schedule &schedule = track.getSchedule();
  Operation *producer = value.getDefiningOp();
  Work work = producer ? schedule.getWork(producer) : Work::None;
  Value result;
  if (work == Work::Free || (work == Work::Entry && schedule.getStage(producer) == key))
    result = clone(producer);
  else if (producer && producer == product.getOperation())
    result = body->getArgument(0);
  else
    result = read(product && !track.getRemainder(value) ? track.getWholeBuffer(value, loc, key.alternative)
                                                        : track.getBuffer(value),
                  getElementTypeOrSelf(value.getType()));
  if (Value remainder = track.getRemainder(value))
    result = createJoined(builder, result, readArgument(remainder, builder.getI32Type()));
  return entries[value] = result;
}

/// What a reduction folds, in f64.
Value StageBuilder::reduced(Operation *reduction) {
  Value lhs = convert(entry(reduction->getOperand(0)), builder.getF64Type());
  if (auto inner = dyn_cast<InnerOp>(reduction))
    return arith::MulFOp::create(builder, loc, lhs, convert(entry(inner.getRhs()), builder.getF64Type()));
  if (cast<ReduceOp>(reduction).getKind() == ReduceKind::SumSquares)
    return arith::MulFOp::create(builder, loc, lhs, lhs);
  return lhs;
}

//===----------------------------------------------------------------------===//
// The stage
//===----------------------------------------------------------------------===//

Value StageBuilder::createPartials(Operation *reduction) {
  auto type = dyn_cast<RankedTensorType>(reduction->getResult(0).getType());
  auto rows = plan::Extent::One, cols = plan::Extent::Tiles;
  if (type) {
    cols = Schedule::getDomain(type).second;
    rows = cols == key.domain.first ? plan::Extent::ColBlocks : plan::Extent::RowBlocks;
  }
  auto bufferType = plan::BufferType::get(builder.getContext(), rows, cols, builder.getF64Type());
  return plan::ScratchOp::create(track.getBuilder(), loc, bufferType, plan::Lifetime::Worker);
}

void StageBuilder::createStage(Region &region, ArrayRef<Value> partials, ArrayAttr kinds) {
  OpBuilder &outer = track.getBuilder();
  auto domain = plan::DomainAttr::get(builder.getContext(), key.domain.first, key.domain.second);
  SmallVector<Value> written;
  for (const Write &write : writes)
    written.push_back(product ? getWritable(write.buffer) : write.buffer);
  if (!product) {
    auto sweep =
        plan::SweepOp::create(outer, loc, domain, reads, scalars, written, partials, kinds, FlatSymbolRefAttr());
    sweep.getBodyRegion().takeBody(region);
    return markAlternative(sweep, key.alternative);
  }
  Value lhs = track.getWholeBuffer(product.getLhs(), loc, key.alternative);
  Value rhs = product.getLhs() == product.getRhs() ? lhs : track.getWholeBuffer(product.getRhs(), loc, key.alternative);
  if (!lhs || !rhs)
    return track.reportUnplaced(product.getLoc());
  auto op = plan::ProductOp::create(outer, loc, lhs, rhs, product.getTransposed(), isSymmetricStage(), domain, reads,
                                    scalars, written, partials, /*packed=*/Value(), kinds, FlatSymbolRefAttr());
  op.getBodyRegion().takeBody(region);
  markAlternative(op, key.alternative);
  for (auto [write, buffer] : llvm::zip(writes, written))
    if (write.buffer != buffer)
      createCopy(buffer, write.buffer);
}

/// One triangle of a symmetric product suffices if all that its stage writes and reduces is symmetric too.
bool StageBuilder::isSymmetricStage() {
  auto writesSymmetric = [](const Write &write) { return isSymmetric(write.value); };
  auto reducesSymmetric = [](Operation *reduction) { return llvm::all_of(reduction->getOperands(), isSymmetric); };
  return product.getSymmetric() && llvm::all_of(writes, writesSymmetric) && llvm::all_of(reductions, reducesSymmetric);
}

/// A product writes codes by way of scratch: its tiles do not begin at blocks.
Value StageBuilder::getWritable(Value buffer) {
  auto type = cast<plan::BufferType>(buffer.getType());
  if (!isa<plan::Q8Type>(type.getElementType()))
    return buffer;
  auto plain = plan::BufferType::get(builder.getContext(), type.getRows(), type.getCols(), builder.getF32Type());
  return plan::ScratchOp::create(track.getBuilder(), loc, plain, plan::Lifetime::Worker);
}

void StageBuilder::createCopy(Value from, Value to) {
  OpBuilder &outer = track.getBuilder();
  auto sweep = plan::SweepOp::create(outer, loc, cast<plan::BufferType>(to.getType()).getDomain(), from, ValueRange(),
                                     to, ValueRange(), outer.getArrayAttr({}), FlatSymbolRefAttr());
  OpBuilder::InsertionGuard guard(outer);
  Block *copied = outer.createBlock(&sweep.getBodyRegion(), {}, {outer.getF32Type()}, {loc});
  plan::YieldOp::create(outer, loc, copied->getArgument(0));
  markAlternative(sweep, key.alternative);
}

void StageBuilder::createCombines(ArrayRef<Value> partials) {
  OpBuilder &outer = track.getBuilder();
  for (auto [reduction, partial] : llvm::zip(reductions, partials)) {
    Value result = reduction->getResult(0);
    plan::CombineKind kind = getCombineKind(reduction);
    if (!isa<RankedTensorType>(result.getType())) {
      auto combine = plan::CombineOp::create(outer, loc, outer.getF64Type(), kind, partial, FlatSymbolRefAttr());
      markAlternative(combine, key.alternative);
      track.numbers[result] = combine;
      continue;
    }
    auto domain = Schedule::getDomain(cast<RankedTensorType>(result.getType()));
    auto type = plan::BufferType::get(builder.getContext(), domain.first, domain.second,
                                      getElementTypeOrSelf(result.getType()));
    bool acrossCut = track.getSchedule().getKept().lookup(result).acrossCut;
    track.buffers[result] =
        plan::ScratchOp::create(outer, loc, type, acrossCut ? plan::Lifetime::Layer : plan::Lifetime::Worker);
    markAlternative(plan::FoldOp::create(outer, loc, kind, partial, track.buffers[result], FlatSymbolRefAttr()),
                    key.alternative);
  }
}

Value StageBuilder::getRandomBits(unsigned stream) {
  if (!randomKey) {
    scalars.push_back(track.getDriverNumber(plan::Number::Random, loc));
    randomKey = body->addArgument(builder.getF64Type(), loc);
  }
  return plan::RandomOp::create(builder, loc, builder.getI32Type(), randomKey, stream);
}

Value StageBuilder::getPart(const Write &write) {
  Value result = entry(write.value);
  switch (write.part) {
  case Part::Whole:
    return convert(result, getComputeType(result.getType()));
  case Part::Rounded:
    return createRoundedPart(builder, result);
  case Part::Remainder:
    return createRemainderPart(builder, result);
  case Part::Stochastic:
    return createStochasticPart(builder, convert(result, builder.getF32Type()), getRandomBits(write.stream));
  }
  llvm_unreachable("all parts are handled");
}

void StageBuilder::copy(TrackBuilder &track, Value value, Value target, Location loc, Alternative alternative) {
  StageKey key = {Time(), Schedule::getDomain(cast<RankedTensorType>(value.getType())), alternative};
  StageBuilder builder(track, key, *value.getParentBlock(), loc);
  builder.writes.push_back({value, target});
  builder.emit();
}

void StageBuilder::build() {
  collectRoots();
  if (!writes.empty() || !reductions.empty())
    emit();
}

void StageBuilder::emit() {
  Region region;
  body = &region.emplaceBlock();
  if (product)
    body->addArgument(product.getType().getElementType(), loc);
  builder.setInsertionPointToEnd(body);
  SmallVector<Value> yielded, partials;
  SmallVector<Attribute> kinds;
  for (const Write &write : writes)
    yielded.push_back(getPart(write));
  for (Operation *reduction : reductions) {
    yielded.push_back(reduced(reduction));
    partials.push_back(createPartials(reduction));
    kinds.push_back(plan::CombineKindAttr::get(builder.getContext(), getCombineKind(reduction)));
  }
  plan::YieldOp::create(builder, loc, yielded);
  createStage(region, partials, builder.getArrayAttr(kinds));
  createCombines(partials);
}
