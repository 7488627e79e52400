// States in 8-bit codes, as the threads of a block see them.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_THREADCODES_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_THREADCODES_H

#include "GpuKernel.h"

#include "descent/Conversion/Kernels/CodeVectors.h"

namespace descent::plan {

/// Threads decode and encode vectors of a state. A block of codes belongs to neighbours in a warp, whose first one
/// stands at a multiple of their number: together they find the block's largest magnitude. Tables lie in workgroup
/// memory, where any entries may be read at once.
class ThreadCodes : public CodeVectors {
public:
  /// Entries of a vector: those that make a warp of the longest block.
  static constexpr int64_t length = 8;

  ThreadCodes(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel);

  /// Columns of the stage's longest blocks of codes; 0 if it has none.
  static int64_t getBlock(StageOpInterface stage);
  bool contains(mlir::Value buffer) const { return states.contains(buffer); }

  /// Once a kernel, before anything is decoded.
  void begin();
  /// What the codes of a vector stand for, of which `count` exist. Every thread of the warp must come by.
  mlir::Value createEntries(mlir::Value buffer, mlir::Value codes, mlir::Value row, mlir::Value col, mlir::Value count);
  /// The codes of entries, whose scale is stored. Every thread of the warp must come by.
  mlir::Value createCodes(mlir::Value buffer, mlir::Value entries, mlir::Value row, mlir::Value col, mlir::Value count);

protected:
  mlir::Value lookUp(CodeSign sign, Table table, mlir::Value indices) override;

private:
  struct State {
    mlir::Value scales; // the plan's buffer
    CodeSign sign;
    int64_t block;
    bool isRead, isWritten;
  };
  void addTable(CodeSign sign, Table table);
  mlir::Value ownsScale(const State &state, mlir::Value count);

  GpuKernel &kernel;
  IndexBuilder index;
  llvm::DenseMap<mlir::Value, State> states; // by the plan's buffer
  llvm::DenseMap<std::pair<CodeSign, int>, mlir::Value> tables;
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_THREADCODES_H
