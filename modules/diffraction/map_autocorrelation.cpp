#include "diffraction/map_autocorrelation.hpp"

#include <fftw3.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/fft.hpp"
#include "diffraction/aligned_values.hpp"
#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Columns that are transformed at once: a cache line of single-precision complex numbers.
constexpr int block_columns = 8;

// The next length made of the factors 2, 3, 5, 7 only, a multiple of eight: what FFTW is fastest at.
int fast_length(std::int64_t least) {
  for (int length = static_cast<int>((least + block_columns - 1) / block_columns * block_columns);;
       length += block_columns) {
    int rest = length;
    for (const int factor : {2, 3, 5, 7}) {
      while (rest % factor == 0) rest /= factor;
    }
    if (rest == 1) return length;
  }
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
  std::int64_t ny = 0;
  std::int64_t nx = 0;
  int largest_lag = 0;
  int height = 0;  // padded
  int width = 0;
  double kept_positions = 0.0;
  AlignedValues<float> kept;                  // 1 or 0 a position; empty where all are
  std::vector<float> nothing;                 // a line of zeros
  FftBuffer<float> line;                      // (width) complex: two maps' line, padded
  FftBuffer<float> lines;                     // (height, width) complex: transformed lines; zero beyond ny
  FftBuffer<float> columns;                   // (height, block_columns) complex: transformed columns
  std::vector<AlignedValues<double>> powers;  // a group: (width / block_columns, height, block_columns)
  std::vector<int> maps;
  std::vector<std::vector<double>> products;  // a group, of `powers`; empty where they have changed since
  std::vector<double> pairs;  // autocorrelation of the kept positions, (largest_lag + 1) x (2 largest_lag + 1)
  fftwf_plan line_plan = nullptr;
  fftwf_plan column_plan = nullptr;
  // Back to lags, in double precision.
  RealBuffer power_block;   // (height, block_columns)
  ComplexBuffer lag_block;  // (height / 2 + 1, block_columns)
  ComplexBuffer lag_lines;  // (largest_lag + 1, width)
  fftw_plan lag_column_plan = nullptr;
  fftw_plan lag_line_plan = nullptr;

  ~State() {
    for (const fftwf_plan plan : {line_plan, column_plan}) {
      if (plan != nullptr) fftwf_destroy_plan(plan);
    }
    for (const fftw_plan plan : {lag_column_plan, lag_line_plan}) {
      if (plan != nullptr) fftw_destroy_plan(plan);
    }
  }
  [[nodiscard]] std::size_t block_values() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(block_columns);
  }
  [[nodiscard]] const float* used(std::int64_t row) const { return kept.empty() ? nullptr : kept.data() + row * nx; }

  void make_plans() {
    const auto single = [](FftBuffer<float>& buffer) { return reinterpret_cast<fftwf_complex*>(buffer.data()); };
    const auto whole = [](ComplexBuffer& buffer) { return reinterpret_cast<fftw_complex*>(buffer.data()); };
    const int line_length[1] = {width};
    const int column_length[1] = {height};
    line_plan = fftwf_plan_many_dft(1, line_length, 1, single(line), nullptr, 1, width, single(lines), nullptr, 1,
                                    width, FFTW_FORWARD, FFTW_ESTIMATE);
    column_plan = fftwf_plan_many_dft(1, column_length, block_columns, single(lines), nullptr, width, 1,
                                      single(columns), nullptr, block_columns, 1, FFTW_FORWARD, FFTW_ESTIMATE);
    lag_column_plan =
        fftw_plan_many_dft_r2c(1, column_length, block_columns, power_block.data(), nullptr, block_columns, 1,
                               whole(lag_block), nullptr, block_columns, 1, FFTW_ESTIMATE);
    lag_line_plan = fftw_plan_many_dft(1, line_length, largest_lag + 1, whole(lag_lines), nullptr, 1, width,
                                       whole(lag_lines), nullptr, 1, width, FFTW_FORWARD, FFTW_ESTIMATE);
    if (line_plan == nullptr || column_plan == nullptr || lag_column_plan == nullptr || lag_line_plan == nullptr) {
      throw failure("FFTW makes no plan for maps of {} x {} (out of memory?)", height, width);
    }
  }

  // Adds the powers of two maps from which their means are taken.
  void add(const float* a, const float* b, float mean_a, float mean_b, AlignedValues<double>& sums) {
    const LaneKernels& kernels = best_kernels();
    const auto row_values = static_cast<std::size_t>(nx);
    for (std::int64_t y = 0; y < ny; ++y) {
      kernels.pack_pair(a + y * nx, b != nullptr ? b + y * nx : nothing.data(), mean_a, mean_b, used(y), row_values,
                        line.data());
      fftwf_execute_dft(line_plan, reinterpret_cast<fftwf_complex*>(line.data()),
                        reinterpret_cast<fftwf_complex*>(lines.data()) + y * width);
    }
    for (int block = 0; block < width / block_columns; ++block) {
      fftwf_execute_dft(column_plan, reinterpret_cast<fftwf_complex*>(lines.data()) + block * block_columns,
                        reinterpret_cast<fftwf_complex*>(columns.data()));
      kernels.add_powers(columns.data(), block_values(),
                         sums.data() + static_cast<std::size_t>(block) * block_values());
    }
  }

  // Sums of products at the lags of the half plane from a sum of powers: along the columns first, of which only the
  // lags wanted go on.
  [[nodiscard]] std::vector<double> correlate(const AlignedValues<double>& power) {
    for (int block = 0; block < width / block_columns; ++block) {
      std::copy_n(power.data() + static_cast<std::size_t>(block) * block_values(), block_values(), power_block.data());
      fftw_execute(lag_column_plan);
      for (int dy = 0; dy <= largest_lag; ++dy) {
        std::copy_n(lag_block.data() + dy * block_columns, block_columns,
                    lag_lines.data() + dy * width + block * block_columns);
      }
    }
    fftw_execute(lag_line_plan);
    const double scale = 1.0 / (static_cast<double>(height) * width);
    std::vector<double> result;
    result.reserve(static_cast<std::size_t>((largest_lag + 1) * (2 * largest_lag + 1)));
    for (int dy = 0; dy <= largest_lag; ++dy) {
      for (int dx = -largest_lag; dx <= largest_lag; ++dx) {
        const int column = dx < 0 ? dx + width : dx;
        result.push_back(scale * lag_lines[static_cast<std::size_t>(dy * width + column)].real());
      }
    }
    return result;
  }
};

MapAutocorrelation::MapAutocorrelation(std::int64_t ny, std::int64_t nx, int largest_lag,
                                       std::span<const std::uint8_t> kept, int groups)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.ny = ny;
  s.nx = nx;
  s.largest_lag = largest_lag;
  s.height = fast_length(ny + largest_lag);
  s.width = fast_length(nx + largest_lag);
  const auto height = static_cast<std::size_t>(s.height);
  const auto width = static_cast<std::size_t>(s.width);
  s.nothing.assign(static_cast<std::size_t>(nx), 0.0F);
  s.line.assign(2 * width, 0.0F);
  s.lines.assign(2 * width * height, 0.0F);
  s.columns.assign(2 * s.block_values(), 0.0F);
  s.power_block.assign(s.block_values(), 0.0);
  s.lag_block.assign((height / 2 + 1) * block_columns, 0.0);
  s.lag_lines.assign(static_cast<std::size_t>(largest_lag + 1) * width, 0.0);
  s.make_plans();
  s.powers.assign(static_cast<std::size_t>(groups), AlignedValues<double>(height * width, 0.0));
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

std::array<float, 2> MapAutocorrelation::add_pair(std::span<const float> a, std::span<const float> b, int group) {
  State& s = *state_;
  const std::array<std::span<const float>, 2> given = {a, b};
  std::array<float, 2> result{};
  std::array<const float*, 2> maps{};
  std::array<float, 2> means{};
  std::size_t used = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    result[i] = std::numeric_limits<float>::quiet_NaN();
    double moments[4] = {};
    if (!given[i].empty()) {
      best_kernels().moments(given[i].data(), s.kept.empty() ? nullptr : s.kept.data(), given[i].size(), moments);
    }
    if (!(moments[0] > 0.5 * s.kept_positions)) continue;
    result[i] = means[used] = static_cast<float>(moments[1] / moments[0]);
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
  return !std::isnan(add_pair(map, {}, group)[0]);
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
  const double width = fast_length(nx + largest_lag);
  const double points = fast_length(ny + largest_lag) * width;
  return points * (8.0 * groups + 8.0) + 16.0 * (largest_lag + 1) * width + 4.0 * static_cast<double>(ny * nx);
}

}  // namespace mesoglass::diffraction
