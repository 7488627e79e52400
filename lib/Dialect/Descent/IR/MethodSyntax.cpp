// How methods are written.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace descent;

namespace {
/// What is between the brackets, as far as it is said.
struct MethodFields {
  Coefficients coefficients = Coefficients::Explicit;
  SmallVector<Real> rows;
  std::optional<int64_t> steps;
  double safety = 1.01;
  Precondition precondition = Precondition::Frobenius;
  std::optional<NormalizeKind> normalize;
  std::optional<double> scale;
  double epsilon = 1e-7;
  FloatType compute;
  Form form = Form::Auto;
  std::optional<SmallVector<int64_t>> restarts;

  int64_t getSteps() const {
    return steps.value_or(coefficients == Coefficients::Explicit ? rows.size() / 3
                          : coefficients == Coefficients::Turbo  ? 4
                                                                 : 5);
  }
  /// The lists that are steep at 1 keep a margin.
  double getScale() const {
    bool isSteep = coefficients == Coefficients::PolarExpress || coefficients == Coefficients::Cans;
    return scale.value_or(isSteep && precondition == Precondition::Frobenius ? 1.01 : 1.0);
  }
};
} // namespace

/// `[[a, b, c], ...]`, or nothing.
static ParseResult parseRows(AsmParser &parser, SmallVectorImpl<Real> &rows) {
  auto parseNumber = [&]() -> ParseResult {
    double number = 0;
    if (parser.parseFloat(number))
      return failure();
    rows.push_back(number);
    return success();
  };
  auto parseRow = [&]() -> ParseResult {
    SMLoc location = parser.getCurrentLocation();
    size_t before = rows.size();
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseNumber))
      return failure();
    if (rows.size() != before + 3)
      return parser.emitError(location) << "a row of '#descent.newton_schulz' has three coefficients a, b and c, found "
                                        << rows.size() - before;
    return success();
  };
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalSquare, parseRow);
}

static ParseResult parseRestarts(AsmParser &parser, std::optional<SmallVector<int64_t>> &restarts) {
  restarts.emplace();
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
    int64_t restart = 0;
    if (parser.parseInteger(restart))
      return failure();
    restarts->push_back(restart);
    return success();
  });
}

template <typename T> static ParseResult parseInto(AsmParser &parser, T &place) {
  auto parsed = FieldParser<T>::parse(parser);
  if (failed(parsed))
    return failure();
  place = *parsed;
  return success();
}

/// The fields that follow the list.
static ParseResult parseField(AsmParser &parser, MethodFields &fields) {
  StringRef field;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeyword(&field) || parser.parseEqual())
    return failure();
  if (field == "steps")
    return parser.parseInteger(fields.steps.emplace());
  if (field == "safety")
    return parser.parseFloat(fields.safety);
  if (field == "precondition")
    return parseInto(parser, fields.precondition);
  if (field == "normalize")
    return parseInto(parser, fields.normalize.emplace());
  if (field == "scale")
    return parser.parseFloat(fields.scale.emplace());
  if (field == "epsilon")
    return parser.parseFloat(fields.epsilon);
  if (field == "compute")
    return parser.parseType(fields.compute);
  if (field == "form")
    return parseInto(parser, fields.form);
  if (field == "restarts")
    return parseRestarts(parser, fields.restarts);
  return parser.emitError(location) << "unknown field '" << field
                                    << "' of '#descent.newton_schulz': expected steps, safety, precondition, "
                                    << "normalize, scale, epsilon, compute, form or restarts";
}

/// One's own rows, or the name of a published list.
static ParseResult parseList(AsmParser &parser, MethodFields &fields) {
  if (parseRows(parser, fields.rows))
    return failure();
  return fields.rows.empty() ? parseInto(parser, fields.coefficients) : success();
}

Attribute NewtonSchulzAttr::parse(AsmParser &parser, Type) {
  SMLoc location = parser.getCurrentLocation();
  MethodFields fields;
  if (parser.parseLess() || parseList(parser, fields))
    return {};
  while (succeeded(parser.parseOptionalComma()))
    if (parseField(parser, fields))
      return {};
  if (parser.parseGreater())
    return {};
  SmallVector<int64_t> restarts = fields.restarts.value_or(
      getDefaultRestarts(fields.coefficients, fields.rows, fields.safety, fields.getSteps(), fields.compute));
  return parser.getChecked<NewtonSchulzAttr>(
      location, parser.getContext(), fields.coefficients, ArrayRef<Real>(fields.rows), fields.getSteps(),
      Real(fields.safety), fields.precondition, fields.normalize.value_or(NormalizeKind::Add), Real(fields.getScale()),
      Real(fields.epsilon), fields.compute, fields.form, ArrayRef<int64_t>(restarts));
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

static void printReal(AsmPrinter &printer, double value) { printer.printFloat(APFloat(value)); }

static void printList(AsmPrinter &printer, NewtonSchulzAttr method) {
  if (method.getCoefficients() != Coefficients::Explicit) {
    printer << stringifyCoefficients(method.getCoefficients());
    return;
  }
  printer << '[';
  for (auto [index, number] : llvm::enumerate(method.getRows())) {
    printer << (index == 0 ? "[" : index % 3 == 0 ? "], [" : ", ");
    printReal(printer, number);
  }
  printer << "]]";
}

/// Every field: no default can change what a file says.
void NewtonSchulzAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printList(printer, *this);
  printer << ", steps = " << getSteps();
  if (getCoefficients() == Coefficients::PolarExpress) {
    printer << ", safety = ";
    printReal(printer, getSafety());
  }
  if (getPrecondition() == Precondition::Aol) {
    printer << ", precondition = aol";
  } else {
    printer << ", normalize = " << stringifyNormalizeKind(getNormalize()) << ", scale = ";
    printReal(printer, getScale());
  }
  printer << ", epsilon = ";
  printReal(printer, getEpsilon());
  if (getCompute())
    printer << ", compute = " << getCompute();
  printer << ", form = " << stringifyForm(getForm()) << ", restarts = [";
  llvm::interleaveComma(getRestarts(), printer);
  printer << "]>";
}
