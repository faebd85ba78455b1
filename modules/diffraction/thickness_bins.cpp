#include "diffraction/thickness_bins.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mesoglass::diffraction {

int ThicknessBins::bin_of(double transmittance) const noexcept {
  if (!(transmittance == transmittance)) return 0;
  return static_cast<int>(std::upper_bound(edges.begin(), edges.end(), transmittance) - edges.begin());
}

ThicknessBins equal_thickness_bins(std::vector<double> transmittances, int wanted) {
  std::erase_if(transmittances, [](double value) { return !std::isfinite(value); });
  std::sort(transmittances.begin(), transmittances.end());
  ThicknessBins bins;
  if (transmittances.empty()) return bins;
  for (int edge = 1; edge < wanted; ++edge) {
    const std::size_t place = transmittances.size() * static_cast<std::size_t>(edge) / static_cast<std::size_t>(wanted);
    const double value = transmittances[place];
    const double last = bins.edges.empty() ? transmittances.front() : bins.edges.back();
    if (value > last) bins.edges.push_back(value);
  }
  return bins;
}

double thickness_in_mean_free_paths(double transmittance) noexcept {
  return transmittance > 0.0 ? -std::log(transmittance) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace mesoglass::diffraction
