// The numbered rules of the plan's operations.
#include "descent/Dialect/Plan/IR/Plan.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace descent::plan;

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

static BufferType bufferType(Value value) { return cast<BufferType>(value.getType()); }

/// Whether numbers of `wide` can hold what memory of type `storage` holds.
static bool isComputeTypeOf(Type wide, Type storage) {
  if (isa<Q8Type>(storage))
    return wide.isF32();
  if (isa<ScaleType>(storage))
    return false;
  if (storage.isInteger() || wide.isInteger())
    return storage.isInteger(16) && wide.isInteger(32);
  return (wide.isF32() || wide.isF64()) && wide.getIntOrFloatBitWidth() >= storage.getIntOrFloatBitWidth();
}

static LogicalResult verifyBuffersFit(StageOpInterface stage) {
  DomainAttr domain = stage.getStageDomain();
  // (R1)
  for (Value buffer : stage.getStageReads())
    if (!getAccess(domain, bufferType(buffer)))
      return stage->emitOpError("reads ")
             << buffer.getType() << ", which has neither the extents of the domain " << domain
             << ", in this or the other orientation, nor one number a row, a column or in all";
  // (R6)
  for (Value buffer : stage.getStageReads())
    if (getAccess(domain, bufferType(buffer)) == Access::Oriented && isa<Q8Type>(bufferType(buffer).getElementType()))
      return stage->emitOpError("reads 8-bit codes in the other orientation than its domain's; decode them to scratch "
                                "in a sweep over <rows, cols> before");
  // (R2)
  for (Value buffer : stage.getStageWrites())
    if (bufferType(buffer).getDomain() != domain || bufferType(buffer).isPanels())
      return stage->emitOpError("writes ") << buffer.getType() << ", which lacks the extents of the domain " << domain;
  // (R3)
  for (Value buffer : stage.getStagePartials())
    if (!getPartialAccess(domain, bufferType(buffer)) || !bufferType(buffer).getElementType().isF64())
      return stage->emitOpError("reduces into ")
             << buffer.getType() << "; partial results of the domain " << domain
             << " are f64, <one, tiles>, <col_blocks, " << stringifyExtent(domain.getRows()) << "> or <row_blocks, "
             << stringifyExtent(domain.getCols()) << ">";
  return success();
}

static LogicalResult verifyArguments(StageOpInterface stage) {
  Block *body = stage.getStageBody();
  unsigned source = stage.getNumSourceArguments();
  OperandRange reads = stage.getStageReads(), scalars = stage.getStageScalars();
  // (R4)
  if (body->getNumArguments() != source + reads.size() + scalars.size())
    return stage->emitOpError("region has ")
           << body->getNumArguments() << " arguments, but there are " << source + reads.size() + scalars.size()
           << " values: " << (source ? "the product, " : "") << reads.size() << " reads and " << scalars.size()
           << " scalars";
  for (auto [index, buffer] : llvm::enumerate(reads)) {
    Type type = body->getArgument(source + index).getType();
    if (!isComputeTypeOf(type, bufferType(buffer).getElementType()))
      return stage->emitOpError("region argument ")
             << source + index << " has type " << type << ", which does not hold an entry of " << buffer.getType()
             << "; stages compute in f32 or f64, with i16 in i32";
  }
  for (unsigned index = source + reads.size(); index < body->getNumArguments(); ++index)
    if (!body->getArgument(index).getType().isF64())
      return stage->emitOpError("region argument ")
             << index << " is a scalar and must be f64, not " << body->getArgument(index).getType();
  return success();
}

static LogicalResult verifyYield(StageOpInterface stage) {
  auto yield = dyn_cast<YieldOp>(stage.getStageBody()->getTerminator());
  OperandRange writes = stage.getStageWrites(), partials = stage.getStagePartials();
  // (R4)
  if (!yield || yield.getValues().size() != writes.size() + partials.size())
    return stage->emitOpError("region must yield ") << writes.size() + partials.size() << " values: " << writes.size()
                                                    << " writes and " << partials.size() << " reductions";
  if (stage.getStageReductions().size() != partials.size())
    return stage->emitOpError("has ") << partials.size() << " buffers of partial results for "
                                      << stage.getStageReductions().size() << " reductions";
  for (auto [value, buffer] : llvm::zip(yield.getValues(), writes))
    if (!isComputeTypeOf(value.getType(), bufferType(buffer).getElementType()))
      return stage->emitOpError("yields ")
             << value.getType() << " for " << buffer.getType()
             << "; stages compute in f32 or f64, at least as wide as the storage, with i16 in i32";
  // (R5)
  for (Value value : yield.getValues().drop_front(writes.size()))
    if (!value.getType().isF64())
      return stage->emitOpError("reduces a value of type ") << value.getType() << "; reductions fold f64";
  return success();
}

static LogicalResult verifyStage(StageOpInterface stage) {
  return failure(failed(verifyBuffersFit(stage)) || failed(verifyArguments(stage)) || failed(verifyYield(stage)));
}

LogicalResult SweepOp::verify() { return verifyStage(*this); }

/// Whether `panels` can be `plain`, or its transpose, rearranged for products.
static bool isPackedFrom(BufferType panels, BufferType plain, bool transposed) {
  Extent outer = transposed ? plain.getRows() : plain.getCols(), inner = transposed ? plain.getCols() : plain.getRows();
  return panels.isPanels() && !plain.isPanels() && panels.getRows() == outer && panels.getCols() == inner;
}

LogicalResult PackOp::verify() {
  BufferType source = getSource().getType(), target = getTarget().getType();
  // (R1)
  if (!isPackedFrom(target, source, getTransposed()))
    return emitOpError("packs ") << source << (getTransposed() ? ", transposed," : "") << " into " << target
                                 << ", which is not panels of its outer and inner extent";
  // (R2)
  if (target.getElementType() != source.getElementType() &&
      !isComputeTypeOf(target.getElementType(), source.getElementType()))
    return emitOpError("packs ") << source << " into " << target << ", which does not hold its entries";
  return success();
}

static LogicalResult verifyPacked(ProductOp product) {
  auto packed = product.getPacked() ? bufferType(product.getPacked()) : BufferType();
  BufferType lhs = product.getLhs().getType(), rhs = product.getRhs().getType();
  if (!packed)
    return success();
  bool inPairs = packed.getElementType().isBF16() && lhs.getElementType().isBF16() && rhs.getElementType().isBF16() &&
                 product.getAccumulatorType().isF32();
  // (R5)
  if (isPackedFrom(packed, rhs, product.getTransposed()) &&
      (inPairs || packed.getElementType() == product.getAccumulatorType()))
    return success();
  return product.emitOpError("reads ") << packed << " for " << rhs << (product.getTransposed() ? ", transposed" : "")
                                       << "; it wants panels of its outer and inner extent in "
                                       << product.getAccumulatorType();
}

LogicalResult RowFoldOp::verify() {
  // (R1)
  if (readsOriented((*this)->getParentOp()))
    return emitOpError("folds a row of a stage that reads a matrix in the other orientation, whose tiles are narrow");
  return success();
}

LogicalResult ProductOp::verify() {
  BufferType lhs = getLhs().getType(), rhs = getRhs().getType();
  Extent rhsInner = getTransposed() ? rhs.getCols() : rhs.getRows();
  Extent rhsOuter = getTransposed() ? rhs.getRows() : rhs.getCols();
  // (R1)
  if (lhs.getCols() != rhsInner)
    return emitOpError("sums over ") << stringifyExtent(lhs.getCols()) << " on the left and over "
                                     << stringifyExtent(rhsInner) << " on the right";
  if (getDomain().getRows() != lhs.getRows() || getDomain().getCols() != rhsOuter)
    return emitOpError("has the domain ") << getDomain() << ", but the factors' outer extents are <"
                                          << stringifyExtent(lhs.getRows()) << ", " << stringifyExtent(rhsOuter) << ">";
  // (R2)
  if (getSymmetric() && getDomain().getRows() != getDomain().getCols())
    return emitOpError("is symmetric, but its domain ") << getDomain() << " is not square";
  // (R3)
  for (Value buffer : getWrites())
    if (buffer == getLhs() || buffer == getRhs())
      return emitOpError("writes one of its factors; write to another buffer");
  // (R4)
  if (getBody()->getNumArguments() == 0 ||
      !(getBody()->getArgument(0).getType().isF32() || getBody()->getArgument(0).getType().isF64()))
    return emitOpError("region needs the accumulated entry, f32 or f64, as its first argument");
  Type accumulator = getBody()->getArgument(0).getType();
  for (BufferType factor : {lhs, rhs})
    if (!isComputeTypeOf(accumulator, factor.getElementType()))
      return emitOpError("accumulates in ") << accumulator << ", which does not hold an entry of " << factor;
  if (failed(verifyPacked(*this)))
    return failure();
  return verifyStage(*this);
}

LogicalResult DiagonalOp::verify() {
  DomainAttr domain = cast<StageOpInterface>((*this)->getParentOp()).getStageDomain();
  // (R1)
  if (domain.getRows() != domain.getCols())
    return emitOpError("needs a square domain, but the stage has ") << domain;
  return success();
}

LogicalResult RandomOp::verify() {
  // (R1)
  if (int64_t stream = getStream(); stream < 0 || stream > 4095)
    return emitOpError("has stream ") << stream << ", but streams are from 0 to 4095";
  return success();
}

LogicalResult CombineOp::verify() {
  BufferType type = getPartials().getType();
  // (R1)
  if (type.getCols() != Extent::Tiles || !type.getElementType().isF64())
    return emitOpError("folds <one, tiles, f64>, not ") << type;
  return success();
}

LogicalResult FoldOp::verify() {
  BufferType partials = getPartials().getType(), target = getTarget().getType();
  // (R1)
  if ((partials.getRows() != Extent::ColBlocks && partials.getRows() != Extent::RowBlocks) ||
      !partials.getElementType().isF64())
    return emitOpError("folds <col_blocks, X, f64> or <row_blocks, X, f64>, not ") << partials;
  if (target.getRows() != Extent::One || target.getCols() != partials.getCols())
    return emitOpError("folds ") << partials << " to <one, " << stringifyExtent(partials.getCols()) << ">, not to "
                                 << target;
  return success();
}

LogicalResult ScalarsOp::verify() {
  auto yield = dyn_cast<YieldOp>(getBody()->getTerminator());
  auto isF64 = [](Type type) { return type.isF64(); };
  // (R1)
  if (getBody()->getNumArguments() != getInputs().size() || !llvm::all_of(getBody()->getArgumentTypes(), isF64))
    return emitOpError("region must have ") << getInputs().size() << " arguments of type f64, one an operand";
  if (!yield || yield.getValues().size() != getOutputs().size() || !llvm::all_of(yield.getValues().getTypes(), isF64))
    return emitOpError("region must yield ") << getOutputs().size() << " values of type f64, one a result";
  return success();
}

//===----------------------------------------------------------------------===//
// Tracks
//===----------------------------------------------------------------------===//

LogicalResult CutOp::verify() {
  // (R1)
  if (getTo().size() != getContributions().size() || getFrom().size() != getResults().size())
    return emitOpError("needs a total for each operand and each result");
  auto program = (*this)->getParentOfType<ProgramOp>();
  for (Attribute total : llvm::concat<const Attribute>(getTo(), getFrom()))
    if (!program || !program.lookupSymbol<TotalOp>(cast<FlatSymbolRefAttr>(total)))
      return emitOpError("names the total ") << total << ", which the program does not declare";
  return success();
}

/// The segment that an operation of a track belongs to.
static llvm::DenseMap<Operation *, unsigned> numberSegments(TrackOp track) {
  llvm::DenseMap<Operation *, unsigned> segments;
  unsigned segment = 0;
  for (Operation &op : *track.getBody()) {
    segments[&op] = segment;
    segment += isa<CutOp>(op);
  }
  return segments;
}

static LogicalResult verifyScratch(ScratchOp scratch, const llvm::DenseMap<Operation *, unsigned> &segments) {
  std::optional<unsigned> segment;
  unsigned writers = 0;
  SmallVector<Operation *> users = llvm::to_vector(scratch->getUsers());
  llvm::sort(users, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  users.erase(llvm::unique(users), users.end());
  for (Operation *user : users) {
    unsigned here = segments.lookup(user);
    // (R2)
    if (segment.value_or(here) != here && scratch.getLifetime() == Lifetime::Worker) {
      InFlightDiagnostic error = scratch.emitOpError("of lifetime worker is used on both sides of a cut; say 'layer'");
      error.attachNote(user->getLoc()) << "used here, in segment " << here;
      return error;
    }
    segment = here;
    if (auto stage = dyn_cast<StageOpInterface>(user))
      writers += llvm::is_contained(stage.getStagePartials(), scratch.getResult());
  }
  // (R3)
  if (scratch.getResult().getType().isPartial() && !scratch.getResult().use_empty() && writers != 1)
    return scratch.emitOpError("holds partial results and must be written by exactly one stage, not by ") << writers;
  return success();
}

/// The names that a track has used, each with its kind.
using Names = llvm::StringMap<Operation *>;

static LogicalResult verifyOnce(Operation *op, const llvm::Twine &what, Names &names) {
  auto [entry, isFirst] = names.insert({what.str(), op});
  // (R5)
  if (isFirst)
    return success();
  InFlightDiagnostic error = op->emitOpError("is the track's second ") << what.str();
  error.attachNote(entry->second->getLoc()) << "the first is here";
  return error;
}

/// What the caller knows by name, or as the weight or gradient.
static LogicalResult verifyGiven(Operation &op, Names &names) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](WeightOp given) { return verifyOnce(given, "weight", names); })
      .Case([&](GradientOp given) { return verifyOnce(given, "gradient", names); })
      .Case([&](OperandOp given) { return verifyOnce(given, "operand '" + given.getName() + "'", names); })
      .Case([&](InputOp given) { return verifyOnce(given, "input '" + given.getName() + "'", names); })
      .Case([&](StateOp given) { return verifyOnce(given, "state '" + given.getName() + "'", names); })
      .Case([&](LayerStateOp given) { return verifyOnce(given, "state '" + given.getName() + "'", names); })
      .Case([&](HyperOp given) { return verifyOnce(given, "hyperparameter '" + given.getName() + "'", names); })
      .Case([&](FactorOp given) { return verifyOnce(given, "factor '" + given.getName() + "'", names); })
      .Default(success());
}

static LogicalResult verifyExtents(Operation &op) {
  if (!isa<WeightOp, GradientOp, InputOp, StateOp>(op))
    return success();
  auto type = cast<BufferType>(op.getResult(0).getType());
  bool isElement = type.getRows() == Extent::Rows && type.getCols() == Extent::Cols;
  bool isVector = type.getRows() == Extent::One && (type.getCols() == Extent::Rows || type.getCols() == Extent::Cols);
  // (R6)
  if (isElement || (isVector && isa<StateOp>(op)))
    return success();
  return op.emitOpError("has the type ") << type << ", but the caller's memory is <rows, cols>"
                                         << (isa<StateOp>(op) ? ", <one, rows> or <one, cols>" : "");
}

static LogicalResult verifyCodes(Operation &op) {
  auto type = op.getNumResults() == 1 ? dyn_cast<BufferType>(op.getResult(0).getType()) : BufferType();
  auto q8 = type ? dyn_cast<Q8Type>(type.getElementType()) : Q8Type();
  auto scale = type ? dyn_cast<ScaleType>(type.getElementType()) : ScaleType();
  auto state = dyn_cast<StateOp>(op);
  Value codes = state ? state.getCodes() : Value();
  // (R8)
  if ((q8 || scale) && !state)
    return op.emitOpError("is kept in codes or scales, as only states can be");
  if (q8 && llvm::count_if(op.getUsers(), llvm::IsaPred<StateOp>) != 1)
    return op.emitOpError("is kept in codes and needs one state of scales for them");
  auto scaled = codes ? dyn_cast<Q8Type>(cast<BufferType>(codes.getType()).getElementType()) : Q8Type();
  if (bool(codes) != bool(scale) || (scale && (!scaled || scaled.getBlock() != scale.getBlock())))
    return op.emitOpError("holds ") << type << "; scales belong to codes with blocks of the same size";
  return success();
}

static LogicalResult verifyKeep(KeepOp keep, Names &names) {
  auto states = keep->getParentOfType<TrackOp>().getBody()->getOps<LayerStateOp>();
  // (R4)
  if (llvm::none_of(states, [&](LayerStateOp state) { return state.getName() == keep.getName(); }))
    return keep.emitOpError("keeps '") << keep.getName() << "', which is no layer state of the track";
  if (!names.insert({("kept " + keep.getName()).str(), keep}).second)
    return keep.emitOpError("keeps the layer state '") << keep.getName() << "' a second time";
  return success();
}

LogicalResult ChoiceOp::verify() {
  // (R1)
  if (getNames().size() < 2)
    return emitOpError("chooses among ") << getNames().size() << " alternatives, but there are two or more";
  return success();
}

static LogicalResult verifyAlternative(Operation &op, MutableArrayRef<ChoiceOp> choices) {
  if (!op.hasAttr(kAlternative))
    return success();
  AlternativeAttr alternative = getAlternative(&op);
  // (R7)
  if (!isStage(&op) || !alternative)
    return op.emitOpError("has ") << op.getAttr(kAlternative)
                                  << " as its alternative, but only work belongs to one, #plan.alternative<choice, "
                                  << "index>";
  if (alternative.getChoice() >= choices.size() ||
      alternative.getIndex() >= choices[alternative.getChoice()].getNames().size())
    return op.emitOpError("belongs to ") << alternative << ", which no choice of the track has";
  return success();
}

LogicalResult TrackOp::verifyRegions() {
  llvm::DenseMap<Operation *, unsigned> segments = numberSegments(*this);
  SmallVector<ChoiceOp> choices = getChoices(*this);
  Names names;
  for (Operation &op : *getBody()) {
    for (Type type : op.getResultTypes())
      // (R1)
      if (getShared() && isa<BufferType>(type))
        return op.emitOpError("has a buffer, but a shared track has no layer whose memory it could be");
    auto scratch = dyn_cast<ScratchOp>(op);
    auto keep = dyn_cast<KeepOp>(op);
    if ((scratch && failed(verifyScratch(scratch, segments))) || (keep && failed(verifyKeep(keep, names))) ||
        failed(verifyGiven(op, names)) || failed(verifyExtents(op)) || failed(verifyAlternative(op, choices)) ||
        failed(verifyCodes(op)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

static LogicalResult verifyCuts(ProgramOp program, TrackOp track) {
  int64_t next = 0, wanted = program.getSegments() - 1;
  // (R1)
  for (CutOp cut : track.getBody()->getOps<CutOp>()) {
    if (int64_t(cut.getIndex()) != next || next >= wanted)
      return cut.emitOpError("has number ") << cut.getIndex() << ", but a program of " << program.getSegments()
                                            << " segments wants the cuts 0 to " << wanted - 1 << " in this order";
    ++next;
  }
  if (next != wanted)
    return track.emitOpError("has ") << next << " cuts, but a program of " << program.getSegments() << " segments has "
                                     << wanted;
  return success();
}

/// Notes that `cut` takes part in `total`.
static LogicalResult verifyMeeting(ProgramOp program, CutOp cut, FlatSymbolRefAttr name,
                                   llvm::MapVector<Attribute, CutOp> &meetings) {
  auto [entry, isFirst] = meetings.insert({name, cut});
  // (R2)
  if (isFirst)
    return success();
  CutOp first = entry->second;
  auto total = program.lookupSymbol<TotalOp>(name);
  InFlightDiagnostic error = cut.emitOpError("takes part in the total ") << name;
  if (first.getIndex() != cut.getIndex())
    error << ", which belongs to cut " << first.getIndex();
  else if (total.getReach() != Reach::Model && first->getParentOp() != cut->getParentOp())
    error << ", which reaches no further than one track";
  else {
    error.abandon();
    return success();
  }
  error.attachNote(first.getLoc()) << "first used here";
  return error;
}

static LogicalResult verifyGuard(TrackOp track, GuardOp &guard) {
  // (R3)
  for (GuardOp op : track.getBody()->getOps<GuardOp>()) {
    if (!track.getShared())
      return op.emitOpError("decides for all layers, so it belongs in a shared track");
    if (guard)
      return op.emitOpError("is the program's second guard");
    guard = op;
  }
  return success();
}

static LogicalResult verifyMeetings(ProgramOp program, TrackOp track, llvm::MapVector<Attribute, CutOp> &meetings) {
  for (CutOp cut : track.getBody()->getOps<CutOp>())
    for (Attribute total : llvm::concat<const Attribute>(cut.getTo(), cut.getFrom()))
      if (failed(verifyMeeting(program, cut, cast<FlatSymbolRefAttr>(total), meetings)))
        return failure();
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  if (int64_t(getSegments()) < 1)
    return emitOpError("has ") << getSegments() << " segments, but there is at least one";
  llvm::MapVector<Attribute, CutOp> meetings;
  GuardOp guard;
  bool seenShared = false;
  for (Operation &op : *getBody()) {
    auto track = dyn_cast<TrackOp>(op);
    if (!track && !isa<TotalOp>(op))
      return op.emitOpError("is neither a total nor a track of the program");
    if (!track)
      continue;
    // (R4)
    if (seenShared && !track.getShared())
      return track.emitOpError("is a group's track; it must come before the shared ones");
    seenShared |= track.getShared();
    if (failed(verifyCuts(*this, track)) || failed(verifyGuard(track, guard)) ||
        failed(verifyMeetings(*this, track, meetings)))
      return failure();
  }
  return success();
}
