#include "descent/Compiler/Library.h"

#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace descent;

#include "descent/Optimizers/Library.inc"

ArrayRef<LibraryRule> descent::getLibraryRules() { return kRules; }

const LibraryRule *descent::findLibraryRule(StringRef name) {
  const auto *found = llvm::find_if(kRules, [&](const LibraryRule &rule) { return rule.name == name; });
  return found == std::end(kRules) ? nullptr : found;
}

/// The comment lines that a rule's file begins with.
static void printComment(StringRef text, raw_ostream &out) {
  while (text.consume_front("//")) {
    auto [line, rest] = text.split('\n');
    out << "    " << line.trim() << "\n";
    text = rest;
  }
}

static std::string describe(RoleAttr role) {
  std::string value;
  llvm::raw_string_ostream out(value);
  out << role.getName().getValue();
  if (role.getKind() == RoleKind::Hyper && role.getValue())
    out << llvm::format(" = %g", role.getValue().getValueAsDouble());
  else if (role.isState() && role.getKind() != RoleKind::State)
    out << " (" << stringifyRoleKind(role.getKind()) << ")";
  return value;
}

void descent::listLibrary(MLIRContext &context, raw_ostream &out) {
  for (const LibraryRule &rule : kRules) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(rule.text, &context, rule.name);
    if (!module)
      continue;
    auto optimizer = *module->getOps<OptimizerOp>().begin();
    SmallVector<std::string> states, hypers;
    for (Attribute attribute : optimizer.getRoles()) {
      auto role = cast<RoleAttr>(attribute);
      if (role.isState())
        states.push_back(describe(role));
      else if (role.getKind() == RoleKind::Hyper)
        hypers.push_back(describe(role));
    }
    out << rule.name << "\n";
    printComment(rule.text, out);
    out << "    states: " << (states.empty() ? "none" : llvm::join(states, ", ")) << "\n";
    out << "    hyperparameters: " << llvm::join(hypers, ", ") << "\n\n";
  }
}
