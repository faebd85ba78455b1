#include "diffraction/speckle_law.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
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

SpeckleLawFit fit_speckle_law(std::span<const IntensityHistogram> groups, const MapMoments& moments,
                              const NoiseModel& noise, double start_height) {
  constexpr int bins = 2048;
  constexpr double lowest = -5.0, highest = 11.0;  // in start heights
  constexpr double least_width = 1.2;              // of the noise in bins: frequencies show no sharper edge
  constexpr double least_spread = 0.02, largest_spread = 0.3;
  constexpr double largest_density = 0.3;
  constexpr int joined = 4;  // bins
  constexpr double lowest_part = 0.15;
  constexpr double lowest_noise = 2.0;
  constexpr double most_noise = 1.0;
  SpeckleLawFit result;
  if (!(moments.count > 0.0)) throw std::logic_error("speckle law of no values");
  const double mean = moments.sum / moments.count;
  const double step = (highest - lowest) / bins;
  SpeckleProbabilities probabilities(lowest, step, bins);

  IntensityHistogram pooled;
  for (const auto& group : groups) pooled.add(group);
  const double deviation = std::sqrt(std::max(0.0, noise.variance)) / start_height;
  const double median = (pooled.quantile(0.5) - mean) / start_height;
  const int first =
      static_cast<int>(std::ceil((median + std::max(lowest_part, lowest_noise * deviation) - lowest) / step));
  if (!(deviation < most_noise) || first <= 0 || first >= bins - joined) return result;
  // All below `first`, then `joined` bins each; the last holds all that is higher.
  std::vector<double> edges;
  for (int bin = first; bin < bins; bin += joined) edges.push_back(mean + start_height * (lowest + step * bin));
  const auto cells = static_cast<Eigen::Index>(edges.size() + 1);
  const auto joined_cells = [&](std::span<const double> fine) {
    Eigen::VectorXd cell = Eigen::VectorXd::Zero(cells);
    for (int bin = 0; bin < bins; ++bin) {
      cell[bin < first ? 0 : 1 + (bin - first) / joined] += fine[static_cast<std::size_t>(bin)];
    }
    return cell;
  };
  std::vector<Eigen::VectorXd> shares;
  Eigen::VectorXd all = Eigen::VectorXd::Zero(cells);
  for (const auto& group : groups) {
    const std::vector<double> part = group.shares_between(edges);
    shares.push_back(Eigen::Map<const Eigen::VectorXd>(part.data(), cells));
    shares.back() *= static_cast<double>(group.total()) / static_cast<double>(pooled.total());
    all += shares.back();
  }

  struct State {
    Eigen::Vector3d place;  // ln density, ln height, spread^2
    double likelihood;
    Eigen::VectorXd probability;
    Eigen::MatrixXd slopes;  // of ln probability
  };
  constexpr double least_probability = 1e-10;
  const auto evaluate = [&](const Eigen::Vector3d& place) {
    State state{place, 0.0, {}, Eigen::MatrixXd(cells, 3)};
    const auto lines = probabilities.of({std::exp(place[0]), std::exp(place[1]), std::sqrt(place[2])},
                                        std::max(deviation, least_width * step), noise.skewness);
    state.probability = joined_cells(lines.first(bins)).cwiseMax(least_probability);
    for (int column = 0; column < 3; ++column) {
      state.slopes.col(column) = joined_cells(lines.subspan(static_cast<std::size_t>(column + 1) * bins, bins))
                                     .cwiseQuotient(state.probability);
    }
    state.likelihood = all.dot(state.probability.array().log().matrix());
    return state;
  };
  const double least_square = least_spread * least_spread, largest_square = largest_spread * largest_spread;
  const auto limited = [&](Eigen::Vector3d place) {
    place[2] = std::clamp(place[2], least_square, largest_square);
    return place;
  };

  // From the cumulants.
  const double variance = moments.squares / moments.count - mean * mean - noise.variance;
  constexpr double start_spread = 0.1;
  constexpr double least_start = 1e-4;
  const double start_density = variance / (units::pi * units::pi * start_height * start_height);
  State state =
      evaluate({std::log(std::clamp(start_density, least_start, largest_density)), 0.0, start_spread * start_spread});
  const Eigen::Vector3d longest(0.5, 0.3, 0.03);
  Eigen::Matrix3d information;
  int free = 3;
  constexpr int most_steps = 60;
  constexpr double accurate = 1e-5;
  for (int iteration = 0; iteration < most_steps; ++iteration) {
    const Eigen::Vector3d score = state.slopes.transpose() * all;
    information = state.slopes.transpose() * state.probability.asDiagonal() * state.slopes;
    // At its limit the spread stays where the likelihood would push it beyond.
    Eigen::Vector3d change = information.ldlt().solve(score);
    const bool at_limit =
        (state.place[2] <= least_square && change[2] < 0.0) || (state.place[2] >= largest_square && change[2] > 0.0);
    free = at_limit ? 2 : 3;
    if (at_limit) {
      change.setZero();
      change.head(2) = information.topLeftCorner(2, 2).ldlt().solve(score.head(2));
    }
    if (!change.allFinite()) return result;
    const double shrink = std::min(1.0, (longest.array() / change.array().abs().max(1e-300)).minCoeff());
    change *= shrink;
    bool risen = false;
    constexpr int most_halvings = 8;
    for (int halving = 0; halving < most_halvings && !risen; ++halving, change *= 0.5) {
      State next = evaluate(limited(state.place + change));
      if (next.likelihood >= state.likelihood) {
        risen = true;
        const double moved = (next.place - state.place).cwiseAbs().maxCoeff();
        state = std::move(next);
        if (moved < accurate) iteration = most_steps;
      }
    }
    if (!risen) break;
  }
  result.law = {std::exp(state.place[0]), start_height * std::exp(state.place[1]), std::sqrt(state.place[2])};
  result.found = result.law.density < largest_density;
  for (const auto& share : shares) {
    if (!(share.sum() > 0.0)) continue;
    const Eigen::VectorXd score = -(state.slopes.leftCols(free).transpose() * share);
    const Eigen::VectorXd change = information.topLeftCorner(free, free).ldlt().solve(score) / (1.0 - share.sum());
    result.densities_without.push_back(result.law.density * std::exp(change[0]));
  }
  return result;
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
