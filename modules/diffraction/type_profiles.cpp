#include "diffraction/type_profiles.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace mesoglass::diffraction {

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double variance_floor = 0.01;  // of the largest, added to all: noise decides no element

// The covariance of intensities over its largest variance, the elements (i, j) with i <= j one after another, and what
// they are weighted by: off the diagonal for both (i, j) and (j, i).
struct Covariance {
  Eigen::VectorXd k;
  double scale = 1.0;  // the largest variance
  Eigen::ArrayXd values, weights;
  Eigen::ArrayXd middle, apart_squared;  // (k_i + k_j) / 2 and (k_i - k_j)^2

  [[nodiscard]] static Eigen::Index diagonal(Eigen::Index bins, Eigen::Index i) { return i * bins - i * (i - 1) / 2; }
  [[nodiscard]] double variance(Eigen::Index i) const { return values[diagonal(k.size(), i)]; }
};

template <typename Value>
Eigen::ArrayXd each_pair(Eigen::Index bins, Value value) {
  Eigen::ArrayXd result(bins * (bins + 1) / 2);
  Eigen::Index index = 0;
  for (Eigen::Index i = 0; i < bins; ++i) {
    for (Eigen::Index j = i; j < bins; ++j) result[index++] = value(i, j);
  }
  return result;
}

Eigen::Index place_of_largest(Eigen::Index bins, const Eigen::ArrayXd& pairs) {
  Eigen::Index top = 0;
  for (Eigen::Index i = 1; i < bins; ++i) {
    if (pairs[Covariance::diagonal(bins, i)] > pairs[Covariance::diagonal(bins, top)]) top = i;
  }
  return top;
}

Eigen::ArrayXd intensity_covariance(std::span<const double> covariance, std::span<const double> expected) {
  const auto bins = static_cast<Eigen::Index>(expected.size());
  const Eigen::Map<const Eigen::MatrixXd> relative(covariance.data(), bins, bins);
  return each_pair(bins, [&](Eigen::Index i, Eigen::Index j) {
    return relative(i, j) * expected[static_cast<std::size_t>(i)] * expected[static_cast<std::size_t>(j)];
  });
}

// Nothing where all is zero or a number is missing.
std::optional<Covariance> covariance_of(std::span<const double> k, std::span<const double> covariance,
                                        std::span<const double> expected) {
  const auto bins = static_cast<Eigen::Index>(k.size());
  Covariance given;
  given.k = Eigen::Map<const Eigen::VectorXd>(k.data(), bins);
  given.values = intensity_covariance(covariance, expected);
  given.scale = given.variance(place_of_largest(bins, given.values));
  if (!(given.scale > 0.0) || !given.values.allFinite()) return std::nullopt;
  given.values /= given.scale;
  Eigen::VectorXd of_bin(bins);
  for (Eigen::Index i = 0; i < bins; ++i) {
    of_bin[i] = 1.0 / std::sqrt(std::max(0.0, given.variance(i)) + variance_floor);
  }
  given.weights = each_pair(
      bins, [&](Eigen::Index i, Eigen::Index j) { return (i == j ? 1.0 : std::sqrt(2.0)) * of_bin[i] * of_bin[j]; });
  given.middle = each_pair(bins, [&](Eigen::Index i, Eigen::Index j) { return 0.5 * (given.k[i] + given.k[j]); });
  given.apart_squared =
      each_pair(bins, [&](Eigen::Index i, Eigen::Index j) { return std::pow(given.k[i] - given.k[j], 2); });
  return given;
}

// Parameters of a kind: middle, ln width, ln strength and, where that is fitted, the variance of its speckles' middles.
constexpr Eigen::Index of_profile = 3, of_wide_kind = 4;

struct Kinds {
  Eigen::Index of_kind = of_profile;
  Eigen::VectorXd parameters;
  double residual = infinite;

  [[nodiscard]] Eigen::Index count() const { return parameters.size() / of_kind; }
  [[nodiscard]] double k(Eigen::Index kind) const { return parameters[of_kind * kind]; }
  [[nodiscard]] double width(Eigen::Index kind) const { return std::exp(parameters[of_kind * kind + 1]); }
  [[nodiscard]] double strength(Eigen::Index kind) const { return std::exp(parameters[of_kind * kind + 2]); }
  [[nodiscard]] double middle_variance(Eigen::Index kind) const {
    return of_kind == of_wide_kind ? parameters[of_kind * kind + 3] : 0.0;
  }
  [[nodiscard]] TypeProfile profile(Eigen::Index kind) const { return {k(kind), width(kind), strength(kind)}; }
};

// What a kind adds to the covariance: g(k) g(k') as a function of the two k's middle and distance, averaged over
// middles of the speckles that scatter like a Gaussian. k are even, so both take few values.
Eigen::ArrayXd part_of(const Covariance& covariance, const Kinds& kinds, Eigen::Index kind) {
  const double width_squared = std::pow(kinds.width(kind), 2);
  const double along_squared = width_squared + 2.0 * kinds.middle_variance(kind);
  const Eigen::Index bins = covariance.k.size();
  const double step = covariance.k[1] - covariance.k[0];
  Eigen::ArrayXd across(bins), along(2 * bins - 1);
  for (Eigen::Index apart = 0; apart < bins; ++apart) {
    const double distance = step * static_cast<double>(apart);
    across[apart] = std::exp(-distance * distance / (4.0 * width_squared));
  }
  for (Eigen::Index sum = 0; sum < along.size(); ++sum) {
    const double away = covariance.k[0] + 0.5 * step * static_cast<double>(sum) - kinds.k(kind);
    along[sum] = kinds.strength(kind) * std::exp(-away * away / along_squared);
  }
  return each_pair(bins, [&](Eigen::Index i, Eigen::Index j) { return across[j - i] * along[i + j]; });
}

Eigen::VectorXd left_by(const Covariance& covariance, const Kinds& kinds) {
  Eigen::ArrayXd left = covariance.values;
  for (Eigen::Index kind = 0; kind < kinds.count(); ++kind) left -= part_of(covariance, kinds, kind);
  return (covariance.weights * left).matrix();
}

// Of the weighted model with every parameter.
Eigen::MatrixXd slopes_of(const Covariance& covariance, const Kinds& kinds) {
  Eigen::MatrixXd slopes(covariance.values.size(), kinds.parameters.size());
  for (Eigen::Index kind = 0; kind < kinds.count(); ++kind) {
    const double width_squared = std::pow(kinds.width(kind), 2);
    const double along_squared = width_squared + 2.0 * kinds.middle_variance(kind);
    const Eigen::ArrayXd part = covariance.weights * part_of(covariance, kinds, kind);
    const Eigen::ArrayXd away = (covariance.middle - kinds.k(kind)) / along_squared;
    const auto column = [&](Eigen::Index index) { return slopes.col(kinds.of_kind * kind + index).array(); };
    column(0) = 2.0 * part * away;
    column(1) = part * (covariance.apart_squared / (2.0 * width_squared) + 2.0 * width_squared * away.square());
    column(2) = part;
    if (kinds.of_kind == of_wide_kind) column(3) = 2.0 * part * away.square();
  }
  return slopes;
}

// Least squares from `start` on (Levenberg and Marquardt).
Kinds solve(const Covariance& covariance, const Kinds& start) {
  Kinds place = start;
  Eigen::VectorXd left = left_by(covariance, place);
  double squares = left.squaredNorm();
  double damping = 1e-3;
  constexpr int most_steps = 100;
  constexpr double most_damping = 1e8, accurate = 1e-9;
  for (int step = 0; step < most_steps && damping < most_damping; ++step) {
    const Eigen::MatrixXd slopes = slopes_of(covariance, place);
    Eigen::MatrixXd normal = slopes.transpose() * slopes;
    const Eigen::VectorXd gradient = slopes.transpose() * left;
    const double smallest = 1e-12 * normal.diagonal().maxCoeff();
    normal.diagonal() += (damping * normal.diagonal()).cwiseMax(smallest);
    Kinds next = place;
    next.parameters += normal.ldlt().solve(gradient);
    const Eigen::VectorXd next_left = left_by(covariance, next);
    const double next_squares = next_left.squaredNorm();
    if (!std::isfinite(next_squares) || next_squares > squares) {
      damping *= 10.0;
      continue;
    }
    const bool done = squares - next_squares < accurate * squares;
    place = std::move(next);
    left = next_left;
    squares = next_squares;
    damping = std::max(1e-9, 0.3 * damping);
    if (done) break;
  }
  place.residual = std::sqrt(squares) / static_cast<double>(covariance.k.size());
  return place;
}

std::vector<TypeProfile> profiles_of(const Kinds& kinds) {
  std::vector<TypeProfile> types;
  for (Eigen::Index kind = 0; kind < kinds.count(); ++kind) types.push_back(kinds.profile(kind));
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
  const double level = std::exp(-1.0) * covariance.variance(top);
  Eigen::Index reach = 1;
  while (top - reach >= 0 && top + reach < covariance.k.size() &&
         std::min(covariance.variance(top - reach), covariance.variance(top + reach)) > level) {
    ++reach;
  }
  return static_cast<double>(reach) * (covariance.k[1] - covariance.k[0]);
}

// Fits one kind, then one more at each call, which begins where most of the variance is left, the others where they
// are.
class GrowingFit {
 public:
  GrowingFit(const Covariance& covariance, Eigen::Index of_kind) : covariance_(covariance), of_kind_(of_kind) {
    const Eigen::Index top = place_of_largest(covariance.k.size(), covariance.values);
    first_width_ = width_of_largest(covariance, top);
    tops_.push_back(top);
  }
  Kinds next() {
    Kinds best;
    for (const double part : {1.0, 0.8, 0.6}) {
      Kinds start{of_kind_, Eigen::VectorXd::Zero(of_kind_ * static_cast<Eigen::Index>(tops_.size()))};
      for (std::size_t kind = 0; kind < tops_.size(); ++kind) {
        const Eigen::Index bin = tops_[kind];
        start.parameters.segment<of_profile>(of_kind_ * static_cast<Eigen::Index>(kind)) << covariance_.k[bin],
            std::log(part * first_width_), std::log(std::max(1e-3, covariance_.variance(bin)));
      }
      Kinds here = solve(covariance_, start);
      if (here.residual < best.residual) best = std::move(here);
    }
    if (!best.parameters.allFinite()) return best;
    const Eigen::VectorXd& k = covariance_.k;
    for (Eigen::Index kind = 0; kind < best.count(); ++kind) {
      const double bin = std::clamp(std::round((best.k(kind) - k[0]) / (k[1] - k[0])), 0.0, 1e9);
      tops_[static_cast<std::size_t>(kind)] = std::min(static_cast<Eigen::Index>(bin), k.size() - 1);
    }
    tops_.push_back(place_of_largest(k.size(), left_by(covariance_, best).array()));
    return best;
  }

 private:
  const Covariance& covariance_;
  Eigen::Index of_kind_;
  double first_width_ = 0.0;
  std::vector<Eigen::Index> tops_;
};

constexpr double most_residual = 0.05;       // else these are no Gaussians
constexpr double most_wide_residual = 0.10;  // does not bias what is asked here, the variance of middles
constexpr std::size_t least_bins = 8;

}  // namespace

double TypeProfile::at(double place) const noexcept {
  return std::exp(-0.5 * (place - k) * (place - k) / (width * width));
}

bool WideKind::several() const noexcept {
  return middle_variance - spread_significance * middle_variance_error > std::pow(least_spread * speckle.width, 2);
}

ProfileFit fit_type_profiles(std::span<const double> k, std::span<const double> covariance,
                             std::span<const double> expected) {
  constexpr double gain_asked = 3.0;  // of a kind more
  ProfileFit best;
  if (k.size() < least_bins) return best;
  const auto given = covariance_of(k, covariance, expected);
  if (!given) return best;
  GrowingFit fit(*given, of_profile);
  double best_score = infinite;
  for (int count = 1; count <= most_profiles; ++count) {
    const Kinds kinds = fit.next();
    if (!kinds.parameters.allFinite()) break;
    std::vector<TypeProfile> types = profiles_of(kinds);
    const double score = kinds.residual * std::pow(gain_asked, count);
    if (score < best_score && kinds.residual < most_residual && plausible(types, given->k)) {
      best_score = score;
      best = {std::move(types), kinds.residual};
    }
  }
  return best;
}

std::vector<WideKind> fit_wide_kinds(std::span<const double> k, std::span<const double> covariance,
                                     std::span<const std::vector<double>> without, std::span<const double> expected,
                                     std::span<const TypeProfile> types) {
  if (k.size() < least_bins) return {};
  const auto given = covariance_of(k, covariance, expected);
  if (!given) return {};
  Kinds kinds;
  if (types.empty()) {
    GrowingFit fit(*given, of_wide_kind);
    for (int count = 1; count <= most_profiles && !(kinds.residual < most_wide_residual); ++count) {
      kinds = fit.next();
      if (!plausible(profiles_of(kinds), given->k)) kinds.residual = infinite;
    }
  } else {
    Kinds start{of_wide_kind, Eigen::VectorXd::Zero(of_wide_kind * static_cast<Eigen::Index>(types.size()))};
    for (std::size_t kind = 0; kind < types.size(); ++kind) {
      start.parameters.segment<of_profile>(of_wide_kind * static_cast<Eigen::Index>(kind)) << types[kind].k,
          std::log(types[kind].width), std::log(types[kind].strength);
    }
    kinds = solve(*given, start);
  }
  if (!(kinds.residual < most_wide_residual)) return {};
  std::vector<WideKind> result;
  for (Eigen::Index kind = 0; kind < kinds.count(); ++kind) {
    result.push_back({kinds.profile(kind), kinds.middle_variance(kind), 0.0});
  }
  // Without one part each the fit moves by one step of Gauss and Newton, to first order in what the part holds.
  const Eigen::MatrixXd slopes = slopes_of(*given, kinds);
  const auto normal = (slopes.transpose() * slopes).ldlt();
  const auto parts = static_cast<double>(without.size());
  std::vector<Eigen::VectorXd> moves;
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(kinds.parameters.size());
  for (const std::vector<double>& part : without) {
    const Eigen::ArrayXd change = intensity_covariance(part, expected) / given->scale - given->values;
    moves.push_back(normal.solve(slopes.transpose() * (given->weights * change).matrix()));
    mean += moves.back() / parts;
  }
  for (Eigen::Index kind = 0; kind < kinds.count(); ++kind) {
    double squares = 0.0;
    for (const Eigen::VectorXd& move : moves) squares += std::pow((move - mean)[of_wide_kind * kind + 3], 2);
    result[static_cast<std::size_t>(kind)].middle_variance_error =
        parts > 1.0 ? std::sqrt((parts - 1.0) / parts * squares) : std::numeric_limits<double>::quiet_NaN();
  }
  std::sort(result.begin(), result.end(),
            [](const WideKind& a, const WideKind& b) { return a.speckle.k < b.speckle.k; });
  return result;
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
