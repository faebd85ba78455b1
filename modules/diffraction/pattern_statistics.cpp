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

// <I^2>/<I>^2 - 1 over the angles: the sum of c_n over all n but 0, of which all but the last come twice.
double variance_within(std::span<const double> powers, int angles) {
  double sum = 0.0;
  for (std::size_t n = 1; n < powers.size(); ++n)
    sum += (2 * n == static_cast<std::size_t>(angles) ? 1.0 : 2.0) * powers[n];
  return sum;
}

// Of the patterns' means over the angles.
struct IntensitySums {
  double count = 0.0, sum = 0.0, squares = 0.0, noise = 0.0;
  [[nodiscard]] IntensitySums operator+(const IntensitySums& other) const {
    return {count + other.count, sum + other.sum, squares + other.squares, noise + other.noise};
  }
  [[nodiscard]] IntensitySums operator-(const IntensitySums& other) const {
    return {count - other.count, sum - other.sum, squares - other.squares, noise - other.noise};
  }
  // <I^2>/<I>^2 - 1 less counting noise; NaN for fewer than two patterns.
  [[nodiscard]] double variance() const {
    if (!(count > 1.0) || !(sum > 0.0)) return std::numeric_limits<double>::quiet_NaN();
    const double spread = std::fmax(0.0, squares - sum * sum / count) / (count - 1.0);
    return (spread - noise / count) * count * count / (sum * sum);
  }
};

}  // namespace

PatternStatistics::PatternStatistics(const PolarGrid& grid, double gain, int order_limit, std::int64_t scan_ny,
                                     std::int64_t scan_nx, const LaneKernels& kernels, int groups)
    : grid_(grid),
      gain_(gain),
      order_limit_(std::min(order_limit, grid.angles / 2)),
      scan_ny_(scan_ny),
      scan_nx_(scan_nx),
      kernels_(kernels),
      harmonics_(grid.angles),
      orders_(static_cast<std::size_t>(harmonics_.padded_orders())),
      groups_(static_cast<std::size_t>(groups)),
      work_(harmonics_.tables().work_values(kernels.lanes), 0.0F),
      powers_(orders_ * static_cast<std::size_t>(kernels.lanes), 0.0F),
      masked_powers_(powers_.size(), 0.0F),
      noise_(orders_, 0.0F),
      part_used_(groups_, 0),
      part_sums_(groups_ * static_cast<std::size_t>(grid.bins) * orders_, 0.0),
      part_squares_(part_sums_.size(), 0.0),
      part_bias_(part_sums_.size(), 0.0),
      part_counts_(groups_ * static_cast<std::size_t>(grid.bins), 0.0),
      part_intensity_(part_counts_.size(), 0.0),
      part_intensity_squares_(part_counts_.size(), 0.0),
      part_intensity_noise_(part_counts_.size(), 0.0),
      sums_(blocks * part_sums_.size(), largest_c_n * static_cast<double>(scan_ny * scan_nx)),
      squares_(part_sums_.size(), largest_c_n * static_cast<double>(scan_ny * scan_nx)),
      bias_(part_sums_.size(), largest_c_n * static_cast<double>(scan_ny * scan_nx)),
      counts_(blocks * part_counts_.size(), static_cast<double>(scan_ny * scan_nx)),
      intensity_(blocks * part_counts_.size(), largest_electrons * static_cast<double>(scan_ny * scan_nx)),
      intensity_squares_(blocks * part_counts_.size(),
                         largest_electrons * largest_electrons * static_cast<double>(scan_ny * scan_nx)),
      intensity_noise_(blocks * part_counts_.size(), largest_electrons * static_cast<double>(scan_ny * scan_nx)) {}

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

LanePowers PatternStatistics::add_bin(int bin, const float* values, const float* sums, int count,
                                      const InterpolationTable& table, const std::uint8_t* lane_groups) {
  const int valid = table.valid_angles(bin);
  if (valid == 0) return {};
  std::span<const double> noise;  // S_n = N beta_n
  const float* powers = powers_.data();
  kernels_.harmonic_powers(harmonics_.tables(), values, work_.data(), powers_.data());
  if (valid == grid_.angles) {
    noise = table.noise_power(bin);
  } else {
    const PartialBin& part = partial_bins(table).at(bin);
    if (!part.masked.usable()) return {};
    part.masked.apply(kernels_, powers_.data(), masked_powers_.data());
    powers = masked_powers_.data();
    noise = part.noise;
  }
  // Variance of a pixel: gain times its mean. Bias of c_n = gain <I> S_n / I_0^2 = gain beta_n / I_0.
  scale_.fill(0.0F);
  noise_scale_.fill(0.0F);
  std::array<double, most_lanes> bias{};
  // Counting noise of the mean over the angles, relative to what a pixel has: S_0 / N^2.
  const double mean_noise = noise[0] / (static_cast<double>(grid_.angles) * grid_.angles);
  const auto group_of = [&](int lane) {
    return lane_groups == nullptr ? std::size_t{0} : static_cast<std::size_t>(lane_groups[lane]);
  };
  bool one_group = true;
  for (int lane = 0; lane < count; ++lane) {
    const std::size_t group = group_of(lane);
    one_group = one_group && group == group_of(0);
    part_used_[group] = 1;
    const auto sum = static_cast<double>(sums[lane]);
    if (!(sum > 0.0)) continue;
    const double mean = sum / valid;
    const double total = mean * grid_.angles;  // I_0
    const auto place = group * static_cast<std::size_t>(grid_.bins) + static_cast<std::size_t>(bin);
    scale_[static_cast<std::size_t>(lane)] = static_cast<float>(1.0 / (total * total));
    noise_scale_[static_cast<std::size_t>(lane)] = static_cast<float>(gain_ * mean / (total * total));
    bias[static_cast<std::size_t>(lane)] = gain_ * mean / (total * total);
    const double electrons = mean / gain_;
    part_counts_[place] += 1.0;
    part_intensity_[place] += electrons;
    part_intensity_squares_[place] += electrons * electrons;
    part_intensity_noise_[place] += electrons * mean_noise;
  }
  for (std::size_t n = 0; n < noise.size(); ++n) noise_[n] = static_cast<float>(noise[n]);
  const auto accumulate = [&](std::size_t group, const float* scale, const float* noise_scale, double bias_sum) {
    const std::size_t place = (group * static_cast<std::size_t>(grid_.bins) + static_cast<std::size_t>(bin)) * orders_;
    for (std::size_t n = 0; n < noise.size(); ++n) part_bias_[place + n] += bias_sum * noise[n];
    kernels_.accumulate(powers, static_cast<int>(orders_), scale, noise_scale, noise_.data(), part_sums_.data() + place,
                        part_squares_.data() + place);
  };
  if (one_group) {
    double sum = 0.0;
    for (int lane = 0; lane < count; ++lane) sum += bias[static_cast<std::size_t>(lane)];
    accumulate(group_of(0), scale_.data(), noise_scale_.data(), sum);
  } else {
    for (std::size_t group = 0; group < groups_; ++group) {
      std::array<float, most_lanes> scale{};
      std::array<float, most_lanes> noise_scale{};
      double sum = 0.0;
      bool any = false;
      for (int lane = 0; lane < count; ++lane) {
        const auto here = static_cast<std::size_t>(lane);
        if (group_of(lane) != group) continue;
        scale[here] = scale_[here];
        noise_scale[here] = noise_scale_[here];
        sum += bias[here];
        any = true;
      }
      if (any) accumulate(group, scale.data(), noise_scale.data(), sum);
    }
  }
  return {powers, scale_.data(), noise_scale_.data(), noise_.data()};
}

void PatternStatistics::close_part(std::size_t block) {
  const auto bins = static_cast<std::size_t>(grid_.bins);
  for (std::size_t group = 0; group < groups_; ++group) {
    if (part_used_[group] == 0) continue;
    part_used_[group] = 0;
    const auto move = [&](std::vector<double>& part, OrderFreeSums& sums, std::size_t width, std::size_t first) {
      const auto terms = std::span<double>(part).subspan(group * width, width);
      sums.add(first, terms);
      std::fill(terms.begin(), terms.end(), 0.0);
    };
    const std::size_t place = group * blocks + block;
    move(part_sums_, sums_, bins * orders_, place * bins * orders_);
    move(part_squares_, squares_, bins * orders_, group * bins * orders_);
    move(part_bias_, bias_, bins * orders_, group * bins * orders_);
    move(part_counts_, counts_, bins, place * bins);
    move(part_intensity_, intensity_, bins, place * bins);
    move(part_intensity_squares_, intensity_squares_, bins, place * bins);
    move(part_intensity_noise_, intensity_noise_, bins, place * bins);
  }
}

PatternAverages PatternStatistics::averages(const Communicator& communicator) {
  for (auto* sums : {&sums_, &squares_, &bias_, &counts_, &intensity_, &intensity_squares_, &intensity_noise_}) {
    sums->reduce(communicator);
  }
  return averages_of(0, static_cast<int>(groups_));
}

PatternAverages PatternStatistics::averages_of(int first_group, int last_group) const {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto orders = static_cast<std::size_t>(harmonics_.orders());
  const auto bins = static_cast<std::size_t>(grid_.bins);
  const auto first = static_cast<std::size_t>(first_group);
  const auto last = static_cast<std::size_t>(last_group);
  // Over the groups, of sums kept by (group, block, ...) and by (group, ...).
  const auto of_block = [&](const OrderFreeSums& sums, std::size_t block, std::size_t width, std::size_t index) {
    double total = 0.0;
    for (std::size_t group = first; group < last; ++group) total += sums[(group * blocks + block) * width + index];
    return total;
  };
  const auto of_all = [&](const OrderFreeSums& sums, std::size_t index) {
    double total = 0.0;
    for (std::size_t group = first; group < last; ++group) total += sums[group * bins * orders_ + index];
    return total;
  };
  PatternAverages result;
  result.orders = harmonics_.orders();
  result.bins = grid_.bins;
  for (auto* values : {&result.power, &result.power_variance, &result.power_error, &result.noise_bias}) {
    values->assign(orders * bins, nan);
  }
  for (auto* values : {&result.order, &result.order_error, &result.odd_even_quality, &result.radial_intensity,
                       &result.radial_intensity_error, &result.variance_between, &result.variance_between_error,
                       &result.variance_within, &result.variance_within_error}) {
    values->assign(bins, nan);
  }
  result.patterns.assign(bins, 0.0);
  result.radial_intensity_without.assign(blocks * bins, nan);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    std::vector<double> total(orders, 0.0);
    std::vector<double> block_counts(blocks), block_powers(blocks * orders);
    std::vector<IntensitySums> block_intensity(blocks);
    IntensitySums intensity;
    for (std::size_t block = 0; block < blocks; ++block) {
      block_counts[block] = of_block(counts_, block, bins, bin);
      block_intensity[block] = {block_counts[block], of_block(intensity_, block, bins, bin),
                                of_block(intensity_squares_, block, bins, bin),
                                of_block(intensity_noise_, block, bins, bin)};
      intensity = intensity + block_intensity[block];
      for (std::size_t n = 0; n < orders; ++n) {
        block_powers[block * orders + n] = of_block(sums_, block, bins * orders_, bin * orders_ + n);
        total[n] += block_powers[block * orders + n];
      }
    }
    const double count = intensity.count;
    result.patterns[bin] = count;
    if (!(count > 0.0)) continue;
    result.radial_intensity[bin] = intensity.sum / count;
    // Means without one block each: of every c_n and of what follows from them, for the standard errors.
    std::vector<std::vector<double>> power_without(orders);
    std::vector<double> order_without, between_without, within_without, intensity_without;
    for (std::size_t block = 0; block < blocks; ++block) {
      const double here = block_counts[block];
      if (!(here > 0.0) || !(count - here > 0.0)) continue;
      std::vector<double> mean(orders);
      for (std::size_t n = 0; n < orders; ++n) {
        mean[n] = (total[n] - block_powers[block * orders + n]) / (count - here);
        power_without[n].push_back(mean[n]);
      }
      order_without.push_back(every_second(mean, 2, order_limit_));
      within_without.push_back(variance_within(mean, grid_.angles));
      const IntensitySums rest = intensity - block_intensity[block];
      between_without.push_back(rest.variance());
      intensity_without.push_back(rest.sum / rest.count);
      result.radial_intensity_without[block * bins + bin] = intensity_without.back();
    }
    std::vector<double> mean(orders);
    for (std::size_t n = 0; n < orders; ++n) {
      mean[n] = total[n] / count;
      result.power[n * bins + bin] = mean[n];
      result.noise_bias[n * bins + bin] = of_all(bias_, bin * orders_ + n) / count;
      if (count > 1.0) {
        result.power_variance[n * bins + bin] =
            std::max(0.0, (of_all(squares_, bin * orders_ + n) - count * mean[n] * mean[n]) / (count - 1.0));
      }
      result.power_error[n * bins + bin] = jackknife_error(power_without[n]);
    }
    result.order[bin] = every_second(mean, 2, order_limit_);
    result.order_error[bin] = jackknife_error(order_without);
    if (result.order[bin] != 0.0)
      result.odd_even_quality[bin] = every_second(mean, 1, order_limit_) / result.order[bin];
    result.radial_intensity_error[bin] = jackknife_error(intensity_without);
    result.variance_within[bin] = variance_within(mean, grid_.angles);
    result.variance_within_error[bin] = jackknife_error(within_without);
    result.variance_between[bin] = intensity.variance();
    result.variance_between_error[bin] = jackknife_error(between_without);
  }
  return result;
}

}  // namespace mesoglass::diffraction
