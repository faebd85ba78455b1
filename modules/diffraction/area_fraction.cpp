#include "diffraction/area_fraction.hpp"

#include <algorithm>
#include <array>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "core/units.hpp"
#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction {

namespace {

double normal_quantile(double probability) {
  return -std::sqrt(2.0) * boost::math::erfc_inv(2.0 * probability);
}

// Quantile of a distribution of mean 0, deviation 1 and skewness `skew` (Cornish and Fisher 1938, first term).
double skewed_quantile(double probability, double skew) {
  const double z = normal_quantile(probability);
  return z + skew * (z * z - 1.0) / 6.0;
}

// Probability of exceeding x (first Edgeworth term).
double skewed_tail(double x, double skew) {
  const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * units::pi);
  const double tail = 0.5 * std::erfc(x / std::sqrt(2.0)) + skew / 6.0 * (x * x - 1.0) * density;
  return std::clamp(tail, 0.0, 1.0);
}

}  // namespace

void IntensityHistogram::add(double value) noexcept {
  const double place = (value - lowest) / (highest - lowest) * static_cast<double>(bins);
  ++counts_[static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(bins - 1)))][0];
  ++total_;
}

void IntensityHistogram::add_map(std::span<const float> map) noexcept {
  constexpr auto scale = static_cast<float>(static_cast<double>(bins) / (highest - lowest));
  constexpr auto first = static_cast<float>(lowest);
  constexpr auto last = static_cast<float>(bins - 1);
  constexpr std::size_t piece = 512;
  std::array<std::int32_t, piece> places;
  const std::uint64_t missing = missing_values();
  for (std::size_t begin = 0; begin < map.size(); begin += piece) {
    const std::size_t count = std::min(piece, map.size() - begin);
    best_kernels().find_places(map.data() + begin, count, first, scale, last, static_cast<std::int32_t>(bins),
                               places.data());
    std::size_t i = 0;
    for (; i + tables <= count; i += tables) {
#pragma GCC unroll 2
      for (std::size_t table = 0; table < tables; ++table)
        ++counts_[static_cast<std::size_t>(places[i + table])][table];
    }
    for (; i < count; ++i) ++counts_[static_cast<std::size_t>(places[i])][0];
  }
  total_ += static_cast<std::int64_t>(map.size() - (missing_values() - missing));
}

void IntensityHistogram::add(const IntensityHistogram& other) noexcept {
  for (std::size_t bin = 0; bin < counts_.size(); ++bin) {
    for (std::size_t table = 0; table < tables; ++table) counts_[bin][table] += other.counts_[bin][table];
  }
  total_ += other.total_;
}

void MapMoments::add_map(std::span<const float> map) noexcept {
  double four[4];
  best_kernels().moments(map.data(), map.size(), four);
  count += four[0];
  sum += four[1];
  squares += four[2];
  cubes += four[3];
}

double IntensityHistogram::quantile(double probability) const {
  const double wanted = probability * static_cast<double>(total_);
  double below = 0.0;
  const double width = (highest - lowest) / static_cast<double>(bins);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const auto here = count(bin);
    if (below + here >= wanted && here > 0.0) {
      return lowest + width * (static_cast<double>(bin) + (wanted - below) / here);
    }
    below += here;
  }
  return highest;
}

double IntensityHistogram::share_above(double value) const {
  const double width = (highest - lowest) / static_cast<double>(bins);
  const double place = std::clamp((value - lowest) / width, 0.0, static_cast<double>(bins) - 1e-9);
  const auto bin = static_cast<std::size_t>(place);
  double above = count(bin) * (1.0 - (place - static_cast<double>(bin)));
  for (std::size_t next = bin + 1; next < bins; ++next) above += count(next);
  return above / static_cast<double>(total_);
}

std::vector<double> IntensityHistogram::shares_between(std::span<const double> edges) const {
  std::vector<double> shares(edges.size() + 1, 0.0);
  if (total_ == 0) return shares;
  const double width = (highest - lowest) / static_cast<double>(bins);
  std::size_t bin = 0;
  double below = 0.0;  // counts in the bins before `bin`
  double before = 0.0;
  for (std::size_t edge = 0; edge < edges.size(); ++edge) {
    const double place = std::clamp((edges[edge] - lowest) / width, 0.0, static_cast<double>(bins) - 1e-9);
    for (; bin < static_cast<std::size_t>(place); ++bin) below += count(bin);
    const double here = below + count(bin) * (place - static_cast<double>(bin));
    shares[edge] = (here - before) / static_cast<double>(total_);
    before = here;
  }
  shares.back() = 1.0 - before / static_cast<double>(total_);
  return shares;
}

AreaThreshold choose_area_threshold(const IntensityHistogram& pooled, const MapMoments& moments,
                                    const NoiseModel& noise, double most_false) {
  if (pooled.total() == 0) throw std::logic_error("area threshold of no values");
  AreaThreshold result;
  result.background = pooled.quantile(0.5);
  const double mean = moments.sum / moments.count;
  const double variance = moments.squares / moments.count - mean * mean;
  const double third = moments.cubes / moments.count - 3.0 * mean * variance - mean * mean * mean;
  const double deviation = std::sqrt(std::max(0.0, noise.variance));
  const double kappa2 = variance - noise.variance;
  const double kappa3 = third - noise.skewness * deviation * deviation * deviation;
  constexpr double height_ratio = 9.0 / 4.0;
  if (kappa2 > 0.0 && kappa3 > 0.0) result.speckle_height = height_ratio * kappa3 / kappa2;
  const double lowest = deviation * skewed_quantile(1.0 - most_false, noise.skewness);
  result.limited_by_noise = !(0.5 * result.speckle_height > lowest);
  const double above = std::max(0.5 * result.speckle_height, lowest);
  result.threshold = result.background + above;
  result.false_positives = deviation > 0.0 ? skewed_tail(above / deviation, noise.skewness) : 0.0;
  return result;
}

}  // namespace mesoglass::diffraction
