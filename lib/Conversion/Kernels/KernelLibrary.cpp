#include "descent/Conversion/Kernels/KernelLibrary.h"

using namespace mlir;
using namespace descent::plan;

StringAttr KernelLibrary::add(FunctionOpInterface kernel, StringRef name) {
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel->print(os, OpPrintingFlags().useLocalScope());
  StringAttr &known = byText[text];
  if (known) {
    kernel->erase();
    return known;
  }
  kernel->remove();
  kernel.setName(name);
  symbols.insert(kernel);
  return known = kernel.getNameAttr();
}
