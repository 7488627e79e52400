// From a rule or a recipe to files: what `descent-compile` does.
#ifndef DESCENT_COMPILER_COMPILER_H
#define DESCENT_COMPILER_COMPILER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace descent {

/// What the user asks for. Strings are as typed; empty means not said.
struct CompileOptions {
  std::string input;      // a rule of the library, or a file with a rule or a recipe
  std::string output;     // a file whose ending says what is wanted: .so, .o, .s, .ll, .ptx, .cubin, .fatbin or .mlir
  std::string name;       // of the artifact
  std::string norm;       // for `#descent.given` in a single rule
  std::string groupClass; // of a single rule: matrix, vector or any
  std::string stored;     // of a single rule: out_in or in_out
  std::string target = "cpu:native";
  std::string cuda;          // the folder of CUDA's programs
  std::string storage;       // a policy that replaces those of the recipe
  std::string form = "auto"; // of Newton-Schulz iterations that leave it open: auto, plain or gram
  std::string layer =
      "plan"; // of an .mlir output: descent, plan, loops, kernels or llvm; products: no rule, a library of products
  bool explain = false;
  bool separate = false; // whether every operation has a stage of its own, for comparison
};

/// Reads the input and returns a module with one recipe and the rules that it uses. Errors go to the context.
mlir::OwningOpRef<mlir::ModuleOp> loadRecipe(mlir::MLIRContext &context, const CompileOptions &options);

/// What exported symbols begin with: --name, or the name of the recipe or rule. Fails unless it is a C identifier.
mlir::FailureOr<std::string> getArtifactName(mlir::ModuleOp module, const CompileOptions &options);

/// Compiles and writes the outputs: each file whole or not at all, the header and the manifest beside the output.
mlir::LogicalResult compile(mlir::MLIRContext &context, const CompileOptions &options);

} // namespace descent

#endif // DESCENT_COMPILER_COMPILER_H
