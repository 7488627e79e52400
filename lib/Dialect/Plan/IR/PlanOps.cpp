// Assembly of the plan's operations, and what stages answer about themselves.
#include "descent/Dialect/Plan/IR/Plan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace descent::plan;

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

/// A region. When it does not parse, MLIR destroys it while operations before it may use what it defines.
static ParseResult parseBody(OpAsmParser &parser, Region &body) {
  if (succeeded(parser.parseRegion(body))) {
    if (body.empty())
      body.emplaceBlock();
    return success();
  }
  for (Block &block : body)
    block.dropAllDefinedValueUses();
  return failure();
}

static void printBody(OpAsmPrinter &printer, Operation *, Region &body) { printer.printRegion(body); }

/// `reduces [sum, max] into(%p, %q : ...)`, or nothing.
static ParseResult parseReductions(OpAsmParser &parser, ArrayAttr &reductions,
                                   SmallVectorImpl<OpAsmParser::UnresolvedOperand> &partials,
                                   SmallVectorImpl<Type> &types) {
  SmallVector<Attribute> kinds;
  auto parseKind = [&]() -> ParseResult {
    FailureOr<CombineKind> kind = FieldParser<CombineKind>::parse(parser);
    if (failed(kind))
      return failure();
    kinds.push_back(CombineKindAttr::get(parser.getContext(), *kind));
    return success();
  };
  if (succeeded(parser.parseOptionalKeyword("reduces")) &&
      (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, parseKind) || parser.parseKeyword("into") ||
       parser.parseLParen() || parser.parseOperandList(partials) || parser.parseColonTypeList(types) ||
       parser.parseRParen()))
    return failure();
  reductions = parser.getBuilder().getArrayAttr(kinds);
  return success();
}

static void printReductions(OpAsmPrinter &printer, Operation *, ArrayAttr reductions, OperandRange partials,
                            TypeRange types) {
  if (reductions.empty())
    return;
  printer << "reduces [";
  llvm::interleaveComma(reductions.getAsRange<CombineKindAttr>(), printer,
                        [&](CombineKindAttr kind) { printer << stringifyCombineKind(kind.getValue()); });
  printer << "] into(" << partials << " : " << types << ')';
}

static ParseResult parseContribution(OpAsmParser &parser, SmallVectorImpl<OpAsmParser::UnresolvedOperand> &operands,
                                     SmallVectorImpl<Attribute> &totals) {
  FlatSymbolRefAttr total;
  if (parser.parseOperand(operands.emplace_back()) || parser.parseKeyword("to") || parser.parseAttribute(total))
    return failure();
  totals.push_back(total);
  return success();
}

/// `0 contributes(%a to @top) receives(@top)`.
ParseResult CutOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Attribute> to, from;
  int64_t index;
  if (parser.parseInteger(index))
    return failure();
  auto parseFrom = [&]() -> ParseResult {
    FlatSymbolRefAttr total;
    if (parser.parseAttribute(total))
      return failure();
    from.push_back(total);
    return success();
  };
  if (succeeded(parser.parseOptionalKeyword("contributes")) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     [&] { return parseContribution(parser, operands, to); }))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("receives")) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseFrom))
    return failure();
  Builder &builder = parser.getBuilder();
  Type f64 = builder.getF64Type();
  result.addAttribute(getIndexAttrName(result.name), builder.getI64IntegerAttr(index));
  result.addAttribute(getToAttrName(result.name), builder.getArrayAttr(to));
  result.addAttribute(getFromAttrName(result.name), builder.getArrayAttr(from));
  result.addTypes(SmallVector<Type>(from.size(), f64));
  return failure(parser.parseOptionalAttrDict(result.attributes) ||
                 parser.resolveOperands(operands, f64, result.operands));
}

void CutOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getIndex();
  if (!getTo().empty()) {
    printer << " contributes(";
    llvm::interleaveComma(llvm::zip_equal(getContributions(), getTo()), printer,
                          [&](auto pair) { printer << std::get<0>(pair) << " to " << std::get<1>(pair); });
    printer << ')';
  }
  if (!getFrom().empty()) {
    printer << " receives(";
    llvm::interleaveComma(getFrom(), printer);
    printer << ')';
  }
  printer.printOptionalAttrDict((*this)->getAttrs(), {getIndexAttrName(), getToAttrName(), getFromAttrName()});
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

llvm::SmallPtrSet<Operation *, 8> descent::plan::getUniformOps(StageOpInterface stage) {
  llvm::SmallPtrSet<Operation *, 8> uniform;
  Block *body = stage.getStageBody();
  unsigned firstScalar = stage.getNumSourceArguments() + stage.getStageReads().size();
  auto isUniform = [&](Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return argument.getOwner() != body || argument.getArgNumber() >= firstScalar;
    return uniform.contains(value.getDefiningOp()) || value.getParentBlock() != body;
  };
  for (Operation &op : body->without_terminator())
    if (op.getNumRegions() == 0 && !isa<DiagonalOp, RandomOp, RowFoldOp>(op) &&
        llvm::all_of(op.getOperands(), isUniform))
      uniform.insert(&op);
  return uniform;
}

bool descent::plan::readsOriented(Operation *op) {
  auto stage = dyn_cast<StageOpInterface>(op);
  return stage && llvm::any_of(stage.getStageReads(), [&](Value buffer) {
           return getAccess(stage.getStageDomain(), cast<BufferType>(buffer.getType())) == Access::Oriented;
         });
}

bool descent::plan::isStage(Operation *op) { return isa<SweepOp, PackOp, ProductOp, CombineOp, FoldOp, ScalarsOp>(op); }

SmallVector<Operation *> descent::plan::getStages(TrackOp track) {
  SmallVector<Operation *> stages;
  for (Operation &op : *track.getBody())
    if (isStage(&op))
      stages.push_back(&op);
  return stages;
}

SmallVector<ChoiceOp> descent::plan::getChoices(TrackOp track) {
  return llvm::to_vector(track.getBody()->getOps<ChoiceOp>());
}

AlternativeAttr descent::plan::getAlternative(Operation *op) {
  return op->getAttrOfType<AlternativeAttr>(kAlternative);
}

AlternativeAttr descent::plan::getAlternative(Value buffer) {
  auto users = buffer.getUsers();
  if (users.empty())
    return {};
  AlternativeAttr first = getAlternative(*users.begin());
  bool isShared = llvm::any_of(users, [&](Operation *user) { return getAlternative(user) != first; });
  return isShared ? AlternativeAttr() : first;
}

SmallVector<Value> descent::plan::getDistinctBuffers(Operation *op) {
  llvm::SetVector<Value> buffers;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<BufferType>(operand.getType())) {
      buffers.insert(operand);
      if (isa<Q8Type>(type.getElementType()))
        buffers.insert(getScales(operand));
    }
  return buffers.takeVector();
}

SmallVector<Value> descent::plan::getScalarOperands(Operation *op) {
  return llvm::to_vector(
      llvm::make_filter_range(op->getOperands(), [](Value operand) { return operand.getType().isF64(); }));
}

static bool isFlop(Operation &op) {
  if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, arith::RemFOp, arith::MaximumFOp,
          arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(op))
    return true;
  return isa<RowFoldOp>(op) || isa<math::MathDialect>(op.getDialect());
}

/// Whether a vector of them takes many cycles: divisions, roots and functions.
static bool isSlow(Operation &op) {
  bool isFunction = isa<math::MathDialect>(op.getDialect()) && !isa<math::AbsFOp, math::CopySignOp, math::FmaOp>(op);
  return isFunction || isa<arith::DivFOp>(op);
}

/// Operations that are the same for all entries of a row: they follow from folds of the row and one number a row.
static llvm::SmallPtrSet<Operation *, 8> getRowOps(StageOpInterface stage) {
  llvm::SmallPtrSet<Operation *, 8> ops;
  auto isOfRow = [&](Value value) {
    if (Operation *op = value.getDefiningOp())
      return isa<RowFoldOp>(op) || op->hasTrait<OpTrait::ConstantLike>() || ops.contains(op);
    int64_t read = int64_t(cast<BlockArgument>(value).getArgNumber()) - stage.getNumSourceArguments();
    if (read < 0 || read >= int64_t(stage.getStageReads().size()))
      return read >= 0;
    auto type = cast<BufferType>(stage.getStageReads()[read].getType());
    return getAccess(stage.getStageDomain(), type) == Access::Row;
  };
  for (Operation &op : stage.getStageBody()->without_terminator())
    if (op.getNumOperands() > 0 && !isa<RowFoldOp, RandomOp>(op) && llvm::all_of(op.getOperands(), isOfRow))
      ops.insert(&op);
  return ops;
}

static EntryFlops countEntryFlops(StageOpInterface stage) {
  llvm::SmallPtrSet<Operation *, 8> uniform = getUniformOps(stage), ofRow = getRowOps(stage);
  EntryFlops flops;
  flops.rest = stage.getStageReductions().size();
  for (Operation &op : stage.getStageBody()->without_terminator())
    if (isFlop(op) && !uniform.contains(&op)) {
      ++flops.rest;
      flops.slow += isSlow(op) && !ofRow.contains(&op);
    }
  return flops;
}

#define STAGE_METHODS(OP)                                                                                              \
  DomainAttr OP::getStageDomain() { return getDomain(); }                                                              \
  OperandRange OP::getStageReads() { return getReads(); }                                                              \
  OperandRange OP::getStageWrites() { return getWrites(); }                                                            \
  OperandRange OP::getStagePartials() { return getPartials(); }                                                        \
  OperandRange OP::getStageScalars() { return getScalars(); }                                                          \
  ArrayAttr OP::getStageReductions() { return getReductions(); }                                                       \
  Block *OP::getStageBody() { return getBody(); }                                                                      \
  FlatSymbolRefAttr OP::getStageKernel() { return getKernelAttr(); }                                                   \
  void OP::setStageKernel(FlatSymbolRefAttr kernel) { setKernelAttr(kernel); }

STAGE_METHODS(SweepOp)
STAGE_METHODS(ProductOp)
#undef STAGE_METHODS

unsigned SweepOp::getNumSourceArguments() { return 0; }
unsigned ProductOp::getNumSourceArguments() { return 1; }

EntryFlops SweepOp::getEntryFlops() { return countEntryFlops(*this); }

EntryFlops ProductOp::getEntryFlops() {
  EntryFlops flops = countEntryFlops(*this);
  flops.inner = getInnerExtent();
  flops.perInner = 2;
  return flops;
}

#include "descent/Dialect/Plan/IR/PlanInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "descent/Dialect/Plan/IR/PlanOps.cpp.inc"
