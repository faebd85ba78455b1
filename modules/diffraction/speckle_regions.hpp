// Single speckles: connected regions above a threshold, their diameters, and a Gaussian fitted to each.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "diffraction/aligned_values.hpp"
#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction {

struct SpeckleRegion {
  std::int64_t pixels = 0;
  float peak = 0.0F;  // highest value
  std::int64_t peak_x = 0, peak_y = 0;
  bool at_edge = false;  // touches the map's edge or a missing position: cut off, so its size means nothing
  // Diameter of the disc of equal area, in steps.
  [[nodiscard]] double equivalent_diameter() const noexcept;
};

// Labels regions of touching positions (also across corners) above `threshold`; runs of a row are merged by
// union-find. Keeps its memory between calls.
class RegionLabeller {
 public:
  RegionLabeller(std::int64_t ny, std::int64_t nx);
  // NaN is below every threshold. In the order of their first position; valid until the next call.
  [[nodiscard]] std::span<const SpeckleRegion> label(std::span<const float> map, float threshold);

 private:
  struct Run {
    std::int64_t begin = 0, end = 0;
    std::int32_t region = 0;
  };
  [[nodiscard]] bool touches_gap(const float* line, const Run& run) const;
  [[nodiscard]] std::int32_t root(std::int32_t region);
  std::int64_t ny_;
  std::int64_t nx_;
  std::vector<std::uint8_t> flags_;  // a row after the other, zeros behind each
  std::vector<Run> previous_, current_;
  std::vector<std::int32_t> parents_;
  std::vector<SpeckleRegion> found_, regions_;
};

// Fits a Gaussian to each of many speckles.
class SpeckleFit {
 public:
  // Of maps (ny, nx), from the positions within `reach` steps of a region's peak.
  SpeckleFit(std::int64_t ny, std::int64_t nx, int reach);
  // Full widths at half maximum of the Gaussians b + a exp(-r^2 / (2 s^2)) about the regions' peaks, with b =
  // `background`: least squares of the logarithm, weighted by the squared height, over the positions that are above
  // half of the peak's height. NaN where there are fewer than six, or no maximum. Valid until the next call.
  [[nodiscard]] std::span<const double> widths(std::span<const float> map, std::span<const SpeckleRegion> regions,
                                               float background);

 private:
  void gather(std::span<const float> map, const SpeckleRegion& region, float background, std::size_t lane);
  std::int64_t ny_;
  std::int64_t nx_;
  std::int64_t reach_;
  std::vector<FitTerms> terms_;        // of the positions about a peak
  std::vector<std::int64_t> offsets_;  // from the peak in the map
  AlignedValues<float> values_;        // above the background, [position][speckle]
  std::vector<double> widths_;
};

}  // namespace mesoglass::diffraction
