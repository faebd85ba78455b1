#include "diffraction/map_autocorrelation.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "diffraction/aligned_values.hpp"
#include "diffraction/lane_kernels.hpp"
#include "diffraction/map_transform.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Columns that are transformed at once, and in double precision.
constexpr int block_columns = lane_group;
constexpr int double_lanes = lane_group / 2;

TransformShape padded_shape(std::int64_t ny, std::int64_t nx, int largest_lag) {
  return choose_transform_shape(static_cast<int>(ny), static_cast<int>(ny) + largest_lag,
                                static_cast<int>(nx) + largest_lag);
}

struct Point2 {
  double radius = 0.0;
  double value = 0.0;
  double weight = 0.0;
};

// Least squares c0 + c1 u + c2 u^2 of points (u, value).
Eigen::Vector3d fit_quadratic(std::span<const Point2> points) {
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (const Point2& point : points) {
    const Eigen::Vector3d basis(1.0, point.radius, point.radius * point.radius);
    normal += point.weight * basis * basis.transpose();
    right += point.weight * point.value * basis;
  }
  return normal.colPivHouseholderQr().solve(right);
}

std::vector<Point2> between(std::span<const Point2> points, double low, double high) {
  std::vector<Point2> result;
  for (const Point2& point : points) {
    if (point.radius >= low && point.radius <= high) result.push_back(point);
  }
  return result;
}

}  // namespace

SpeckleSize speckle_size(std::span<const LagValue> lags, double positions, double largest_lag) {
  SpeckleSize result{nan, nan, nan};
  double zero_lag = nan;
  std::vector<Point2> points;
  // sum over all lags of pairs * value = 0 for maps with their own mean taken out; v = variance of the mean.
  double pair_sum = 0.0;
  double weighted_sum = 0.0;
  for (const LagValue& lag : lags) {
    const double radius = std::hypot(lag.dx, lag.dy);
    if (radius > largest_lag || !(lag.pairs > 0.0)) continue;
    const double multiplicity = lag.dx == 0 && lag.dy == 0 ? 1.0 : 2.0;  // the other half plane
    pair_sum += multiplicity * lag.pairs;
    weighted_sum += multiplicity * lag.pairs * lag.value;
    if (radius == 0.0)
      zero_lag = lag.value;
    else
      points.push_back({radius, lag.value, lag.pairs});
  }
  const double share = pair_sum / (positions * positions);
  if (!(share < 0.8) || points.size() < 8) return result;
  const double mean_variance = weighted_sum / (positions * positions) / (1.0 - share);
  for (Point2& point : points) point.value += mean_variance;
  zero_lag += mean_variance;
  std::sort(points.begin(), points.end(), [](const Point2& a, const Point2& b) { return a.radius < b.radius; });

  // Radial mean in rings one step wide.
  struct Ring {
    double radius = 0.0, value = 0.0, weight = 0.0;
  };
  std::vector<Ring> rings(static_cast<std::size_t>(largest_lag) + 2);
  for (const Point2& point : points) {
    Ring& ring = rings[static_cast<std::size_t>(std::lround(point.radius))];
    ring.radius += point.weight * point.radius;
    ring.value += point.weight * point.value;
    ring.weight += point.weight;
  }
  for (Ring& ring : rings) {
    if (!(ring.weight > 0.0)) continue;
    ring.radius /= ring.weight;
    ring.value /= ring.weight;
  }
  double top = rings[1].value;
  double half_radius = nan;
  for (int round = 0; round < 6; ++round) {
    half_radius = nan;
    for (std::size_t i = 1; i + 1 < rings.size() && rings[i + 1].weight > 0.0; ++i) {
      if (rings[i].value >= 0.5 * top && rings[i + 1].value < 0.5 * top) {
        const double part = (rings[i].value - 0.5 * top) / (rings[i].value - rings[i + 1].value);
        half_radius = rings[i].radius + part * (rings[i + 1].radius - rings[i].radius);
        break;
      }
    }
    if (!std::isfinite(half_radius)) break;
    // A map blurred by a smooth probe has an autocorrelation that is even and smooth: a + b r^2 + c r^4.
    constexpr double least_reach = 2.3;  // lags 1, sqrt 2, 2 and sqrt 5: one more than unknowns
    auto inner = between(points, 0.5, std::max(least_reach, 0.9 * half_radius));
    for (Point2& point : inner) point.radius *= point.radius;
    top = fit_quadratic(inner)[0];
    if (!(top > 0.0)) break;
  }
  result.variance = top;
  result.noise_variance = zero_lag - top;
  if (!std::isfinite(half_radius) || !(top > 0.0)) return result;
  // Scatter of single lags beyond the speckle tells whether there is a signal at all.
  double scatter = 0.0;
  double scatter_weight = 0.0;
  for (const Point2& point : points) {
    if (point.radius < 2.0 * half_radius) continue;
    scatter += point.weight * point.value * point.value;
    scatter_weight += point.weight;
  }
  constexpr double least_significance = 4.0;
  if (scatter_weight > 0.0 && top < least_significance * std::sqrt(scatter / scatter_weight)) return result;
  // The crossing once more, from all single lags near it.
  const double width = std::max(1.6, 0.3 * half_radius);
  auto near = between(points, half_radius - width, half_radius + width);
  if (near.size() >= 6) {
    for (Point2& point : near) point.radius -= half_radius;
    const Eigen::Vector3d curve = fit_quadratic(near);
    double shift = 0.0;
    for (int round = 0; round < 8; ++round) {
      const double slope = curve[1] + 2.0 * curve[2] * shift;
      if (!(slope < 0.0)) break;
      shift -= (curve[0] + curve[1] * shift + curve[2] * shift * shift - 0.5 * top) / slope;
    }
    if (std::fabs(shift) < width) half_radius += shift;
  }
  result.fwhm = half_radius >= 1.0 ? 2.0 * half_radius : nan;
  return result;
}

// Two maps are one complex number a position: |A + iB|^2 at a frequency and at its opposite add up to 2 (|A|^2 +
// |B|^2), so that the real part of the sum's transform is the sum of both autocorrelations.
struct MapAutocorrelation::State {
  State(std::int64_t map_ny, std::int64_t map_nx, int lag, TransformShape padded)
      : ny(map_ny),
        nx(map_nx),
        largest_lag(lag),
        height(padded.height),
        width(padded.width),
        line(width),
        column(height),
        lag_line(width),
        lag_column(height) {
    const auto longest = static_cast<std::size_t>(std::max(width, height));
    packed.assign(2 * block_columns * static_cast<std::size_t>(nx), 0.0F);
    work_a.assign(2 * block_columns * longest, 0.0F);
    work_b = work_a;
    lines.assign(2 * static_cast<std::size_t>(blocks()) * block_columns * static_cast<std::size_t>(ny), 0.0F);
    lag_column_values.assign(2 * double_lanes * static_cast<std::size_t>(height), 0.0);
    lag_work_a.assign(2 * double_lanes * longest, 0.0);
    lag_work_b = lag_work_a;
    lag_lines.assign(2 * static_cast<std::size_t>(lag_groups()) * double_lanes * static_cast<std::size_t>(width), 0.0);
  }

  std::int64_t ny;
  std::int64_t nx;
  int largest_lag;
  int height;  // padded
  int width;
  double kept_positions = 0.0;
  AlignedValues<float> kept;  // 1 or 0 a position; empty where all are
  MapTransform<float> line, column;
  AlignedValues<float> packed;  // eight lines of two maps, [x][real, imaginary][line]
  AlignedValues<float> lines;   // transformed, [block][y][real, imaginary][column]
  AlignedValues<float> work_a, work_b;
  std::vector<AlignedValues<double>> powers;  // a group: [block][height][column]
  std::vector<int> maps;
  std::vector<std::vector<double>> products;  // a group, of `powers`; empty where they have changed since
  std::vector<double> pairs;  // autocorrelation of the kept positions, (largest_lag + 1) x (2 largest_lag + 1)
  // Back to lags, in double precision.
  MapTransform<double> lag_line, lag_column;
  AlignedValues<double> lag_column_values;  // [height][real, imaginary][column]
  AlignedValues<double> lag_lines;          // [group of lags][width][real, imaginary][lag]
  AlignedValues<double> lag_work_a, lag_work_b;

  [[nodiscard]] int blocks() const { return (width + block_columns - 1) / block_columns; }
  [[nodiscard]] int lag_groups() const { return (largest_lag + double_lanes) / double_lanes; }
  [[nodiscard]] std::size_t block_values() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(block_columns);
  }

  // Adds the powers of two maps from which their means are taken; the second may be null.
  void add(const float* a, const float* b, float mean_a, float mean_b, AlignedValues<double>& sums) {
    const LaneKernels& kernels = best_kernels();
    const std::ptrdiff_t block_stride = 2 * block_columns * ny;
    for (std::int64_t y = 0; y < ny; y += block_columns) {
      const int count = static_cast<int>(std::min<std::int64_t>(block_columns, ny - y));
      kernels.pack_lines(a + y * nx, b != nullptr ? b + y * nx : nullptr, mean_a, mean_b,
                         kept.empty() ? nullptr : kept.data() + y * nx, nx, count, static_cast<std::size_t>(nx),
                         packed.data());
      const float* done = kernels.transform(line.steps(), packed.data(), nx, work_a.data(), work_b.data());
      kernels.turn_lines(done, static_cast<std::size_t>(width), count, lines.data() + 2 * block_columns * y,
                         block_stride);
    }
    for (int block = 0; block < blocks(); ++block) {
      kernels.add_powers(column.steps(), lines.data() + block * block_stride, ny, work_a.data(), work_b.data(),
                         sums.data() + static_cast<std::size_t>(block) * block_values());
    }
  }

  // Sums of products at the lags of the half plane from a sum of powers: along the columns first, of which only the
  // lags wanted go on.
  [[nodiscard]] std::vector<double> correlate(const AlignedValues<double>& power) {
    const LaneKernels& kernels = best_kernels();
    for (int first = 0; first < width; first += double_lanes) {
      const double* from = power.data() + static_cast<std::size_t>(first / block_columns) * block_values() +
                           static_cast<std::size_t>(first % block_columns);
      for (int y = 0; y < height; ++y) {  // the imaginary parts stay zero
        std::copy_n(from + y * block_columns, double_lanes, lag_column_values.data() + 2 * double_lanes * y);
      }
      const double* done = kernels.transform_double(lag_column.steps(), lag_column_values.data(), height,
                                                    lag_work_a.data(), lag_work_b.data());
      for (int dy = 0; dy <= largest_lag; ++dy) {
        double* to = lag_lines.data() + 2 * double_lanes * (dy / double_lanes * width + first) + dy % double_lanes;
        for (int lane = 0; lane < std::min(double_lanes, width - first); ++lane) {
          to[2 * double_lanes * lane] = done[2 * double_lanes * dy + lane];
          to[2 * double_lanes * lane + double_lanes] = done[2 * double_lanes * dy + double_lanes + lane];
        }
      }
    }
    const double scale = 1.0 / (static_cast<double>(height) * width);
    const int lags_across = 2 * largest_lag + 1;
    std::vector<double> result(static_cast<std::size_t>((largest_lag + 1) * lags_across));
    for (int lags = 0; lags < lag_groups(); ++lags) {
      const double* done =
          kernels.transform_double(lag_line.steps(), lag_lines.data() + 2 * double_lanes * lags * width, width,
                                   lag_work_a.data(), lag_work_b.data());
      for (int dy = lags * double_lanes; dy <= std::min(largest_lag, (lags + 1) * double_lanes - 1); ++dy) {
        for (int dx = -largest_lag; dx <= largest_lag; ++dx) {
          const int place = dx < 0 ? dx + width : dx;
          result[static_cast<std::size_t>(dy * lags_across + dx + largest_lag)] =
              scale * done[2 * double_lanes * place + dy % double_lanes];
        }
      }
    }
    return result;
  }
};

MapAutocorrelation::MapAutocorrelation(std::int64_t ny, std::int64_t nx, int largest_lag,
                                       std::span<const std::uint8_t> kept, int groups)
    : state_(std::make_unique<State>(ny, nx, largest_lag, padded_shape(ny, nx, largest_lag))) {
  State& s = *state_;
  s.powers.assign(static_cast<std::size_t>(groups),
                  AlignedValues<double>(static_cast<std::size_t>(s.blocks()) * s.block_values(), 0.0));
  s.products.resize(static_cast<std::size_t>(groups));
  s.maps.assign(static_cast<std::size_t>(groups), 0);
  std::vector<float> positions(kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    positions[i] = kept[i] != 0 ? 1.0F : 0.0F;
    s.kept_positions += static_cast<double>(positions[i]);
  }
  s.add(positions.data(), nullptr, 0.0F, 0.0F, s.powers[0]);
  s.pairs = s.correlate(s.powers[0]);
  for (double& count : s.pairs) count = std::round(count);
  if (s.kept_positions < static_cast<double>(kept.size())) s.kept.assign(positions.begin(), positions.end());
  clear();
}

MapAutocorrelation::~MapAutocorrelation() = default;

void MapAutocorrelation::clear() {
  for (auto& power : state_->powers) std::fill(power.begin(), power.end(), 0.0);
  for (auto& products : state_->products) products.clear();
  std::fill(state_->maps.begin(), state_->maps.end(), 0);
}

std::array<MapAutocorrelation::Added, 2> MapAutocorrelation::add_pair(std::span<const float> a,
                                                                      std::span<const float> b, int group) {
  State& s = *state_;
  const std::array<std::span<const float>, 2> given = {a, b};
  std::array<Added, 2> result{};
  std::array<const float*, 2> maps{};
  std::array<float, 2> means{};
  std::size_t used = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    result[i].mean = std::numeric_limits<float>::quiet_NaN();
    double present[2] = {};  // their number and sum
    if (!given[i].empty()) {
      best_kernels().count_and_sum(given[i].data(), s.kept.empty() ? nullptr : s.kept.data(), given[i].size(), present);
    }
    if (!(present[0] > 0.5 * s.kept_positions)) continue;
    result[i] = {static_cast<float>(present[1] / present[0]), present[0] == s.kept_positions};
    means[used] = result[i].mean;
    maps[used++] = given[i].data();
  }
  if (used == 0) return result;
  const auto place = static_cast<std::size_t>(group);
  s.add(maps[0], maps[1], means[0], means[1], s.powers[place]);
  s.products[place].clear();
  s.maps[place] += static_cast<int>(used);
  return result;
}

bool MapAutocorrelation::add(std::span<const float> map, int group) {
  return !std::isnan(add_pair(map, {}, group)[0].mean);
}

std::vector<LagValue> MapAutocorrelation::lags(int left_out) const {
  State& s = *state_;
  std::vector<double> sums(s.pairs.size(), 0.0);
  double maps = 0.0;
  for (std::size_t group = 0; group < s.powers.size(); ++group) {
    if (static_cast<int>(group) == left_out || s.maps[group] == 0) continue;
    auto& products = s.products[group];
    if (products.empty()) products = s.correlate(s.powers[group]);
    for (std::size_t index = 0; index < sums.size(); ++index) sums[index] += products[index];
    maps += s.maps[group];
  }
  std::vector<LagValue> result;
  if (!(maps > 0.0)) return result;
  std::size_t index = 0;
  for (int dy = 0; dy <= s.largest_lag; ++dy) {
    for (int dx = -s.largest_lag; dx <= s.largest_lag; ++dx, ++index) {
      if (dy == 0 && dx < 0) continue;  // the other half plane
      if (!(s.pairs[index] > 0.0)) continue;
      result.push_back({dx, dy, sums[index] / (maps * s.pairs[index]), s.pairs[index]});
    }
  }
  return result;
}

double MapAutocorrelation::positions() const noexcept {
  return state_->kept_positions;
}
int MapAutocorrelation::largest_lag() const noexcept {
  return state_->largest_lag;
}
int MapAutocorrelation::maps(int group) const noexcept {
  return state_->maps[static_cast<std::size_t>(group)];
}

double MapAutocorrelation::bytes(std::int64_t ny, std::int64_t nx, int largest_lag, int groups) noexcept {
  const TransformShape shape = padded_shape(ny, nx, largest_lag);
  const double width = shape.width + block_columns;  // the last block of columns may be half empty
  return 8.0 * width * shape.height * groups + 8.0 * width * static_cast<double>(ny) +
         16.0 * (largest_lag + double_lanes) * width + 4.0 * static_cast<double>(ny * nx);
}

}  // namespace mesoglass::diffraction
