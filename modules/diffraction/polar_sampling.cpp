#include "diffraction/polar_sampling.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

namespace mesoglass::diffraction {

namespace {

constexpr double centre_steps_per_pixel = 16.0;
constexpr double least_good_weight = 0.5;

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> tables{0};
  return ++tables;
}

}  // namespace

InterpolationTable::InterpolationTable(const PolarGrid& grid, const PatternShape& shape, Point centre,
                                       const Ellipse& ellipse, std::span<const std::uint8_t> good)
    : grid_(grid),
      identity_(next_identity()),
      row_(shape.nx),
      offsets_(grid.samples(), 0),
      weights_(4 * grid.samples(), 0.0F),
      missing_(grid.samples(), 1),
      valid_(static_cast<std::size_t>(grid.bins), 0) {
  for (int angle = 0; angle < grid.angles; ++angle) {
    const double phi = 2.0 * units::pi * angle / grid.angles;
    const Point direction = ellipse.distort({std::cos(phi), std::sin(phi)});
    for (int bin = 0; bin < grid.bins; ++bin) {
      const double x = centre.x + grid.radius_px(bin) * direction.x;
      const double y = centre.y + grid.radius_px(bin) * direction.y;
      if (!(x >= 0.0 && y >= 0.0 && x <= static_cast<double>(shape.nx - 1) && y <= static_cast<double>(shape.ny - 1))) {
        continue;
      }
      const auto column = std::min(static_cast<std::int64_t>(x), shape.nx - 2);
      const auto line = std::min(static_cast<std::int64_t>(y), shape.ny - 2);
      const double fx = x - static_cast<double>(column);
      const double fy = y - static_cast<double>(line);
      std::array<double, 4> w = {(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy};
      const std::int64_t offset = line * shape.nx + column;
      if (!good.empty()) {
        const std::array<std::int64_t, 4> pixels = {offset, offset + 1, offset + shape.nx, offset + shape.nx + 1};
        double kept = 0.0;
        for (std::size_t corner = 0; corner < 4; ++corner) {
          if (good[static_cast<std::size_t>(pixels[corner])] == 0) w[corner] = 0.0;
          kept += w[corner];
        }
        if (kept < least_good_weight) continue;
        for (double& weight : w) weight /= kept;
      }
      const std::size_t sample =
          static_cast<std::size_t>(bin) * static_cast<std::size_t>(grid.angles) + static_cast<std::size_t>(angle);
      offsets_[sample] = static_cast<std::int32_t>(offset);
      for (std::size_t corner = 0; corner < 4; ++corner) weights_[4 * sample + corner] = static_cast<float>(w[corner]);
      missing_[sample] = 0;
      ++valid_[static_cast<std::size_t>(bin)];
    }
  }
  for (std::size_t sample = 0; sample < missing_.size(); ++sample) {
    if (missing_[sample] != 0) missing_samples_.push_back(static_cast<std::uint32_t>(sample));
  }
}

void InterpolationTable::transform(std::span<const float> pattern, std::span<float> polar) const {
  for (std::size_t sample = 0; sample < grid_.samples(); ++sample) {
    const float* upper = pattern.data() + offsets_[sample];
    const float* lower = upper + row_;
    const float* w = weights_.data() + 4 * sample;
    polar[sample] = (upper[0] * w[0] + upper[1] * w[1]) + (lower[0] * w[2] + lower[1] * w[3]);
  }
}

void InterpolationTable::transform_bin(const LaneKernels& kernels, const float* lanes, int bin, float* values) const {
  const auto angles = static_cast<std::size_t>(grid_.angles);
  const std::size_t first = static_cast<std::size_t>(bin) * angles;
  kernels.interpolate(lanes, static_cast<std::ptrdiff_t>(row_), offsets_.data() + first, weights_.data() + 4 * first,
                      angles, values);
}

std::span<const double> InterpolationTable::noise_power(int bin) const {
  if (noise_.empty()) compute_noise();
  const auto orders = static_cast<std::size_t>(grid_.angles / 2 + 1);
  return std::span<const double>(noise_).subspan(static_cast<std::size_t>(bin) * orders, orders);
}

void InterpolationTable::compute_noise() const {
  const auto angles = static_cast<std::size_t>(grid_.angles);
  const std::size_t orders = angles / 2 + 1;
  const std::array<std::int64_t, 4> steps = {0, 1, row_, row_ + 1};
  std::vector<double> cosine(angles);
  for (std::size_t j = 0; j < angles; ++j) {
    cosine[j] = std::cos(2.0 * units::pi * static_cast<double>(j) / static_cast<double>(angles));
  }
  struct Share {
    std::int64_t pixel;
    std::size_t angle;
    double weight;
  };
  std::vector<Share> shares;
  std::vector<double> correlation(angles);
  noise_.assign(static_cast<std::size_t>(grid_.bins) * orders, 0.0);
  for (std::size_t bin = 0; bin < static_cast<std::size_t>(grid_.bins); ++bin) {
    shares.clear();
    for (std::size_t angle = 0; angle < angles; ++angle) {
      const std::size_t sample = bin * angles + angle;
      for (std::size_t corner = 0; corner < 4; ++corner) {
        const double weight = static_cast<double>(weights_[4 * sample + corner]);
        if (weight != 0.0) shares.push_back({offsets_[sample] + steps[corner], angle, weight});
      }
    }
    std::sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) {
      return a.pixel != b.pixel ? a.pixel < b.pixel : a.angle < b.angle;
    });
    // A(d) = sum over pixels and angles of w_j w_(j + d): only samples that share a pixel contribute.
    std::fill(correlation.begin(), correlation.end(), 0.0);
    for (std::size_t first = 0; first < shares.size();) {
      std::size_t last = first;
      while (last < shares.size() && shares[last].pixel == shares[first].pixel) ++last;
      for (std::size_t i = first; i < last; ++i) {
        for (std::size_t j = first; j < last; ++j) {
          correlation[(shares[j].angle + angles - shares[i].angle) % angles] += shares[i].weight * shares[j].weight;
        }
      }
      first = last;
    }
    for (std::size_t step = 0; step < angles; ++step) {
      if (correlation[step] == 0.0) continue;
      for (std::size_t n = 0; n < orders; ++n)
        noise_[bin * orders + n] += correlation[step] * cosine[(n * step) % angles];
    }
  }
}

std::size_t InterpolationTable::bytes() const noexcept {
  return offsets_.size() * sizeof(std::int32_t) + weights_.size() * sizeof(float) + missing_.size() +
         valid_.size() * sizeof(int) + noise_.size() * sizeof(double);
}

InterpolationTables::InterpolationTables(const PolarGrid& grid, const PatternShape& shape, const Ellipse& ellipse,
                                         std::span<const std::uint8_t> good, std::size_t capacity)
    : grid_(grid), shape_(shape), ellipse_(ellipse), good_(good), capacity_(capacity) {}

const InterpolationTable& InterpolationTables::at(Point centre) {
  const Key key{static_cast<std::int64_t>(std::lround(centre.x * centre_steps_per_pixel)),
                static_cast<std::int64_t>(std::lround(centre.y * centre_steps_per_pixel))};
  if (!tables_.empty() && tables_.front().first == key) return tables_.front().second;
  if (const auto found = places_.find(key); found != places_.end()) {
    tables_.splice(tables_.begin(), tables_, found->second);
    return tables_.front().second;
  }
  if (tables_.size() >= capacity_) {
    places_.erase(tables_.back().first);
    tables_.pop_back();
  }
  const Point rounded{static_cast<double>(key.first) / centre_steps_per_pixel,
                      static_cast<double>(key.second) / centre_steps_per_pixel};
  tables_.emplace_front(key, InterpolationTable(grid_, shape_, rounded, ellipse_, good_));
  places_[key] = tables_.begin();
  return tables_.front().second;
}

}  // namespace mesoglass::diffraction
