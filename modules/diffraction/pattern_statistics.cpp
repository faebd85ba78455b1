#include "diffraction/pattern_statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "diffraction/jackknife.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr std::int64_t blocks_a_side = 5;
constexpr std::size_t blocks = static_cast<std::size_t>(blocks_a_side * blocks_a_side);
constexpr std::size_t partial_tables_kept = 64;
constexpr double largest_c_n = 4.0;        // 1 by definition; more where angles are missing
constexpr double largest_electrons = 1e6;  // a pixel, of a mean over the angles

// Sum of every second n from `first` to `limit`.
double every_second(std::span<const double> values, int first, int limit) {
  double sum = 0.0;
  for (int n = first; n <= limit && n < static_cast<int>(values.size()); n += 2)
    sum += values[static_cast<std::size_t>(n)];
  return sum;
}

}  // namespace

PatternStatistics::PatternStatistics(const PolarGrid& grid, double gain, int order_limit, std::int64_t scan_ny,
                                     std::int64_t scan_nx, const LaneKernels& kernels)
    : grid_(grid),
      gain_(gain),
      order_limit_(std::min(order_limit, grid.angles / 2)),
      scan_ny_(scan_ny),
      scan_nx_(scan_nx),
      kernels_(kernels),
      harmonics_(grid.angles),
      orders_(static_cast<std::size_t>(harmonics_.padded_orders())),
      work_(harmonics_.tables().work_values(kernels.lanes), 0.0F),
      powers_(orders_ * static_cast<std::size_t>(kernels.lanes), 0.0F),
      masked_powers_(powers_.size(), 0.0F),
      noise_(orders_, 0.0F),
      part_sums_(static_cast<std::size_t>(grid.bins) * orders_, 0.0),
      part_squares_(part_sums_.size(), 0.0),
      part_bias_(part_sums_.size(), 0.0),
      part_counts_(static_cast<std::size_t>(grid.bins), 0.0),
      part_intensity_(part_counts_.size(), 0.0),
      sums_(blocks * part_sums_.size(), largest_c_n * static_cast<double>(scan_ny * scan_nx)),
      squares_(part_sums_.size(), largest_c_n * static_cast<double>(scan_ny * scan_nx)),
      bias_(part_sums_.size(), largest_c_n * static_cast<double>(scan_ny * scan_nx)),
      counts_(blocks * part_counts_.size(), static_cast<double>(scan_ny * scan_nx)),
      intensity_(part_counts_.size(), largest_electrons * static_cast<double>(scan_ny * scan_nx)) {}

double PatternStatistics::bytes() const noexcept {
  const double doubles = 3.0 * static_cast<double>(part_sums_.size()) +
                         2.0 * static_cast<double>(sums_.size() + squares_.size() + bias_.size());
  return 8.0 * doubles;
}

std::size_t PatternStatistics::block_at(std::int64_t row, std::int64_t column) const noexcept {
  return static_cast<std::size_t>((row * blocks_a_side / scan_ny_) * blocks_a_side + column * blocks_a_side / scan_nx_);
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

void PatternStatistics::add_bin(int bin, const float* values, const float* sums, int count,
                                const InterpolationTable& table) {
  const int valid = table.valid_angles(bin);
  if (valid == 0) return;
  std::span<const double> noise;  // S_n = N beta_n
  const float* powers = powers_.data();
  kernels_.harmonic_powers(harmonics_.tables(), values, work_.data(), powers_.data());
  if (valid == grid_.angles) {
    noise = table.noise_power(bin);
  } else {
    const PartialBin& part = partial_bins(table).at(bin);
    if (!part.masked.usable()) return;
    part.masked.apply(kernels_, powers_.data(), masked_powers_.data());
    powers = masked_powers_.data();
    noise = part.noise;
  }
  // Variance of a pixel: gain times its mean. Bias of c_n = gain <I> S_n / I_0^2 = gain beta_n / I_0.
  std::array<float, most_lanes> scale{};
  std::array<float, most_lanes> noise_scale{};
  const auto place = static_cast<std::size_t>(bin);
  double bias = 0.0;
  for (int lane = 0; lane < count; ++lane) {
    const auto sum = static_cast<double>(sums[lane]);
    if (!(sum > 0.0)) continue;
    const double mean = sum / valid;
    const double total = mean * grid_.angles;  // I_0
    scale[static_cast<std::size_t>(lane)] = static_cast<float>(1.0 / (total * total));
    noise_scale[static_cast<std::size_t>(lane)] = static_cast<float>(gain_ * mean / (total * total));
    bias += gain_ * mean / (total * total);
    part_counts_[place] += 1.0;
    part_intensity_[place] += mean / gain_;
  }
  for (std::size_t n = 0; n < noise.size(); ++n) {
    noise_[n] = static_cast<float>(noise[n]);
    part_bias_[place * orders_ + n] += bias * noise[n];
  }
  kernels_.accumulate(powers, static_cast<int>(orders_), scale.data(), noise_scale.data(), noise_.data(),
                      part_sums_.data() + place * orders_, part_squares_.data() + place * orders_);
}

void PatternStatistics::close_part(std::size_t block) {
  sums_.add(block * part_sums_.size(), part_sums_);
  squares_.add(0, part_squares_);
  bias_.add(0, part_bias_);
  counts_.add(block * part_counts_.size(), part_counts_);
  intensity_.add(0, part_intensity_);
  for (auto* part : {&part_sums_, &part_squares_, &part_bias_, &part_counts_, &part_intensity_}) {
    std::fill(part->begin(), part->end(), 0.0);
  }
}

PatternAverages PatternStatistics::averages(const Communicator& communicator) {
  for (auto* sums : {&sums_, &squares_, &bias_, &counts_, &intensity_}) sums->reduce(communicator);
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
      for (std::size_t n = 0; n < orders; ++n) total[n] += sums_[(block * bins + bin) * orders_ + n];
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
        mean[n] = (total[n] - sums_[(block * bins + bin) * orders_ + n]) / (count - here);
        power_without[n].push_back(mean[n]);
      }
      order_without.push_back(every_second(mean, 2, order_limit_));
    }
    std::vector<double> mean(orders);
    for (std::size_t n = 0; n < orders; ++n) {
      mean[n] = total[n] / count;
      result.power[n * bins + bin] = mean[n];
      result.noise_bias[n * bins + bin] = bias_[bin * orders_ + n] / count;
      if (count > 1.0) {
        result.power_variance[n * bins + bin] =
            std::max(0.0, (squares_[bin * orders_ + n] - count * mean[n] * mean[n]) / (count - 1.0));
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
