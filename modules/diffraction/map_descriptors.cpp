#include "diffraction/map_descriptors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "diffraction/area_fraction.hpp"
#include "diffraction/jackknife.hpp"

namespace mesoglass::diffraction {

namespace {

// A map's mean holds what stands still: the ring's residual ellipticity, the detector's response.
void remove_mean(std::span<float> map) {
  double sum = 0.0;
  double count = 0.0;
  for (const float value : map) {
    if (!std::isfinite(value)) continue;
    sum += static_cast<double>(value);
    count += 1.0;
  }
  if (!(count > 0.0)) return;
  const auto mean = static_cast<float>(sum / count);
  for (float& value : map) value -= mean;
}

}  // namespace

MapDescriptors describe_maps(const BinMaps& maps, MapAutocorrelation& correlation, double most_false) {
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

  if (!std::isfinite(result.size)) {
    result.area_fraction = 0.0;  // no speckles stand out of the noise
    return result;
  }
  // Smoothing with 0.6 of the speckle's own width takes most of the noise; it widens a speckle's area by a known
  // factor.
  constexpr double smoothing_share = 0.6;
  const double speckle_sigma = result.size / std::sqrt(8.0 * std::log(2.0));
  const double smoothing_sigma = smoothing_share * speckle_sigma;
  constexpr double area_widening = 1.0 + smoothing_share * smoothing_share;
  MapSmoother smoother(maps.ny(), maps.nx(), smoothing_sigma);
  IntensityHistogram pooled;
  MapMoments moments;
  std::vector<IntensityHistogram> groups(angle_groups);
  for (int angle = 0; angle < maps.angles(); ++angle) {
    if (!used[static_cast<std::size_t>(angle)]) continue;
    maps.copy_map(angle, map);
    remove_mean(map);
    smoother.smooth(map);
    auto& group = groups[static_cast<std::size_t>(angle_group(angle, maps.angles()))];
    for (const float value : map) {
      if (!std::isfinite(value)) continue;
      pooled.add(static_cast<double>(value));
      moments.add(static_cast<double>(value));
      group.add(static_cast<double>(value));
    }
  }
  if (pooled.total() == 0) return result;
  // A scaled Poisson number of mean 1 and variance s^2 has the third cumulant s^4.
  const double white = std::max(0.0, result.noise_variance);
  const double variance = white * smoother.noise_squares();
  const NoiseModel noise{variance,
                         variance > 0.0 ? white * white * smoother.noise_cubes() / std::pow(variance, 1.5) : 0.0};
  const AreaThreshold level = choose_area_threshold(pooled, moments, noise, most_false);
  const auto covered = [&](const IntensityHistogram& values) {
    const double share = values.share_above(level.threshold);
    return std::max(0.0, (share - level.false_positives) / (1.0 - level.false_positives)) / area_widening;
  };
  result.area_fraction = covered(pooled);
  double sum = 0.0, squares = 0.0, count = 0.0;
  for (const auto& group : groups) {
    if (group.total() == 0) continue;
    const double share = covered(group);
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
