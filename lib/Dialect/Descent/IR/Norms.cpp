// What the records of DescentNorms.td leave to C++: verification, the norms that are scaled others, and their syntax.
#include "descent/Dialect/Descent/IR/Descent.h"
#include "descent/Dialect/Descent/IR/Formulas.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/DialectImplementation.h"

#include <cmath>

using namespace mlir;
using namespace descent;

static StringRef describe(NormQuery query) {
  switch (query) {
  case NormQuery::Norm:
    return "norm";
  case NormQuery::DualNorm:
    return "dual norm";
  case NormQuery::Lmo:
    return "linear minimization oracle";
  case NormQuery::Projection:
    return "projection with a fixed number of operations";
  }
  llvm_unreachable("a query without a name");
}

NormQuery descent::getNormQuery(Operation *op) {
  return isa<NormOp>(op)       ? NormQuery::Norm
         : isa<DualNormOp>(op) ? NormQuery::DualNorm
         : isa<LmoOp>(op)      ? NormQuery::Lmo
                               : NormQuery::Projection;
}

NormAttrInterface descent::getNormOf(Operation *op) {
  return isa<NormOp, DualNormOp, LmoOp, ProjectOp>(op) ? op->getAttrOfType<NormAttrInterface>("norm")
                                                       : NormAttrInterface();
}

LogicalResult descent::verifyNormQuery(NormAttrInterface norm, NormQuery query, ArrayRef<bool> has, bool matrixOnly,
                                       GroupClass groupClass, function_ref<InFlightDiagnostic()> emitError) {
  if (!has[static_cast<size_t>(query)])
    return emitError() << "norm '" << norm << "' has no formula for its " << describe(query);
  if (matrixOnly && groupClass != GroupClass::Matrix)
    return emitError() << "norm '" << norm << "' needs a group of class matrix, but the group has class "
                       << stringifyGroupClass(groupClass) << "; rms, l2, max and l1 are defined there";
  return success();
}

LogicalResult descent::verifyDualMethod(NormAttrInterface norm, NewtonSchulzAttr method, bool approximate,
                                        NormQuery query, function_ref<InFlightDiagnostic()> emitError) {
  if (query != NormQuery::DualNorm || approximate || method.isAccurate())
    return success();
  return emitError() << "norm '" << norm << "' would compute a dual norm with '" << method
                     << "', which is accurate for directions only; use polar_express with 8 steps in f32, or say "
                     << "'approximate = true'";
}

LogicalResult descent::verifySliceProjection(NormAttrInterface norm, int64_t p, NormQuery query,
                                             function_ref<InFlightDiagnostic()> emitError) {
  if (query != NormQuery::Projection || p == 2)
    return success();
  return emitError() << "norm '" << norm << "' has no formula for its " << describe(query) << "; p = 2 has one";
}

static LogicalResult verifySliceP(function_ref<InFlightDiagnostic()> emitError, StringRef name, int64_t p) {
  if (p == 1 || p == 2)
    return success();
  return emitError() << "'#descent." << name << "' needs p = 1 or p = 2, found " << p;
}

LogicalResult RowNormAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t p) {
  return verifySliceP(emitError, "row", p);
}

LogicalResult ColumnNormAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t p) {
  return verifySliceP(emitError, "column", p);
}

NormAttrInterface RmsNormAttr::getScaled() const {
  return ScaledNormAttr::get(getContext(), L2NormAttr::get(getContext()), 1.0, -0.5, -0.5);
}

NormAttrInterface RmsToRmsNormAttr::getScaled() const {
  auto spectral = SpectralNormAttr::get(getContext(), getLmo(), getDual(), getApproximate());
  return ScaledNormAttr::get(getContext(), spectral, 1.0, -0.5, 0.5);
}

//===----------------------------------------------------------------------===//
// #descent.scaled
//===----------------------------------------------------------------------===//

/// size^exponent, with a square root where it does.
static Value emitPower(ImplicitLocOpBuilder &b, Side side, double exponent) {
  Value size = SizeOp::create(b, side);
  double magnitude = std::abs(exponent);
  Value root = size;
  if (magnitude == 0.5)
    root = math::SqrtOp::create(b, size);
  else if (magnitude != 1.0)
    root = math::PowFOp::create(b, size, formula::constant(b, magnitude));
  return exponent < 0 ? formula::reciprocal(b, root) : root;
}

/// factor * rows^a * cols^b. With a = b it is that of the short and the long side, which says that it knows no
/// orientation.
Value ScaledNormAttr::emitScale(ImplicitLocOpBuilder &b) const {
  bool isOriented = getRows() != getCols();
  Value scale = formula::constant(b, getFactor());
  if (getRows() != 0.0)
    scale = formula::multiply(b, scale, emitPower(b, isOriented ? Side::Rows : Side::Short, getRows()));
  if (getCols() != 0.0)
    scale = formula::multiply(b, scale, emitPower(b, isOriented ? Side::Cols : Side::Long, getCols()));
  return scale;
}

LogicalResult ScaledNormAttr::verify(function_ref<InFlightDiagnostic()> emitError, NormAttrInterface inner, Real factor,
                                     Real rows, Real cols) {
  if (isa<GivenNormAttr>(inner))
    return emitError() << "'#descent.scaled' needs a norm with a formula, found '#descent.given'";
  if (!(factor > 0.0) || !std::isfinite(factor.value))
    return emitError() << "'#descent.scaled' needs a positive finite factor, found " << factor.value;
  if (!std::isfinite(rows.value) || !std::isfinite(cols.value))
    return emitError() << "'#descent.scaled' needs finite exponents, found rows = " << rows.value
                       << " and cols = " << cols.value;
  return success();
}

Attribute ScaledNormAttr::parse(AsmParser &parser, Type) {
  SMLoc location = parser.getCurrentLocation();
  Attribute attribute;
  if (parser.parseLess() || parser.parseAttribute(attribute))
    return {};
  auto inner = dyn_cast<NormAttrInterface>(attribute);
  if (!inner) {
    parser.emitError(location) << "'#descent.scaled' needs a norm, found " << attribute;
    return {};
  }
  double factor = 1.0, rows = 0.0, cols = 0.0;
  while (succeeded(parser.parseOptionalComma())) {
    StringRef field;
    SMLoc fieldLocation = parser.getCurrentLocation();
    if (parser.parseKeyword(&field) || parser.parseEqual())
      return {};
    double *value = field == "factor" ? &factor : field == "rows" ? &rows : field == "cols" ? &cols : nullptr;
    if (!value) {
      parser.emitError(fieldLocation) << "unknown field '" << field
                                      << "' of '#descent.scaled': expected factor, rows or cols";
      return {};
    }
    if (parser.parseFloat(*value))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ScaledNormAttr>(location, parser.getContext(), inner, Real(factor), Real(rows), Real(cols));
}

void ScaledNormAttr::print(AsmPrinter &printer) const {
  auto field = [&](StringRef name, double value, double standard) {
    if (value == standard)
      return;
    printer << ", " << name << " = ";
    printer.printFloat(APFloat(value));
  };
  printer << '<' << getInner();
  field("factor", getFactor(), 1.0);
  field("rows", getRows(), 0.0);
  field("cols", getCols(), 0.0);
  printer << '>';
}
