// Registration of everything that the tools know.
#ifndef DESCENT_INITALL_H
#define DESCENT_INITALL_H

#include "mlir/IR/DialectRegistry.h"

namespace descent {
/// Our dialects and the upstream ones that rules, plans and their lowering use.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Our passes and pipelines, and the upstream passes that the pipelines use.
void registerAllPasses();
} // namespace descent

#endif // DESCENT_INITALL_H
