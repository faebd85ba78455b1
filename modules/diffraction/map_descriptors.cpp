#include "diffraction/map_descriptors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "diffraction/area_fraction.hpp"
#include "diffraction/jackknife.hpp"
#include "diffraction/speckle_regions.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr int null_maps = 9;

// A map's mean holds what stands still: the ring's residual ellipticity, the detector's response.
void remove_mean(std::span<float> map) {
  MapMoments moments;
  moments.add_map(map);
  if (!(moments.count > 0.0)) return;
  const auto mean = static_cast<float>(moments.sum / moments.count);
  for (float& value : map) value -= mean;
}

// What changes slowly over the scan at this k, thickness above all: the mean over the angles, smoothed so widely that
// single domains do not show. As factors that take it out; 1 where nothing is known.
std::vector<float> slow_change(const BinMaps& maps, std::span<const std::uint8_t> kept, double sigma) {
  const auto positions = static_cast<std::size_t>(maps.ny() * maps.nx());
  std::vector<float> map(positions), sums(positions, 0.0F), counts(positions, 0.0F);
  for (int angle = 0; angle < maps.angles(); ++angle) {
    maps.copy_map(angle, map);
    for (std::size_t i = 0; i < positions; ++i) {
      const bool present = map[i] == map[i];
      sums[i] += present ? map[i] : 0.0F;
      counts[i] += present ? 1.0F : 0.0F;
    }
  }
  for (std::size_t i = 0; i < positions; ++i) sums[i] /= counts[i];  // NaN where nothing was recorded
  MapSmoother(maps.ny(), maps.nx(), sigma, kept).smooth(sums);
  for (float& value : sums) value = value > 0.0F ? 1.0F / value : 1.0F;
  return sums;
}

double median_of(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double standard_error(const std::vector<double>& groups) {
  double sum = 0.0, squares = 0.0, count = 0.0;
  for (const double value : groups) {
    if (!std::isfinite(value)) continue;
    sum += value;
    squares += value * value;
    count += 1.0;
  }
  if (count < 2.0) return std::numeric_limits<double>::quiet_NaN();
  return std::sqrt(std::max(0.0, squares - sum * sum / count) / (count * (count - 1.0)));
}

// Diameters and fitted widths of the speckles of a map that are not cut off.
struct SpeckleWidths {
  std::vector<double> diameters, widths;
  void add(std::span<const SpeckleRegion> regions, std::span<const float> map, const BinMaps& shape, float background,
           int reach) {
    for (const SpeckleRegion& region : regions) {
      if (region.at_edge) continue;
      diameters.push_back(region.equivalent_diameter());
      const double width = fitted_width(map, shape.ny(), shape.nx(), region, background, reach);
      if (std::isfinite(width)) widths.push_back(width);
    }
  }
};

}  // namespace

MapDescriptors describe_maps(const BinMaps& maps, MapAutocorrelation& correlation, std::span<const std::uint8_t> kept,
                             double most_false) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  MapDescriptors result;
  for (double* value : {&result.size, &result.size_error, &result.area_fraction, &result.area_fraction_error,
                        &result.variance, &result.noise_variance, &result.share_above, &result.null_share,
                        &result.region_diameter, &result.region_diameter_error, &result.null_region_diameter,
                        &result.fit_width, &result.fit_width_error, &result.null_fit_width}) {
    *value = nan;
  }
  std::vector<float> map(static_cast<std::size_t>(maps.ny() * maps.nx()));
  const auto factors = slow_change(maps, kept, correlation.largest_lag());
  const auto copy_levelled = [&](int angle, std::span<float> target) {
    maps.copy_map(angle, target);
    for (std::size_t i = 0; i < target.size(); ++i) target[i] *= factors[i];
  };
  correlation.clear();
  std::vector<bool> used(static_cast<std::size_t>(maps.angles()), false);
  for (int angle = 0; angle < maps.angles(); ++angle) {
    copy_levelled(angle, map);
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
  MapSmoother smoother(maps.ny(), maps.nx(), smoothing_sigma, kept);
  MapMoments moments;
  std::vector<IntensityHistogram> groups(angle_groups);
  std::vector<std::vector<float>> smoothed(static_cast<std::size_t>(maps.angles()));
  for (int angle = 0; angle < maps.angles(); ++angle) {
    if (!used[static_cast<std::size_t>(angle)]) continue;
    auto& smooth = smoothed[static_cast<std::size_t>(angle)];
    smooth.resize(map.size());
    copy_levelled(angle, smooth);
    remove_mean(smooth);
    smoother.smooth(smooth);
    moments.add_map(smooth);
    groups[static_cast<std::size_t>(angle_group(angle, maps.angles()))].add_map(smooth);
  }
  IntensityHistogram pooled;
  for (const auto& group : groups) pooled.add(group);
  if (pooled.total() == 0) return result;
  // A scaled Poisson number of mean 1 and variance s^2 has the third cumulant s^4.
  const double white = std::max(0.0, result.noise_variance);
  const double variance = white * smoother.noise_squares();
  const NoiseModel noise{variance,
                         variance > 0.0 ? white * white * smoother.noise_cubes() / std::pow(variance, 1.5) : 0.0};
  const AreaThreshold level = choose_area_threshold(pooled, moments, noise, most_false);
  result.share_above = pooled.share_above(level.threshold);

  // From the share above the threshold to the speckles' density, which smoothing raises by the widening, to coverage.
  const double height = level.speckle_height;
  const auto covered = [&](const IntensityHistogram& values) {
    if (!(height > 0.0)) return 0.0;
    const double density =
        SpeckleModel::density_of(values.share_above(level.threshold), (level.threshold - level.background) / height,
                                 std::sqrt(variance) / height);
    return SpeckleModel::covered(density / area_widening);
  };
  result.area_fraction = covered(pooled);
  std::vector<double> group_values;
  for (const auto& group : groups) {
    if (group.total() > 0) group_values.push_back(covered(group));
  }
  result.area_fraction_error = standard_error(group_values);

  // Single speckles, and the same of maps with shuffled angles.
  const int reach = std::max(2, static_cast<int>(std::ceil(result.size)));
  const auto background = static_cast<float>(level.background);
  const auto threshold = static_cast<float>(level.threshold);
  RegionLabeller labeller(maps.ny(), maps.nx());
  std::vector<SpeckleWidths> speckles(angle_groups);
  for (int angle = 0; angle < maps.angles(); ++angle) {
    const auto& smooth = smoothed[static_cast<std::size_t>(angle)];
    if (smooth.empty()) continue;
    speckles[static_cast<std::size_t>(angle_group(angle, maps.angles()))].add(labeller.label(smooth, threshold), smooth,
                                                                              maps, background, reach);
  }
  SpeckleWidths null_speckles;
  double null_above = 0.0;
  double null_positions = 0.0;
  constexpr std::uint64_t null_seed = 1;
  for (int index = 0; index < null_maps; ++index) {
    RandomStream random(null_seed, RandomPurpose::analysis_null_model, static_cast<std::uint64_t>(maps.bin()),
                        static_cast<std::uint32_t>(index));
    maps.copy_shuffled(random, map);
    for (std::size_t i = 0; i < map.size(); ++i) map[i] *= factors[i];
    remove_mean(map);
    smoother.smooth(map);
    for (const float value : map) {
      null_positions += std::isfinite(value) ? 1.0 : 0.0;
      null_above += value > threshold ? 1.0 : 0.0;
    }
    null_speckles.add(labeller.label(map, threshold), map, maps, background, reach);
  }
  result.null_share = null_positions > 0.0 ? null_above / null_positions : nan;

  // Smoothing widens a Gaussian in quadrature, and a region above a fixed level in proportion.
  const double region_widening = std::sqrt(area_widening);
  const double smoothing_width = smoothing_sigma * std::sqrt(8.0 * std::log(2.0));
  const auto sharpen = [&](double width) {
    const double squared = width * width - smoothing_width * smoothing_width;
    return squared > 0.0 ? std::sqrt(squared) : nan;
  };
  std::vector<double> diameters, widths, group_diameters, group_widths;
  for (const SpeckleWidths& group : speckles) {
    diameters.insert(diameters.end(), group.diameters.begin(), group.diameters.end());
    widths.insert(widths.end(), group.widths.begin(), group.widths.end());
    group_diameters.push_back(median_of(group.diameters) / region_widening);
    group_widths.push_back(sharpen(median_of(group.widths)));
  }
  for (const double diameter : diameters) {
    const auto bin = static_cast<std::size_t>(diameter / region_widening / diameter_bin_steps);
    result.region_diameters[std::min<std::size_t>(bin, diameter_bins - 1)] += 1.0;
  }
  result.region_diameter = median_of(diameters) / region_widening;
  result.region_diameter_error = standard_error(group_diameters);
  result.fit_width = sharpen(median_of(widths));
  result.fit_width_error = standard_error(group_widths);
  result.null_region_diameter = median_of(null_speckles.diameters) / region_widening;
  result.null_fit_width = sharpen(median_of(null_speckles.widths));
  return result;
}

}  // namespace mesoglass::diffraction
