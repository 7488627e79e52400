// A rule or a recipe to kernels.
#include "descent/Compiler/Compiler.h"
#include "descent/Compiler/Library.h"
#include "descent/InitAll.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;

static cl::OptionCategory category("descent-compile");

#define DESCENT_TEXT_OPTION(variable, name, placeholder, help)                                                         \
  static cl::opt<std::string, true> variable##Option(name, cl::desc(help), cl::value_desc(placeholder),                \
                                                     cl::location(options.variable), cl::cat(category))

static descent::CompileOptions options;
static cl::opt<std::string, true> inputOption(cl::Positional, cl::desc("<rule of the library, or file>"),
                                              cl::location(options.input), cl::cat(category));
DESCENT_TEXT_OPTION(output, "o", "file",
                    "what to write, by its ending: .so, .o, .s, .ll or .mlir, of devices .ptx, .cubin or .fatbin; a "
                    "header and a manifest lie beside code");
DESCENT_TEXT_OPTION(name, "name", "identifier", "the artifact's name, which exported symbols begin with");
DESCENT_TEXT_OPTION(norm, "norm", "attribute", "the norm that #descent.given stands for, such as #descent.rms_to_rms");
DESCENT_TEXT_OPTION(groupClass, "class", "class", "layers of a single rule: matrix, vector or any");
DESCENT_TEXT_OPTION(stored, "stored", "order", "axes of a stored matrix: out_in (PyTorch) or in_out (Flax)");
DESCENT_TEXT_OPTION(target, "target", "target",
                    "cpu:native (default), one or more as cpu:avx2+avx512, or cpu: all, "
                    "of which a plan takes the best that its machine can run; cuda:sm_80,sm_90a or cuda, all chips");
DESCENT_TEXT_OPTION(cuda, "cuda", "folder", "CUDA's toolkit; else that of CUDA_HOME, or whose programs are in PATH");
DESCENT_TEXT_OPTION(storage, "storage", "policy",
                    "what lies in memory: f32 (default), f64, bf16, f16, or fields such as \"param = bf16, states = "
                    "q8<256>, v = f32, master = remainder, rounding = nearest\"; in place of what a recipe says");
DESCENT_TEXT_OPTION(form, "form", "form",
                    "Newton-Schulz on wide matrices (plain), on Gram matrices (gram), or the cheaper one for each "
                    "layer's shape (auto, default)");
DESCENT_TEXT_OPTION(layer, "emit", "layer",
                    "of an .mlir output: descent, plan (default), loops, kernels or llvm; products: a library of "
                    "matrix products instead");
static cl::opt<bool, true> explainOption("explain", cl::desc("print the plan with bytes, FLOPs and scratch"),
                                         cl::location(options.explain), cl::cat(category));
static cl::opt<bool, true> noFusionOption("no-fusion", cl::desc("plan every operation by itself, for comparison"),
                                          cl::location(options.separate), cl::cat(category));
static cl::opt<bool> listOption("list", cl::desc("print the library of rules"), cl::cat(category));

/// Errors about the command line have no place in a file.
static LogicalResult reportUsage(mlir::Diagnostic &diagnostic) {
  if (!isa<mlir::UnknownLoc>(diagnostic.getLocation()))
    return failure();
  errs() << "descent-compile: error: " << diagnostic << "\n";
  return success();
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  mlir::registerPassManagerCLOptions(); // -mlir-print-ir-after-all and its like
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "Compiles an optimizer's rule or recipe to kernels.\n");
  mlir::DialectRegistry registry;
  descent::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  mlir::ScopedDiagnosticHandler usage(&context, reportUsage);
  if (listOption)
    return descent::listLibrary(context, outs()), 0;
  if (options.input.empty() && options.layer != "products")
    return errs() << "descent-compile: needs a rule of the library (--list) or a file; see --help\n", 1;
  return mlir::failed(descent::compile(context, options));
}
