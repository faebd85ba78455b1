#include "diffraction/map_smoother.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr float missing = std::numeric_limits<float>::quiet_NaN();

}  // namespace

MapSmoother::MapSmoother(std::int64_t ny, std::int64_t nx, double sigma, std::span<const std::uint8_t> kept)
    : ny_(ny), nx_(nx), kept_weights_(static_cast<std::size_t>(ny * nx), 1.0F), row_(static_cast<std::size_t>(nx)) {
  for (std::size_t i = 0; i < kept.size(); ++i) kept_weights_[i] = kept[i] != 0 ? 1.0F : missing;
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
  kept_weights_ = weights_for(kept_weights_);
  other_weights_.clear();
}

// The lines that a line's sum needs are kept in turn, so that they stay in the fastest cache; one of zeros stands for
// those above and below the map, and zeros beside a line for its ends.
template <typename Row>
void MapSmoother::convolve(const Row& row, float mean, std::span<const float> factors, std::span<float> result,
                           const RowAction& action) {
  const auto& kernels = best_kernels();
  const auto taps = static_cast<int>(kernel_.size());
  const std::int64_t reach = taps / 2;
  const auto width = static_cast<std::size_t>(nx_);
  const float* zeros = lines_.data() + taps * nx_;
  std::vector<const float*> above(kernel_.size()), beside(kernel_.size());
  for (std::size_t k = 0; k < beside.size(); ++k) beside[k] = line_.data() + k;
  for (std::int64_t y = -reach; y < ny_; ++y) {
    const std::int64_t last = y + reach;
    if (last < ny_) kernels.centre(row(last), mean, width, lines_.data() + last % taps * nx_);
    if (y < 0) continue;
    for (std::int64_t from = y - reach; from <= last; ++from) {
      above[static_cast<std::size_t>(from - y + reach)] =
          from < 0 || from >= ny_ ? zeros : lines_.data() + from % taps * nx_;
    }
    const auto smoothed = result.subspan(static_cast<std::size_t>(y * nx_), width);
    kernels.weighted_sum(above.data(), kernel_.data(), taps, nullptr, width, line_.data() + reach);
    kernels.weighted_sum(beside.data(), kernel_.data(), taps, factors.empty() ? nullptr : factors.data() + y * nx_,
                         width, smoothed.data());
    if (action) action(smoothed);
  }
}

std::vector<float> MapSmoother::weights_for(std::span<const float> map) {
  std::vector<float> present(map.size()), weights(map.size());
  for (std::size_t i = 0; i < map.size(); ++i) present[i] = std::isnan(map[i]) ? missing : 1.0F;
  convolve([&](std::int64_t y) { return present.data() + y * nx_; }, 0.0F, {}, weights, {});
  for (std::size_t i = 0; i < map.size(); ++i) weights[i] = std::isnan(present[i]) ? missing : 1.0F / weights[i];
  return weights;
}

void MapSmoother::smooth(std::span<float> map, float mean) {
  const auto& kernels = best_kernels();
  const std::vector<float>* weights = &kept_weights_;
  if (kernels.gaps_differ(map.data(), kept_weights_.data(), map.size())) {
    weights = &other_weights_;
    if (other_weights_.empty() || kernels.gaps_differ(map.data(), other_weights_.data(), map.size())) {
      other_weights_ = weights_for(map);
    }
  }
  convolve([&](std::int64_t y) { return map.data() + y * nx_; }, mean, *weights, map,
           {});  // NaN where there is nothing
}

void MapSmoother::smooth_whole(const RowSource& source, float mean, std::span<float> result, const RowAction& action) {
  const auto row = [&](std::int64_t y) {
    source(y, row_);
    return row_.data();
  };
  convolve(row, mean, kept_weights_, result, action);
}

}  // namespace mesoglass::diffraction
