#include "descent/Target/Artifact/ProgramLayout.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace descent::plan;

static std::string printType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

TrackLayout::TrackLayout(TrackOp track)
    : track(track), weightType(Float32Type::get(track.getContext())), gradientType(weightType) {
  bool countsUpdates = false;
  unsigned segment = 0;
  for (Operation &op : *track.getBody()) {
    segments[&op] = segment;
    segment += isa<CutOp>(op);
    for (Value result : op.getResults()) {
      auto &numbers = isa<BufferType>(result.getType()) ? buffers : slots;
      unsigned next = numbers.size();
      numbers[result] = next;
    }
    if (isStage(&op)) {
      stageNumbers[&op] = stages.size();
      stages.push_back(&op);
    }
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](WeightOp weight) { weightType = weight.getResult().getType().getElementType(); })
        .Case([&](GradientOp gradient) { gradientType = gradient.getResult().getType().getElementType(); })
        .Case([&](InputOp input) { inputs.push_back(input); })
        .Case([&](FactorOp factor) { factors.push_back(factor); })
        .Case([&](HyperOp hyper) { hypers.push_back(hyper); })
        .Case([&](StateOp state) { addState(state); })
        .Case([&](LayerStateOp state) {
          states.push_back(
              {state.getName().str(), "layer", "f64", StateInit::Value, state.getValue().convertToDouble()});
        })
        .Case([&](NumberOp number) { countsUpdates |= number.getNumber() == Number::Updates; });
  }
  if (countsUpdates) {
    updatesState = states.size();
    states.push_back({"updates", "layer", "i64", StateInit::Value, 0});
  }
}

void TrackLayout::addState(StateOp state) {
  BufferType type = state.getResult().getType();
  StringRef scope = type.getRows() == Extent::Rows ? "element" : type.getCols() == Extent::Rows ? "row" : "column";
  StateField field = {state.getName().str(), scope.str(), printType(type.getMemoryType()), state.getInit(),
                      state.getValue().convertToDouble()};
  if (auto codes = dyn_cast<Q8Type>(type.getElementType()))
    field.type = ("q8_" + stringifyCodeSign(codes.getSign())).str();
  if (auto scale = dyn_cast<ScaleType>(type.getElementType())) {
    field.scope = "block";
    field.block = scale.getBlock();
  }
  states.push_back(field);
}

unsigned TrackLayout::getState(StringRef name) const {
  return llvm::find_if(states, [&](const StateField &state) { return state.name == name; }) - states.begin();
}
unsigned TrackLayout::getInput(StringRef name) const {
  return llvm::find_if(inputs, [&](InputOp input) { return input.getName() == name; }) - inputs.begin();
}
unsigned TrackLayout::getFactor(StringRef name) const {
  return llvm::find_if(factors, [&](FactorOp factor) { return factor.getName() == name; }) - factors.begin();
}

ProgramLayout::ProgramLayout(ProgramOp program, CostRates rates) : program(program), rates(rates) {
  for (TrackOp track : program.getBody()->getOps<TrackOp>()) {
    const TrackLayout &layout = tracks.emplace_back(track);
    numGroups += !track.getShared();
    firstHyper.push_back(numHypers);
    numHypers += layout.hypers.size();
    for (ReportOp report : track.getBody()->getOps<ReportOp>())
      if (!llvm::is_contained(reports, report.getName()))
        reports.push_back(report.getName());
  }
}

unsigned ProgramLayout::getReport(StringRef name) const { return llvm::find(reports, name) - reports.begin(); }
