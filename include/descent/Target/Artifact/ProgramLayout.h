// How the tables of an artifact number what a program holds. All targets and the generated header share these numbers.
#ifndef DESCENT_TARGET_ARTIFACT_PROGRAMLAYOUT_H
#define DESCENT_TARGET_ARTIFACT_PROGRAMLAYOUT_H

#include "descent/Dialect/Plan/Analysis/CostRates.h"
#include "descent/Dialect/Plan/IR/Plan.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

namespace descent::plan {

/// One state of a group, as the caller sees it.
struct StateField {
  std::string name;
  std::string scope; // element, row, column, layer or block
  std::string type;  // f64, f32, bf16, f16, i64, i16, q8_signed or q8_unsigned
  StateInit init = StateInit::Value;
  double value = 0;
  unsigned block = 0; // columns that share a number of scope block
};

/// The numbers of one track: its buffers, f64 values (slots), states, inputs, factors and stages.
class TrackLayout {
public:
  explicit TrackLayout(TrackOp track);

  unsigned getBuffer(mlir::Value buffer) const { return buffers.find(buffer)->second; }
  unsigned getSlot(mlir::Value number) const { return slots.find(number)->second; }
  unsigned getState(llvm::StringRef name) const;
  unsigned getInput(llvm::StringRef name) const;
  unsigned getFactor(llvm::StringRef name) const;
  unsigned getStage(mlir::Operation *stage) const { return stageNumbers.find(stage)->second; }
  unsigned getSegment(mlir::Operation *op) const { return segments.find(op)->second; }
  /// The storage type of the layers' weight or gradient; f32 when the track does not touch it.
  mlir::Type getWeightType() const { return weightType; }
  mlir::Type getGradientType() const { return gradientType; }

  TrackOp track;
  llvm::MapVector<mlir::Value, unsigned> buffers, slots;
  llvm::SmallVector<StateField> states;
  std::optional<unsigned> updatesState; // the count of updates that Descent keeps, after the rule's own states
  llvm::SmallVector<InputOp> inputs;
  llvm::SmallVector<FactorOp> factors;
  llvm::SmallVector<HyperOp> hypers;
  llvm::SmallVector<mlir::Operation *> stages;

private:
  void addState(StateOp state);
  llvm::DenseMap<mlir::Operation *, unsigned> stageNumbers, segments;
  mlir::Type weightType, gradientType;
};

/// The numbers of a program: its tracks, groups first, its flat list of hyperparameters and its reports. Layers choose
/// between alternatives by the machine's rates.
class ProgramLayout {
public:
  explicit ProgramLayout(ProgramOp program, CostRates rates = {});

  unsigned getReport(llvm::StringRef name) const;

  ProgramOp program;
  CostRates rates;
  llvm::SmallVector<TrackLayout, 0> tracks;
  llvm::SmallVector<unsigned> firstHyper; // of each track, in the flat list
  unsigned numGroups = 0, numHypers = 0;
  llvm::SmallVector<llvm::StringRef> reports;
};

} // namespace descent::plan

#endif // DESCENT_TARGET_ARTIFACT_PROGRAMLAYOUT_H
