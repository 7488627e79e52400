// The dialect, its attributes without a room of their own, and the shapes of tensors.
#include "descent/Dialect/Descent/IR/Descent.h"
#include "descent/Dialect/Descent/IR/Formulas.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace descent;

#include "descent/Dialect/Descent/IR/DescentDialect.cpp.inc"
#include "descent/Dialect/Descent/IR/DescentEnums.cpp.inc"
#include "descent/Dialect/Descent/IR/DescentInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "descent/Dialect/Descent/IR/DescentAttributes.cpp.inc"

void DescentDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "descent/Dialect/Descent/IR/DescentOps.cpp.inc"
      >();
}

void DescentDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "descent/Dialect/Descent/IR/DescentAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

bool RoleAttr::isState() const {
  return llvm::is_contained({RoleKind::State, RoleKind::RowState, RoleKind::ColumnState, RoleKind::LayerState,
                             RoleKind::GroupState, RoleKind::ModelState},
                            getKind());
}

bool RoleAttr::isTensor() const {
  return llvm::is_contained(
      {RoleKind::Param, RoleKind::Grad, RoleKind::Input, RoleKind::State, RoleKind::RowState, RoleKind::ColumnState},
      getKind());
}

Type RoleAttr::getType(Type element) const {
  auto number = Float64Type::get(getContext());
  if (getKind() == RoleKind::RowState)
    return getTensorType(getContext(), {Side::Rows}, number);
  if (getKind() == RoleKind::ColumnState)
    return getTensorType(getContext(), {Side::Cols}, number);
  return isTensor() ? Type(getParameterType(element)) : number;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

RankedTensorType descent::getParameterType(Type element) {
  return RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic}, element);
}

RankedTensorType descent::getTensorType(MLIRContext *context, ArrayRef<Side> sides, Type element) {
  if (sides == ArrayRef({Side::Rows, Side::Cols}))
    return getParameterType(element);
  SmallVector<int64_t> shape(sides.size(), ShapedType::kDynamic);
  return RankedTensorType::get(shape, element, DimsAttr::get(context, sides));
}

FailureOr<SmallVector<Side, 2>> descent::getSides(RankedTensorType type) {
  if (llvm::any_of(type.getShape(), [](int64_t size) { return size != ShapedType::kDynamic; }))
    return failure();
  if (!type.getEncoding() && type.getRank() == 2)
    return SmallVector<Side, 2>{Side::Rows, Side::Cols};
  auto dims = dyn_cast_or_null<DimsAttr>(type.getEncoding());
  if (!dims || static_cast<int64_t>(dims.getSides().size()) != type.getRank())
    return failure();
  return SmallVector<Side, 2>(dims.getSides());
}

Type descent::getEntryType(Block &body) {
  for (BlockArgument argument : body.getArguments())
    if (auto type = dyn_cast<RankedTensorType>(argument.getType()); type && type.getRank() == 2)
      return type.getElementType();
  return Float64Type::get(body.getParentOp()->getContext());
}

bool descent::isShapedLikeParameter(RankedTensorType type) { return type == getParameterType(type.getElementType()); }

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<Side> sides;
  auto parseSide = [&]() -> ParseResult {
    FailureOr<Side> side = FieldParser<Side>::parse(parser);
    if (failed(side))
      return failure();
    sides.push_back(*side);
    return success();
  };
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseSide))
    return {};
  if (sides.empty() || sides.size() > 2) {
    parser.emitError(location) << "expected one or two sides in '#descent.dims', found " << sides.size();
    return {};
  }
  return DimsAttr::get(parser.getContext(), sides);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << '<';
  llvm::interleaveComma(getSides(), printer, [&](Side side) { printer << stringifySide(side); });
  printer << '>';
}
