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
  const double limited = std::clamp(place, 0.0, static_cast<double>(bins - 1));
  ++counts_[static_cast<std::size_t>(limited)];
  ++total_;
}

void IntensityHistogram::add_map(std::span<const float> map) noexcept {
  constexpr auto scale = static_cast<float>(static_cast<double>(bins) / (highest - lowest));
  constexpr auto first = static_cast<float>(lowest);
  constexpr auto last = static_cast<float>(bins - 1);
  constexpr std::size_t piece = 512;
  std::array<std::int32_t, piece> places;
  // Neighbours often fall into the same bin: counted in one of four tables in turn they need not wait for each other.
  // The first place is that of missing values. Only what was used is cleared.
  static thread_local std::array<std::array<std::uint32_t, 4>, bins + 1> counts{};
  std::int32_t lowest_place = bins, highest_place = -1;
  for (std::size_t begin = 0; begin < map.size(); begin += piece) {
    const std::size_t count = std::min(piece, map.size() - begin);
    best_kernels().find_places(map.data() + begin, count, first, scale, last, places.data());
    for (std::size_t i = 0; i < count; ++i) {
      lowest_place = std::min(lowest_place, places[i]);
      highest_place = std::max(highest_place, places[i]);
    }
    const auto count_one = [&](std::size_t i) { ++counts[static_cast<std::size_t>(places[i] + 1)][i % 4]; };
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
      count_one(i);
      count_one(i + 1);
      count_one(i + 2);
      count_one(i + 3);
    }
    for (; i < count; ++i) count_one(i);
  }
  for (std::int32_t place = lowest_place; place <= highest_place; ++place) {
    auto& here = counts[static_cast<std::size_t>(place + 1)];
    const std::int64_t found = std::int64_t{here[0]} + here[1] + here[2] + here[3];
    here = {};
    if (place < 0) continue;
    counts_[static_cast<std::size_t>(place)] += found;
    total_ += found;
  }
}

void IntensityHistogram::add(const IntensityHistogram& other) noexcept {
  for (std::size_t bin = 0; bin < bins; ++bin) counts_[bin] += other.counts_[bin];
  total_ += other.total_;
}

void MapMoments::add_map(std::span<const float> map) noexcept {
  double four[4];
  best_kernels().moments(map.data(), nullptr, map.size(), four);
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

std::vector<double> IntensityHistogram::shares_between(std::span<const double> edges) const {
  std::vector<double> shares(edges.size() + 1, 0.0);
  if (total_ == 0) return shares;
  const double width = (highest - lowest) / static_cast<double>(bins);
  std::size_t bin = 0;
  double below = 0.0;  // counts in the bins before `bin`
  double before = 0.0;
  for (std::size_t edge = 0; edge < edges.size(); ++edge) {
    const double place = std::clamp((edges[edge] - lowest) / width, 0.0, static_cast<double>(bins) - 1e-9);
    for (; bin < static_cast<std::size_t>(place); ++bin) below += static_cast<double>(counts_[bin]);
    const double here = below + static_cast<double>(counts_[bin]) * (place - static_cast<double>(bin));
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

MapSmoother::MapSmoother(std::int64_t ny, std::int64_t nx, double sigma, std::span<const std::uint8_t> kept)
    : ny_(ny), nx_(nx), weights_(static_cast<std::size_t>(ny * nx), 1.0F) {
  constexpr float missing = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t i = 0; i < kept.size(); ++i) weights_[i] = kept[i] != 0 ? 1.0F : missing;
  set_sigma(sigma);
}

void MapSmoother::set_sigma(double sigma) {
  const int reach = std::max(0, static_cast<int>(std::ceil(3.0 * sigma)));
  kernel_.clear();
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
  const auto margin = static_cast<std::size_t>(reach);
  line_.assign(static_cast<std::size_t>(nx_) + 2 * margin, 0.0F);
  lines_.assign((2 * margin + 2) * static_cast<std::size_t>(nx_), 0.0F);
  find_weights(weights_);
}

// The lines that a line's sum needs are kept in turn, so that they stay in the fastest cache; one of zeros stands for
// those above and below the map, and zeros beside a line for its ends.
void MapSmoother::convolve(std::span<const float> map, float mean, std::span<const float> factors,
                           std::span<float> result) {
  const auto& kernels = best_kernels();
  const auto taps = static_cast<int>(kernel_.size());
  const std::int64_t reach = taps / 2;
  const auto width = static_cast<std::size_t>(nx_);
  const float* zeros = lines_.data() + taps * nx_;
  std::vector<const float*> above(kernel_.size()), beside(kernel_.size());
  for (std::size_t k = 0; k < beside.size(); ++k) beside[k] = line_.data() + k;
  for (std::int64_t y = -reach; y < ny_; ++y) {
    const std::int64_t last = y + reach;
    if (last < ny_) kernels.centre(map.data() + last * nx_, mean, width, lines_.data() + last % taps * nx_);
    if (y < 0) continue;
    for (std::int64_t row = y - reach; row <= last; ++row) {
      above[static_cast<std::size_t>(row - y + reach)] =
          row < 0 || row >= ny_ ? zeros : lines_.data() + row % taps * nx_;
    }
    kernels.weighted_sum(above.data(), kernel_.data(), taps, nullptr, width, line_.data() + reach);
    kernels.weighted_sum(beside.data(), kernel_.data(), taps, factors.empty() ? nullptr : factors.data() + y * nx_,
                         width, result.data() + y * nx_);
  }
}

void MapSmoother::find_weights(std::span<const float> map) {
  constexpr float missing = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> present(map.size()), sums(map.size());
  for (std::size_t i = 0; i < map.size(); ++i) present[i] = std::isnan(map[i]) ? missing : 1.0F;
  convolve(present, 0.0F, {}, sums);
  for (std::size_t i = 0; i < map.size(); ++i) weights_[i] = std::isnan(present[i]) ? missing : 1.0F / sums[i];
}

void MapSmoother::smooth(std::span<float> map, float mean) {
  if (best_kernels().gaps_differ(map.data(), weights_.data(), map.size())) find_weights(map);
  convolve(map, mean, weights_, map);  // NaN where there is nothing
}

}  // namespace mesoglass::diffraction
