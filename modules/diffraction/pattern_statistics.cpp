#include "diffraction/pattern_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "diffraction/jackknife.hpp"
#include "diffraction/kernel_dispatch.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr std::int64_t blocks_a_side = 5;
constexpr std::size_t blocks = static_cast<std::size_t>(blocks_a_side * blocks_a_side);
constexpr std::size_t partial_tables_kept = 64;

// One line of c_n: sums of the value without its bias, of its square and of the bias.
MESOGLASS_KERNEL void accumulate(const float* powers, const double* noise, std::size_t orders, double scale,
                                 double noise_scale, double* sum, double* square, double* bias) {
  for (std::size_t n = 0; n < orders; ++n) {
    const double removed = noise_scale * noise[n];
    const double value = static_cast<double>(powers[n]) * scale - removed;
    sum[n] += value;
    square[n] += value * value;
    bias[n] += removed;
  }
}

// Sum of every second n from `first` to `limit`.
double every_second(std::span<const double> values, int first, int limit) {
  double sum = 0.0;
  for (int n = first; n <= limit && n < static_cast<int>(values.size()); n += 2)
    sum += values[static_cast<std::size_t>(n)];
  return sum;
}

}  // namespace

PatternStatistics::PatternStatistics(const PolarGrid& grid, double gain, int order_limit, std::int64_t scan_ny,
                                     std::int64_t scan_nx)
    : grid_(grid),
      gain_(gain),
      order_limit_(std::min(order_limit, grid.angles / 2)),
      scan_ny_(scan_ny),
      scan_nx_(scan_nx),
      harmonics_(grid.angles) {
  const auto orders = static_cast<std::size_t>(harmonics_.orders());
  const auto bins = static_cast<std::size_t>(grid.bins);
  powers_.resize(bins * orders);
  masked_powers_.resize(orders);
  sums_.assign(blocks * bins * orders, 0.0);
  squares_.assign(bins * orders, 0.0);
  bias_.assign(bins * orders, 0.0);
  counts_.assign(blocks * bins, 0.0);
  intensity_.assign(bins, 0.0);
}

const PatternStatistics::PartialBins& PatternStatistics::partial_bins(const InterpolationTable& table) {
  if (const auto found = partial_.find(table.identity()); found != partial_.end()) return found->second;
  if (partial_.size() >= partial_tables_kept) partial_.clear();
  PartialBins bins;
  for (int bin = 0; bin < grid_.bins; ++bin) {
    if (table.valid_angles(bin) == grid_.angles) continue;
    std::vector<bool> valid(static_cast<std::size_t>(grid_.angles));
    for (std::size_t angle = 0; angle < valid.size(); ++angle) {
      valid[angle] = !table.is_missing(static_cast<std::size_t>(bin) * valid.size() + angle);
    }
    MaskedHarmonics masked(valid);
    std::vector<double> noise = masked.apply(table.noise_power(bin));
    bins.emplace(bin, PartialBin{std::move(masked), std::move(noise)});
  }
  return partial_.emplace(table.identity(), std::move(bins)).first->second;
}

void PatternStatistics::add(std::int64_t row, std::int64_t column, std::span<const float> polar,
                            const InterpolationTable& table) {
  harmonics_.compute(polar, grid_.bins, powers_);
  const auto orders = static_cast<std::size_t>(harmonics_.orders());
  const auto bins = static_cast<std::size_t>(grid_.bins);
  const auto block =
      static_cast<std::size_t>((row * blocks_a_side / scan_ny_) * blocks_a_side + column * blocks_a_side / scan_nx_);
  const PartialBins* partial = table.missing_samples().empty() ? nullptr : &partial_bins(table);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const int valid = table.valid_angles(static_cast<int>(bin));
    const float* powers = powers_.data() + bin * orders;
    const double squared_sum = static_cast<double>(powers[0]);  // of the angles there are
    double sum = 0.0;
    const float* values = polar.data() + bin * static_cast<std::size_t>(grid_.angles);
    for (int angle = 0; angle < grid_.angles; ++angle) sum += static_cast<double>(values[angle]);
    if (valid == 0 || !(sum > 0.0) || !(squared_sum > 0.0)) continue;
    const double mean = sum / valid;
    const double total = mean * grid_.angles;  // I_0
    std::span<const double> noise;             // S_n = N beta_n
    if (valid == grid_.angles) {
      noise = table.noise_power(static_cast<int>(bin));
    } else {
      const PartialBin& part = partial->at(static_cast<int>(bin));
      if (!part.masked.usable()) continue;
      part.masked.apply({powers, orders}, masked_powers_);
      powers = masked_powers_.data();
      noise = part.noise;
    }
    // Variance of a pixel: gain times its mean. Bias of c_n = gain <I> S_n / I_0^2 = gain beta_n / I_0.
    accumulate(powers, noise.data(), orders, 1.0 / (total * total), gain_ * mean / (total * total),
               sums_.data() + (block * bins + bin) * orders, squares_.data() + bin * orders,
               bias_.data() + bin * orders);
    counts_[block * bins + bin] += 1.0;
    intensity_[bin] += mean / gain_;
  }
}

PatternAverages PatternStatistics::averages(const Communicator& communicator) {
  communicator.sum_in_place(std::span<double>(sums_));
  communicator.sum_in_place(std::span<double>(squares_));
  communicator.sum_in_place(std::span<double>(bias_));
  communicator.sum_in_place(std::span<double>(counts_));
  communicator.sum_in_place(std::span<double>(intensity_));
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto orders = static_cast<std::size_t>(harmonics_.orders());
  const auto bins = static_cast<std::size_t>(grid_.bins);
  PatternAverages result;
  result.orders = harmonics_.orders();
  result.bins = grid_.bins;
  for (auto* values : {&result.power, &result.power_variance, &result.power_error, &result.noise_bias}) {
    values->assign(orders * bins, nan);
  }
  for (auto* values : {&result.order, &result.order_error, &result.odd_even_quality, &result.radial_intensity}) {
    values->assign(bins, nan);
  }
  result.patterns.assign(bins, 0.0);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    std::vector<double> total(orders, 0.0);
    double count = 0.0;
    for (std::size_t block = 0; block < blocks; ++block) {
      count += counts_[block * bins + bin];
      for (std::size_t n = 0; n < orders; ++n) total[n] += sums_[(block * bins + bin) * orders + n];
    }
    result.patterns[bin] = count;
    if (!(count > 0.0)) continue;
    result.radial_intensity[bin] = intensity_[bin] / count;
    // Means without one block each: of every c_n and of the order, for the standard errors.
    std::vector<std::vector<double>> power_without(orders);
    std::vector<double> order_without;
    for (std::size_t block = 0; block < blocks; ++block) {
      const double here = counts_[block * bins + bin];
      if (!(here > 0.0) || !(count - here > 0.0)) continue;
      std::vector<double> mean(orders);
      for (std::size_t n = 0; n < orders; ++n) {
        mean[n] = (total[n] - sums_[(block * bins + bin) * orders + n]) / (count - here);
        power_without[n].push_back(mean[n]);
      }
      order_without.push_back(every_second(mean, 2, order_limit_));
    }
    std::vector<double> mean(orders);
    for (std::size_t n = 0; n < orders; ++n) {
      mean[n] = total[n] / count;
      result.power[n * bins + bin] = mean[n];
      result.noise_bias[n * bins + bin] = bias_[bin * orders + n] / count;
      if (count > 1.0) {
        result.power_variance[n * bins + bin] =
            std::max(0.0, (squares_[bin * orders + n] - count * mean[n] * mean[n]) / (count - 1.0));
      }
      result.power_error[n * bins + bin] = jackknife_error(power_without[n]);
    }
    result.order[bin] = every_second(mean, 2, order_limit_);
    result.order_error[bin] = jackknife_error(order_without);
    if (result.order[bin] != 0.0)
      result.odd_even_quality[bin] = every_second(mean, 1, order_limit_) / result.order[bin];
  }
  return result;
}

}  // namespace mesoglass::diffraction
