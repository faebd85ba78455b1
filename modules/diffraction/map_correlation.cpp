#include "diffraction/map_correlation.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <complex>
#include <limits>

#include "core/fft.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t least_side = 8;

// The smallest number not below `least` that has only the factors 2, 3 and 5.
int fast_length(std::int64_t least) {
  for (std::int64_t length = least;; ++length) {
    std::int64_t rest = length;
    for (const std::int64_t factor : {2, 3, 5}) {
      while (rest % factor == 0) rest /= factor;
    }
    if (rest == 1) return static_cast<int>(length);
  }
}

// Radial sums over lags of products of two maps, by zero-padded transforms.
class LagSums {
 public:
  LagSums(std::int64_t ny, std::int64_t nx)
      : ny_(ny),
        nx_(nx),
        lags_(static_cast<int>(std::min(ny, nx) / 2)),
        rows_(fast_length(ny + lags_)),
        columns_(fast_length(nx + lags_)),
        first_(static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_)),
        second_(first_.size()),
        forward_(FftPlan::complex_array({rows_, columns_}, first_.data(), FftDirection::forward)),
        backward_(FftPlan::complex_array({rows_, columns_}, first_.data(), FftDirection::backward)) {}

  [[nodiscard]] int lags() const noexcept { return lags_; }
  // Sum of a(x) b(x + lag) over x and over the lags that round to 0, 1, ... lags - 1 steps. Symmetric in a and b.
  [[nodiscard]] std::vector<double> sums(std::span<const double> a, std::span<const double> b) {
    place(a, first_);
    if (a.data() == b.data()) {
      for (auto& value : first_) value = std::norm(value);
    } else {
      place(b, second_);
      for (std::size_t i = 0; i < first_.size(); ++i) first_[i] = std::conj(first_[i]) * second_[i];
    }
    backward_.execute(first_.data());
    std::vector<double> result(static_cast<std::size_t>(lags_), 0.0);
    const double scale = 1.0 / static_cast<double>(first_.size());
    for (int dy = -lags_ + 1; dy < lags_; ++dy) {
      for (int dx = -lags_ + 1; dx < lags_; ++dx) {
        const auto lag = static_cast<std::size_t>(std::lround(std::hypot(dx, dy)));
        if (lag >= result.size()) continue;
        const auto row = static_cast<std::size_t>(dy < 0 ? dy + rows_ : dy);
        const auto column = static_cast<std::size_t>(dx < 0 ? dx + columns_ : dx);
        result[lag] += first_[row * static_cast<std::size_t>(columns_) + column].real() * scale;
      }
    }
    return result;
  }
  // The same for the lag vectors along the axes only: exact distances, for the extrapolation to zero.
  [[nodiscard]] std::vector<double> along_axes(std::span<const double> a, int count) const {
    std::vector<double> result(static_cast<std::size_t>(count), 0.0);
    for (int lag = 0; lag < count; ++lag) {
      for (std::int64_t y = 0; y < ny_; ++y) {
        for (std::int64_t x = 0; x < nx_; ++x) {
          const double here = a[static_cast<std::size_t>(y * nx_ + x)];
          if (x + lag < nx_)
            result[static_cast<std::size_t>(lag)] += here * a[static_cast<std::size_t>(y * nx_ + x + lag)];
          if (y + lag < ny_) {
            result[static_cast<std::size_t>(lag)] += here * a[static_cast<std::size_t>((y + lag) * nx_ + x)];
          }
        }
      }
    }
    return result;
  }

 private:
  void place(std::span<const double> map, ComplexBuffer& target) {
    std::fill(target.begin(), target.end(), 0.0);
    for (std::int64_t y = 0; y < ny_; ++y) {
      for (std::int64_t x = 0; x < nx_; ++x) {
        target[static_cast<std::size_t>(y * columns_ + x)] = map[static_cast<std::size_t>(y * nx_ + x)];
      }
    }
    forward_.execute(target.data());
  }
  std::int64_t ny_, nx_;
  int lags_, rows_, columns_;
  ComplexBuffer first_, second_;
  FftPlan forward_, backward_;
};

struct LengthFit {
  double length = nan;
  double residual = nan;
};

// A exp(-(r / l)^power) by least squares over lags 1 ... last: l by golden section, A linear.
LengthFit fit_length(std::span<const double> values, std::size_t last, int power) {
  if (last < 2) return {};
  const auto misfit = [&](double logarithm) {
    const double length = std::exp(logarithm);
    double shape_squares = 0.0, product = 0.0, squares = 0.0;
    for (std::size_t r = 1; r <= last; ++r) {
      const double shape = std::exp(-std::pow(static_cast<double>(r) / length, power));
      shape_squares += shape * shape;
      product += shape * values[r];
      squares += values[r] * values[r];
    }
    return shape_squares > 0.0 ? squares - product * product / shape_squares : squares;
  };
  constexpr double golden = 0.6180339887498949;
  double low = std::log(0.3), high = std::log(10.0 * static_cast<double>(values.size()));
  for (int round = 0; round < 60; ++round) {
    const double left = high - golden * (high - low), right = low + golden * (high - low);
    (misfit(left) < misfit(right) ? high : low) = misfit(left) < misfit(right) ? right : left;
  }
  const double best = 0.5 * (low + high);
  return {std::exp(best), std::sqrt(std::max(0.0, misfit(best)) / static_cast<double>(last))};
}

// Lengths from a radial autocorrelation with 1 at zero lag, `signal` of it shared by neighbours.
void measure_lengths(std::span<const double> correlation, double signal, MapSummary& summary) {
  summary.correlation_length = summary.exponential_length = summary.gaussian_length = nan;
  summary.exponential_residual = summary.gaussian_residual = nan;
  if (!(signal > 0.0)) return;
  constexpr double faded = 0.05;  // below this share of the signal the tail is scatter
  std::size_t last = 0;
  while (last + 1 < correlation.size() && correlation[last + 1] > faded * signal) ++last;
  const double level = signal * std::exp(-1.0);
  for (std::size_t r = 1; r < correlation.size(); ++r) {
    if (correlation[r] > level) continue;
    const double before = r == 1 ? signal : correlation[r - 1];
    summary.correlation_length = static_cast<double>(r - 1) + (before - level) / (before - correlation[r]);
    break;
  }
  const LengthFit exponential = fit_length(correlation, last, 1);
  const LengthFit gaussian = fit_length(correlation, last, 2);
  summary.exponential_length = exponential.length;
  summary.exponential_residual = exponential.residual;
  summary.gaussian_length = gaussian.length;
  summary.gaussian_residual = gaussian.residual;
}

// The autocorrelation that a map's own mean hides: taking it out lowers every lag by the variance v of the mean,
// measured rho_s = (rho - v) / (1 - v), and v is the mean of rho over all pairs. Beyond the first lag where rho_s
// vanishes rho is taken as 0.
struct FreeCorrelation {
  std::vector<double> correlation;
  double variance_of_mean = 1.0;  // over the map's variance
};
FreeCorrelation without_mean_removal(std::span<const double> measured, std::span<const double> pairs, double total) {
  std::size_t reach = 0;
  double sum = 0.0, share = 0.0;
  for (; reach < measured.size() && measured[reach] > 0.0; ++reach) {
    sum += pairs[reach] * measured[reach] / (total * total);
    share += pairs[reach] / (total * total);
  }
  FreeCorrelation result;
  const double room = 1.0 + sum - share;
  result.variance_of_mean = room > 0.0 ? std::clamp(sum / room, 1.0 / total, 1.0) : 1.0;
  for (std::size_t lag = 0; lag < reach; ++lag) {
    result.correlation.push_back(measured[lag] * (1.0 - result.variance_of_mean) + result.variance_of_mean);
  }
  return result;
}

double probability_of(double r, double independent) {
  if (!(independent > 2.5) || !std::isfinite(r)) return nan;
  if (std::fabs(r) >= 1.0) return 0.0;
  const double t = std::fabs(r) * std::sqrt((independent - 2.0) / (1.0 - r * r));
  return 2.0 * boost::math::cdf(boost::math::complement(boost::math::students_t(independent - 2.0), t));
}

}  // namespace

MapRelations relate_maps(const Communicator& communicator, std::span<const LocalMap> maps, std::int64_t ny,
                         std::int64_t nx) {
  MapRelations result;
  result.maps = static_cast<int>(maps.size());
  const std::size_t count = maps.size();
  const auto positions = static_cast<std::size_t>(ny * nx);
  const MapSummary unknown{0.0, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan};
  result.summaries.assign(count, unknown);
  for (auto* values :
       {&result.correlation, &result.correlation_error, &result.independent, &result.probability, &result.partial}) {
    values->assign(count * count, nan);
  }
  if (count == 0 || std::min(ny, nx) < least_side) return result;

  // Which maps take part, and where all of these have a value.
  const auto finite = [](const std::vector<float>& values) {
    return std::count_if(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  };
  std::vector<std::uint8_t> usable(count, 0);
  std::vector<double> present(positions, 1.0);
  const auto wanted = finite(maps.front().values);
  for (std::size_t map = 0; map < count; ++map) {
    usable[map] = wanted > 0 && 2 * finite(maps[map].values) >= wanted ? 1 : 0;
    if (usable[map] == 0) continue;
    for (std::size_t i = 0; i < positions; ++i) {
      if (!std::isfinite(maps[map].values[i])) present[i] = 0.0;
    }
  }
  double total = 0.0;
  for (const double flag : present) total += flag;
  if (total < static_cast<double>(least_side * least_side)) return result;

  std::vector<std::vector<double>> deviations(count);
  for (std::size_t map = 0; map < count; ++map) {
    if (usable[map] == 0) continue;
    double mean = 0.0;
    for (std::size_t i = 0; i < positions; ++i)
      mean += present[i] > 0.0 ? static_cast<double>(maps[map].values[i]) : 0.0;
    mean /= total;
    auto& values = deviations[map];
    values.assign(positions, 0.0);
    double squares = 0.0, cubes = 0.0;
    for (std::size_t i = 0; i < positions; ++i) {
      if (!(present[i] > 0.0)) continue;
      values[i] = static_cast<double>(maps[map].values[i]) - mean;
      squares += values[i] * values[i];
      cubes += values[i] * values[i] * values[i];
    }
    const double deviation = std::sqrt(squares / total);
    // Rounding of a constant map is no spread.
    if (!(deviation > 1e-7 * std::fabs(mean))) {
      usable[map] = 0;
      continue;
    }
    for (double& value : values) value /= deviation;
    MapSummary& summary = result.summaries[map];
    summary.positions = total;
    summary.mean = mean;
    summary.deviation = deviation;
    summary.skewness = cubes / total / (deviation * deviation * deviation);
  }

  LagSums lag_sums(ny, nx);
  result.lags = lag_sums.lags();
  const auto lags = static_cast<std::size_t>(result.lags);
  result.autocorrelation.assign(count * lags, 0.0);
  result.cross_correlation.assign(count * count * lags, 0.0);
  const std::vector<double> pairs = lag_sums.sums(present, present);
  constexpr int near_lags = 4;
  const std::vector<double> near_pairs = lag_sums.along_axes(present, near_lags);
  std::vector<double> noise(count, 0.0);
  // Every pair of maps is one rank's work; the others add zeros.
  std::size_t task = 0;
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = a; b < count; ++b) {
      if (usable[a] == 0 || usable[b] == 0) continue;
      if (a != b && !(maps[a].with_distance && maps[b].with_distance)) continue;
      if (task++ % static_cast<std::size_t>(communicator.size()) != static_cast<std::size_t>(communicator.rank())) {
        continue;
      }
      const std::vector<double> sums = lag_sums.sums(deviations[a], deviations[b]);
      for (std::size_t lag = 0; lag < lags; ++lag) {
        const double value = pairs[lag] > 0.5 ? sums[lag] / pairs[lag] : 0.0;
        result.cross_correlation[(a * count + b) * lags + lag] = value;
        if (a != b) result.cross_correlation[(b * count + a) * lags + lag] = value;
      }
      if (a != b) continue;
      const std::vector<double> near = lag_sums.along_axes(deviations[a], near_lags);
      const auto at = [&](std::size_t lag) { return near_pairs[lag] > 0.0 ? near[lag] / near_pairs[lag] : 0.0; };
      // a of a + b r^2 + c r^4 through r = 1, 2, 3.
      const double signal = (15.0 * at(1) - 6.0 * at(2) + at(3)) / 10.0;
      noise[a] = std::clamp(1.0 - signal, 0.0, 1.0);
    }
  }
  communicator.sum_in_place(std::span<double>(result.cross_correlation));
  communicator.sum_in_place(std::span<double>(noise));

  const auto correlation_of = [&](std::size_t a, std::size_t b) {
    return std::span<const double>(result.cross_correlation).subspan((a * count + b) * lags, lags);
  };
  std::vector<FreeCorrelation> own_shares(count);
  for (std::size_t map = 0; map < count; ++map) {
    const auto own = correlation_of(map, map);
    std::copy(own.begin(), own.end(), result.autocorrelation.begin() + static_cast<std::ptrdiff_t>(map * lags));
    if (usable[map] == 0) continue;
    MapSummary& summary = result.summaries[map];
    own_shares[map] = without_mean_removal(own, pairs, total);
    summary.independent = std::clamp(1.0 / own_shares[map].variance_of_mean, 1.0, total);
    summary.mean_error = summary.deviation / std::sqrt(summary.independent);
    summary.noise_deviation = summary.deviation * std::sqrt(noise[map]);
    measure_lengths(own, 1.0 - noise[map], summary);
  }
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = 0; b < count; ++b) {
      if (usable[a] == 0 || usable[b] == 0) continue;
      const std::size_t place = a * count + b;
      double product = 0.0;
      for (std::size_t i = 0; i < positions; ++i) product += deviations[a][i] * deviations[b][i];
      const double r = std::clamp(product / total, -1.0, 1.0);
      double shared = 0.0;
      const std::size_t reach = std::min(own_shares[a].correlation.size(), own_shares[b].correlation.size());
      for (std::size_t lag = 0; lag < reach; ++lag) {
        shared += pairs[lag] * own_shares[a].correlation[lag] * own_shares[b].correlation[lag];
      }
      const double independent = std::clamp(shared > 0.0 ? total * total / shared : total, 2.0, total);
      result.correlation[place] = r;
      result.independent[place] = independent;
      result.correlation_error[place] = (1.0 - r * r) / std::sqrt(independent - 1.0);
      result.probability[place] = a == b ? 0.0 : probability_of(r, independent);
    }
  }
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = 0; b < count; ++b) {
      const bool measured =
          usable[a] != 0 && usable[b] != 0 && (a == b || (maps[a].with_distance && maps[b].with_distance));
      if (measured) continue;
      const auto first = result.cross_correlation.begin() + static_cast<std::ptrdiff_t>((a * count + b) * lags);
      std::fill(first, first + static_cast<std::ptrdiff_t>(lags), nan);
    }
  }
  for (std::size_t a = 1; a < count; ++a) {
    for (std::size_t b = 1; b < count; ++b) {
      const double r_a = result.correlation[a * count], r_b = result.correlation[b * count];
      const double room = (1.0 - r_a * r_a) * (1.0 - r_b * r_b);
      if (room > 1e-12)
        result.partial[a * count + b] = (result.correlation[a * count + b] - r_a * r_b) / std::sqrt(room);
    }
  }
  return result;
}

}  // namespace mesoglass::diffraction
