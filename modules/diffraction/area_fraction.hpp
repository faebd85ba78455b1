// The area that speckles cover, by one threshold for all maps of a k from the maps' own background.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mesoglass::diffraction {

// Counts of relative intensities in fine bins; exact integers, so that merging needs no order.
class IntensityHistogram {
 public:
  IntensityHistogram() : counts_(bins, 0) {}
  void add(double value) noexcept;
  [[nodiscard]] std::int64_t total() const noexcept { return total_; }
  // Smallest value below which the share `probability` of the counts lies, interpolated within a bin.
  [[nodiscard]] double quantile(double probability) const;
  [[nodiscard]] double share_above(double value) const;

 private:
  static constexpr std::size_t bins = 8192;
  static constexpr double lowest = -2.0;
  static constexpr double highest = 14.0;
  std::vector<std::int64_t> counts_;
  std::int64_t total_ = 0;
};

struct NullModel {
  double mean = 0.0;       // of the background
  double deviation = 0.0;  // of the background
  double threshold = 0.0;  // what the background exceeds with the false-positive probability
  double fraction = 0.0;   // area above the threshold that the background does not explain
};

// The background's mean and width are taken from the lower side of the pooled distribution, where speckles (which are
// bright) do not reach: with a share f of speckles, the background's median and 16 % quantile are the pooled quantiles
// at 0.5 (1 - f) and 0.16 (1 - f); f, mean, width and threshold are iterated to agreement. The background is a scaled
// Poisson distribution of that mean and width (skewness = width / mean), its upper quantile by the Cornish-Fisher
// expansion. Throws std::logic_error for an empty histogram.
[[nodiscard]] NullModel fit_null_model(const IntensityHistogram& pooled, double false_positives);

// Gaussian smoothing of a map in place; NaN and positions not kept take no part, and stay NaN. `sigma` in steps.
class MapSmoother {
 public:
  MapSmoother(std::int64_t ny, std::int64_t nx, double sigma);
  void smooth(std::span<float> map);

 private:
  std::int64_t ny_;
  std::int64_t nx_;
  std::vector<float> kernel_;
  std::vector<float> values_, weights_, line_values_, line_weights_;
};

// Connected regions (edges, not corners) of `above`, in positions; regions smaller than `least` are left out.
[[nodiscard]] std::vector<std::int32_t> region_areas(std::span<const std::uint8_t> above, std::int64_t ny,
                                                     std::int64_t nx, std::int32_t least);

}  // namespace mesoglass::diffraction
