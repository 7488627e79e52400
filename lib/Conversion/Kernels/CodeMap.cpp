#include "descent/Conversion/Kernels/CodeMap.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace descent::plan;

std::vector<float> CodeMap::getMagnitudes() const {
  std::vector<float> magnitudes = {0.0f};
  for (int e = 0; e < kDecades; ++e)
    for (int64_t bin = 0; bin < getBins(e); ++bin)
      magnitudes.push_back(std::pow(10.0, e - 6) * (0.1 + 0.9 * (bin + 0.5) / getBins(e)));
  magnitudes.push_back(1.0f);
  return magnitudes;
}

std::vector<float> CodeMap::getNumbers() const {
  std::vector<float> magnitudes = getMagnitudes(), numbers;
  if (isSigned)
    for (size_t k = magnitudes.size() - 2; k > 0; --k)
      numbers.push_back(-magnitudes[k]);
  numbers.insert(numbers.end(), magnitudes.begin(), magnitudes.end());
  return numbers;
}

std::vector<float> CodeMap::getThresholds() const {
  std::vector<float> magnitudes = getMagnitudes(), thresholds;
  for (size_t k = 0; k + 1 < magnitudes.size(); ++k)
    thresholds.push_back((double(magnitudes[k]) + double(magnitudes[k + 1])) / 2);
  thresholds.resize(isSigned ? 128 : 256, 2.0f);
  return thresholds;
}

std::vector<CodeMap::Line> CodeMap::getLines() const {
  std::vector<Line> lines;
  for (int e = 0; e < kDecades; ++e) {
    double bins = getBins(e), first = getFirstNumber(e);
    double slope = std::pow(10.0, 6 - e) / 0.9 * bins;
    lines.push_back({float(slope), float(first - 0.1 / 0.9 * bins - 0.25)});
  }
  return lines;
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

int CodeMap::getKey(float magnitude) const {
  return std::max<int>(llvm::bit_cast<uint32_t>(magnitude) >> 16, Cells::kFirst) - Cells::kFirst;
}

namespace {
/// A key, and what may be said for its number: a guess is right or one less, for all magnitudes with that key.
struct Bounds {
  int key, low, high;
};

/// slope * key + offset
struct Fit {
  int slope = 0, offset = 0, slack = -1;
};
} // namespace

/// The line that stays farthest within the bounds; 256 is one code.
static Fit fitLine(llvm::ArrayRef<Bounds> keys) {
  Fit best;
  for (int slope = 0; slope < 256; ++slope) {
    int least = INT_MIN, most = INT_MAX;
    for (Bounds bounds : keys) {
      least = std::max(least, 256 * bounds.low - slope * bounds.key);
      most = std::min(most, 256 * bounds.high + 255 - slope * bounds.key);
    }
    if (most - least > best.slack)
      best = {slope, least + (most - least) / 2, most - least};
  }
  assert(best.slack >= 0 && "a cell is not nearly a line");
  return best;
}

/// A cell ends with a binade, and at the threshold between two decades.
CodeMap::Cells CodeMap::getCells() const {
  constexpr int kBinade = 1 << Cells::kBits;
  std::vector<float> thresholds = getThresholds();
  Cells cells = {std::vector<uint16_t>(32), std::vector<uint16_t>(32), std::vector<uint16_t>(32)};
  for (int e = 0; e < kDecades; ++e) {
    int end = getKey(thresholds[getFirstNumber(e) - 1]), binade = end / kBinade;
    cells.shifts[binade] += kBinade - end % kBinade;
    for (int above = binade + 1; above < Cells::kBinades; ++above)
      cells.shifts[above] += kBinade;
  }
  // Quotients are rounded products with a rounded reciprocal.
  constexpr double kMargin = 0x1p-20;
  auto getNumber = [&](double y) -> int { return llvm::lower_bound(thresholds, y) - thresholds.begin(); };
  auto getLeast = [](int key) { return double(llvm::bit_cast<float>(uint32_t(key + Cells::kFirst) << 16)); };
  std::vector<std::vector<Bounds>> keys(32);
  for (int key = 0; key <= getKey(1.0f); ++key) {
    int most = getNumber(getLeast(key + 1) * (1 + kMargin)), least = getNumber(getLeast(key) * (1 - kMargin));
    // The last number has no threshold to be compared with.
    least = std::min<int>(least, thresholds.size() - 1);
    keys[(key + cells.shifts[key / kBinade]) / kBinade].push_back({key, std::max(most - 1, 0), least});
  }
  for (int cell : llvm::seq(32)) {
    Fit fit = keys[cell].empty() ? Fit() : fitLine(keys[cell]);
    cells.slopes[cell] = fit.slope;
    cells.offsets[cell] = fit.offset;
  }
  return cells;
}
