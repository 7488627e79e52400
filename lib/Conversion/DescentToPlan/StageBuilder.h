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

private:
  void collectRoots();
  mlir::Value entry(mlir::Value value);
  mlir::Value number(mlir::Value value);
  mlir::Value clone(mlir::Operation *op);
  mlir::Value broadcast(BroadcastOp op);
  mlir::Value read(mlir::Value buffer, mlir::Type type);
  mlir::Value convert(mlir::Value value, mlir::Type type);
  mlir::Value reduced(mlir::Operation *reduction);
  mlir::Value createPartials(mlir::Operation *reduction);
  void createStage(mlir::Region &region, llvm::ArrayRef<mlir::Value> partials, mlir::ArrayAttr kinds);
  void createCombines(llvm::ArrayRef<mlir::Value> partials);

  TrackBuilder &track;
  StageKey key;
  mlir::Block &rule;
  mlir::OpBuilder builder;
  mlir::Location loc;
  ProductOp product;
  llvm::SmallVector<mlir::Operation *> reductions;
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> writes; // value of the rule, buffer
  mlir::Block *body = nullptr;
  llvm::SmallVector<mlir::Value> reads, scalars;
  llvm::DenseMap<mlir::Value, mlir::Value> entries, readEntries, numberEntries;
};
} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_STAGEBUILDER_H
