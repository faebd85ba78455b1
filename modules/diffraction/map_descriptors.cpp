#include "diffraction/map_descriptors.hpp"

#include <cmath>
#include <limits>

#include "diffraction/area_fraction.hpp"
#include "diffraction/jackknife.hpp"

namespace mesoglass::diffraction {

MapDescriptors describe_maps(const BinMaps& maps, MapAutocorrelation& correlation, double false_positives) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  MapDescriptors result{nan, nan, nan, nan, nan, nan};
  std::vector<float> map(static_cast<std::size_t>(maps.ny() * maps.nx()));
  correlation.clear();
  std::vector<bool> used(static_cast<std::size_t>(maps.angles()), false);
  for (int angle = 0; angle < maps.angles(); ++angle) {
    maps.copy_map(angle, map);
    used[static_cast<std::size_t>(angle)] = correlation.add(map, angle_group(angle, maps.angles()));
  }
  const auto lags = correlation.lags();
  if (lags.empty()) return result;
  const double positions = correlation.positions();
  const double largest_lag = correlation.largest_lag();
  const SpeckleSize speckle = speckle_size(lags, positions, largest_lag);
  result.variance = speckle.variance;
  result.noise_variance = speckle.noise_variance;
  result.size = speckle.fwhm / std::sqrt(2.0);
  if (std::isfinite(speckle.fwhm)) {
    std::vector<double> without;
    for (int group = 0; group < angle_groups; ++group) {
      if (correlation.maps(group) == 0) continue;
      const auto rest = correlation.lags(group);
      if (!rest.empty()) without.push_back(speckle_size(rest, positions, largest_lag).fwhm / std::sqrt(2.0));
    }
    result.size_error = jackknife_error(without);
  }

  // Half the speckle's own width smooths counting noise and hardly widens speckles.
  constexpr double smoothing_share = 0.5;
  const double fwhm_to_sigma = 1.0 / std::sqrt(8.0 * std::log(2.0));
  MapSmoother smoother(maps.ny(), maps.nx(),
                       std::isfinite(result.size) ? smoothing_share * result.size * fwhm_to_sigma : 0.0);
  IntensityHistogram pooled;
  std::vector<IntensityHistogram> groups(angle_groups);
  for (int angle = 0; angle < maps.angles(); ++angle) {
    if (!used[static_cast<std::size_t>(angle)]) continue;
    maps.copy_map(angle, map);
    smoother.smooth(map);
    auto& group = groups[static_cast<std::size_t>(angle_group(angle, maps.angles()))];
    for (const float value : map) {
      if (!std::isfinite(value)) continue;
      pooled.add(static_cast<double>(value));
      group.add(static_cast<double>(value));
    }
  }
  if (pooled.total() == 0) return result;
  const NullModel null_model = fit_null_model(pooled, false_positives);
  result.area_fraction = null_model.fraction;
  double sum = 0.0, squares = 0.0, count = 0.0;
  for (const auto& group : groups) {
    if (group.total() == 0) continue;
    const double share = group.share_above(null_model.threshold);
    sum += share;
    squares += share * share;
    count += 1.0;
  }
  if (count > 1.0) {
    result.area_fraction_error = std::sqrt(std::max(0.0, squares - sum * sum / count) / (count * (count - 1.0)));
  }
  return result;
}

}  // namespace mesoglass::diffraction
