#include "ensemble/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "core/random_stream.hpp"

namespace mesoglass::ensemble {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
// Below this many values a resample too often repeats one value, and its own spread says nothing.
constexpr std::size_t smallest_bootstrap_sample = 6;

// Linear interpolation between order statistics (Hyndman and Fan's type 7).
double quantile(std::span<const double> sorted, double probability) {
  const double at = probability * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// n over k, or `limit` + 1 where it is larger.
std::int64_t binomial_up_to(std::size_t n, std::size_t k, std::int64_t limit) {
  double result = 1.0;
  for (std::size_t i = 1; i <= k; ++i) {
    result = result * static_cast<double>(n - k + i) / static_cast<double>(i);
    if (result > static_cast<double>(limit) + 0.5) return limit + 1;
  }
  return std::llround(result);
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return not_a_number;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return not_a_number;
  const double centre = mean(values);
  double sum = 0.0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double standard_error(std::span<const double> values) {
  return standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

Interval mean_interval(std::span<const double> values, double confidence, int resamples, std::uint64_t seed,
                       std::uint32_t stream) {
  const std::size_t count = values.size();
  if (count < 2) return {};
  const double centre = mean(values);
  const double error = standard_error(values);
  if (error == 0.0) return {centre, centre};
  const double tail = 0.5 * (1.0 - confidence);
  if (count < smallest_bootstrap_sample) {
    const boost::math::students_t distribution(static_cast<double>(count - 1));
    const double half_width = boost::math::quantile(distribution, 1.0 - tail) * error;
    return {centre - half_width, centre + half_width};
  }
  std::vector<double> studentised;
  studentised.reserve(static_cast<std::size_t>(resamples));
  std::vector<double> drawn(count);
  for (int resample = 0; resample < resamples; ++resample) {
    RandomStream random(seed, RandomPurpose::bootstrap, static_cast<std::uint64_t>(resample), stream);
    for (double& value : drawn)
      value = values[static_cast<std::size_t>(random.index(static_cast<std::int64_t>(count)))];
    const double drawn_error = standard_error(drawn);
    if (drawn_error > 0.0) studentised.push_back((mean(drawn) - centre) / drawn_error);
  }
  std::sort(studentised.begin(), studentised.end());
  return {centre - quantile(studentised, 1.0 - tail) * error, centre - quantile(studentised, tail) * error};
}

double hedges_g(std::span<const double> values, std::span<const double> reference) {
  if (values.size() < 2 || reference.size() < 2) return not_a_number;
  const auto n_1 = static_cast<double>(values.size());
  const auto n_2 = static_cast<double>(reference.size());
  const double degrees = n_1 + n_2 - 2.0;
  const double deviation_1 = standard_deviation(values);
  const double deviation_2 = standard_deviation(reference);
  const double pooled =
      std::sqrt(((n_1 - 1.0) * deviation_1 * deviation_1 + (n_2 - 1.0) * deviation_2 * deviation_2) / degrees);
  if (!(pooled > 0.0)) return not_a_number;
  const double correction =
      std::exp(std::lgamma(0.5 * degrees) - std::lgamma(0.5 * (degrees - 1.0))) / std::sqrt(0.5 * degrees);
  return correction * (mean(values) - mean(reference)) / pooled;
}

double permutation_p_value(std::span<const double> values, std::span<const double> reference, int resamples,
                           std::uint64_t seed, std::uint32_t stream) {
  if (values.empty() || reference.empty()) return not_a_number;
  std::vector<double> pool(values.begin(), values.end());
  pool.insert(pool.end(), reference.begin(), reference.end());
  const std::size_t taken = values.size();
  const double total = std::accumulate(pool.begin(), pool.end(), 0.0);
  const auto n_1 = static_cast<double>(values.size());
  const auto n_2 = static_cast<double>(reference.size());
  const auto difference = [&](double own_sum) { return std::fabs(own_sum / n_1 - (total - own_sum) / n_2); };
  const double observed = difference(std::accumulate(values.begin(), values.end(), 0.0));
  // Regroupings that differ only by round-off count as equal.
  double scale = 0.0;
  for (const double value : pool) scale = std::max(scale, std::fabs(value));
  const double at_least = observed - 1e-12 * scale;

  if (binomial_up_to(pool.size(), taken, resamples) <= resamples) {
    std::vector<std::size_t> chosen(taken);
    std::iota(chosen.begin(), chosen.end(), std::size_t{0});
    std::int64_t hits = 0;
    std::int64_t groupings = 0;
    for (;;) {
      double own_sum = 0.0;
      for (const std::size_t i : chosen) own_sum += pool[i];
      ++groupings;
      if (difference(own_sum) >= at_least) ++hits;
      // The next combination in lexicographic order.
      std::size_t position = taken;
      while (position > 0 && chosen[position - 1] == pool.size() - taken + position - 1) --position;
      if (position == 0) break;
      ++chosen[position - 1];
      for (std::size_t i = position; i < taken; ++i) chosen[i] = chosen[i - 1] + 1;
    }
    return static_cast<double>(hits) / static_cast<double>(groupings);
  }

  std::int64_t hits = 0;
  for (int resample = 0; resample < resamples; ++resample) {
    RandomStream random(seed, RandomPurpose::permutation, static_cast<std::uint64_t>(resample), stream);
    double own_sum = 0.0;
    for (std::size_t i = 0; i < taken; ++i) {
      const auto other = i + static_cast<std::size_t>(random.index(static_cast<std::int64_t>(pool.size() - i)));
      std::swap(pool[i], pool[other]);
      own_sum += pool[i];
    }
    if (difference(own_sum) >= at_least) ++hits;
  }
  return static_cast<double>(1 + hits) / static_cast<double>(1 + resamples);
}

double runs_for_power(double effect_size, double confidence, double power) {
  constexpr double largest = 1e6;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (std::isnan(effect_size)) return not_a_number;
  const double effect = std::fabs(effect_size);
  const auto power_of = [&](double runs) {
    const double degrees = 2.0 * runs - 2.0;
    const double critical = boost::math::quantile(boost::math::students_t(degrees), 0.5 + 0.5 * confidence);
    const boost::math::non_central_t alternative(degrees, effect * std::sqrt(0.5 * runs));
    return boost::math::cdf(boost::math::complement(alternative, critical)) + boost::math::cdf(alternative, -critical);
  };
  if (effect == 0.0) return infinity;
  double low = 1.0;  // too few
  double high = 2.0;
  while (power_of(high) < power) {
    low = high;
    high *= 2.0;
    if (high > largest) return infinity;
  }
  while (high - low > 1.0) {
    const double middle = std::floor(0.5 * (low + high));
    (power_of(middle) < power ? low : high) = middle;
  }
  return high;
}

}  // namespace mesoglass::ensemble
