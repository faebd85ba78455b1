#include "diffraction/relaxation_fit.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "diffraction/jackknife.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double shortest_tau = 0.05;  // frames: one frame on, all is gone
constexpr double longest_tau = 20.0;   // of the series' length
constexpr double least_beta = 0.2;
constexpr double largest_beta = 3.0;
constexpr double least_contrast = 1e-12;
constexpr double largest_contrast = 1e6;

// The decay at all lags of the series with its slopes with ln tau and ln beta, and their running sums.
class DecayTable {
 public:
  DecayTable(std::int64_t frames, double tau, double beta, bool with_slopes)
      : frames_(frames), quantities_(with_slopes ? 3 : 1), values_(quantities_ * static_cast<std::size_t>(frames)) {
    sums_.assign(values_.size(), 0.0);
    moments_.assign(values_.size(), 0.0);
    for (std::int64_t t = 1; t < frames; ++t) {
      const auto time = static_cast<double>(t);
      const double logarithm = std::log(time / tau);
      const double power = std::exp(beta * logarithm);
      const double decay = std::exp(-2.0 * power);
      const double per_log_tau = 2.0 * beta * power * decay;
      const double values[3] = {decay, per_log_tau, -logarithm * per_log_tau};
      for (std::size_t q = 0; q < quantities_; ++q) {
        const std::size_t place = at(q, t);
        values_[place] = std::isfinite(values[q]) ? values[q] : 0.0;
        sums_[place] = sums_[place - 1] + values_[place];
        moments_[place] = moments_[place - 1] + time * values_[place];
      }
    }
  }
  [[nodiscard]] double value(std::size_t quantity, std::int64_t t) const { return values_[at(quantity, t)]; }

  // Mean over the pairs of unequal frames, one of the first frames - t and one of the last: lag d occurs
  // (frames - t) - |d - t| times, d from 2 t - frames + 1 (negative: the other way round) to frames - 1.
  [[nodiscard]] double pair_mean(std::size_t quantity, std::int64_t t) const {
    const std::int64_t part = frames_ - t;
    const auto count = static_cast<double>(part);
    const auto lag = static_cast<double>(t);
    const auto sum = [&](std::int64_t to) { return sums_[at(quantity, to)]; };
    const auto moment = [&](std::int64_t to) { return moments_[at(quantity, to)]; };
    const std::int64_t end = frames_ - 1;
    double total = (count - lag) * sum(t) + moment(t);
    total += (count + lag) * (sum(end) - sum(t)) - (moment(end) - moment(t));
    const std::int64_t reversed = part - t - 1;
    if (reversed > 0) total += (count - lag) * sum(reversed) - moment(reversed);
    const double equal = std::max(0.0, count - lag);
    return total / (count * count - equal);
  }

 private:
  [[nodiscard]] std::size_t at(std::size_t quantity, std::int64_t t) const {
    return quantity * static_cast<std::size_t>(frames_) + static_cast<std::size_t>(t);
  }
  std::int64_t frames_;
  std::size_t quantities_;
  std::vector<double> values_, sums_, moments_;
};

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace

double stretched_decay(double t, double tau, double beta) noexcept {
  return std::exp(-2.0 * std::pow(t / tau, beta));
}

FiniteSeriesModel::FiniteSeriesModel(std::int64_t frames, std::vector<std::int64_t> lags, std::optional<double> beta)
    : frames_(frames), lags_(std::move(lags)), beta_(beta) {
  double total = 0.0;
  for (const std::int64_t lag : lags_) {
    weights_.push_back(static_cast<double>(frames_ - lag));
    total += weights_.back();
  }
  for (double& weight : weights_) weight /= total;
  const std::vector<double> betas = beta_ ? std::vector<double>{*beta_} : std::vector<double>{0.5, 1.0, 1.7};
  constexpr double step = 1.6;
  for (double tau = 0.7; tau < 3.0 * static_cast<double>(frames_); tau *= step) {
    for (const double start : betas) starts_.push_back({tau, start, shape(tau, start)});
  }
}

void FiniteSeriesModel::evaluate(const Relaxation& relaxation, std::span<double> g2, std::span<double> slopes) const {
  const double a = relaxation.contrast;
  const DecayTable table(frames_, relaxation.time, relaxation.stretching, !slopes.empty());
  for (std::size_t i = 0; i < lags_.size(); ++i) {
    const std::int64_t t = lags_[i];
    const double decay = table.value(0, t), mean = table.pair_mean(0, t);
    const double norm = 1.0 + a * mean;
    g2[i] = (1.0 + a * decay) / norm;
    if (slopes.empty()) continue;
    slopes[3 * i] = a * (decay - mean) / (norm * norm);
    for (std::size_t q = 1; q < 3; ++q) {
      slopes[3 * i + q] = a * (table.value(q, t) - g2[i] * table.pair_mean(q, t)) / norm;
    }
  }
}

std::vector<double> FiniteSeriesModel::shape(double tau, double beta) const {
  const DecayTable table(frames_, tau, beta, false);
  std::vector<double> values;
  for (const std::int64_t t : lags_) values.push_back(table.value(0, t) - table.pair_mean(0, t));
  return values;
}

double FiniteSeriesModel::amplitude(std::span<const double> g2, std::span<const double> shape) const {
  double product = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < lags_.size(); ++i) {
    product += weights_[i] * (g2[i] - 1.0) * shape[i];
    squares += weights_[i] * shape[i] * shape[i];
  }
  return squares > 0.0 ? product / squares : 0.0;
}

double FiniteSeriesModel::chance_amplitude(std::span<const double> shape, double pair_deviation) const {
  double variance = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < lags_.size(); ++i) {
    const double weighted = weights_[i] * shape[i];
    variance += weighted * weighted / static_cast<double>(frames_ - lags_[i]);
    squares += weighted * shape[i];
  }
  return squares > 0.0 ? pair_deviation * std::sqrt(variance) / squares : nan;
}

std::optional<Relaxation> FiniteSeriesModel::best_start(std::span<const double> g2) const {
  std::optional<Relaxation> best;
  double explained = 0.0;
  for (const Start& start : starts_) {
    const double a = amplitude(g2, start.shape);
    if (!(a > least_contrast)) continue;
    double squares = 0.0;
    for (std::size_t i = 0; i < lags_.size(); ++i) squares += weights_[i] * start.shape[i] * start.shape[i];
    if (a * a * squares <= explained) continue;
    explained = a * a * squares;
    best = Relaxation{a, start.tau, start.beta};
  }
  return best;
}

std::optional<Relaxation> FiniteSeriesModel::fit(std::span<const double> g2,
                                                 const std::optional<Relaxation>& start) const {
  if (lags_.size() < 3 || !all_finite(g2)) return std::nullopt;
  const auto begin = start ? start : best_start(g2);
  if (!begin) return std::nullopt;
  using Vector = Eigen::Vector3d;
  const double longest = longest_tau * static_cast<double>(frames_);
  const Vector low(std::log(least_contrast), std::log(shortest_tau), std::log(least_beta));
  const Vector high(std::log(largest_contrast), std::log(longest), std::log(largest_beta));
  const auto relaxation_of = [&](const Vector& x) {
    return Relaxation{std::exp(x[0]), std::exp(x[1]), beta_ ? *beta_ : std::exp(x[2])};
  };
  std::vector<double> model(lags_.size()), slopes(3 * lags_.size());
  const auto misfit_at = [&](const Vector& x) {
    evaluate(relaxation_of(x), model);
    double misfit = 0.0;
    for (std::size_t i = 0; i < model.size(); ++i) misfit += weights_[i] * (g2[i] - model[i]) * (g2[i] - model[i]);
    return misfit;
  };
  Vector x(std::log(begin->contrast), std::log(begin->time), std::log(begin->stretching));
  x = x.cwiseMax(low).cwiseMin(high);
  double misfit = misfit_at(x);
  double damping = 1e-3;
  constexpr int most_rounds = 60;
  constexpr double small_step = 1e-7;
  constexpr double most_damping = 1e8;
  for (int round = 0; round < most_rounds && damping < most_damping; ++round) {
    evaluate(relaxation_of(x), model, slopes);
    Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
    Vector gradient = Vector::Zero();
    for (std::size_t i = 0; i < model.size(); ++i) {
      Vector slope(slopes[3 * i], slopes[3 * i + 1], beta_ ? 0.0 : slopes[3 * i + 2]);
      normal += weights_[i] * slope * slope.transpose();
      gradient += weights_[i] * (g2[i] - model[i]) * slope;
    }
    bool moved = false;
    while (!moved && damping < most_damping) {
      Eigen::Matrix3d damped = normal;
      for (int i = 0; i < 3; ++i) damped(i, i) += damping * std::max(normal(i, i), 1e-30);
      Vector step = damped.ldlt().solve(gradient);
      constexpr double longest_step = 1.0;  // a factor of e
      step = step.cwiseMax(-longest_step).cwiseMin(longest_step);
      const Vector next = (x + step).cwiseMax(low).cwiseMin(high);
      const double here = misfit_at(next);
      if (here < misfit) {
        const double length = (next - x).cwiseAbs().maxCoeff();
        x = next;
        misfit = here;
        damping *= 0.2;
        moved = true;
        if (length < small_step) return relaxation_of(x);
      } else {
        damping *= 4.0;
      }
    }
  }
  return relaxation_of(x);
}

MeasuredRelaxation measure_relaxation(const FiniteSeriesModel& model, std::span<const double> g2,
                                      std::span<const std::vector<double>> without,
                                      std::optional<double> pair_deviation, double least_significance) {
  MeasuredRelaxation result;
  result.value = result.error = {nan, nan, nan};
  result.g2_error.assign(g2.size(), nan);
  if (!all_finite(g2)) return result;
  std::vector<double> group(without.size());
  for (std::size_t lag = 0; lag < g2.size(); ++lag) {
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = without[i][lag];
    result.g2_error[lag] = jackknife_error(group);
  }
  result.state = RelaxationState::not_seen;
  const auto found = model.fit(g2);
  if (!found) return result;
  const std::vector<double> shape = model.shape(found->time, found->stretching);
  for (std::size_t i = 0; i < group.size(); ++i) group[i] = model.amplitude(without[i], shape);
  const double error = pair_deviation ? model.chance_amplitude(shape, *pair_deviation) : jackknife_error(group);
  result.significance = model.amplitude(g2, shape) / error;
  if (!(result.significance >= least_significance)) return result;
  if (found->time > static_cast<double>(model.lags().back())) {
    result.state = RelaxationState::too_slow;
    return result;
  }
  std::vector<double> contrasts, times, stretchings;  // logarithms
  for (const auto& rest : without) {
    if (const auto one = model.fit(rest, found)) {
      contrasts.push_back(std::log(one->contrast));
      times.push_back(std::log(one->time));
      stretchings.push_back(std::log(one->stretching));
    }
  }
  const double time_error = jackknife_error(times);
  constexpr double largest_error = 1.0;
  constexpr double close = 1e-6;
  const bool beta_ends =
      found->stretching < least_beta * (1.0 + close) || found->stretching > largest_beta * (1.0 - close);
  const bool good = time_error < largest_error && !beta_ends && 3 * times.size() > 2 * without.size();
  result.state = good ? RelaxationState::determined : RelaxationState::undetermined;
  if (result.state != RelaxationState::determined) return result;
  if (found->time < 1.0) {
    result.state = RelaxationState::too_fast;
    return result;
  }
  result.value = *found;
  result.error = {found->contrast * jackknife_error(contrasts), found->time * time_error,
                  model.stretching_given() ? 0.0 : found->stretching * jackknife_error(stretchings)};
  return result;
}

}  // namespace mesoglass::diffraction
