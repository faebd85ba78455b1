// Patterns on polar coordinates: bins of k times angles, with the ellipse, the pattern's own centre and the mask of
// bad pixels folded into interpolation weights that are shared by all patterns with nearly the same centre.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "diffraction/lane_kernels.hpp"
#include "diffraction/pattern_geometry.hpp"

namespace mesoglass::diffraction {

// Radii of the bins in pixels of the undistorted pattern; angles 2 pi j / angles.
struct PolarGrid {
  double first_radius_px = 0.0;
  double radius_step_px = 1.0;
  int bins = 0;
  int angles = 126;
  [[nodiscard]] double radius_px(int bin) const noexcept { return first_radius_px + radius_step_px * bin; }
  [[nodiscard]] std::size_t samples() const noexcept {
    return static_cast<std::size_t>(bins) * static_cast<std::size_t>(angles);
  }
};

// Bilinear interpolation of every sample: value = sum of four weights times the pixels at offset, offset + 1,
// offset + row, offset + row + 1. Masked pixels have no weight and the others are scaled up; a sample with less than
// half its weight on good pixels, or outside the pattern, is missing: weights zero.
class InterpolationTable {
 public:
  // `good` is one byte a pixel (0 = masked), or empty where every pixel is good.
  InterpolationTable(const PolarGrid& grid, const PatternShape& shape, Point centre, const Ellipse& ellipse,
                     std::span<const std::uint8_t> good);

  // `polar` has the shape (bins, angles); missing samples are 0.
  void transform(std::span<const float> pattern, std::span<float> polar) const;
  // One bin of several patterns at once, values[angle][lane]; `lanes` holds the patterns as the kernels interleave
  // them.
  void transform_bin(const LaneKernels& kernels, const float* lanes, int bin, float* values) const;

  [[nodiscard]] const PolarGrid& grid() const noexcept { return grid_; }
  // Different for every table made in this process: a key for what others derive from it.
  [[nodiscard]] std::uint64_t identity() const noexcept { return identity_; }
  [[nodiscard]] bool is_missing(std::size_t sample) const noexcept { return missing_[sample] != 0; }
  // Samples that are missing, in order.
  [[nodiscard]] std::span<const std::uint32_t> missing_samples() const noexcept { return missing_samples_; }
  // Angles of a bin that are not missing.
  [[nodiscard]] int valid_angles(int bin) const noexcept { return valid_[static_cast<std::size_t>(bin)]; }
  // Counting noise in the bins' harmonics: S_n = sum over pixels |sum_j w_j exp(-i n phi_j)|^2, n = 0 ... angles / 2,
  // for unit variance in every pixel. Overlapping samples share pixels, so S_n depends on n; it depends too on where
  // between the pixels the centre lies. Computed when first asked for.
  [[nodiscard]] std::span<const double> noise_power(int bin) const;
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  void compute_noise() const;
  PolarGrid grid_;
  std::uint64_t identity_;
  std::int64_t row_;
  std::vector<std::int32_t> offsets_;
  std::vector<float> weights_;  // four a sample
  std::vector<std::uint8_t> missing_;
  std::vector<std::uint32_t> missing_samples_;
  std::vector<int> valid_;
  mutable std::vector<double> noise_;  // (bin, order)
};

// Tables by centre, rounded to 1/16 pixel; the least recently used is dropped. One a rank; not shared between threads.
class InterpolationTables {
 public:
  InterpolationTables(const PolarGrid& grid, const PatternShape& shape, const Ellipse& ellipse,
                      std::span<const std::uint8_t> good, std::size_t capacity = 48);
  [[nodiscard]] const InterpolationTable& at(Point centre);

 private:
  using Key = std::pair<std::int64_t, std::int64_t>;
  PolarGrid grid_;
  PatternShape shape_;
  Ellipse ellipse_;
  std::span<const std::uint8_t> good_;
  std::size_t capacity_;
  std::list<std::pair<Key, InterpolationTable>> tables_;  // most recently used first
  std::map<Key, std::list<std::pair<Key, InterpolationTable>>::iterator> places_;
};

}  // namespace mesoglass::diffraction
