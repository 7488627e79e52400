// Builds one stage of a track.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_STAGEBUILDER_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_STAGEBUILDER_H

#include "TrackBuilder.h"

namespace descent {

/// Emits one sweep or product, and the combines and folds of its reductions.
class StageBuilder {
public:
  StageBuilder(TrackBuilder &track, const StageKey &key, mlir::Block &rule, mlir::Location loc)
      : track(track), key(key), rule(rule), builder(track.getBuilder().getContext()), loc(loc) {}
  void build();
  /// Emits a sweep that copies a tensor of the rule, whatever it is in memory, to a buffer.
  static void copy(TrackBuilder &track, mlir::Value value, mlir::Value target, mlir::Location loc,
                   Alternative alternative);

private:
  /// What a buffer takes of the value that is written to it.
  enum class Part { Whole, Rounded, Remainder, Stochastic };
  struct Write {
    mlir::Value value, buffer; // of the rule, of the plan
    Part part = Part::Whole;
    unsigned stream = 0; // of random numbers
  };
  void collectRoots();
  void addStore(const Store &store);
  void emit();
  mlir::Value entry(mlir::Value value);
  mlir::Value number(mlir::Value value);
  mlir::Value clone(mlir::Operation *op);
  mlir::Value broadcast(BroadcastOp op);
  mlir::Value read(mlir::Value buffer, mlir::Type type);
  mlir::Value readArgument(mlir::Value buffer, mlir::Type type);
  mlir::Value getPart(const Write &write);
  mlir::Value getRandomBits(unsigned stream);
  mlir::Value convert(mlir::Value value, mlir::Type type);
  mlir::Value reduced(mlir::Operation *reduction);
  mlir::Value createPartials(mlir::Operation *reduction);
  void createStage(mlir::Region &region, llvm::ArrayRef<mlir::Value> partials, mlir::ArrayAttr kinds);
  bool isSymmetricStage();
  mlir::Value getWritable(mlir::Value buffer);
  void createCopy(mlir::Value from, mlir::Value to);
  void createCombines(llvm::ArrayRef<mlir::Value> partials);

  TrackBuilder &track;
  StageKey key;
  mlir::Block &rule;
  mlir::OpBuilder builder;
  mlir::Location loc;
  ProductOp product;
  llvm::SmallVector<mlir::Operation *> reductions;
  llvm::SmallVector<Write> writes;
  mlir::Block *body = nullptr;
  llvm::SmallVector<mlir::Value> reads, scalars;
  mlir::Value randomKey; // the region's argument, once it has one
  llvm::DenseMap<mlir::Value, mlir::Value> entries, readEntries, numberEntries;
};
} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_STAGEBUILDER_H
