#include "diffraction/local_measures.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/units.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr int largest_symmetry = 12;
constexpr float bragg_deviations = 8.0F;  // of counting, so that one pattern in 10^15 passes by chance

int symmetry_count(int order_limit) {
  return std::min(order_limit, largest_symmetry) / 2;
}

// The loops over polar values, also compiled for AVX2; which one runs is decided when the program starts. The same
// bits.
#if defined(__x86_64__)
#define MESOGLASS_WIDE_LANES __attribute__((target_clones("avx2", "default")))
#else
#define MESOGLASS_WIDE_LANES
#endif

// Highest value of every lane.
MESOGLASS_WIDE_LANES void find_highest(const float* values, std::size_t angles, std::size_t lanes, float* highest) {
  for (std::size_t first = 0; first < lanes; first += lane_group) {
    float here[lane_group] = {};
    float other[lane_group] = {};
    for (std::size_t angle = 0; angle < angles; angle += 2) {
      const float* line = values + angle * lanes + first;
      const float* next = line + lanes;
      for (int lane = 0; lane < lane_group; ++lane) here[lane] = line[lane] > here[lane] ? line[lane] : here[lane];
      for (int lane = 0; lane < lane_group; ++lane) other[lane] = next[lane] > other[lane] ? next[lane] : other[lane];
    }
    for (int lane = 0; lane < lane_group; ++lane) {
      highest[first + static_cast<std::size_t>(lane)] = here[lane] > other[lane] ? here[lane] : other[lane];
    }
  }
}

// Sums over the angles of value times cosine, and times sine.
MESOGLASS_WIDE_LANES void sum_waves(const float* values, const float* cosine, const float* sine, std::size_t angles,
                                    std::size_t lanes, float* cosines, float* sines) {
  for (std::size_t first = 0; first < lanes; first += lane_group) {
    float even[2][lane_group] = {};
    float odd[2][lane_group] = {};
    for (std::size_t angle = 0; angle < angles; angle += 2) {
      const float* line = values + angle * lanes + first;
      const float* next = line + lanes;
      for (int lane = 0; lane < lane_group; ++lane) {
        even[0][lane] += line[lane] * cosine[angle];
        odd[0][lane] += line[lane] * sine[angle];
        even[1][lane] += next[lane] * cosine[angle + 1];
        odd[1][lane] += next[lane] * sine[angle + 1];
      }
    }
    for (int lane = 0; lane < lane_group; ++lane) {
      cosines[first + static_cast<std::size_t>(lane)] = even[0][lane] + even[1][lane];
      sines[first + static_cast<std::size_t>(lane)] = odd[0][lane] + odd[1][lane];
    }
  }
}

// Of c_n over all n but 0, which is the variance over the angles: those below half of the angles come twice.
MESOGLASS_WIDE_LANES void sum_powers(const LanePowers& powers, std::size_t angles, std::size_t lanes, float* sums) {
  for (std::size_t first = 0; first < lanes; first += lane_group) {
    float here[lane_group] = {};
    for (std::size_t n = 1; n <= angles / 2; ++n) {
      const float* line = powers.powers + n * lanes + first;
      const float times = 2 * n == angles ? 1.0F : 2.0F;
      for (int lane = 0; lane < lane_group; ++lane) {
        here[lane] += times * (line[lane] * powers.scale[first + static_cast<std::size_t>(lane)] -
                               powers.noise_scale[first + static_cast<std::size_t>(lane)] * powers.noise[n]);
      }
    }
    for (int lane = 0; lane < lane_group; ++lane) sums[first + static_cast<std::size_t>(lane)] = here[lane];
  }
}

// Slope of a line of values a unit apart, to fourth order inside.
double slope_at(const std::vector<double>& values, std::size_t i) {
  if (i >= 2 && i + 2 < values.size()) {
    return (values[i - 2] - 8.0 * values[i - 1] + 8.0 * values[i + 1] - values[i + 2]) / 12.0;
  }
  const std::size_t before = i > 0 ? i - 1 : i;
  const std::size_t after = i + 1 < values.size() ? i + 1 : i;
  return (values[after] - values[before]) / static_cast<double>(after - before);
}

}  // namespace

LocalWindow local_window(const PolarGrid& grid, double ring_radius_px, double ring_half_width_px, double low_px,
                         double high_px, std::vector<double> profile) {
  LocalWindow window{
      {0, grid.bins}, {0, 0}, {grid.bins - std::max(1, grid.bins / 4), grid.bins}, ring_radius_px, std::move(profile)};
  const auto bins_between = [&](double low, double high) {
    const double bins = grid.bins;
    const double first = std::ceil((low - grid.first_radius_px) / grid.radius_step_px);
    const double last = std::floor((high - grid.first_radius_px) / grid.radius_step_px) + 1.0;
    return Range{static_cast<std::int64_t>(std::clamp(first, 0.0, bins)),
                 static_cast<std::int64_t>(std::clamp(last, 0.0, bins))};
  };
  if (std::isfinite(ring_radius_px) && ring_half_width_px > 0.0) {
    constexpr double strain_reach = 2.0;
    constexpr double outer_reach = 3.0;
    constexpr std::int64_t least_bins = 5;  // three unknowns, and something to fit
    window.ring = bins_between(ring_radius_px - ring_half_width_px, ring_radius_px + ring_half_width_px);
    window.strain = bins_between(ring_radius_px - strain_reach * ring_half_width_px,
                                 ring_radius_px + strain_reach * ring_half_width_px);
    if (window.strain.size() < least_bins) window.strain = {0, 0};
    // Beyond the halo and its speckles, or its shape and place would pass for density.
    const auto beyond =
        bins_between(ring_radius_px + outer_reach * ring_half_width_px, std::numeric_limits<double>::max());
    window.outer.begin = std::min<std::int64_t>(std::max(window.outer.begin, beyond.begin), grid.bins);
  }
  if (std::isfinite(low_px) || std::isfinite(high_px)) {
    window.ring = bins_between(std::isfinite(low_px) ? low_px : grid.radius_px(0),
                               std::isfinite(high_px) ? high_px : grid.radius_px(grid.bins - 1));
  }
  if (window.ring.size() < 1) window.ring = {0, grid.bins};
  return window;
}

LocalMeasures::LocalMeasures(const PolarGrid& grid, LocalWindow window, double gain, int order_limit, Range rows,
                             std::int64_t scan_nx, const LaneKernels& kernels)
    : grid_(grid),
      window_(std::move(window)),
      gain_(gain),
      order_limit_(std::min(order_limit, grid.angles / 2)),
      symmetries_(symmetry_count(order_limit_)),
      rows_(rows),
      scan_nx_(scan_nx),
      kernels_(kernels),
      cosine_(static_cast<std::size_t>(grid.angles)),
      sine_(cosine_.size()),
      lanes_(static_cast<std::size_t>(kernels.lanes)),
      values_(static_cast<std::size_t>(maps()), std::vector<float>(static_cast<std::size_t>(rows.size() * scan_nx),
                                                                   std::numeric_limits<float>::quiet_NaN())) {
  for (std::size_t angle = 0; angle < cosine_.size(); ++angle) {
    const double phi = 2.0 * units::pi * static_cast<double>(angle) / grid.angles;
    cosine_[angle] = static_cast<float>(std::cos(2.0 * phi));
    sine_[angle] = static_cast<float>(std::sin(2.0 * phi));
  }
  plan_strain();
}

double LocalMeasures::bytes(std::int64_t positions, int order_limit) noexcept {
  return static_cast<double>(sizeof(float)) * static_cast<double>(positions) *
         (static_cast<int>(LocalMeasure::first_c_n) + symmetry_count(order_limit));
}

void LocalMeasures::plan_strain() {
  const auto count = static_cast<std::size_t>(window_.strain.size());
  shift_weights_.assign(count, 0.0);
  height_weights_.assign(count, 0.0);
  if (count == 0) return;
  double highest = 0.0;
  for (const double value : window_.profile) highest = std::max(highest, value);
  if (!(highest > 0.0)) {
    window_.strain = {0, 0};
    return;
  }
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::MatrixXd weighted(3, static_cast<Eigen::Index>(count));
  for (std::size_t i = 0; i < count; ++i) {
    const auto bin = static_cast<std::size_t>(window_.strain.begin) + i;
    const double height = window_.profile[bin] / highest;
    const Eigen::Vector3d basis(1.0, height, -slope_at(window_.profile, bin) / (highest * grid_.radius_step_px));
    const double weight = 1.0 / std::max(height, 1e-3);  // counting noise
    normal += weight * basis * basis.transpose();
    weighted.col(static_cast<Eigen::Index>(i)) = weight * basis;
  }
  const Eigen::Matrix3Xd solution = normal.ldlt().solve(weighted);
  for (std::size_t i = 0; i < count; ++i) {
    height_weights_[i] = solution(1, static_cast<Eigen::Index>(i));
    shift_weights_[i] = solution(2, static_cast<Eigen::Index>(i));
  }
}

void LocalMeasures::begin(std::int64_t row, std::span<const std::int64_t> columns, std::span<const double> scattered) {
  row_ = row;
  columns_.assign(columns.begin(), columns.end());
  for (Lane& lane : lanes_) {
    lane = Lane{};
    lane.powers.assign(static_cast<std::size_t>(symmetries_) + 1, 0.0);
  }
  for (std::size_t lane = 0; lane < scattered.size(); ++lane) lanes_[lane].scattered = scattered[lane];
}

void LocalMeasures::add_bin(int bin, const float* values, const float* sums, const LanePowers& powers,
                            const InterpolationTable& table) {
  const auto lanes = static_cast<std::size_t>(kernels_.lanes);
  const auto angles = static_cast<std::size_t>(grid_.angles);
  const int valid = table.valid_angles(bin);
  if (valid == 0) return;

  // Bragg discs: the highest value.
  std::array<float, most_lanes> highest;
  find_highest(values, angles, lanes, highest.data());
  for (std::size_t lane = 0; lane < columns_.size(); ++lane) {
    const float mean = sums[lane] / static_cast<float>(valid);
    if (!(mean > 0.0F)) continue;
    const float excess = highest[lane] - mean;
    if (excess > bragg_deviations * std::sqrt(static_cast<float>(gain_) * std::max(mean, highest[lane]))) {
      lanes_[lane].bragg = std::max(lanes_[lane].bragg, static_cast<double>(highest[lane] / mean));
    }
    if (window_.outer.contains(bin)) {
      lanes_[lane].outer += static_cast<double>(mean);
      lanes_[lane].outer_bins += 1.0;
    }
  }

  if (window_.ring.contains(bin) && powers.powers != nullptr) {
    std::array<float, most_lanes> variances;
    sum_powers(powers, angles, lanes, variances.data());
    for (std::size_t lane = 0; lane < columns_.size(); ++lane) {
      if (!(powers.scale[lane] > 0.0F)) continue;
      Lane& here = lanes_[lane];
      here.ring_bins += 1.0;
      here.ring_variance += static_cast<double>(variances[lane]);
      for (int n = 2; n <= order_limit_; n += 2) {
        const auto row = static_cast<std::size_t>(n);
        const auto c_n = static_cast<double>(powers.powers[row * lanes + lane] * powers.scale[lane] -
                                             powers.noise_scale[lane] * powers.noise[row]);
        here.powers.back() += c_n;
        if (n / 2 <= symmetries_) here.powers[row / 2 - 1] += c_n;
      }
    }
  }

  if (window_.strain.contains(bin)) {
    const auto place = static_cast<std::size_t>(bin - window_.strain.begin);
    const bool whole = valid == grid_.angles;
    std::array<float, most_lanes> cosines;
    std::array<float, most_lanes> sines;
    sum_waves(values, cosine_.data(), sine_.data(), angles, lanes, cosines.data(), sines.data());
    const double weight = shift_weights_[place] / grid_.angles;
    for (std::size_t lane = 0; lane < columns_.size(); ++lane) {
      Lane& here = lanes_[lane];
      here.whole = here.whole && whole;
      here.height += height_weights_[place] / grid_.angles * static_cast<double>(sums[lane]);
      here.shift[0] += weight * static_cast<double>(sums[lane]);
      here.shift[1] += 2.0 * weight * static_cast<double>(cosines[lane]);
      here.shift[2] += 2.0 * weight * static_cast<double>(sines[lane]);
    }
  }
}

void LocalMeasures::end() {
  for (std::size_t lane = 0; lane < columns_.size(); ++lane) {
    const Lane& here = lanes_[lane];
    const auto place = static_cast<std::size_t>((row_ - rows_.begin) * scan_nx_ + columns_[lane]);
    const auto set = [&](LocalMeasure measure, double value) {
      values_[static_cast<std::size_t>(measure)][place] = static_cast<float>(value);
    };
    if (here.ring_bins > 0.0) {
      set(LocalMeasure::order, here.powers.back() / here.ring_bins);
      set(LocalMeasure::ring_variance, here.ring_variance / here.ring_bins);
      for (int index = 0; index < symmetries_; ++index) {
        values_[static_cast<std::size_t>(LocalMeasure::first_c_n) + static_cast<std::size_t>(index)][place] =
            static_cast<float>(here.powers[static_cast<std::size_t>(index)] / here.ring_bins);
      }
    }
    if (here.outer_bins > 0.0 && here.scattered > 0.0) {
      set(LocalMeasure::outer_share, here.outer / here.outer_bins / here.scattered);
    }
    if (here.whole && window_.strain.size() > 0 && here.height > 0.0) {
      // The slope is per pixel; a displacement outwards is a smaller spacing.
      const double scale = -1.0 / (here.height * window_.radius_px);
      set(LocalMeasure::dilatation, here.shift[0] * scale);
      set(LocalMeasure::shear_difference, here.shift[1] * scale);
      set(LocalMeasure::shear_xy, here.shift[2] * scale);
    }
    set(LocalMeasure::bragg_ratio, here.bragg);
  }
}

std::vector<float> LocalMeasures::gather(const Communicator& communicator, int map) const {
  return communicator.all_gather(std::span<const float>(values_[static_cast<std::size_t>(map)]));
}

}  // namespace mesoglass::diffraction
