// Methods: published lists of coefficients, and how they are written.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace descent;

using Step = NewtonSchulzAttr::Step;

/// KellerJordan/Muon: the same polynomial at every step.
static constexpr Step kJordan[] = {{3.4445, -4.7750, 2.0315}};

/// You et al., also called "dion" or "quintic".
static constexpr Step kYou[] = {{4.0848, -6.8946, 2.9270},
                                {3.9505, -6.3029, 2.6377},
                                {3.7418, -5.5913, 2.3037},
                                {2.8769, -3.1427, 1.2046},
                                {2.8366, -3.0525, 1.2012}};

/// Polar Express (arXiv 2505.16932) for l = 1e-3, before the safety factor of rows 1 to 7.
static constexpr Step kPolarExpress[] = {{8.28721201814563, -23.595886519098837, 17.300387312530933},
                                         {4.107059111542203, -2.9478499167379106, 0.5448431082926601},
                                         {3.9486908534822946, -2.908902115962949, 0.5518191394370137},
                                         {3.3184196573706015, -2.488488024314874, 0.51004894012372},
                                         {2.300652019954817, -1.6689039845747493, 0.4188073119525673},
                                         {1.891301407787398, -1.2679958271945868, 0.37680408948524835},
                                         {1.8750014808534479, -1.2500016453999487, 0.3750001645474248},
                                         {1.875, -1.25, 0.375}};
static constexpr double kPolarExpressSafety = 1.01;

static ArrayRef<Step> getList(Coefficients coefficients) {
  switch (coefficients) {
  case Coefficients::Jordan:
    return kJordan;
  case Coefficients::You:
    return kYou;
  case Coefficients::PolarExpress:
    return kPolarExpress;
  }
  llvm_unreachable("a list without coefficients");
}

Step NewtonSchulzAttr::getStep(int64_t index) const {
  ArrayRef<Step> list = getList(getCoefficients());
  size_t row = std::min<size_t>(index, list.size() - 1);
  Step step = list[row];
  if (getCoefficients() != Coefficients::PolarExpress || row + 1 == list.size())
    return step;
  double s = kPolarExpressSafety;
  return {step.a / s, step.b / (s * s * s), step.c / (s * s * s * s * s)};
}

bool NewtonSchulzAttr::isAccurate() const {
  return getCoefficients() == Coefficients::PolarExpress && getSteps() >= 8 &&
         (!getCompute() || !getCompute().isBF16());
}

NewtonSchulzAttr NewtonSchulzAttr::getDirection(MLIRContext *context) {
  return get(context, Coefficients::Jordan, 5, NormalizeKind::Add, 1.0, 1e-7, BFloat16Type::get(context));
}

NewtonSchulzAttr NewtonSchulzAttr::getDual(MLIRContext *context) {
  return get(context, Coefficients::PolarExpress, 8, NormalizeKind::Add, 1.01, 1e-7, Float32Type::get(context));
}

LogicalResult NewtonSchulzAttr::verify(function_ref<InFlightDiagnostic()> emitError, Coefficients coefficients,
                                       int64_t steps, NormalizeKind, Real scale, Real epsilon, FloatType compute) {
  if (steps < 1 || steps > 32)
    return emitError() << "'#descent.newton_schulz' needs 1 to 32 steps, found " << steps;
  if (coefficients == Coefficients::You && steps > 5)
    return emitError() << "'#descent.newton_schulz<you>' has coefficients for 5 steps, found " << steps;
  if (!(scale >= 1.0) || scale > 2.0)
    return emitError()
           << "'#descent.newton_schulz' needs a scale from 1 to 2, so that no singular value exceeds 1, found "
           << scale.value;
  if (!(epsilon >= 0.0) || epsilon > 1.0)
    return emitError() << "'#descent.newton_schulz' needs an epsilon from 0 to 1, found " << epsilon.value;
  if (compute && !compute.isBF16() && !compute.isF32())
    return emitError() << "'#descent.newton_schulz' computes in bf16 or f32, found " << compute;
  return success();
}

/// The fields that follow the list's name.
static ParseResult parseField(AsmParser &parser, int64_t &steps, NormalizeKind &normalize, double &scale,
                              double &epsilon, FloatType &compute) {
  StringRef field;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeyword(&field) || parser.parseEqual())
    return failure();
  if (field == "steps")
    return parser.parseInteger(steps);
  if (field == "scale")
    return parser.parseFloat(scale);
  if (field == "epsilon")
    return parser.parseFloat(epsilon);
  if (field == "compute")
    return parser.parseType(compute);
  if (field != "normalize")
    return parser.emitError(location)
           << "unknown field '" << field
           << "' of '#descent.newton_schulz': expected steps, normalize, scale, epsilon or compute";
  FailureOr<NormalizeKind> kind = FieldParser<NormalizeKind>::parse(parser);
  if (failed(kind))
    return failure();
  normalize = *kind;
  return success();
}

Attribute NewtonSchulzAttr::parse(AsmParser &parser, Type) {
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess())
    return {};
  FailureOr<Coefficients> coefficients = FieldParser<Coefficients>::parse(parser);
  if (failed(coefficients))
    return {};
  int64_t steps = 5;
  NormalizeKind normalize = NormalizeKind::Add;
  double scale = *coefficients == Coefficients::PolarExpress ? 1.01 : 1.0;
  double epsilon = 1e-7;
  FloatType compute;
  while (succeeded(parser.parseOptionalComma()))
    if (parseField(parser, steps, normalize, scale, epsilon, compute))
      return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<NewtonSchulzAttr>(location, parser.getContext(), *coefficients, steps, normalize,
                                             Real(scale), Real(epsilon), compute);
}

void NewtonSchulzAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifyCoefficients(getCoefficients()) << ", steps = " << getSteps()
          << ", normalize = " << stringifyNormalizeKind(getNormalize()) << ", scale = ";
  printer.printFloat(APFloat(getScale()));
  printer << ", epsilon = ";
  printer.printFloat(APFloat(getEpsilon()));
  if (getCompute())
    printer << ", compute = " << getCompute();
  printer << '>';
}
