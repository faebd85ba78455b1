#include "diffraction/speckle_law.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <optional>
#include <stdexcept>

#include "core/units.hpp"

namespace mesoglass::diffraction {

namespace {

using Complex = std::complex<double>;

// For a unit density of speckles of unit height, ln of the characteristic function is 4 pi^2 E(t),
// E(t) = integral over u = r^2 / 2 > 0 of (exp(i t exp(-u)) - 1) u du. With F = t dE/dt, t dF/dt = exp(i t) - 1.
struct UnitLaw {
  static constexpr double step = 0.02;
  static constexpr int points = 40001;
  std::vector<Complex> exponent, slope;  // E and F
  UnitLaw() : exponent(points), slope(points) {
    // Both integrands, (exp(i t) - 1) / t and F / t, begin with i.
    Complex before_f{0.0, 1.0}, before_e{0.0, 1.0};
    for (int i = 1; i < points; ++i) {
      const double t = step * i;
      const auto at = static_cast<std::size_t>(i);
      const Complex now_f = (std::polar(1.0, t) - 1.0) / t;
      slope[at] = slope[at - 1] + 0.5 * step * (before_f + now_f);
      const Complex now_e = slope[at] / t;
      exponent[at] = exponent[at - 1] + 0.5 * step * (before_e + now_e);
      before_f = now_f;
      before_e = now_e;
    }
  }
  void at(double t, Complex* e, Complex* f) const {
    const double place = std::min(t / step, points - 1.001);
    const auto index = static_cast<std::size_t>(place);
    const double part = place - static_cast<double>(index);
    *e = exponent[index] * (1.0 - part) + exponent[index + 1] * part;
    *f = slope[index] * (1.0 - part) + slope[index + 1] * part;
  }
};

// Mean over a normal number by Gauss and Hermite, seven points (Abramowitz and Stegun 1964, table 25.10, scaled).
constexpr std::array<double, 7> nodes = {-3.7504397177257421, -2.3667594107345416, -1.1544053947399682, 0.0,
                                         1.1544053947399682,  2.3667594107345416,  3.7504397177257421};
constexpr std::array<double, 7> weights = {5.4826885597221875e-4, 3.0757123967586504e-2, 0.24012317860501271,
                                           0.45714285714285713,   0.24012317860501271,   3.0757123967586504e-2,
                                           5.4826885597221875e-4};

constexpr double mean_factor = 4.0 * units::pi * units::pi;

}  // namespace

double covered_part(double density) {
  constexpr double half = 2.0 * 0.69314718055994531;  // r^2 where exp(-r^2 / 2) = 1/2
  return 1.0 - std::exp(-density * 0.5 * units::pi * units::pi * half * half);
}

double mean_above_background(const SpeckleLaw& law) {
  return mean_factor * law.density * law.height * std::exp(0.5 * law.spread * law.spread);
}

SpeckleProbabilities::SpeckleProbabilities(double first, double step, int bins)
    : first_(first),
      step_(step),
      bins_(bins),
      spectrum_(static_cast<std::size_t>(quantities) * static_cast<std::size_t>(bins / 2 + 1)),
      values_(static_cast<std::size_t>(quantities) * static_cast<std::size_t>(bins)),
      plan_(FftPlan::real_lines_backward(bins, quantities, spectrum_.data(), values_.data())) {}

std::span<const double> SpeckleProbabilities::of(const SpeckleLaw& law, double noise, double noise_skewness) {
  static const UnitLaw unit;
  const double period = step_ * bins_;
  const double third = noise_skewness * noise * noise * noise;
  double mean = 0.0;  // of a unit density's values
  double mean_by_spread = 0.0;
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    const double height = law.height * std::exp(law.spread * nodes[node]);
    mean += mean_factor * weights[node] * height;
    mean_by_spread += mean_factor * weights[node] * height * nodes[node];
  }
  const double by_square = 0.5 / law.spread;
  const auto frequencies = static_cast<std::size_t>(bins_ / 2 + 1);
  std::fill(spectrum_.begin(), spectrum_.end(), 0.0);
  constexpr double negligible = 40.0;  // exp(-40) is nothing beside 1
  for (std::size_t k = 0; k < frequencies; ++k) {
    const double t = 2.0 * units::pi * static_cast<double>(k) / period;
    const double damping = 0.5 * t * t * noise * noise;
    if (damping > negligible) break;
    Complex sum = 0.0, by_height = 0.0, by_spread = 0.0;
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      Complex e, f;
      unit.at(t * law.height * std::exp(law.spread * nodes[node]), &e, &f);
      sum += weights[node] * e;
      by_height += weights[node] * f;
      by_spread += weights[node] * nodes[node] * f;
    }
    sum *= mean_factor;
    by_height *= mean_factor;
    by_spread *= mean_factor;
    // Counted from the mean.
    const Complex centred = sum - Complex(0.0, t * mean);
    const Complex logarithm =
        law.density * centred - damping - Complex(0.0, third * t * t * t / 6.0 + t * (first_ + 0.5 * step_));
    // The share of a bin, not the density at its middle.
    const double half = 0.5 * t * step_;
    const double bin = half > 0.0 ? std::sin(half) / half : 1.0;
    const Complex value = std::conj(bin * std::exp(logarithm));  // p(x) = integral of phi(t) exp(-i t x)
    spectrum_[k] = value;
    spectrum_[frequencies + k] = value * std::conj(law.density * centred);
    spectrum_[2 * frequencies + k] = value * std::conj(law.density * (by_height - Complex(0.0, t * mean)));
    spectrum_[3 * frequencies + k] =
        value * std::conj(law.density * by_square * (by_spread - Complex(0.0, t * mean_by_spread)));
  }
  plan_.execute();
  for (double& value : values_) value /= bins_;
  return values_;
}

namespace {

// Values in start heights from their mean: bins of probabilities, and what of the maps is counted in them.
constexpr int law_bins = 2048;
constexpr double lowest_value = -5.0, highest_value = 11.0;
constexpr double bin_step = (highest_value - lowest_value) / law_bins;
constexpr double least_spread = 0.02, largest_spread = 0.3;
constexpr double largest_density = 0.3;

// Values counted in cells: all below bin `first` in one, then four bins each; the last holds all that is higher.
struct ValueCells {
  static constexpr int joined = 4;
  int first;
  Eigen::Index count;
  std::vector<Eigen::VectorXd> shares;  // of each group, over all values of all groups
  Eigen::VectorXd all;
  ValueCells(std::span<const IntensityHistogram> groups, std::int64_t total, double mean, double height, int first_bin)
      : first(first_bin) {
    std::vector<double> edges;
    for (int bin = first; bin < law_bins; bin += joined)
      edges.push_back(mean + height * (lowest_value + bin_step * bin));
    count = static_cast<Eigen::Index>(edges.size() + 1);
    all = Eigen::VectorXd::Zero(count);
    for (const auto& group : groups) {
      const std::vector<double> part = group.shares_between(edges);
      shares.push_back(Eigen::Map<const Eigen::VectorXd>(part.data(), count));
      shares.back() *= static_cast<double>(group.total()) / static_cast<double>(total);
      all += shares.back();
    }
  }
  [[nodiscard]] Eigen::VectorXd join(std::span<const double> fine) const {
    Eigen::VectorXd cell = Eigen::VectorXd::Zero(count);
    for (int bin = 0; bin < law_bins; ++bin) {
      cell[bin < first ? 0 : 1 + (bin - first) / joined] += fine[static_cast<std::size_t>(bin)];
    }
    return cell;
  }
};

// A law with its likelihood: place = ln density, ln height in start heights, spread^2.
struct LawState {
  Eigen::Vector3d place;
  double likelihood = 0.0;
  Eigen::VectorXd probability;
  Eigen::MatrixXd slopes;  // of ln probability
  [[nodiscard]] SpeckleLaw law() const { return {std::exp(place[0]), std::exp(place[1]), std::sqrt(place[2])}; }
};

LawState evaluate(const Eigen::Vector3d& place, const ValueCells& cells, const NoiseModel& noise, double deviation,
                  SpeckleProbabilities& probabilities) {
  constexpr double least_probability = 1e-10;
  constexpr double least_width = 1.2;  // of the noise in bins: frequencies show no sharper edge
  LawState state{place, 0.0, {}, Eigen::MatrixXd(cells.count, 3)};
  const auto lines = probabilities.of(state.law(), std::max(deviation, least_width * bin_step), noise.skewness);
  state.probability = cells.join(lines.first(law_bins)).cwiseMax(least_probability);
  for (int column = 0; column < 3; ++column) {
    state.slopes.col(column) = cells.join(lines.subspan(static_cast<std::size_t>(column + 1) * law_bins, law_bins))
                                   .cwiseQuotient(state.probability);
  }
  state.likelihood = cells.all.dot(state.probability.array().log().matrix());
  return state;
}

struct Summit {
  LawState state;
  Eigen::Matrix3d information;
  int free = 3;  // parameters not at a limit: all, or the spread not
};

// Fisher scoring from a law; nothing where it leads nowhere.
std::optional<Summit> climb(const Eigen::Vector3d& start, const ValueCells& cells, const NoiseModel& noise,
                            double deviation, SpeckleProbabilities& probabilities) {
  constexpr double least_square = least_spread * least_spread, largest_square = largest_spread * largest_spread;
  constexpr int most_steps = 60;
  constexpr double accurate = 1e-5;
  const auto limited = [&](Eigen::Vector3d place) {
    place[2] = std::clamp(place[2], least_square, largest_square);
    return place;
  };
  const Eigen::Vector3d longest(0.5, 0.3, 0.03);
  Summit summit{evaluate(start, cells, noise, deviation, probabilities), {}, 3};
  LawState& state = summit.state;
  for (int iteration = 0; iteration < most_steps; ++iteration) {
    const Eigen::Vector3d score = state.slopes.transpose() * cells.all;
    summit.information = state.slopes.transpose() * state.probability.asDiagonal() * state.slopes;
    // At its limit the spread stays where the likelihood would push it beyond.
    Eigen::Vector3d change = summit.information.ldlt().solve(score);
    const bool at_limit =
        (state.place[2] <= least_square && change[2] < 0.0) || (state.place[2] >= largest_square && change[2] > 0.0);
    summit.free = at_limit ? 2 : 3;
    if (at_limit) {
      change.setZero();
      change.head(2) = summit.information.topLeftCorner(2, 2).ldlt().solve(score.head(2));
    }
    if (!change.allFinite()) return std::nullopt;
    const double shrink = std::min(1.0, (longest.array() / change.array().abs().max(1e-300)).minCoeff());
    change *= shrink;
    bool risen = false;
    constexpr int most_halvings = 8;
    for (int halving = 0; halving < most_halvings && !risen; ++halving, change *= 0.5) {
      LawState next = evaluate(limited(state.place + change), cells, noise, deviation, probabilities);
      if (next.likelihood >= state.likelihood) {
        risen = true;
        const double moved = (next.place - state.place).cwiseAbs().maxCoeff();
        state = std::move(next);
        if (moved < accurate) iteration = most_steps;
      }
    }
    if (!risen) break;
  }
  return summit;
}

}  // namespace

SpeckleLawFit fit_speckle_law(std::span<const IntensityHistogram> groups, const MapMoments& moments,
                              const NoiseModel& noise, double start_height) {
  constexpr double above_median = 0.15, above_background = 0.3;
  constexpr double lowest_noise = 2.0;
  constexpr double most_noise = 1.0;
  SpeckleLawFit result;
  if (!(moments.count > 0.0)) throw std::logic_error("speckle law of no values");
  const double mean = moments.sum / moments.count;
  SpeckleProbabilities probabilities(lowest_value, bin_step, law_bins);

  IntensityHistogram pooled;
  for (const auto& group : groups) pooled.add(group);
  const double deviation = std::sqrt(std::max(0.0, noise.variance)) / start_height;
  if (!(deviation < most_noise)) return result;
  const double median = (pooled.quantile(0.5) - mean) / start_height;
  // Where many speckles overlap, the median lies among them, and values below it say most of their density.
  const auto first_bin = [&](const SpeckleLaw& law) {
    const double from_median = median + std::max(above_median, lowest_noise * deviation);
    const double from_background = std::max(above_background, lowest_noise * deviation) - mean_above_background(law);
    return static_cast<int>(std::ceil((std::min(from_median, from_background) - lowest_value) / bin_step));
  };

  // From the cumulants.
  const double variance = moments.squares / moments.count - mean * mean - noise.variance;
  constexpr double start_spread = 0.1;
  constexpr double least_start = 1e-4;
  const double start_density =
      std::clamp(variance / (units::pi * units::pi * start_height * start_height), least_start, largest_density);
  Eigen::Vector3d place(std::log(start_density), 0.0, start_spread * start_spread);
  int first = first_bin({start_density, 1.0, start_spread});
  constexpr int most_rounds = 4;
  constexpr int same = 8;  // bins: the place from which values count need not be exact
  for (int round = 0;; ++round) {
    if (first <= 0 || first >= law_bins - ValueCells::joined) return result;
    const ValueCells cells(groups, pooled.total(), mean, start_height, first);
    const auto summit = climb(place, cells, noise, deviation, probabilities);
    if (!summit) return result;
    place = summit->state.place;
    const int next = first_bin(summit->state.law());
    if (round + 1 < most_rounds && std::abs(next - first) > same) {
      first = next;
      continue;
    }
    result.law = summit->state.law();
    result.law.height *= start_height;
    result.found = result.law.density < largest_density;
    const int free = summit->free;
    for (const auto& share : cells.shares) {
      if (!(share.sum() > 0.0)) continue;
      const Eigen::VectorXd score = -(summit->state.slopes.leftCols(free).transpose() * share);
      const Eigen::VectorXd change =
          summit->information.topLeftCorner(free, free).ldlt().solve(score) / (1.0 - share.sum());
      result.densities_without.push_back(result.law.density * std::exp(change[0]));
    }
    return result;
  }
}

double speckle_angle(std::span<const double> powers) {
  const auto correlation = [&](double delta) {
    double sum = 0.0;
    for (std::size_t n = 2; n < powers.size(); n += 2) sum += powers[n] * std::cos(static_cast<double>(n) * delta);
    return sum;
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const double top = correlation(0.0);
  if (!(top > 0.0)) return nan;
  // Without n = 0 the correlation's mean over half a turn is missing: that of exp(-delta^2 / (4 sigma^2)) is
  // 2 sigma / sqrt(pi).
  double sigma = 0.0;
  constexpr int rounds = 8;
  for (int round = 0; round < rounds; ++round) {
    const double mean = 2.0 * sigma / std::sqrt(units::pi);
    const double level = top * (0.5 - mean) / (1.0 - mean);
    double inside = 0.0;
    double outside = units::pi / static_cast<double>(2 * powers.size());
    constexpr double widest = 0.5;
    while (correlation(outside) > level && outside < widest) {
      inside = outside;
      outside += units::pi / static_cast<double>(2 * powers.size());
    }
    if (!(outside < widest)) return nan;
    for (int halving = 0; halving < 20; ++halving) {
      const double middle = 0.5 * (inside + outside);
      (correlation(middle) > level ? inside : outside) = middle;
    }
    sigma = inside / (2.0 * std::sqrt(std::log(2.0)));
  }
  return sigma;
}

double without_interpolation(double angle, double radius) {
  const double widening = 1.0 / (6.0 * radius * radius);
  // What is hardly wider than interpolation makes a point of is no speckle.
  constexpr double largest_part = 0.5;
  if (!(widening < largest_part * angle * angle)) return 1.0;
  return std::sqrt(1.0 - widening / (angle * angle));
}

}  // namespace mesoglass::diffraction
