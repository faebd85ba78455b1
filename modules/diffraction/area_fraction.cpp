#include "diffraction/area_fraction.hpp"

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace mesoglass::diffraction {

namespace {

double normal_quantile(double probability) { return -std::sqrt(2.0) * boost::math::erfc_inv(2.0 * probability); }

// Quantile of a distribution of mean 0, deviation 1 and skewness `skew` (Cornish and Fisher 1938, first term).
double skewed_quantile(double probability, double skew) {
  const double z = normal_quantile(probability);
  return z + skew * (z * z - 1.0) / 6.0;
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

NullModel fit_null_model(const IntensityHistogram& pooled, double false_positives) {
  if (pooled.total() == 0) throw std::logic_error("null model of no values");
  constexpr int rounds = 60;
  constexpr double lower = 0.16;
  constexpr double most_covered = 0.6;  // beyond that the lower side is not background alone
  NullModel model;
  for (int round = 0; round < rounds; ++round) {
    const double background = 1.0 - model.fraction;
    const double median = pooled.quantile(0.5 * background);
    const double low = pooled.quantile(lower * background);
    const double mean = model.mean > 0.0 ? model.mean : median;
    const double skew = mean > 0.0 ? std::clamp(model.deviation / mean, 0.0, 1.0) : 0.0;
    model.deviation = (median - low) / (skewed_quantile(0.5, skew) - skewed_quantile(lower, skew));
    model.mean = median - model.deviation * skewed_quantile(0.5, skew);
    model.threshold = model.mean + model.deviation * skewed_quantile(1.0 - false_positives, skew);
    const double covered = (pooled.share_above(model.threshold) - false_positives) / (1.0 - false_positives);
    const double next = std::clamp(covered, 0.0, most_covered);
    if (std::fabs(next - model.fraction) < 1e-7) {
      model.fraction = next;
      break;
    }
    model.fraction = 0.5 * (model.fraction + next);
  }
  return model;
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

std::vector<std::int32_t> region_areas(std::span<const std::uint8_t> above, std::int64_t ny, std::int64_t nx,
                                       std::int32_t least) {
  std::vector<std::int32_t> parent(above.size(), -1);
  const auto root_of = [&](std::int32_t node) {
    while (parent[static_cast<std::size_t>(node)] != node) {
      auto& up = parent[static_cast<std::size_t>(node)];
      up = parent[static_cast<std::size_t>(up)];
      node = up;
    }
    return node;
  };
  for (std::int64_t y = 0; y < ny; ++y) {
    for (std::int64_t x = 0; x < nx; ++x) {
      const auto index = static_cast<std::int32_t>(y * nx + x);
      if (above[static_cast<std::size_t>(index)] == 0) continue;
      parent[static_cast<std::size_t>(index)] = index;
      const std::int64_t left = x > 0 ? index - 1 : -1;
      const std::int64_t upper = y > 0 ? index - nx : -1;
      for (const std::int64_t neighbour : {left, upper}) {
        if (neighbour < 0 || above[static_cast<std::size_t>(neighbour)] == 0) continue;
        const std::int32_t other = root_of(static_cast<std::int32_t>(neighbour));
        const std::int32_t own = root_of(index);
        if (other != own) parent[static_cast<std::size_t>(std::max(other, own))] = std::min(other, own);
      }
    }
  }
  std::vector<std::int32_t> sizes(above.size(), 0);
  for (std::size_t index = 0; index < above.size(); ++index) {
    if (above[index] != 0) ++sizes[static_cast<std::size_t>(root_of(static_cast<std::int32_t>(index)))];
  }
  std::vector<std::int32_t> areas;
  for (const std::int32_t size : sizes) {
    if (size >= std::max<std::int32_t>(1, least)) areas.push_back(size);
  }
  return areas;
}

}  // namespace mesoglass::diffraction
