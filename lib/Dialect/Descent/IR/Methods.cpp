// Methods: published lists of coefficients, and what follows from them.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace descent;

using Step = NewtonSchulzAttr::Step;
using StepBlock = NewtonSchulzAttr::Block;

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

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

/// CANS (arXiv 2506.10935), degree 5.
static constexpr Step kCans[] = {{8.4703, -25.1081, 18.6293},
                                 {4.1828, -3.1087, 0.5806},
                                 {3.9619, -2.9541, 0.5630},
                                 {3.2866, -2.4647, 0.5074},
                                 {2.2737, -1.6447, 0.4162}};

/// Turbo-Muon (arXiv 2512.04632).
static constexpr Step kTurbo[] = {
    {4.6051, -9.6552, 5.6769}, {4.7505, -6.0861, 2.1790}, {2.7763, -2.3190, 0.5523}, {2.4231, -2.2861, 0.8193}};

static ArrayRef<Step> getList(Coefficients coefficients) {
  switch (coefficients) {
  case Coefficients::Jordan:
    return kJordan;
  case Coefficients::You:
    return kYou;
  case Coefficients::PolarExpress:
    return kPolarExpress;
  case Coefficients::Cans:
    return kCans;
  case Coefficients::Turbo:
    return kTurbo;
  case Coefficients::Explicit:
    return {};
  }
  llvm_unreachable("a list without coefficients");
}

namespace {
/// What a method says of its steps. The last one repeats: parsing asks before the number of steps is verified.
struct StepList {
  Coefficients coefficients;
  ArrayRef<Real> rows;
  double safety;

  Step operator[](int64_t index) const {
    if (coefficients == Coefficients::Explicit) {
      size_t first = 3 * std::min<size_t>(index, rows.size() / 3 - 1);
      return {rows[first], rows[first + 1], rows[first + 2]};
    }
    ArrayRef<Step> list = getList(coefficients);
    size_t row = std::min<size_t>(index, list.size() - 1);
    auto [a, b, c] = list[row];
    if (coefficients != Coefficients::PolarExpress || row + 1 == list.size())
      return {a, b, c};
    return {a / safety, b / std::pow(safety, 3), c / std::pow(safety, 5)};
  }
};
} // namespace

static StepList getSteps(NewtonSchulzAttr method) {
  return {method.getCoefficients(), method.getRows(), method.getSafety()};
}

Step NewtonSchulzAttr::getStep(int64_t index) const { return ::getSteps(*this)[index]; }

double NewtonSchulzAttr::apply(double s) const {
  for (int64_t index = 0; index < getSteps(); ++index) {
    auto [a, b, c] = getStep(index);
    double square = s * s;
    s *= a + square * (b + c * square);
  }
  return s;
}

/// The least and the largest that singular values from 1e-3 to 1 become.
static std::pair<double, double> getRange(NewtonSchulzAttr method) {
  constexpr int points = 1000;
  std::pair<double, double> range(method.apply(1.0), method.apply(1.0));
  for (int i = 1; i <= points; ++i) {
    double value = method.apply(std::pow(10.0, -3.0 * i / points));
    range = {std::fmin(range.first, value), std::fmax(range.second, value)};
  }
  return range;
}

bool NewtonSchulzAttr::isAccurate() const {
  if (getPrecondition() != Precondition::Frobenius || (getCompute() && getCompute().isBF16()))
    return false;
  auto [least, largest] = getRange(*this);
  return least >= 1.0 - 1e-5 && largest <= 1.0 + 1e-5 && (getForm() == Form::Plain || hasAccurateBlocks());
}

std::string NewtonSchulzAttr::describe() const {
  std::string text;
  auto [least, largest] = getRange(*this);
  llvm::raw_string_ostream os(text);
  os << "newton_schulz " << stringifyCoefficients(getCoefficients()) << ", " << getSteps()
     << (getSteps() == 1 ? " step" : " steps");
  if (getCompute())
    os << " in " << getCompute();
  if (getPrecondition() == Precondition::Aol)
    os << " after aol";
  os << llvm::formatv(": singular values from 1e-3 to 1 become {0:f3} .. {1:f3}", least, largest);
  return text;
}

//===----------------------------------------------------------------------===//
// The Gram form
//===----------------------------------------------------------------------===//

namespace {
/// No list needs more to converge.
static constexpr int64_t mostSteps = 32;

/// How many steps may share one Gram matrix: the first ones, whose matrix is small, and later ones.
struct BlockLengths {
  int64_t first, later;
};
} // namespace

/// The most by which a block amplifies an error in an eigenvalue s^2 of its Gram matrix, s being from 0 to 1 before the
/// first step: that of s^2 p(s)^2 is p(s) (s p(s))' times as large. No step follows the block's last.
static double getGrowth(const StepList &steps, StepBlock block) {
  constexpr int points = 1000;
  double most = 1.0;
  for (int i = 0; i <= points; ++i) {
    double s = double(i) / points, growth = 1.0;
    for (int64_t index = 0; index + 1 < block.end; ++index) {
      auto [a, b, c] = steps[index];
      double square = s * s, factor = a + square * (b + c * square), slope = a + square * (3 * b + 5 * c * square);
      if (index >= block.begin)
        growth *= std::abs(factor * slope);
      s *= factor;
    }
    // What is no number has no limit.
    most = growth <= most ? most : std::isnan(growth) ? HUGE_VAL : growth;
  }
  return most;
}

static bool isBF16(FloatType compute) { return compute && compute.isBF16(); }

/// Above this, what is rounded at a block's begin is as large as the largest eigenvalue at its end, and of any sign.
static double getMostGrowth(FloatType compute) { return isBF16(compute) ? 0x1p9 : 0x1p24; }
/// Measured: below this, f32 keeps dual norms to 1e-5, also of singular matrices.
static constexpr double mostAccurateGrowth = 4096.0;

/// Measured (docs/reproducibility-and-numerics.md): with these the result differs from the exact map of singular
/// values about as much as that of the plain form in the same type does.
static BlockLengths getBlockLengths(Coefficients coefficients, FloatType compute) {
  if (!isBF16(compute))
    return {3, 3};
  switch (coefficients) {
  case Coefficients::Jordan:
    return {3, 2};
  case Coefficients::You:
    return {2, 2};
  case Coefficients::PolarExpress:
  case Coefficients::Turbo:
    return {1, 2};
  case Coefficients::Cans:
  case Coefficients::Explicit:
    return {1, 1};
  }
  llvm_unreachable("a list without blocks");
}

SmallVector<int64_t> NewtonSchulzAttr::getDefaultRestarts(Coefficients coefficients, ArrayRef<Real> rows, double safety,
                                                          int64_t steps, FloatType compute) {
  // Parsing asks before anything is verified.
  if (coefficients == Coefficients::Explicit && rows.size() < 3)
    return {};
  auto [first, later] = getBlockLengths(coefficients, compute);
  StepList list = {coefficients, rows, safety};
  double mostGrowth = std::min(getMostGrowth(compute), mostAccurateGrowth);
  SmallVector<int64_t> restarts;
  int64_t begin = 0;
  for (int64_t step = 1; step < std::min(steps, mostSteps); ++step) {
    int64_t longest = restarts.empty() ? first : later;
    if (step - begin < longest && getGrowth(list, {begin, step + 1}) <= mostGrowth)
      continue;
    restarts.push_back(step);
    begin = step;
  }
  return restarts;
}

static SmallVector<StepBlock> makeBlocks(int64_t steps, ArrayRef<int64_t> restarts) {
  SmallVector<StepBlock> blocks = {{0, steps}};
  for (int64_t restart : restarts) {
    blocks.back().end = restart;
    blocks.push_back({restart, steps});
  }
  return blocks;
}

SmallVector<StepBlock> NewtonSchulzAttr::getBlocks() const { return makeBlocks(getSteps(), getRestarts()); }

bool NewtonSchulzAttr::hasAccurateBlocks() const {
  return !isBF16(getCompute()) && llvm::all_of(getBlocks(), [&](StepBlock block) {
    return getGrowth(::getSteps(*this), block) <= mostAccurateGrowth;
  });
}

bool NewtonSchulzAttr::hasGramForm() const { return static_cast<int64_t>(getRestarts().size()) + 1 < getSteps(); }

//===----------------------------------------------------------------------===//
// Methods that norms use
//===----------------------------------------------------------------------===//

static NewtonSchulzAttr getPublished(Coefficients coefficients, int64_t steps, double scale, FloatType compute) {
  return NewtonSchulzAttr::get(compute.getContext(), coefficients, {}, steps, 1.01, Precondition::Frobenius,
                               NormalizeKind::Add, scale, 1e-7, compute, Form::Auto,
                               NewtonSchulzAttr::getDefaultRestarts(coefficients, {}, 1.01, steps, compute));
}

NewtonSchulzAttr NewtonSchulzAttr::getDirection(MLIRContext *context) {
  return getPublished(Coefficients::Jordan, 5, 1.0, BFloat16Type::get(context));
}

NewtonSchulzAttr NewtonSchulzAttr::getDual(MLIRContext *context) {
  return getPublished(Coefficients::PolarExpress, 8, 1.01, Float32Type::get(context));
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

using EmitError = function_ref<InFlightDiagnostic()>;

/// As many steps as there are rows, where the last does not repeat; none where it does.
static std::optional<int64_t> getMostSteps(Coefficients coefficients, ArrayRef<Real> rows) {
  if (coefficients == Coefficients::Explicit)
    return rows.size() / 3;
  bool ends = coefficients == Coefficients::You || coefficients == Coefficients::Turbo;
  return ends ? std::optional<int64_t>(getList(coefficients).size()) : std::nullopt;
}

static LogicalResult verifySteps(EmitError emitError, Coefficients coefficients, ArrayRef<Real> rows, int64_t steps) {
  bool isExplicit = coefficients == Coefficients::Explicit;
  if (isExplicit == rows.empty() || rows.size() % 3 != 0)
    return emitError() << "'#descent.newton_schulz' needs the name of a list or rows of three coefficients";
  for (Real number : rows)
    if (!std::isfinite(number))
      return emitError() << "'#descent.newton_schulz' needs finite coefficients";
  if (steps < 1 || steps > mostSteps)
    return emitError() << "'#descent.newton_schulz' needs 1 to " << mostSteps << " steps, found " << steps;
  std::optional<int64_t> most = getMostSteps(coefficients, rows);
  if (most && steps > *most)
    return emitError() << "'#descent.newton_schulz<" << (isExplicit ? "[...]" : stringifyCoefficients(coefficients))
                       << ">' has coefficients for " << *most << " steps, found " << steps;
  return success();
}

static LogicalResult verifyScaling(EmitError emitError, Coefficients coefficients, double safety,
                                   Precondition precondition, NormalizeKind normalize, double scale, double epsilon) {
  if (coefficients != Coefficients::PolarExpress && safety != 1.01)
    return emitError() << "'#descent.newton_schulz' has a safety factor for polar_express only, found " << safety;
  if (!(safety >= 1.0) || safety > 1.2)
    return emitError() << "'#descent.newton_schulz' needs a safety factor from 1 to 1.2, found " << safety;
  if (precondition == Precondition::Aol && (normalize != NormalizeKind::Add || scale != 1.0))
    return emitError() << "'#descent.newton_schulz' with 'precondition = aol' divides rows by their own sums; remove "
                       << "'normalize' and 'scale', or the precondition";
  if (!(scale >= 1.0) || scale > 2.0)
    return emitError() << "'#descent.newton_schulz' needs a scale from 1 to 2, so that no singular value exceeds 1, "
                       << "found " << scale;
  if (!(epsilon >= 0.0) || epsilon > 1.0)
    return emitError() << "'#descent.newton_schulz' needs an epsilon from 0 to 1, found " << epsilon;
  return success();
}

static LogicalResult verifyBlocks(EmitError emitError, const StepList &list, int64_t steps, FloatType compute,
                                  Form form, ArrayRef<int64_t> restarts) {
  if (compute && !compute.isBF16() && !compute.isF32())
    return emitError() << "'#descent.newton_schulz' computes in bf16 or f32, found " << compute;
  for (auto [index, restart] : llvm::enumerate(restarts))
    if (restart < 1 || restart >= steps || (index > 0 && restart <= restarts[index - 1]))
      return emitError() << "'#descent.newton_schulz' needs restarts in order, from 1 to the last step " << (steps - 1)
                         << ", found " << restart;
  if (form == Form::Plain)
    return success();
  for (StepBlock block : makeBlocks(steps, restarts)) {
    double growth = getGrowth(list, block), most = getMostGrowth(compute);
    if (growth > most)
      return emitError() << "'#descent.newton_schulz' in " << (isBF16(compute) ? "bf16" : "f32")
                         << " needs a restart among steps " << block.begin << " to " << block.end - 1
                         << ", where rounding errors of the Gram matrix grow " << llvm::formatv("{0:e1}", growth).str()
                         << " times, found none; at most " << int64_t(most)
                         << " keep its eigenvalues positive. Add a restart"
                         << (isBF16(compute) ? ", or say 'compute = f32'" : ", or say 'form = plain'");
  }
  return success();
}

LogicalResult NewtonSchulzAttr::verify(EmitError emitError, Coefficients coefficients, ArrayRef<Real> rows,
                                       int64_t steps, Real safety, Precondition precondition, NormalizeKind normalize,
                                       Real scale, Real epsilon, FloatType compute, Form form,
                                       ArrayRef<int64_t> restarts) {
  return failure(failed(verifySteps(emitError, coefficients, rows, steps)) ||
                 failed(verifyScaling(emitError, coefficients, safety, precondition, normalize, scale, epsilon)) ||
                 failed(verifyBlocks(emitError, {coefficients, rows, safety}, steps, compute, form, restarts)));
}
