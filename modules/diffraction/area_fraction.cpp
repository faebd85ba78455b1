#include "diffraction/area_fraction.hpp"

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <stdexcept>

#include "core/units.hpp"

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
  const double limited = std::clamp(place, 0.0, static_cast<double>(bins - 1));
  ++counts_[static_cast<std::size_t>(limited)];
  ++total_;
}

double IntensityHistogram::quantile(double probability) const {
  const double wanted = probability * static_cast<double>(total_);
  double below = 0.0;
  const double width = (highest - lowest) / static_cast<double>(bins);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const auto here = static_cast<double>(counts_[bin]);
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
  double above = static_cast<double>(counts_[bin]) * (1.0 - (place - static_cast<double>(bin)));
  for (std::size_t next = bin + 1; next < bins; ++next) above += static_cast<double>(counts_[next]);
  return above / static_cast<double>(total_);
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

MapSmoother::MapSmoother(std::int64_t ny, std::int64_t nx, double sigma)
    : ny_(ny),
      nx_(nx),
      values_(static_cast<std::size_t>(ny * nx)),
      weights_(values_.size()),
      line_values_(values_.size()),
      line_weights_(values_.size()) {
  const int reach = std::max(0, static_cast<int>(std::ceil(3.0 * sigma)));
  for (int step = -reach; step <= reach; ++step) {
    kernel_.push_back(sigma > 0.0 ? static_cast<float>(std::exp(-0.5 * step * step / (sigma * sigma))) : 1.0F);
  }
  double sum = 0.0, squares = 0.0, cubes = 0.0;
  for (const float weight : kernel_) {
    const auto w = static_cast<double>(weight);
    sum += w;
    squares += w * w;
    cubes += w * w * w;
  }
  noise_squares_ = std::pow(squares / (sum * sum), 2);
  noise_cubes_ = std::pow(cubes / (sum * sum * sum), 2);
}

void MapSmoother::smooth(std::span<float> map) {
  const auto reach = static_cast<std::int64_t>(kernel_.size() / 2);
  if (reach == 0) return;
  for (std::size_t index = 0; index < map.size(); ++index) {
    const bool present = std::isfinite(map[index]);
    values_[index] = present ? map[index] : 0.0F;
    weights_[index] = present ? 1.0F : 0.0F;
  }
  std::fill(line_values_.begin(), line_values_.end(), 0.0F);
  std::fill(line_weights_.begin(), line_weights_.end(), 0.0F);
  for (std::int64_t y = 0; y < ny_; ++y) {
    for (std::int64_t step = -reach; step <= reach; ++step) {
      const std::int64_t from = y + step;
      if (from < 0 || from >= ny_) continue;
      const float weight = kernel_[static_cast<std::size_t>(step + reach)];
      const float* value = values_.data() + from * nx_;
      const float* present = weights_.data() + from * nx_;
      float* value_sum = line_values_.data() + y * nx_;
      float* weight_sum = line_weights_.data() + y * nx_;
      for (std::int64_t x = 0; x < nx_; ++x) {
        value_sum[x] += weight * value[x];
        weight_sum[x] += weight * present[x];
      }
    }
  }
  for (std::int64_t y = 0; y < ny_; ++y) {
    for (std::int64_t x = 0; x < nx_; ++x) {
      const auto index = static_cast<std::size_t>(y * nx_ + x);
      if (!std::isfinite(map[index])) continue;
      float value = 0.0F;
      float weight = 0.0F;
      const std::int64_t first = std::max<std::int64_t>(0, x - reach);
      const std::int64_t last = std::min(nx_ - 1, x + reach);
      for (std::int64_t from = first; from <= last; ++from) {
        const float factor = kernel_[static_cast<std::size_t>(from - x + reach)];
        value += factor * line_values_[static_cast<std::size_t>(y * nx_ + from)];
        weight += factor * line_weights_[static_cast<std::size_t>(y * nx_ + from)];
      }
      map[index] = value / weight;
    }
  }
}

}  // namespace mesoglass::diffraction
