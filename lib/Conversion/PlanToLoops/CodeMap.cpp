#include "CodeMap.h"

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
    double bins = getBins(e), first = isSigned ? bins : bins - 1; // number of the decade's first code
    double slope = std::pow(10.0, 6 - e) / 0.9 * bins;
    lines.push_back({float(slope), float(first - 0.1 / 0.9 * bins - 0.25)});
  }
  return lines;
}
