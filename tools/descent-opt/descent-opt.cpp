// Runs passes and pipelines by name on textual IR.
#include "descent/InitAll.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  descent::registerAllDialects(registry);
  descent::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Descent optimizer compiler driver\n", registry));
}
