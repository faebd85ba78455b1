#include "diffraction/pair_distribution.hpp"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/units.hpp"
#include "diffraction/electron_scattering.hpp"
#include "diffraction/jackknife.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double default_fit_share = 2.0 / 3.0;  // of the last k, where the default fit begins
constexpr std::size_t least_fit_bins = 4;
constexpr double default_r_max_nm = 2.0;
constexpr std::size_t least_distances = 3;
constexpr double nearest_atoms_nm = 0.14;  // closer than the atoms of any alloy; ripples below are no peaks

double sinc(double x) {
  return std::fabs(x) < 1e-8 ? 1.0 : std::sin(x) / x;
}

// Whether values[i] is no lower than its neighbours.
bool is_top(const std::vector<double>& values, std::size_t i) {
  return i > 0 && i + 1 < values.size() && values[i] >= values[i - 1] && values[i] >= values[i + 1];
}

// The highest maximum at or beyond `first`.
std::optional<std::size_t> highest_top(const std::vector<double>& values, std::size_t first) {
  std::optional<std::size_t> best;
  for (std::size_t i = first; i < values.size(); ++i) {
    if (is_top(values, i) && (!best || values[i] > values[*best])) best = i;
  }
  return best;
}

// The maximum that is reached from `start` by going up.
std::size_t climb(const std::vector<double>& values, std::size_t start) {
  std::size_t here = start;
  while (here + 1 < values.size() && values[here + 1] > values[here]) ++here;
  while (here > 0 && values[here - 1] > values[here]) --here;
  return here;
}

// Top of the parabola through a maximum and its neighbours, in steps from the maximum.
double offset_of_top(const std::vector<double>& values, std::size_t top) {
  if (!is_top(values, top)) return 0.0;
  const double curvature = values[top - 1] - 2.0 * values[top] + values[top + 1];
  return curvature < 0.0 ? 0.5 * (values[top - 1] - values[top + 1]) / curvature : 0.0;
}

// Errors of every component of an estimate from its values without one block each.
std::vector<double> jackknife_errors(const std::vector<std::vector<double>>& without, std::size_t count) {
  std::vector<double> errors(count, nan);
  std::vector<double> values(without.size());
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t block = 0; block < without.size(); ++block) values[block] = without[block][i];
    errors[i] = jackknife_error(values);
  }
  return errors;
}

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// `matrix` row by row, times a vector; summed in order, so that where the memory lies changes no bit.
std::vector<double> product(const std::vector<double>& matrix, std::span<const double> vector) {
  std::vector<double> result(matrix.size() / vector.size(), 0.0);
  for (std::size_t row = 0; row < result.size(); ++row) {
    const double* values = matrix.data() + row * vector.size();
    for (std::size_t column = 0; column < vector.size(); ++column) result[row] += values[column] * vector[column];
  }
  return result;
}

// Solves least squares for every right-hand side: what the unknowns are as a linear map of the data.
Eigen::MatrixXd pseudo_inverse(const Eigen::MatrixXd& model) {
  const Eigen::MatrixXd unit = Eigen::MatrixXd::Identity(model.rows(), model.rows());
  return model.colPivHouseholderQr().solve(unit);
}

}  // namespace

PairDistributionMeter::PairDistributionMeter(std::vector<double> k, const PairDistributionSettings& settings)
    : settings_(settings), k_(std::move(k)) {
  for (const double value : k_) {
    const MeanScattering mean = mean_scattering(settings_.composition, value);
    square_of_mean_.push_back(mean.square_of_mean);
    mean_of_square_.push_back(mean.mean_of_square);
  }
  plan_fit();
  plan_polynomial();
  plan_transform();
}

void PairDistributionMeter::plan_fit() {
  fit_low_ = settings_.fit_low.value_or(std::max(k_.front(), default_fit_share * k_.back()));
  fit_high_ = settings_.fit_high.value_or(k_.back());
  std::vector<std::size_t> inside;
  for (std::size_t bin = 0; bin < k_.size(); ++bin) {
    const double rounding = 1e-9 * k_.back();
    if (k_[bin] >= fit_low_ - rounding && k_[bin] <= fit_high_ + rounding) inside.push_back(bin);
  }
  if (inside.size() < least_fit_bins) {
    throw input_error(
        "the range {:.4g} to {:.4g} nm^-1 in which N <f^2> is fitted holds {} of the analysed k ({:.4g} to {:.4g} "
        "nm^-1 in {} bins), and at least {} are needed: set --pdf-fit-min, --pdf-fit-max or --k-max",
        fit_low_, fit_high_, inside.size(), k_.front(), k_.back(), k_.size(), least_fit_bins);
  }
  // Least squares of phi: every intensity counts with k / <f>^2.
  const std::size_t unknowns = settings_.constant_background ? 2 : 1;
  Eigen::MatrixXd model(static_cast<Eigen::Index>(inside.size()), static_cast<Eigen::Index>(unknowns));
  std::vector<double> weights;
  for (const std::size_t bin : inside) {
    const auto row = static_cast<Eigen::Index>(weights.size());
    weights.push_back(k_[bin] / square_of_mean_[bin]);
    model(row, 0) = weights.back() * mean_of_square_[bin];
    if (unknowns > 1) model(row, 1) = weights.back();
  }
  const Eigen::VectorXd sizes = model.colwise().norm();
  const Eigen::MatrixXd inverse = pseudo_inverse(model * sizes.cwiseInverse().asDiagonal());
  scale_fit_.assign(unknowns * k_.size(), 0.0);
  for (std::size_t unknown = 0; unknown < unknowns; ++unknown) {
    const auto row = static_cast<Eigen::Index>(unknown);
    for (std::size_t i = 0; i < inside.size(); ++i) {
      scale_fit_[unknown * k_.size() + inside[i]] =
          inverse(row, static_cast<Eigen::Index>(i)) * weights[i] / sizes[row];
    }
  }
}

// A polynomial of degree n over 0 to k_max holds what G(r) has below about n / (2 k_max) (Juhas, Davis, Farrow and
// Billinge, J. Appl. Cryst. 46 (2013) 560); it has no constant, since phi vanishes at k = 0.
void PairDistributionMeter::plan_polynomial() {
  if (!(settings_.background_distance_nm > 0.0)) return;
  const auto bins = static_cast<Eigen::Index>(k_.size());
  const double wanted = 2.0 * settings_.background_distance_nm * k_.back();
  degree_ = std::clamp(static_cast<int>(std::lround(wanted)), 1, static_cast<int>(k_.size() / 2));
  Eigen::MatrixXd powers(bins, degree_);
  for (Eigen::Index bin = 0; bin < bins; ++bin) {
    const double x = k_[static_cast<std::size_t>(bin)] / k_.back();
    powers(bin, 0) = x;
    for (Eigen::Index column = 1; column < degree_; ++column) powers(bin, column) = x * powers(bin, column - 1);
  }
  polynomial_.resize(k_.size() * k_.size());
  Eigen::Map<Rows>(polynomial_.data(), bins, bins) = powers * pseudo_inverse(powers);
}

double PairDistributionMeter::window_at(double k) const {
  const double lorch = settings_.window == PairWindow::lorch ? sinc(units::pi * k / k_.back()) : 1.0;
  return lorch * std::exp(-settings_.damping_nm2 * k * k);
}

// Trapezoids. Below the first k, where the beam's disc is, phi goes straight to zero at k = 0.
void PairDistributionMeter::plan_transform() {
  const double step = k_[1] - k_[0];
  const double farthest = 0.5 / step;  // beyond it G(r) comes again, mirrored
  const double r_max = settings_.r_max_nm.value_or(std::min(default_r_max_nm, farthest));
  if (r_max > farthest) {
    throw input_error("--pdf-r-max {:.4g} nm is beyond what k steps of {:.4g} nm^-1 tell: give at most {:.4g} nm",
                      r_max, step, farthest);
  }
  const auto distances = static_cast<std::size_t>(std::floor(r_max / settings_.r_step_nm + 1e-9));
  if (distances < least_distances) {
    throw input_error("distances up to {:.4g} nm hold {} steps of --pdf-r-step {:.4g} nm, and {} are needed", r_max,
                      distances, settings_.r_step_nm, least_distances);
  }
  for (std::size_t i = 1; i <= distances; ++i) r_.push_back(settings_.r_step_nm * static_cast<double>(i));
  const auto inner_steps = static_cast<int>(std::ceil(k_.front() / step));
  const double inner_step = k_.front() / inner_steps;
  for (const double r : r_) {
    const auto term = [&](double k) { return 8.0 * units::pi * window_at(k) * std::sin(2.0 * units::pi * k * r); };
    double inner = 0.0;
    for (int i = 1; i < inner_steps; ++i) inner += inner_step * i / inner_steps * term(inner_step * i);
    transform_.push_back(inner + 0.5 * (step + inner_step) * term(k_.front()));
    for (std::size_t bin = 1; bin + 1 < k_.size(); ++bin) transform_.push_back(step * term(k_[bin]));
    transform_.push_back(0.5 * step * term(k_.back()));
  }
}

double PairDistributionMeter::peak_width_nm() const {
  constexpr int steps = 2000;
  const auto height = [&](double distance) {
    double sum = 0.0;
    for (int i = 0; i < steps; ++i) {
      const double k = (i + 0.5) / steps * k_.back();
      sum += window_at(k) * std::cos(2.0 * units::pi * k * distance);
    }
    return sum;
  };
  const double half = 0.5 * height(0.0);
  double inside = 0.0;
  double outside = 0.25 / k_.back();
  while (height(outside) > half) outside *= 1.5;
  for (int i = 0; i < 50; ++i) {
    const double middle = 0.5 * (inside + outside);
    (height(middle) > half ? inside : outside) = middle;
  }
  return 2.0 * inside;
}

PairDistributionMeter::Estimate PairDistributionMeter::estimate(std::span<const double> intensity) const {
  const std::vector<double> fitted = product(scale_fit_, intensity);
  Estimate result;
  result.scale = fitted[0];
  result.constant = settings_.constant_background ? fitted[1] : 0.0;
  for (std::size_t bin = 0; bin < k_.size(); ++bin) {
    const double excess = (intensity[bin] - result.constant) / result.scale - mean_of_square_[bin];
    result.reduced.push_back(k_[bin] * excess / square_of_mean_[bin]);
  }
  if (degree_ > 0) {
    const std::vector<double> smooth = product(polynomial_, result.reduced);
    for (std::size_t bin = 0; bin < k_.size(); ++bin) result.reduced[bin] -= smooth[bin];
  }
  result.distribution = product(transform_, result.reduced);
  return result;
}

PairDistribution PairDistributionMeter::measure(const PatternAverages& averages) const {
  const std::size_t bins = k_.size();
  PairDistribution result;
  for (auto* values :
       {&result.structure_factor, &result.structure_factor_error, &result.reduced, &result.reduced_error}) {
    values->assign(bins, nan);
  }
  for (auto* values : {&result.distribution, &result.distribution_error}) values->assign(r_.size(), nan);
  for (auto* values : {&result.peak_nm, &result.peak_error_nm}) values->assign(1, nan);
  result.scale = result.constant = nan;

  const std::vector<double>& intensity = averages.radial_intensity;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    if (std::isfinite(intensity[bin])) continue;
    result.trouble = fmt::format(
        "no pattern says anything at k = {:.4g} nm^-1 (all of it is masked or beyond the detector): set --k-min or "
        "--k-max",
        k_[bin]);
    return result;
  }
  const Estimate whole = estimate(intensity);
  if (!(whole.scale > 0.0)) {
    result.trouble = fmt::format(
        "N <f^2> fitted between {:.4g} and {:.4g} nm^-1 has a scale that is not positive: choose another --pdf-fit-min "
        "or --pdf-background none",
        fit_low_, fit_high_);
    return result;
  }
  const auto first = std::lower_bound(r_.begin(), r_.end(), nearest_atoms_nm) - r_.begin();
  const auto top = highest_top(whole.distribution, static_cast<std::size_t>(first));
  const auto peak_at = [&](const std::vector<double>& distribution, std::size_t place) {
    return r_[place] + settings_.r_step_nm * offset_of_top(distribution, place);
  };

  std::vector<std::vector<double>> reduced_without, distribution_without;
  std::vector<double> peak_without;
  for (std::size_t begin = 0; begin < averages.radial_intensity_without.size(); begin += bins) {
    const auto without = std::span<const double>(averages.radial_intensity_without).subspan(begin, bins);
    if (std::none_of(without.begin(), without.end(), [](double value) { return std::isfinite(value); })) continue;
    std::vector<double> values(without.begin(), without.end());
    for (std::size_t bin = 0; bin < bins; ++bin) {
      if (!std::isfinite(values[bin])) values[bin] = intensity[bin];  // the block says nothing at this k
    }
    Estimate part = estimate(values);
    if (top) peak_without.push_back(peak_at(part.distribution, climb(part.distribution, *top)));
    reduced_without.push_back(std::move(part.reduced));
    distribution_without.push_back(std::move(part.distribution));
  }

  result.scale = whole.scale;
  result.constant = whole.constant;
  result.reduced = whole.reduced;
  result.reduced_error = jackknife_errors(reduced_without, bins);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    result.structure_factor[bin] = 1.0 + result.reduced[bin] / k_[bin];
    result.structure_factor_error[bin] = result.reduced_error[bin] / k_[bin];
  }
  result.distribution = whole.distribution;
  result.distribution_error = jackknife_errors(distribution_without, r_.size());
  if (top) {
    result.peak_nm[0] = peak_at(whole.distribution, *top);
    result.peak_error_nm[0] = jackknife_error(peak_without);
  }
  return result;
}

}  // namespace mesoglass::diffraction
