#include "diffraction/map_descriptors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <vector>

#include "core/random_stream.hpp"
#include "diffraction/jackknife.hpp"
#include "diffraction/speckle_law.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr int null_maps = 9;
// Smoothing with 0.6 of the speckle's own width takes most of the noise; it widens a speckle's area by a known factor.
constexpr double smoothing_share = 0.6;
constexpr double area_widening = 1.0 + smoothing_share * smoothing_share;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double median_of(std::vector<double> values) {
  if (values.empty()) return nan;
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
  if (count < 2.0) return nan;
  return std::sqrt(std::max(0.0, squares - sum * sum / count) / (count * (count - 1.0)));
}

// Diameters and fitted widths of the speckles of maps that are not cut off.
struct SpeckleWidths {
  std::vector<double> diameters, widths;
  std::vector<SpeckleRegion> whole;  // of the last map
  void add(std::span<const SpeckleRegion> regions, std::span<const float> map, float background, SpeckleFit& fit) {
    whole.clear();
    std::copy_if(regions.begin(), regions.end(), std::back_inserter(whole),
                 [](const SpeckleRegion& region) { return !region.at_edge; });
    for (const SpeckleRegion& region : whole) diameters.push_back(region.equivalent_diameter());
    for (const double width : fit.widths(map, whole, background)) {
      if (std::isfinite(width)) widths.push_back(width);
    }
  }
};

}  // namespace

MapDescriber::MapDescriber(std::int64_t ny, std::int64_t nx, int angles, int largest_lag,
                           std::span<const std::uint8_t> kept)
    : ny_(ny),
      nx_(nx),
      angles_(angles),
      positions_(static_cast<std::size_t>(ny * nx)),
      kept_(kept.begin(), kept.end()),
      correlation_(ny, nx, largest_lag, kept, angle_groups),
      slow_(ny, nx, largest_lag, kept),
      smoother_(ny, nx, 0.0, kept),
      labeller_(ny, nx),
      added_(static_cast<std::size_t>(angles)),
      pair_(2 * positions_),
      smoothed_(positions_ * static_cast<std::size_t>(angles)),
      null_values_(positions_ * static_cast<std::size_t>(null_maps)),
      null_order_(positions_),
      null_starts_(static_cast<std::size_t>(angles) + 1) {}

double MapDescriber::bytes(std::int64_t ny, std::int64_t nx, int angles, int largest_lag) noexcept {
  constexpr double smoothers = 16.0, others = 24.0 + 4.0 * null_maps;  // bytes a position
  return MapAutocorrelation::bytes(ny, nx, largest_lag, angle_groups) +
         (smoothers + others + sizeof(float) * angles) * static_cast<double>(ny * nx);
}

// What changes slowly over the scan at this k, thickness above all: the mean over the angles, smoothed so widely that
// single domains do not show. As factors that take it out; 1 where nothing is known, NaN at positions not kept.
std::vector<float> MapDescriber::levelling_factors(const BinMaps& maps) {
  std::vector<float> factors = maps.mean_over_angles();
  constexpr float missing = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t i = 0; i < positions_; ++i) factors[i] = kept_[i] != 0 ? factors[i] : missing;
  slow_.smooth(factors);
  for (std::size_t i = 0; i < positions_; ++i) {
    factors[i] = kept_[i] == 0 ? missing : factors[i] > 0.0F ? 1.0F / factors[i] : 1.0F;
  }
  return factors;
}

void MapDescriber::draw_null_angles(int bin) {
  constexpr std::uint64_t null_seed = 1;
  RandomStream random(null_seed, RandomPurpose::analysis_null_model, static_cast<std::uint64_t>(bin));
  std::vector<std::uint16_t> angles(positions_);
  std::fill(null_starts_.begin(), null_starts_.end(), 0);
  for (auto& angle : angles) {
    angle = static_cast<std::uint16_t>(random.index(angles_));
    ++null_starts_[static_cast<std::size_t>(angle) + 1];
  }
  for (std::size_t angle = 1; angle < null_starts_.size(); ++angle) null_starts_[angle] += null_starts_[angle - 1];
  std::vector<std::uint32_t> next(null_starts_.begin(), null_starts_.end() - 1);
  for (std::size_t position = 0; position < positions_; ++position) {
    null_order_[next[angles[position]]++] = static_cast<std::uint32_t>(position);
  }
}

// What the null maps show of the map of an angle.
void MapDescriber::add_to_null_maps(int angle, std::span<const float> map) {
  for (int index = 0; index < null_maps; ++index) {
    const auto start = static_cast<std::size_t>((angle - index * angles_ / null_maps + angles_) % angles_);
    float* values = null_values_.data() + static_cast<std::size_t>(index) * positions_;
    for (auto place = null_starts_[start]; place < null_starts_[start + 1]; ++place) {
      values[place] = map[null_order_[place]];
    }
  }
}

void MapDescriber::make_null_map(int index, std::span<float> map) const {
  const float* values = null_values_.data() + static_cast<std::size_t>(index) * positions_;
  for (std::size_t place = 0; place < positions_; ++place) map[null_order_[place]] = values[place];
}

void MapDescriber::measure_size(const BinMaps& maps, std::span<const float> factors, MapDetail detail,
                                MapDescriptors& result) {
  const bool with_null = detail == MapDetail::speckles;
  correlation_.clear();
  if (with_null) draw_null_angles(maps.bin());
  // Friedel opposites share a group. Two maps at a time stay in a cache; they are taken out of the stack once more for
  // the area, which costs less than to keep them.
  const auto pair = std::span<float>(pair_);
  const int half = angles_ / 2;
  for (int angle = 0; angle < half; ++angle) {
    const std::array<std::span<float>, 2> both = {pair.first(positions_), pair.last(positions_)};
    for (int index = 0; index < 2; ++index) {
      const auto map = both[static_cast<std::size_t>(index)];
      maps.copy_map(angle + index * half, map, factors);
      if (with_null) add_to_null_maps(angle + index * half, map);
    }
    // A map's mean holds what stands still: the ring's residual ellipticity, the detector's response.
    const auto added = correlation_.add_pair(both[0], both[1], angle_group(angle, angles_));
    added_[static_cast<std::size_t>(angle)] = added[0];
    added_[static_cast<std::size_t>(angle + half)] = added[1];
  }
  const auto lags = correlation_.lags();
  if (lags.empty()) return;
  const double positions = correlation_.positions();
  const double largest_lag = correlation_.largest_lag();
  const SpeckleSize speckle = speckle_size(lags, positions, largest_lag);
  result.variance = speckle.variance;
  result.noise_variance = speckle.noise_variance;
  result.size = speckle.fwhm / std::sqrt(2.0);
  if (!std::isfinite(speckle.fwhm)) {
    result.area_fraction = 0.0;  // no speckles stand out of the noise
    return;
  }
  std::vector<double> without;
  for (int group = 0; group < angle_groups; ++group) {
    if (correlation_.maps(group) == 0) continue;
    const auto rest = correlation_.lags(group);
    if (!rest.empty()) without.push_back(speckle_size(rest, positions, largest_lag).fwhm / std::sqrt(2.0));
  }
  result.size_error = jackknife_error(without);
}

std::optional<MapDescriber::Level> MapDescriber::measure_area(const BinMaps& maps, std::span<const float> factors,
                                                              double most_false, MapDescriptors& result) {
  if (!std::isfinite(result.size)) return std::nullopt;
  const double smoothing_sigma = smoothing_share * result.size / std::sqrt(8.0 * std::log(2.0));
  smoother_.set_sigma(smoothing_sigma);
  std::vector<MapMoments> group_moments(angle_groups);
  std::vector<IntensityHistogram> groups(angle_groups);
  for (int angle = 0; angle < angles_; ++angle) {
    const auto [mean, whole] = added_[static_cast<std::size_t>(angle)];
    if (std::isnan(mean)) continue;
    const auto group = static_cast<std::size_t>(angle_group(angle, angles_));
    const auto count = [&](std::span<const float> values) {
      group_moments[group].add_map(values);
      groups[group].add_map(values);
    };
    const auto map = smoothed_of(angle);
    if (whole) {
      const auto row = [&](std::int64_t y, std::span<float> values) {
        maps.copy_row(angle, y, values, factors.subspan(static_cast<std::size_t>(y * nx_), values.size()));
      };
      smoother_.smooth_whole(row, mean, map, count);
    } else {
      maps.copy_map(angle, map, factors);
      smoother_.smooth(map, mean);
      count(map);
    }
  }
  IntensityHistogram pooled;
  MapMoments moments;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    pooled.add(groups[group]);
    moments.add(group_moments[group]);
  }
  if (pooled.total() == 0) return std::nullopt;
  // A scaled Poisson number of mean 1 and variance s^2 has the third cumulant s^4.
  const double white = std::max(0.0, result.noise_variance);
  const double variance = white * smoother_.noise_squares();
  const NoiseModel noise{variance,
                         variance > 0.0 ? white * white * smoother_.noise_cubes() / std::pow(variance, 1.5) : 0.0};
  const AreaThreshold level = choose_area_threshold(pooled, moments, noise, most_false);
  result.share_above = pooled.share_above(level.threshold);

  if (!(level.speckle_height > 0.0) || result.share_above <= level.false_positives) {
    result.area_fraction = 0.0;  // nothing that noise alone does not give
  } else {
    const SpeckleLawFit fit = fit_speckle_law(groups, moments, noise, level.speckle_height);
    // Smoothing raises the density by the widening.
    if (fit.found) {
      result.area_fraction = covered_part(fit.law.density / area_widening);
      result.background = 1.0 - mean_above_background(fit.law);
      std::vector<double> without;
      for (const double density : fit.densities_without) without.push_back(covered_part(density / area_widening));
      result.area_fraction_error = jackknife_error(without);
    }
  }
  return Level{static_cast<float>(level.background), static_cast<float>(level.threshold), smoothing_sigma};
}

// Single speckles, and the same of maps with shuffled angles.
void MapDescriber::measure_speckles(const Level& level, MapDescriptors& result) {
  SpeckleFit fit(ny_, nx_, std::max(2, static_cast<int>(std::ceil(result.size))));
  std::vector<SpeckleWidths> speckles(angle_groups);
  for (int angle = 0; angle < angles_; ++angle) {
    if (std::isnan(added_[static_cast<std::size_t>(angle)].mean)) continue;
    const auto map = smoothed_of(angle);
    speckles[static_cast<std::size_t>(angle_group(angle, angles_))].add(labeller_.label(map, level.threshold), map,
                                                                        level.background, fit);
  }
  SpeckleWidths null_speckles;
  double null_above = 0.0;
  double null_positions = 0.0;
  for (int index = 0; index < null_maps; ++index) {
    const auto map = std::span<float>(pair_).first(positions_);
    make_null_map(index, map);
    MapMoments own;
    own.add_map(map);
    if (!(own.count > 0.0)) continue;
    smoother_.smooth(map, static_cast<float>(own.sum / own.count));
    for (const float value : map) {
      null_positions += value == value ? 1.0 : 0.0;
      null_above += value > level.threshold ? 1.0 : 0.0;
    }
    null_speckles.add(labeller_.label(map, level.threshold), map, level.background, fit);
  }
  result.null_share = null_positions > 0.0 ? null_above / null_positions : nan;

  // Smoothing widens a Gaussian in quadrature, and a region above a fixed level in proportion.
  const double region_widening = std::sqrt(area_widening);
  const double smoothing_width = level.smoothing_sigma * std::sqrt(8.0 * std::log(2.0));
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
}

MapDescriptors MapDescriber::describe(const BinMaps& maps, double most_false, MapDetail detail) {
  MapDescriptors result;
  result.background = 1.0;
  for (double* value : {&result.size, &result.size_error, &result.area_fraction, &result.area_fraction_error,
                        &result.variance, &result.noise_variance, &result.share_above, &result.null_share,
                        &result.region_diameter, &result.region_diameter_error, &result.null_region_diameter,
                        &result.fit_width, &result.fit_width_error, &result.null_fit_width}) {
    *value = nan;
  }
  const auto factors = levelling_factors(maps);
  measure_size(maps, factors, detail, result);
  const auto level = measure_area(maps, factors, most_false, result);
  if (level && detail == MapDetail::speckles) measure_speckles(*level, result);
  return result;
}

}  // namespace mesoglass::diffraction
