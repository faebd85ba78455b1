#include "diffraction/map_autocorrelation.hpp"

#include <fftw3.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/fft.hpp"
#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// The next length made of the factors 2, 3, 5, 7 only, even.
int fast_length(std::int64_t least) {
  for (int length = static_cast<int>(least + least % 2);; length += 2) {
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

struct MapAutocorrelation::State {
  std::int64_t ny = 0;
  std::int64_t nx = 0;
  int largest_lag = 0;
  int height = 0;  // padded
  int width = 0;
  double kept_positions = 0.0;
  std::vector<std::uint8_t> kept;
  FftBuffer<float> padded;                  // (height, 2 (width / 2 + 1)): real in, spectrum out
  std::vector<std::vector<double>> powers;  // a group, (height, width / 2 + 1)
  std::vector<int> maps;
  std::vector<double> pairs;  // autocorrelation of the kept positions, (largest_lag + 1) x (2 largest_lag + 1)
  fftwf_plan lines = nullptr;
  fftwf_plan columns = nullptr;
  mutable RealBuffer correlation;
  mutable ComplexBuffer spectrum;

  ~State() {
    if (lines != nullptr) fftwf_destroy_plan(lines);
    if (columns != nullptr) fftwf_destroy_plan(columns);
  }
  [[nodiscard]] std::size_t half_width() const { return static_cast<std::size_t>(width / 2 + 1); }

  // The map's powers from `padded`, whose rows beyond ny are zero.
  void transform() {
    fftwf_execute(lines);
    fftwf_execute(columns);
  }

  // Sums of products at the lags of the half plane from a sum of powers.
  [[nodiscard]] std::vector<double> correlate(std::span<const double> power) const {
    for (std::size_t index = 0; index < power.size(); ++index) spectrum[index] = power[index];
    const int shape[2] = {height, width};
    fftw_plan plan = fftw_plan_dft_c2r(2, shape, reinterpret_cast<fftw_complex*>(spectrum.data()), correlation.data(),
                                       FFTW_ESTIMATE);
    if (plan == nullptr) throw failure("FFTW makes no plan for {} x {} (out of memory?)", height, width);
    fftw_execute(plan);
    fftw_destroy_plan(plan);
    const double scale = 1.0 / (static_cast<double>(height) * width);
    std::vector<double> result;
    result.reserve(static_cast<std::size_t>((largest_lag + 1) * (2 * largest_lag + 1)));
    for (int dy = 0; dy <= largest_lag; ++dy) {
      for (int dx = -largest_lag; dx <= largest_lag; ++dx) {
        const int column = dx < 0 ? dx + width : dx;
        result.push_back(scale * correlation[static_cast<std::size_t>(dy) * static_cast<std::size_t>(width) +
                                             static_cast<std::size_t>(column)]);
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
  s.kept.assign(kept.begin(), kept.end());
  const std::size_t half = s.half_width();
  const auto height = static_cast<std::size_t>(s.height);
  s.padded.assign(height * half * 2, 0.0F);
  s.correlation.resize(height * static_cast<std::size_t>(s.width));
  s.spectrum.resize(height * half);
  auto* complex = reinterpret_cast<fftwf_complex*>(s.padded.data());
  const int line_length[1] = {s.width};
  const int column_length[1] = {s.height};
  s.lines =
      fftwf_plan_many_dft_r2c(1, line_length, static_cast<int>(ny), s.padded.data(), nullptr, 1,
                              static_cast<int>(2 * half), complex, nullptr, 1, static_cast<int>(half), FFTW_ESTIMATE);
  s.columns = fftwf_plan_many_dft(1, column_length, static_cast<int>(half), complex, nullptr, static_cast<int>(half), 1,
                                  complex, nullptr, static_cast<int>(half), 1, FFTW_FORWARD, FFTW_ESTIMATE);
  if (s.lines == nullptr || s.columns == nullptr) {
    throw failure("FFTW makes no plan for maps of {} x {} (out of memory?)", s.height, s.width);
  }
  s.powers.assign(static_cast<std::size_t>(groups), std::vector<double>(height * half, 0.0));
  s.maps.assign(static_cast<std::size_t>(groups), 0);
  for (std::int64_t y = 0; y < ny; ++y) {
    for (std::int64_t x = 0; x < nx; ++x) {
      const float value = s.kept[static_cast<std::size_t>(y * nx + x)] != 0 ? 1.0F : 0.0F;
      s.padded[static_cast<std::size_t>(y) * 2 * half + static_cast<std::size_t>(x)] = value;
      s.kept_positions += static_cast<double>(value);
    }
  }
  s.transform();
  best_kernels().add_powers(s.padded.data(), height * half, s.powers[0].data());
  s.pairs = s.correlate(s.powers[0]);
  for (double& count : s.pairs) count = std::round(count);
  clear();
}

MapAutocorrelation::~MapAutocorrelation() = default;

void MapAutocorrelation::clear() {
  for (auto& power : state_->powers) std::fill(power.begin(), power.end(), 0.0);
  std::fill(state_->maps.begin(), state_->maps.end(), 0);
}

bool MapAutocorrelation::add(std::span<const float> map, int group) {
  State& s = *state_;
  double sum = 0.0;
  double present = 0.0;
  for (std::int64_t y = 0; y < s.ny; ++y) {
    // Lanes, so that the compiler can vectorise without reordering one sum.
    constexpr std::int64_t lanes = 8;
    double sums[lanes] = {}, counts[lanes] = {};
    const float* source = map.data() + y * s.nx;
    const std::uint8_t* kept = s.kept.data() + y * s.nx;
    for (std::int64_t begin = 0; begin < s.nx; begin += lanes) {
      const std::int64_t here = std::min(lanes, s.nx - begin);
      for (std::int64_t lane = 0; lane < here; ++lane) {
        const float value = source[begin + lane];
        const bool use = kept[begin + lane] != 0 && value - value == 0.0F;  // finite
        sums[lane] += use ? static_cast<double>(value) : 0.0;
        counts[lane] += use ? 1.0 : 0.0;
      }
    }
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      sum += sums[lane];
      present += counts[lane];
    }
  }
  if (!(present > 0.5 * s.kept_positions)) return false;
  const auto mean = static_cast<float>(sum / present);
  const std::size_t stride = 2 * s.half_width();
  for (std::int64_t y = 0; y < s.ny; ++y) {
    float* line = s.padded.data() + static_cast<std::size_t>(y) * stride;
    const float* source = map.data() + y * s.nx;
    const std::uint8_t* kept = s.kept.data() + y * s.nx;
    for (std::int64_t x = 0; x < s.nx; ++x) {
      const float value = source[x] - mean;
      line[x] = kept[x] != 0 && value - value == 0.0F ? value : 0.0F;
    }
    std::fill(line + s.nx, line + stride, 0.0F);
  }
  std::fill(s.padded.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(s.ny) * stride), s.padded.end(),
            0.0F);
  s.transform();
  const auto place = static_cast<std::size_t>(group);
  best_kernels().add_powers(s.padded.data(), s.powers[place].size(), s.powers[place].data());
  ++s.maps[place];
  return true;
}

std::vector<LagValue> MapAutocorrelation::lags(int left_out) const {
  const State& s = *state_;
  std::vector<double> power(s.powers.front().size(), 0.0);
  double maps = 0.0;
  for (std::size_t group = 0; group < s.powers.size(); ++group) {
    if (static_cast<int>(group) == left_out) continue;
    for (std::size_t index = 0; index < power.size(); ++index) power[index] += s.powers[group][index];
    maps += s.maps[group];
  }
  std::vector<LagValue> result;
  if (!(maps > 0.0)) return result;
  const std::vector<double> products = s.correlate(power);
  std::size_t index = 0;
  for (int dy = 0; dy <= s.largest_lag; ++dy) {
    for (int dx = -s.largest_lag; dx <= s.largest_lag; ++dx, ++index) {
      if (dy == 0 && dx < 0) continue;  // the other half plane
      if (!(s.pairs[index] > 0.0)) continue;
      result.push_back({dx, dy, products[index] / (maps * s.pairs[index]), s.pairs[index]});
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
  const double points = static_cast<double>(fast_length(ny + largest_lag)) * (fast_length(nx + largest_lag) / 2 + 1);
  return points * (8.0 * groups + 8.0 + 16.0 + 16.0);
}

}  // namespace mesoglass::diffraction
