#include "diffraction/type_profiles.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

namespace mesoglass::diffraction {

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double variance_floor = 0.01;  // of the largest, added to all: noise decides no element

// The covariance of intensities over its largest variance, and the elements' weights.
struct Covariance {
  Eigen::VectorXd k;
  Eigen::MatrixXd values;
  Eigen::VectorXd weights;  // of a row or column: an element's is the product of two
};

// Parameters of kind t at 3 t: middle, ln width, ln strength.
Eigen::VectorXd gaussian(const Eigen::VectorXd& k, const Eigen::VectorXd& parameters, Eigen::Index type) {
  const double width = std::exp(parameters[3 * type + 1]);
  return (-0.5 * ((k.array() - parameters[3 * type]) / width).square()).exp().matrix();
}

Eigen::MatrixXd model_of(const Covariance& covariance, const Eigen::VectorXd& parameters) {
  Eigen::MatrixXd model = Eigen::MatrixXd::Zero(covariance.k.size(), covariance.k.size());
  for (Eigen::Index type = 0; 3 * type < parameters.size(); ++type) {
    const Eigen::VectorXd g = gaussian(covariance.k, parameters, type);
    model += std::exp(parameters[3 * type + 2]) * g * g.transpose();
  }
  return model;
}

Eigen::MatrixXd weighted(const Covariance& covariance, const Eigen::MatrixXd& values) {
  return covariance.weights.asDiagonal() * values * covariance.weights.asDiagonal();
}

struct Solution {
  Eigen::VectorXd parameters;
  double residual = infinite;
};

Solution solve(const Covariance& covariance, const Eigen::VectorXd& start) {
  const auto elements = covariance.values.size();
  const auto flat = [&](const Eigen::MatrixXd& matrix) -> Eigen::VectorXd {
    return Eigen::Map<const Eigen::VectorXd>(matrix.data(), elements);
  };
  const auto left_by = [&](const Eigen::VectorXd& parameters) {
    return flat(weighted(covariance, covariance.values - model_of(covariance, parameters)));
  };
  Eigen::VectorXd place = start;
  Eigen::VectorXd left = left_by(place);
  double squares = left.squaredNorm();
  double damping = 1e-3;
  constexpr int most_steps = 100;
  constexpr double most_damping = 1e8, accurate = 1e-9;
  for (int step = 0; step < most_steps && damping < most_damping; ++step) {
    Eigen::MatrixXd slopes(elements, place.size());
    for (Eigen::Index type = 0; 3 * type < place.size(); ++type) {
      const double width = std::exp(place[3 * type + 1]);
      const double strength = std::exp(place[3 * type + 2]);
      const Eigen::VectorXd g = gaussian(covariance.k, place, type);
      const Eigen::VectorXd x = (covariance.k.array() - place[3 * type]) / width;
      const auto column = [&](Eigen::Index index, const Eigen::VectorXd& of_one) {
        const Eigen::VectorXd changed = of_one.cwiseProduct(g);
        const Eigen::MatrixXd slope = strength * (changed * g.transpose() + g * changed.transpose());
        slopes.col(3 * type + index) = flat(weighted(covariance, slope));
      };
      column(0, x / width);
      column(1, x.cwiseProduct(x));
      slopes.col(3 * type + 2) = flat(weighted(covariance, strength * g * g.transpose()));
    }
    Eigen::MatrixXd normal = slopes.transpose() * slopes;
    const Eigen::VectorXd gradient = slopes.transpose() * left;
    const double smallest = 1e-12 * normal.diagonal().maxCoeff();
    normal.diagonal() += (damping * normal.diagonal()).cwiseMax(smallest);
    const Eigen::VectorXd change = normal.ldlt().solve(gradient);
    const Eigen::VectorXd next = place + change;
    const Eigen::VectorXd next_left = left_by(next);
    const double next_squares = next_left.squaredNorm();
    if (!std::isfinite(next_squares) || next_squares > squares) {
      damping *= 10.0;
      continue;
    }
    const bool done = squares - next_squares < accurate * squares;
    place = next;
    left = next_left;
    squares = next_squares;
    damping = std::max(1e-9, 0.3 * damping);
    if (done) break;
  }
  return {place, std::sqrt(squares / static_cast<double>(elements))};
}

std::vector<TypeProfile> profiles_of(const Eigen::VectorXd& parameters) {
  std::vector<TypeProfile> types;
  for (Eigen::Index type = 0; 3 * type < parameters.size(); ++type) {
    types.push_back({parameters[3 * type], std::exp(parameters[3 * type + 1]), std::exp(parameters[3 * type + 2])});
  }
  std::sort(types.begin(), types.end(), [](const TypeProfile& a, const TypeProfile& b) { return a.k < b.k; });
  return types;
}

// Kinds that lie inside the k range, apart from each other, and matter where they are.
bool plausible(const std::vector<TypeProfile>& types, const Eigen::VectorXd& k) {
  constexpr double least_share = 0.1;
  const double step = k[1] - k[0];
  for (const TypeProfile& type : types) {
    if (!(type.k > k[0] && type.k < k[k.size() - 1] && type.width > 0.5 * step)) return false;
    double all = 0.0;
    for (const TypeProfile& other : types) all += other.strength * std::pow(other.at(type.k), 2);
    if (!(type.strength > least_share * all)) return false;
  }
  for (std::size_t t = 1; t < types.size(); ++t) {
    if (types[t].k - types[t - 1].k < 0.5 * (types[t].width + types[t - 1].width)) return false;
  }
  return true;
}

// Half width where the variance falls to 1/e of its largest, which for one Gaussian is its standard deviation.
double width_of_largest(const Covariance& covariance, Eigen::Index top) {
  const double level = std::exp(-1.0) * covariance.values(top, top);
  Eigen::Index reach = 1;
  while (top - reach >= 0 && top + reach < covariance.k.size() &&
         std::min(covariance.values(top - reach, top - reach), covariance.values(top + reach, top + reach)) > level) {
    ++reach;
  }
  return static_cast<double>(reach) * (covariance.k[1] - covariance.k[0]);
}

}  // namespace

double TypeProfile::at(double place) const noexcept {
  return std::exp(-0.5 * (place - k) * (place - k) / (width * width));
}

ProfileFit fit_type_profiles(std::span<const double> k, std::span<const double> covariance,
                             std::span<const double> expected) {
  constexpr double gain_asked = 3.0;      // of a kind more
  constexpr double most_residual = 0.05;  // else these are no Gaussians
  constexpr Eigen::Index least_bins = 8;
  ProfileFit best;
  const auto bins = static_cast<Eigen::Index>(k.size());
  if (bins < least_bins) return best;
  const Eigen::Map<const Eigen::VectorXd> share(expected.data(), bins);
  Covariance given{
      Eigen::Map<const Eigen::VectorXd>(k.data(), bins),
      share.asDiagonal() * Eigen::Map<const Eigen::MatrixXd>(covariance.data(), bins, bins) * share.asDiagonal(),
      {}};
  Eigen::Index top = 0;
  const double largest = given.values.diagonal().maxCoeff(&top);
  if (!(largest > 0.0) || !given.values.allFinite()) return best;
  given.values /= largest;
  given.weights = (given.values.diagonal().cwiseMax(0.0).array() + variance_floor).rsqrt();

  const double first_width = width_of_largest(given, top);
  std::vector<Eigen::Index> tops{top};
  double best_score = infinite;
  for (int count = 1; count <= most_profiles; ++count) {
    Solution solution;
    for (const double part : {1.0, 0.8, 0.6}) {
      Eigen::VectorXd start(3 * count);
      for (int type = 0; type < count; ++type) {
        const Eigen::Index bin = tops[static_cast<std::size_t>(type)];
        start.segment<3>(3 * type) << given.k[bin], std::log(part * first_width),
            std::log(std::max(1e-3, given.values(bin, bin)));
      }
      Solution here = solve(given, start);
      if (here.residual < solution.residual) solution = std::move(here);
    }
    if (!solution.parameters.allFinite()) break;
    std::vector<TypeProfile> types = profiles_of(solution.parameters);
    const double score = solution.residual * std::pow(gain_asked, count);
    if (score < best_score && solution.residual < most_residual && plausible(types, given.k)) {
      best_score = score;
      best = {std::move(types), solution.residual};
    }
    // The next begins where most of the variance is left, the others where they are.
    const Eigen::MatrixXd left = weighted(given, given.values - model_of(given, solution.parameters));
    for (int type = 0; type < count; ++type) {
      const double place = (solution.parameters[3 * type] - given.k[0]) / (given.k[1] - given.k[0]);
      tops[static_cast<std::size_t>(type)] =
          std::clamp<Eigen::Index>(static_cast<Eigen::Index>(std::clamp(std::round(place), 0.0, 1e9)), 0, bins - 1);
    }
    left.diagonal().maxCoeff(&top);
    tops.push_back(top);
  }
  return best;
}

TypesUnmixing unmix_types(std::span<const TypeProfile> types, std::span<const double> k,
                          std::span<const double> expected) {
  constexpr double reach = 4.0;            // widths
  constexpr double profile_noise = 100.0;  // variance at a kind's middle, in counting noise: prefers k far from kinds
  const auto count = static_cast<Eigen::Index>(types.size());
  TypesUnmixing result;
  if (types.empty()) return result;
  for (const TypeProfile& type : types) {
    const auto nearest = std::min_element(
        k.begin(), k.end(), [&](double a, double b) { return std::abs(a - type.k) < std::abs(b - type.k); });
    const int bin = static_cast<int>(nearest - k.begin());
    if (!result.kinds.empty() && result.kinds.back().bin == bin) return {};
    result.kinds.push_back({bin, {}});
  }
  const auto relative = [&](Eigen::Index type, std::size_t bin) {
    return types[static_cast<std::size_t>(type)].at(k[bin]) / expected[bin];
  };
  Eigen::MatrixXd seen(count, count);  // of a kind at a kind's bin
  for (Eigen::Index type = 0; type < count; ++type) {
    for (Eigen::Index other = 0; other < count; ++other) {
      seen(type, other) = relative(type, static_cast<std::size_t>(result.kinds[static_cast<std::size_t>(other)].bin));
    }
  }
  const Eigen::MatrixXd inverse = seen.inverse();
  if (!inverse.allFinite()) return {};
  std::vector<std::size_t> used;
  for (std::size_t bin = 0; bin < k.size(); ++bin) {
    if (expected[bin] > 0.0 && std::any_of(types.begin(), types.end(), [&](const TypeProfile& type) {
          return std::abs(k[bin] - type.k) < reach * type.width;
        })) {
      used.push_back(bin);
    }
  }
  if (static_cast<Eigen::Index>(used.size()) < 2 * (count + 1)) return {};
  // Least noise, that of counting being as one over the expected intensity, with every kind's profile and the sum
  // given.
  const auto bins = static_cast<Eigen::Index>(used.size());
  Eigen::MatrixXd conditions(count + 1, bins);
  Eigen::VectorXd quiet(bins);
  for (Eigen::Index i = 0; i < bins; ++i) {
    const std::size_t bin = used[static_cast<std::size_t>(i)];
    for (Eigen::Index type = 0; type < count; ++type) conditions(type, i) = relative(type, bin) / seen(type, type);
    conditions(count, i) = 1.0;
    double shown = 0.0;
    for (const TypeProfile& type : types) shown += type.at(k[bin]) * type.at(k[bin]);
    quiet[i] = expected[bin] / (1.0 + profile_noise * shown);
  }
  quiet /= quiet.maxCoeff();
  const Eigen::MatrixXd normal = conditions * quiet.asDiagonal() * conditions.transpose();
  Eigen::VectorXd wanted = Eigen::VectorXd::Zero(count + 1);
  wanted[count] = 1.0;
  const Eigen::VectorXd shape = quiet.asDiagonal() * (conditions.transpose() * normal.ldlt().solve(wanted));
  if (!shape.allFinite()) return {};
  result.common.assign(k.size(), 0.0);
  for (Eigen::Index i = 0; i < bins; ++i) result.common[used[static_cast<std::size_t>(i)]] = shape[i];
  for (Eigen::Index type = 0; type < count; ++type) {
    for (Eigen::Index other = 0; other < count; ++other) {
      result.kinds[static_cast<std::size_t>(type)].weights.push_back(inverse(other, type) * seen(type, type));
    }
  }
  return result;
}

}  // namespace mesoglass::diffraction
