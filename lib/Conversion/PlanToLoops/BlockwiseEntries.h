// States in 8-bit codes, as the loops over entries see them: a block at a time, as f32 in the kernel's private memory.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_BLOCKWISEENTRIES_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_BLOCKWISEENTRIES_H

#include "CodeGathers.h"
#include "Kernel.h"

namespace descent::plan {

/// Decodes the codes that a stage reads, and encodes those that it writes, one block of a row at a time. Between the
/// two, entries are f32 in `kernel.scratch`.
class BlockwiseEntries {
public:
  BlockwiseEntries(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, const Kernel &kernel, unsigned vectorBits);

  /// The private memory that a kernel of the stage needs, or null.
  static mlir::MemRefType getScratchType(StageOpInterface stage);

  bool isEmpty() const { return states.empty(); }
  bool contains(mlir::Value buffer) const { return llvm::is_contained(buffers, buffer); }
  /// Columns of a block; the same for all states of a stage.
  int64_t getBlock() const { return block; }

  /// Decodes what the stage reads. `begin` is the block's first column, `count` the number of its columns.
  void emitDecode(mlir::Value row, mlir::Value begin, mlir::Value count);
  /// Encodes what the stage writes.
  void emitEncode(mlir::Value row, mlir::Value begin, mlir::Value count);

  /// Entries of a block that is decoded, or is to be encoded; `place` counts from the block's first column.
  mlir::Value load(mlir::Value buffer, mlir::Value place, int64_t length, mlir::Value mask);
  void store(mlir::Value entries, mlir::Value buffer, mlir::Value place, mlir::Value mask);

private:
  struct State {
    mlir::Value codes, scales; // memrefs
    CodeSign sign;
    bool isRead, isWritten;
    int64_t offset; // in the private memory
  };
  using EmitGroup = llvm::function_ref<void(mlir::Value place, mlir::Value mask)>;

  static llvm::SmallVector<mlir::Value> getBuffers(StageOpInterface stage);
  const State &find(mlir::Value buffer) const;
  mlir::Value at(const State &state, mlir::Value place);
  void forGroups(mlir::Value count, EmitGroup emit);
  void decode(const State &state, mlir::Value row, mlir::Value begin, mlir::Value count);
  llvm::SmallVector<mlir::Value> createLargest(llvm::ArrayRef<State> written, mlir::Value count);
  void encode(const State &state, mlir::Value bits, mlir::Value row, mlir::Value begin, mlir::Value count);
  void encodeEntries(const State &state, mlir::Value scale, mlir::Value row, mlir::Value begin, mlir::Value count);

  mlir::ImplicitLocOpBuilder &b;
  const Kernel &kernel;
  CodeGathers vectors;
  llvm::SmallVector<mlir::Value> buffers; // of the plan, one a state
  llvm::SmallVector<State> states;
  int64_t block = 0;
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_BLOCKWISEENTRIES_H
