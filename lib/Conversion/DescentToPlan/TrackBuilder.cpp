// A track: arguments, stages in order, numbers on demand, cuts.
#include "StageBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace descent;

//===----------------------------------------------------------------------===//
// What the track is given
//===----------------------------------------------------------------------===//

bool descent::isPlainConstant(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  auto real = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return constant && (!real || llvm::is_contained({-1.0, 0.0, 1.0}, real.getValueAsDouble()));
}

static plan::BufferType getBufferType(Value argument, Type element) {
  auto [rows, cols] = Schedule::getDomain(cast<RankedTensorType>(argument.getType()));
  return plan::BufferType::get(argument.getContext(), rows, cols, element);
}

/// A tensor that lies in the caller's memory.
Value TrackBuilder::declareTensor(BlockArgument argument, RoleAttr role) {
  Location loc = argument.getLoc();
  if (role.getKind() == RoleKind::Param)
    return plan::WeightOp::create(builder, loc, getBufferType(argument, storage->getWeight()));
  plan::BufferType read = getBufferType(argument, storage->getGradient());
  if (role.getKind() == RoleKind::Grad)
    return plan::GradientOp::create(builder, loc, read);
  if (role.getKind() == RoleKind::Input)
    return plan::InputOp::create(builder, loc, read, role.getName());
  unsigned stream = streams.size() + 1;
  streams[argument] = stream;
  auto init = role.getInit() == InitKind::Param ? plan::StateInit::Parameter : plan::StateInit::Value;
  auto initAttr = plan::StateInitAttr::get(builder.getContext(), init);
  FloatAttr value = role.getValue() ? role.getValue() : builder.getF64FloatAttr(0.0);
  Type type = storage->getState(role);
  Value state =
      plan::StateOp::create(builder, loc, getBufferType(argument, type), role.getName(), initAttr, value, Value());
  // What all entries begin with is their scale, too.
  if (auto codes = dyn_cast<plan::Q8Type>(type))
    plan::StateOp::create(builder, loc,
                          getBufferType(argument, plan::ScaleType::get(builder.getContext(), codes.getBlock())),
                          builder.getStringAttr(getScaleName(role.getName())), initAttr, value, state);
  return state;
}

/// Where the parameter keeps what its own type loses. These states come after the rule's.
void TrackBuilder::declareMaster() {
  Master master = storage ? storage->getMaster() : Master::None;
  if (master == Master::None || !parameter)
    return;
  Location loc = parameter.getLoc();
  bool isCopy = master == Master::F32;
  Type type = isCopy ? Type(builder.getF32Type()) : builder.getI16Type();
  auto init =
      plan::StateInitAttr::get(builder.getContext(), isCopy ? plan::StateInit::Parameter : plan::StateInit::Value);
  Value state = plan::StateOp::create(builder, loc, getBufferType(parameter, type),
                                      builder.getStringAttr(isCopy ? kMasterState : kRemainderState), init,
                                      builder.getF64FloatAttr(0.0), Value());
  if (!isCopy) {
    remainder = state;
    return;
  }
  rounded = buffers[parameter];
  buffers[parameter] = state;
}

/// A number that the driver or the caller knows; null if it has no source.
Value TrackBuilder::declareNumber(BlockArgument argument, RoleAttr role) {
  Location loc = argument.getLoc();
  Type real = builder.getF64Type();
  switch (role.getKind()) {
  case RoleKind::LayerState:
    return plan::LayerStateOp::create(builder, loc, real, role.getName(),
                                      role.getValue() ? role.getValue() : builder.getF64FloatAttr(0.0));
  case RoleKind::Hyper:
    return role.getValue() ? plan::HyperOp::create(builder, loc, real, role.getName(), role.getValue()) : Value();
  case RoleKind::Factor:
    return plan::FactorOp::create(builder, loc, real, role.getName());
  case RoleKind::Step:
    return getDriverNumber(plan::Number::Step, loc);
  case RoleKind::Updates:
    return getDriverNumber(plan::Number::Updates, loc);
  case RoleKind::Loss:
    return getDriverNumber(plan::Number::Loss, loc);
  default:
    return {};
  }
}

LogicalResult TrackBuilder::declareArgument(BlockArgument argument, RoleAttr role) {
  if (role.isTensor()) {
    buffers[argument] = declareTensor(argument, role);
    if (role.getKind() == RoleKind::Param)
      parameter = argument;
    return success();
  }
  numbers[argument] = declareNumber(argument, role);
  if (numbers[argument])
    return success();
  return emitError(argument.getLoc()) << stringifyRoleKind(role.getKind()) << " '" << role.getName().getValue()
                                      << "' has no value: give the group one";
}

LogicalResult TrackBuilder::declareArguments(Region &body, ArrayAttr roles) {
  source = &body;
  for (auto [argument, role] : llvm::zip(body.getArguments(), roles))
    if (failed(declareArgument(argument, cast<RoleAttr>(role))))
      return failure();
  declareMaster();
  return success();
}

/// The constants that stages use, as one piece of work: they come from outside the stages, so that iterations with
/// different coefficients share a kernel.
void TrackBuilder::declareConstants() {
  SmallVector<Value> constants;
  for (auto constant : source->getOps<arith::ConstantOp>()) {
    bool isUsedByTensors = llvm::any_of(constant->getUsers(), llvm::IsaPred<BroadcastOp>);
    if (isUsedByTensors && !isPlainConstant(constant))
      constants.push_back(constant);
  }
  if (constants.empty())
    return;
  Location loc = constants.front().getLoc();
  SmallVector<Type> types(constants.size(), builder.getF64Type());
  auto scalars = plan::ScalarsOp::create(builder, loc, types, ValueRange(), FlatSymbolRefAttr());
  for (auto [constant, number] : llvm::zip(constants, scalars.getResults()))
    numbers[constant] = number;
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&scalars.getBodyRegion());
  SmallVector<Value> yielded;
  for (Value constant : constants)
    yielded.push_back(builder.clone(*constant.getDefiningOp())->getResult(0));
  plan::YieldOp::create(builder, loc, yielded);
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

void descent::markAlternative(Operation *op, Alternative alternative) {
  if (alternative.choice >= 0)
    op->setAttr(plan::kAlternative,
                plan::AlternativeAttr::get(op->getContext(), alternative.choice, alternative.index));
}

void TrackBuilder::declareChoices() {
  for (auto choice : source->getOps<ChooseOp>())
    choices[choice] = plan::ChoiceOp::create(builder, choice.getLoc(), builder.getF64Type(), choice.getNames());
}

/// The alternatives of a choice share memory: a layer runs one of them.
Value TrackBuilder::getStoreBuffer(const Store &store) {
  Value &buffer = buffers[store.destination];
  if (!buffer) {
    auto type = getBufferType(store.destination, getElementTypeOrSelf(store.destination.getType()));
    bool acrossCut = schedule->getKept().lookup(store.destination).acrossCut;
    auto lifetime = acrossCut ? plan::Lifetime::Layer : plan::Lifetime::Worker;
    buffer = plan::ScratchOp::create(builder, store.destination.getLoc(), type, lifetime);
  }
  return buffer;
}

/// The alternative that a layer runs; what the others left behind is not used.
static Value cloneChoice(OpBuilder &builder, ChooseOp op, Value chosen, const IRMapping &mapping) {
  Location loc = op.getLoc();
  Value result = mapping.lookup(op.getAlternatives().back());
  for (int64_t index = op.getAlternatives().size() - 2; index >= 0; --index) {
    Value number = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(index));
    Value isChosen = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, chosen, number);
    result = arith::SelectOp::create(builder, loc, isChosen, mapping.lookup(op.getAlternatives()[index]), result);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// A number of the layer that the driver knows; declared once.
Value TrackBuilder::getDriverNumber(plan::Number kind, Location loc) {
  Value &number = driverNumbers[static_cast<int>(kind)];
  if (!number)
    number = plan::NumberOp::create(builder, loc, builder.getF64Type(), kind);
  return number;
}

/// A number that is given rather than computed, or null.
Value TrackBuilder::declareLeaf(Operation *op) {
  if (isa<GradientScaleOp>(op))
    return getDriverNumber(plan::Number::GradientScale, op->getLoc());
  auto size = dyn_cast<SizeOp>(op);
  if (size && size.getSide() == Side::Rows)
    return getDriverNumber(plan::Number::Rows, op->getLoc());
  if (size && size.getSide() == Side::Cols)
    return getDriverNumber(plan::Number::Cols, op->getLoc());
  return {};
}

/// short = min(rows, cols), long = max(rows, cols)
static Value cloneSize(OpBuilder &builder, SizeOp op, Value rows, Value cols) {
  if (op.getSide() == Side::Short)
    return arith::MinimumFOp::create(builder, op.getLoc(), rows, cols);
  return arith::MaximumFOp::create(builder, op.getLoc(), rows, cols);
}

/// The scalar work that `value` needs and that is not done yet.
void TrackBuilder::collect(Value value, llvm::SetVector<Operation *> &work) {
  Operation *op = value.getDefiningOp();
  bool isConstant = op && isa<arith::ConstantOp>(op);
  if (!op || (numbers.contains(value) && !isConstant) || work.contains(op))
    return;
  if (Value leaf = declareLeaf(op)) {
    numbers[value] = leaf;
    return;
  }
  for (Value operand : op->getOperands())
    collect(operand, work);
  work.insert(op);
}

/// The values that the work takes from outside and gives to the outside.
static void findScalars(ArrayRef<Operation *> work, Value root, llvm::SetVector<Value> &inputs,
                        llvm::SetVector<Value> &outputs) {
  auto isInside = [&](Operation *op) { return llvm::is_contained(work, op); };
  for (Operation *op : work) {
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() || !isInside(operand.getDefiningOp()))
        inputs.insert(operand);
    // Constants are repeated where they are used, not passed on.
    bool isUsedOutside = !isa<arith::ConstantOp>(op) && !llvm::all_of(op->getUsers(), isInside);
    if (isUsedOutside || op->getResult(0) == root)
      outputs.insert(op->getResult(0));
  }
}

/// A truth value that was passed as 0 or 1.
static Value isNotZero(OpBuilder &builder, Value number) {
  Location loc = number.getLoc();
  Value zero = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(0.0));
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE, number, zero);
}

void TrackBuilder::buildScalars(ArrayRef<Operation *> work, Value root) {
  Location loc = work.front()->getLoc();
  llvm::SetVector<Value> inputs, outputs;
  findScalars(work, root, inputs, outputs);
  SmallVector<Value> operands;
  for (Value input : inputs)
    operands.push_back(numbers.lookup(input));
  for (Operation *op : work)
    if (isa<ChooseOp>(op))
      operands.push_back(choices.lookup(op));
  if (llvm::any_of(work, llvm::IsaPred<SizeOp>))
    operands.append({getDriverNumber(plan::Number::Rows, loc), getDriverNumber(plan::Number::Cols, loc)});
  Type real = builder.getF64Type();
  auto scalars =
      plan::ScalarsOp::create(builder, loc, SmallVector<Type>(outputs.size(), real), operands, FlatSymbolRefAttr());
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Type> types(operands.size(), real);
  Block *body = builder.createBlock(&scalars.getBodyRegion(), {}, types, SmallVector<Location>(operands.size(), loc));
  IRMapping mapping;
  for (auto [input, argument] : llvm::zip(inputs, body->getArguments()))
    mapping.map(input, input.getType().isInteger(1) ? isNotZero(builder, argument) : Value(argument));
  auto chosen = body->args_begin() + inputs.size();
  for (Operation *op : work)
    if (auto size = dyn_cast<SizeOp>(op))
      mapping.map(size.getResult(),
                  cloneSize(builder, size, *std::prev(body->args_end(), 2), body->getArguments().back()));
    else if (auto choice = dyn_cast<ChooseOp>(op))
      mapping.map(choice.getResult(), cloneChoice(builder, choice, *chosen++, mapping));
    else
      builder.clone(*op, mapping);
  SmallVector<Value> yielded;
  for (auto [index, output] : llvm::enumerate(outputs)) {
    Value value = mapping.lookup(output);
    bool isTruth = output.getType().isInteger(1);
    yielded.push_back(isTruth ? Value(arith::UIToFPOp::create(builder, loc, real, value)) : value);
    numbers[output] = scalars.getResult(index);
  }
  plan::YieldOp::create(builder, loc, yielded);
}

Value TrackBuilder::getNumber(Value value) {
  if (Value known = numbers.lookup(value))
    return known;
  llvm::SetVector<Operation *> work;
  collect(value, work);
  if (!work.empty())
    buildScalars(work.getArrayRef(), value);
  return numbers.lookup(value);
}

/// Emits, as one piece of work, the numbers that stages use and that can be known by `time`.
void TrackBuilder::buildReadyNumbers(Time time) {
  llvm::SetVector<Operation *> work;
  for (Operation &op : source->front()) {
    bool isTensorWork = llvm::any_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>);
    for (Value operand : op.getOperands())
      if (Operation *producer = operand.getDefiningOp();
          isTensorWork && producer && schedule->getWork(producer) == Work::Number &&
          !isa<arith::ConstantOp>(producer) && !(time < schedule->getTime(producer)) && !totals.getReceived(producer))
        collect(operand, work);
  }
  if (!work.empty())
    buildScalars(work.getArrayRef(), Value());
}

//===----------------------------------------------------------------------===//
// Stages and cuts
//===----------------------------------------------------------------------===//

void TrackBuilder::reportUnplaced(Location loc) {
  emitError(loc)
      << "the planner has no memory for a value of this rule: a defect of the compiler, please report the rule";
  isComplete = false;
}

static Type getElementType(Value buffer) { return cast<plan::BufferType>(buffer.getType()).getElementType(); }

Value TrackBuilder::getWholeBuffer(Value value, Location loc, Alternative alternative) {
  Value buffer = getBuffer(value);
  if (!getRemainder(value) && !(buffer && isa<plan::Q8Type>(getElementType(buffer))))
    return buffer;
  auto type = getBufferType(value, getElementTypeOrSelf(value.getType()));
  Value whole = plan::ScratchOp::create(builder, loc, type, plan::Lifetime::Worker);
  StageBuilder::copy(*this, value, whole, loc, alternative);
  return whole;
}

void TrackBuilder::buildCut(int64_t index) {
  SmallVector<Value> contributions;
  SmallVector<Attribute> to, from;
  SmallVector<Value> received;
  Location loc = source->getLoc();
  auto symbol = [&](const Total *total) { return FlatSymbolRefAttr::get(builder.getContext(), total->name); };
  for (Operation &op : source->front()) {
    if (const Total *total = totals.getContribution(&op); total && total->cut == index) {
      contributions.push_back(getNumber(op.getOperand(0)));
      to.push_back(symbol(total));
    }
    if (const Total *total = totals.getReceived(&op); total && total->cut == index) {
      received.push_back(op.getResult(0));
      from.push_back(symbol(total));
    }
    if (auto skip = dyn_cast<SkipWhenOp>(op); skip && totals.getEarliest(skip) == index)
      plan::GuardOp::create(builder, loc, getNumber(skip.getValue()));
  }
  auto cut = plan::CutOp::create(builder, loc, SmallVector<Type>(from.size(), builder.getF64Type()), index,
                                 contributions, builder.getArrayAttr(to), builder.getArrayAttr(from));
  for (auto [value, result] : llvm::zip(received, cut.getResults()))
    numbers[value] = result;
}

void TrackBuilder::buildStages() {
  int64_t segment = 0;
  auto advance = [&](int64_t next) {
    for (; segment < next; ++segment)
      buildCut(segment);
  };
  if (schedule)
    for (const StageKey &key : schedule->getStages()) {
      advance(key.time.segment);
      buildReadyNumbers(key.time);
      StageBuilder(*this, key, source->front(), source->getLoc()).build();
    }
  advance(totals.getNumSegments() - 1);
}

/// What is told to the caller or kept as a number.
void TrackBuilder::buildEnd(Block &body) {
  for (Operation &op : body) {
    Location loc = op.getLoc();
    if (auto report = dyn_cast<ReportOp>(op))
      plan::ReportOp::create(builder, loc, report.getNameAttr(), getNumber(report.getValue()));
    else if (auto nonfinite = dyn_cast<NonfiniteOp>(op))
      plan::NonfiniteOp::create(builder, loc, getNumber(nonfinite.getValue()));
    else if (auto norm = dyn_cast<GradientNormOp>(op))
      plan::GradientNormOp::create(builder, loc, getNumber(norm.getValue()));
    auto update = dyn_cast<UpdateOp>(op);
    if (!update)
      continue;
    auto rule = cast<OptimizerOp>(update->getParentOp());
    for (auto [destination, value] : llvm::zip(update.getDestinations(), update.getValues()))
      if (rule.getRole(destination).getKind() == RoleKind::LayerState)
        plan::KeepOp::create(builder, loc, rule.getRole(destination).getName(), getNumber(value));
  }
}

FailureOr<plan::TrackOp> TrackBuilder::buildGroup(GroupOp group, OptimizerOp rule, const Decisions &decisions) {
  FailureOr<Schedule> computed = Schedule::compute(rule, totals, decisions);
  if (failed(computed))
    return failure();
  schedule.emplace(std::move(*computed));
  auto stored = group.getStored() ? builder.getStringAttr(stringifyStored(*group.getStored())) : StringAttr();
  auto groupClass =
      plan::GroupClassAttr::get(builder.getContext(), static_cast<plan::GroupClass>(group.getGroupClass()));
  auto track = plan::TrackOp::create(builder, group.getLoc(), UnitAttr(), group.getNameAttr(), groupClass, stored,
                                     rule->getAttrOfType<StringAttr>("descent.rule"),
                                     rule->getAttrOfType<StringAttr>("descent.norm"));
  if (auto methods = rule->getAttrOfType<ArrayAttr>(kMethodsAttr))
    track->setAttr(plan::kMethods, methods);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&track.getRegion());
  isComplete = succeeded(declareArguments(rule.getBody(), rule.getRoles()));
  if (isComplete) {
    declareConstants();
    declareChoices();
    buildStages();
    buildEnd(rule.getBody().front());
  }
  if (isComplete)
    return track;
  track.erase();
  return failure();
}

LogicalResult TrackBuilder::buildShared(SharedOp body) {
  auto groupClass = plan::GroupClassAttr::get(builder.getContext(), plan::GroupClass::Any);
  auto track = plan::TrackOp::create(builder, body.getLoc(), builder.getUnitAttr(), body.getSymNameAttr(), groupClass,
                                     StringAttr(), StringAttr(), StringAttr());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&track.getRegion());
  if (failed(declareArguments(body.getBody(), body.getRoles())))
    return failure();
  buildStages();
  buildEnd(body.getBody().front());
  return success();
}
