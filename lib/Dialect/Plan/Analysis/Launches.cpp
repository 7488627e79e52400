#include "descent/Dialect/Plan/Analysis/Launches.h"

using namespace mlir;
using namespace descent::plan;

bool descent::plan::isWorkOnNumbers(Operation *stage) { return isa<CombineOp, ScalarsOp>(stage); }

SmallVector<Launch> descent::plan::getLaunches(TrackOp track) {
  SmallVector<Launch> launches;
  bool isOpen = false; // the last launch may take more
  for (Operation &op : *track.getBody()) {
    isOpen = isOpen && !isa<CutOp>(op);
    if (!isStage(&op))
      continue;
    bool isNumbers = isWorkOnNumbers(&op);
    if (isOpen && isNumbers && getAlternative(launches.back().back()) == getAlternative(&op))
      launches.back().push_back(&op);
    else
      launches.push_back({&op});
    isOpen = isNumbers;
  }
  return launches;
}
