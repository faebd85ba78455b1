// The area that speckles cover, by one threshold for all maps of a k from the maps' own background.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mesoglass::diffraction {

// Counts of relative intensities in fine bins; exact integers, so that merging needs no order. Of at most 2^32 values.
class IntensityHistogram {
 public:
  IntensityHistogram() : counts_(bins + 1) {}
  void add(double value) noexcept;
  // All values of a map but NaN.
  void add_map(std::span<const float> map) noexcept;
  void add(const IntensityHistogram& other) noexcept;
  [[nodiscard]] std::int64_t total() const noexcept { return total_; }
  // Smallest value below which the share `probability` of the counts lies, interpolated within a bin.
  [[nodiscard]] double quantile(double probability) const;
  [[nodiscard]] double share_above(double value) const;
  // The shares below the first of the ascending `edges`, between each and the next, and above the last: one more than
  // there are edges. Zeros where nothing was counted.
  [[nodiscard]] std::vector<double> shares_between(std::span<const double> edges) const;

 private:
  static constexpr std::size_t bins = 8192;
  static constexpr double lowest = -2.0;
  static constexpr double highest = 14.0;
  // Neighbours often fall into the same bin: counted in tables in turn they need not wait for each other.
  static constexpr std::size_t tables = 2;
  [[nodiscard]] double count(std::size_t bin) const noexcept {
    return static_cast<double>(std::uint64_t{counts_[bin][0]} + counts_[bin][1]);
  }
  [[nodiscard]] std::uint64_t missing_values() const noexcept {
    return std::uint64_t{counts_[bins][0]} + counts_[bins][1];
  }
  std::vector<std::array<std::uint32_t, tables>> counts_;  // the last are missing values
  std::int64_t total_ = 0;
};

// What the smoothed maps of one k hold together.
struct MapMoments {
  double count = 0.0;
  double sum = 0.0, squares = 0.0, cubes = 0.0;
  void add(double value) noexcept {
    count += 1.0;
    sum += value;
    squares += value * value;
    cubes += value * value * value;
  }
  // All values of a map but NaN.
  void add_map(std::span<const float> map) noexcept;
  void add(const MapMoments& other) noexcept {
    count += other.count;
    sum += other.sum;
    squares += other.squares;
    cubes += other.cubes;
  }
};

// Counting noise of a smoothed value: that of a scaled Poisson number.
struct NoiseModel {
  double variance = 0.0;
  double skewness = 0.0;
};

struct AreaThreshold {
  double background = 0.0;        // level of the matrix: the median
  double speckle_height = 0.0;    // of an ideally oriented domain's middle above it
  double threshold = 0.0;         // the one for all maps of the k
  double false_positives = 0.0;   // share of a matrix without speckles above the threshold
  bool limited_by_noise = false;  // half of the speckle height lies inside the noise
};

// One threshold for all maps of a k: half of the height of an ideal speckle over the background, but never so low that
// noise alone (the null model: the maps' own background with Poisson counting) exceeds it with more than the
// probability `most_false`. The height comes from the second and third cumulants of the pooled values with the noise's
// taken off, so that neither the number of speckles nor the dose matters: domains at Poisson places whose brightness
// falls like a Gaussian in two directions of the map and in two angles from the Bragg condition have <s^p> proportional
// to h^p / p^2, thus h = (9/4) kappa_3 / kappa_2. Zero height where the maps show no bright speckles. Pure.
[[nodiscard]] AreaThreshold choose_area_threshold(const IntensityHistogram& pooled, const MapMoments& moments,
                                                  const NoiseModel& noise, double most_false);

}  // namespace mesoglass::diffraction
