#include "descent/Target/Artifact/Artifact.h"

#include "descent/Dialect/Plan/Analysis/CostModel.h"
#include "descent/Runtime/descent.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace descent::plan;

std::string descent::plan::emitSignature(const ProgramLayout &layout) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const TrackLayout &track : layout.tracks)
    for (const StateField &state : track.states)
      os << TrackOp(track.track).getSymName() << ' ' << state.name << ' ' << state.scope
         << (state.block ? std::to_string(state.block) : "") << ' ' << state.type << '\n';
  return text;
}

uint64_t descent::plan::getFingerprint(StringRef signature) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (unsigned char byte : signature)
    hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

static std::string printType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static llvm::json::Value orNull(std::optional<StringRef> text) {
  return text ? llvm::json::Value(*text) : llvm::json::Value(nullptr);
}

static llvm::json::Array describeHypers(const TrackLayout &track) {
  llvm::json::Array hypers;
  for (HyperOp hyper : track.hypers)
    hypers.push_back(llvm::json::Object{{"name", hyper.getName()}, {"default", hyper.getValue().convertToDouble()}});
  return hypers;
}

/// JSON has no infinities; a reader's float() understands the word.
static llvm::json::Value describeNumber(double value) {
  if (std::isfinite(value))
    return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/// In the order of the artifact's table: a profile numbers them so. Formulas are text, "28 n + 4 rows".
static llvm::json::Array describeStages(const TrackLayout &track) {
  llvm::json::Array stages;
  for (Operation *op : track.stages) {
    llvm::json::Object stage{{"name", op->getName().stripDialect()},
                             {"segment", int64_t(track.getSegment(op))},
                             {"bytes", getBytes(op).str()},
                             {"flops", getFlops(op).total().str()}};
    if (auto swept = dyn_cast<StageOpInterface>(op)) {
      DomainAttr domain = swept.getStageDomain();
      stage["domain"] =
          llvm::formatv("{0} x {1}", stringifyExtent(domain.getRows()), stringifyExtent(domain.getCols())).str();
    }
    if (AlternativeAttr alternative = getAlternative(op)) {
      stage["choice"] = int64_t(alternative.getChoice());
      stage["alternative"] = int64_t(alternative.getIndex());
    }
    if (auto product = dyn_cast<ProductOp>(op))
      stage["factors"] = printType(product.getLhs().getType().getElementType());
    stages.push_back(std::move(stage));
  }
  return stages;
}

/// The names and costs of every choice's alternatives, in attoseconds as formulas have three decimals.
static llvm::json::Array describeChoices(TrackOp track, const CostRates &rates) {
  llvm::json::Array choices;
  for (auto [number, choice] : llvm::enumerate(getChoices(track))) {
    llvm::json::Array alternatives;
    for (auto [index, name] : llvm::enumerate(choice.getNames().getAsRange<StringAttr>()))
      alternatives.push_back(
          llvm::json::Object{{"name", name.getValue()}, {"cost", (getCost(track, number, index, rates) * 1e9).str()}});
    choices.push_back(std::move(alternatives));
  }
  return choices;
}

static llvm::json::Object describeGroup(const TrackLayout &layout, const CostRates &rates) {
  TrackOp track = layout.track;
  llvm::json::Array states, inputs, factors, reports;
  for (const StateField &state : layout.states)
    states.push_back(llvm::json::Object{{"name", state.name},
                                        {"scope", state.scope},
                                        {"type", state.type},
                                        {"block", int64_t(state.block)},
                                        {"init", stringifyStateInit(state.init)},
                                        {"value", describeNumber(state.value)}});
  for (InputOp input : layout.inputs)
    inputs.push_back(llvm::json::Object{{"name", input.getName()},
                                        {"type", printType(input.getResult().getType().getElementType())}});
  for (FactorOp factor : layout.factors)
    factors.push_back(factor.getName());
  for (ReportOp report : track.getBody()->getOps<ReportOp>())
    reports.push_back(report.getName());
  return llvm::json::Object{{"name", track.getSymName()},
                            {"rule", orNull(track.getRule())},
                            {"norm", orNull(track.getNorm())},
                            {"class", stringifyGroupClass(track.getGroupClass())},
                            {"stored", orNull(track.getStored())},
                            {"weight", printType(layout.getWeightType())},
                            {"gradient", printType(layout.getGradientType())},
                            {"hypers", describeHypers(layout)},
                            {"states", std::move(states)},
                            {"inputs", std::move(inputs)},
                            {"factors", std::move(factors)},
                            {"reports", std::move(reports)},
                            {"choices", describeChoices(track, rates)},
                            {"stages", describeStages(layout)}};
}

std::string descent::plan::emitManifest(const ProgramLayout &layout, ArrayRef<CodePath> paths) {
  ProgramOp program = layout.program;
  std::string signature = emitSignature(layout);
  llvm::json::Array targets, groups, shared, reports;
  for (const CodePath &path : paths)
    targets.push_back(llvm::json::Object{{"name", path.target}, {"cpu_features", path.features}});
  for (const TrackLayout &track : layout.tracks)
    if (!TrackOp(track.track).getShared())
      groups.push_back(describeGroup(track, layout.rates));
    else
      shared.push_back(llvm::json::Object{{"name", TrackOp(track.track).getSymName()},
                                          {"hypers", describeHypers(track)},
                                          {"stages", describeStages(track)}});
  for (StringRef report : layout.reports)
    reports.push_back(report);
  std::optional<llvm::APFloat> clip = program.getClipGlobalNorm();
  llvm::json::Object manifest{{"name", program.getSymName()},
                              {"abi_version", int64_t(DESCENT_ABI_VERSION)},
                              {"targets", std::move(targets)},
                              {"fingerprint", llvm::formatv("{0:x16}", getFingerprint(signature)).str()},
                              {"signature", signature},
                              {"clip_global_norm", clip ? llvm::json::Value(clip->convertToDouble()) : nullptr},
                              {"skip_nonfinite", program.getSkipNonfinite()},
                              {"groups", std::move(groups)},
                              {"shared", std::move(shared)},
                              {"reports", std::move(reports)},
                              {"segments", int64_t(program.getSegments())}};
  return llvm::formatv("{0:2}\n", llvm::json::Value(std::move(manifest)));
}
