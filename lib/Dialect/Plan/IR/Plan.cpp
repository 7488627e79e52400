// The plan dialect's registration, attributes and types.
#include "descent/Dialect/Plan/IR/Plan.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace descent::plan;

#include "descent/Dialect/Plan/IR/PlanDialect.cpp.inc"
#include "descent/Dialect/Plan/IR/PlanEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "descent/Dialect/Plan/IR/PlanAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "descent/Dialect/Plan/IR/PlanTypes.cpp.inc"

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "descent/Dialect/Plan/IR/PlanAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "descent/Dialect/Plan/IR/PlanTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "descent/Dialect/Plan/IR/PlanOps.cpp.inc"
      >();
}

static bool countsBlocks(Extent extent) {
  return extent == Extent::Tiles || extent == Extent::RowBlocks || extent == Extent::ColBlocks;
}

bool BufferType::isPartial() const { return countsBlocks(getRows()) || countsBlocks(getCols()); }

Type BufferType::getMemoryType() const {
  if (isa<Q8Type>(getElementType()))
    return IntegerType::get(getContext(), 8);
  return isa<ScaleType>(getElementType()) ? Type(Float32Type::get(getContext())) : getElementType();
}

double BufferType::getEntryBytes() const {
  if (auto q8 = dyn_cast<Q8Type>(getElementType()))
    return 1.0 + 4.0 / q8.getBlock();
  return isa<ScaleType>(getElementType()) ? 0.0 : getElementType().getIntOrFloatBitWidth() / 8.0;
}

Value descent::plan::getScales(Value codes) {
  for (Operation *user : codes.getUsers())
    if (auto state = dyn_cast<StateOp>(user))
      return state.getResult();
  return {};
}

static LogicalResult verifyBlock(function_ref<InFlightDiagnostic()> emitError, int64_t block) {
  // (R1) Kernels encode and decode up to 64 entries at a time.
  if (!llvm::is_contained({64, 128, 256}, block))
    return emitError() << "a block has 64, 128 or 256 columns, found " << block;
  return success();
}

LogicalResult Q8Type::verify(function_ref<InFlightDiagnostic()> emitError, int64_t block, CodeSign) {
  return verifyBlock(emitError, block);
}

LogicalResult ScaleType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t block) {
  return verifyBlock(emitError, block);
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError, Extent rows, Extent cols,
                                 Type elementType, Layout layout) {
  if (!elementType.isF64() && !elementType.isF32() && !elementType.isBF16() && !elementType.isF16() &&
      !elementType.isSignlessInteger(16) && !isa<Q8Type, ScaleType>(elementType))
    return emitError() << "a buffer stores f64, f32, bf16, f16, i16, codes or scales, not " << elementType;
  if (cols == Extent::Tiles ? rows != Extent::One : countsBlocks(cols))
    return emitError() << "blocks are counted by the first extent of a buffer, tiles by the second of <one, tiles>";
  if (rows == Extent::Tiles)
    return emitError() << "tiles are counted by the second extent of <one, tiles>";
  if (layout == Layout::Panels && (countsBlocks(rows) || countsBlocks(cols)))
    return emitError() << "panels hold a factor of products, not partial results";
  return success();
}

LogicalResult DomainAttr::verify(function_ref<InFlightDiagnostic()> emitError, Extent rows, Extent cols) {
  if (countsBlocks(rows) || countsBlocks(cols))
    return emitError() << "a domain has no extent that counts blocks";
  return success();
}

static bool isRowsFirst(Extent rows, Extent cols) { return rows == Extent::Rows && cols == Extent::Cols; }
static bool isShortFirst(Extent rows, Extent cols) { return rows == Extent::Short && cols == Extent::Long; }

std::optional<Access> descent::plan::getAccess(DomainAttr domain, BufferType buffer) {
  Extent rows = buffer.getRows(), cols = buffer.getCols();
  if (buffer.isPanels())
    return std::nullopt;
  if (rows == domain.getRows() && cols == domain.getCols())
    return Access::Entry;
  Extent domainRows = domain.getRows(), domainCols = domain.getCols();
  if ((isRowsFirst(rows, cols) && isShortFirst(domainRows, domainCols)) ||
      (isShortFirst(rows, cols) && isRowsFirst(domainRows, domainCols)))
    return Access::Oriented;
  if (rows != Extent::One)
    return std::nullopt;
  if (cols == Extent::One)
    return Access::Single;
  // In a square domain one number a row and one a column look alike.
  if (domainRows == domainCols)
    return std::nullopt;
  if (cols == domainCols)
    return Access::Column;
  if (cols == domainRows)
    return Access::Row;
  return std::nullopt;
}

std::optional<Access> descent::plan::getPartialAccess(DomainAttr domain, BufferType buffer) {
  if (buffer.getCols() == Extent::Tiles)
    return Access::Single;
  if (buffer.getRows() == Extent::ColBlocks && buffer.getCols() == domain.getRows())
    return Access::Row;
  if (buffer.getRows() == Extent::RowBlocks && buffer.getCols() == domain.getCols())
    return Access::Column;
  return std::nullopt;
}
