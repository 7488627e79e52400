// Codes on a processor with vectors: a register of them at a time, from tables in memory.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_CODEGATHERS_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_CODEGATHERS_H

#include "descent/Conversion/Kernels/CodeVectors.h"

#include "mlir/IR/BuiltinOps.h"

namespace descent::plan {

/// Tables are constants of `module`.
class CodeGathers : public CodeVectors {
public:
  CodeGathers(mlir::ImplicitLocOpBuilder &b, mlir::ModuleOp module, unsigned vectorBits)
      : CodeVectors(b, vectorBits / 8), module(module), permutesTables(vectorBits >= 512) {}

  mlir::Value guess(CodeSign sign, mlir::Value entries, mlir::Value reciprocal) override;

protected:
  mlir::Value lookUp(CodeSign sign, Table table, mlir::Value indices) override;

private:
  template <typename T>
  mlir::Value gather(CodeSign sign, llvm::StringRef what, llvm::ArrayRef<T> entries, mlir::Value indices);
  mlir::Value guessByCells(CodeSign sign, mlir::Value upperHalves);

  mlir::ModuleOp module;
  bool permutesTables; // finds entries of a table that fits a register in one instruction
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_CODEGATHERS_H
