// One sweep or product: gathers what happens at one time over one domain.
#include "StageBuilder.h"

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
      writes.push_back({store.value, buffer});
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
  Value &argument = readEntries[buffer];
  if (!argument) {
    reads.push_back(buffer);
    argument = body->insertArgument((product ? 1 : 0) + reads.size() - 1, getComputeType(type), loc);
  }
  return convert(argument, type);
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
    return read(track.getBuffer(orient.getOperand()), orient.getType().getElementType());
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
    result = read(track.getBuffer(value), getElementTypeOrSelf(value.getType()));
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
  for (auto [value, buffer] : writes)
    written.push_back(buffer);
  if (!product) {
    auto sweep =
        plan::SweepOp::create(outer, loc, domain, reads, scalars, written, partials, kinds, FlatSymbolRefAttr());
    sweep.getBodyRegion().takeBody(region);
    return markAlternative(sweep, key.alternative);
  }
  Value lhs = track.getBuffer(product.getLhs()), rhs = track.getBuffer(product.getRhs());
  if (!lhs || !rhs)
    return track.reportUnplaced(product.getLoc());
  auto op = plan::ProductOp::create(outer, loc, lhs, rhs, product.getTransposed(), product.getSymmetric(), domain,
                                    reads, scalars, written, partials, /*packed=*/Value(), kinds, FlatSymbolRefAttr());
  op.getBodyRegion().takeBody(region);
  markAlternative(op, key.alternative);
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

void StageBuilder::build() {
  collectRoots();
  if (writes.empty() && reductions.empty())
    return;
  Region region;
  body = &region.emplaceBlock();
  if (product)
    body->addArgument(product.getType().getElementType(), loc);
  builder.setInsertionPointToEnd(body);
  SmallVector<Value> yielded, partials;
  SmallVector<Attribute> kinds;
  for (auto [value, buffer] : writes) {
    Value result = entry(value);
    yielded.push_back(convert(result, getComputeType(result.getType())));
  }
  for (Operation *reduction : reductions) {
    yielded.push_back(reduced(reduction));
    partials.push_back(createPartials(reduction));
    kinds.push_back(plan::CombineKindAttr::get(builder.getContext(), getCombineKind(reduction)));
  }
  plan::YieldOp::create(builder, loc, yielded);
  createStage(region, partials, builder.getArrayAttr(kinds));
  createCombines(partials);
}
