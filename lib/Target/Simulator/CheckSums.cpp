// Calls of the simulator before uses of what a product of a warpgroup sums.
#include "PipelineLowering.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace descent;

namespace {
/// Follows the sum of one product through loops and branches, to where its registers are used.
class SumFollower {
public:
  explicit SumFollower(Value sum) { follow(sum); }
  ArrayRef<Operation *> getUsers() const { return users.getArrayRef(); }

private:
  void follow(Value sum);
  void visit(OpOperand &use);
  void visitYield(OpOperand &use);
  void visitLoop(OpOperand &use, LoopLikeOpInterface loop);

  llvm::SmallDenseSet<Value> seen;
  llvm::SmallSetVector<Operation *, 8> users;
};
} // namespace

void SumFollower::follow(Value sum) {
  if (!sum || !seen.insert(sum).second)
    return;
  for (OpOperand &use : sum.getUses())
    visit(use);
}

/// The sum is a loop's at the begin of its next turn, and after it.
void SumFollower::visitLoop(OpOperand &use, LoopLikeOpInterface loop) {
  follow(loop.getTiedLoopRegionIterArg(&use));
  follow(loop.getTiedLoopResult(&use));
}

void SumFollower::visitYield(OpOperand &use) {
  Operation *parent = use.getOwner()->getParentOp();
  unsigned number = use.getOperandNumber();
  if (auto loop = dyn_cast<scf::ForOp>(parent))
    return visitLoop(loop.getInitsMutable()[number], loop);
  if (isa<scf::IfOp, scf::IndexSwitchOp, scf::ExecuteRegionOp>(parent))
    return follow(parent->getResult(number));
  users.insert(use.getOwner());
}

void SumFollower::visit(OpOperand &use) {
  Operation *user = use.getOwner();
  if (isa<NVVM::WgmmaMmaAsyncOp>(user))
    return; // the next product waits for it by itself
  if (isa<scf::YieldOp>(user))
    return visitYield(use);
  if (auto loop = dyn_cast<scf::ForOp>(user))
    return visitLoop(use, loop);
  if (auto branch = dyn_cast<BranchOpInterface>(user))
    if (auto argument = branch.getSuccessorBlockArgument(use.getOperandNumber()))
      return follow(*argument);
  users.insert(user);
}

/// Of the users in one block, the first ones stand for those of the same value after them.
static bool isFirstOfBlock(Operation *user, llvm::SmallDenseSet<std::pair<Block *, Value>> &checked) {
  bool isFirst = false;
  for (Value operand : user->getOperands())
    if (isa<LLVM::LLVMStructType>(operand.getType()))
      isFirst = checked.insert({user->getBlock(), operand}).second || isFirst;
  return isFirst;
}

void descent::checkUsesOfSums(Operation *kernel, SimulatorCalls &calls, Value self) {
  SmallVector<NVVM::WgmmaMmaAsyncOp> products;
  kernel->walk([&](NVVM::WgmmaMmaAsyncOp product) { products.push_back(product); });
  for (NVVM::WgmmaMmaAsyncOp product : products) {
    llvm::SmallDenseSet<std::pair<Block *, Value>> checked;
    SumFollower follower(product.getResults());
    for (Operation *user :
         llvm::make_filter_range(follower.getUsers(), [&](Operation *user) { return isFirstOfBlock(user, checked); })) {
      ImplicitLocOpBuilder b(user->getLoc(), user);
      calls.create(b, "descent_sim_use_sum", {}, self, user, calls.createPlace(b, product));
    }
  }
}
