#include "NewtonSchulz.h"

#include "descent/Dialect/Descent/Transforms/Passes.h"

#include "llvm/ADT/SetVector.h"

namespace descent {
#define GEN_PASS_DEF_EXPANDORTHOGONALIZE
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

static void expandPolarFactor(OrthogonalizeOp op, Form form) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  NewtonSchulz iteration(b, op.getMethod(), op.getOperand());
  Value polar;
  if (form == Form::Plain || !op.getMethod().hasGramForm()) {
    polar = iteration.emitPlain();
  } else if (form == Form::Gram) {
    polar = iteration.emitGram();
  } else {
    Value plain = iteration.emitPlain(), gram = iteration.emitGram();
    auto names = b.getStrArrayAttr({stringifyForm(Form::Plain), stringifyForm(Form::Gram)});
    polar = ChooseOp::create(b, plain.getType(), names, ValueRange{plain, gram});
  }
  op.getResult().replaceAllUsesWith(iteration.orientBack(polar));
  op.erase();
}

/// The operation's users when all of them are `<x, polar(x)>`; none otherwise.
static SmallVector<InnerOp> getInnerProducts(OrthogonalizeOp op) {
  SmallVector<InnerOp> products;
  for (Operation *user : op->getUsers()) {
    auto inner = dyn_cast<InnerOp>(user);
    if (!inner || (inner.getLhs() != op.getOperand() && inner.getRhs() != op.getOperand()))
      return {};
    products.push_back(inner);
  }
  return products;
}

/// A dual norm for which no polar factor is left over: from the Gram matrix, with fewer operations for every shape.
static void expandInnerProducts(OrthogonalizeOp op, ArrayRef<InnerOp> products) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value inner = NewtonSchulz(b, op.getMethod(), op.getOperand()).emitInner();
  for (InnerOp product : products) {
    product.getResult().replaceAllUsesWith(inner);
    product.erase();
  }
  op.erase();
}

/// The rule says which methods it had: nothing else of them is left.
static void noteMethod(OrthogonalizeOp op) {
  auto rule = op->getParentOfType<OptimizerOp>();
  if (!rule)
    return;
  Builder b(op.getContext());
  auto methods = rule->getAttrOfType<ArrayAttr>(kMethodsAttr);
  llvm::SetVector<Attribute> all;
  if (methods)
    all.insert(methods.begin(), methods.end());
  all.insert(b.getStringAttr(op.getMethod().describe()));
  rule->setAttr(kMethodsAttr, b.getArrayAttr(all.getArrayRef()));
}

namespace {
struct ExpandOrthogonalize : descent::impl::ExpandOrthogonalizeBase<ExpandOrthogonalize> {
  using ExpandOrthogonalizeBase::ExpandOrthogonalizeBase;

  void runOnOperation() override {
    std::optional<Form> wanted = symbolizeForm(form);
    if (!wanted) {
      getOperation()->emitError() << "expected form=auto, form=plain or form=gram, found '" << form << "'";
      return signalPassFailure();
    }
    SmallVector<OrthogonalizeOp> ops;
    getOperation()->walk([&](OrthogonalizeOp op) { ops.push_back(op); });
    for (OrthogonalizeOp op : ops) {
      noteMethod(op);
      // What the method says goes before what the pass is told.
      Form own = op.getMethod().getForm(), chosen = own == Form::Auto ? *wanted : own;
      SmallVector<InnerOp> products = getInnerProducts(op);
      if (chosen != Form::Plain && !products.empty() && NewtonSchulz::canEmitInner(op.getMethod()))
        expandInnerProducts(op, products);
      else
        expandPolarFactor(op, chosen);
    }
  }
};
} // namespace
