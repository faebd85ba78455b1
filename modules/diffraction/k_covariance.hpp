// How the intensities of one pattern at different k go together at the same angle: what tells kinds of medium-range
// order apart that overlap in k, since a domain brightens all k of its own speckle at once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "diffraction/aligned_values.hpp"
#include "diffraction/lane_kernels.hpp"
#include "diffraction/order_free_sum.hpp"
#include "diffraction/polar_sampling.hpp"

namespace mesoglass::diffraction {

// C(k, k') over patterns and angles of the relative intensities I / (reference * expected) less their mean over the
// pattern's ring, for Friedel opposites: <i(k, phi) i(k', phi + pi)>, less the product of the mean maps, symmetrical.
// With even and odd parts e, o = (i(phi) +- i(phi + pi)) / 2 that is <e e'> - <o o'>, and counting noise, which
// opposites do not share, drops out. The second term, nothing but noise where no pixel is shared, is taken for k less
// than two pixels apart only. Every third angle or so is enough, since speckles are wider. The ring's mean takes out
// what a whole pattern has in common: thickness, and what bright speckles leave to the diffuse halo. The same bits on
// any number of ranks, as PatternStatistics. Added up in strips of the scan's rows, so that what is made of it gets its
// error from leaving out one strip at a time (jackknife).
class KCovariance {
 public:
  // `expected`, one a bin, as for MapStack; bins where it is not positive are left out (zero).
  KCovariance(const PolarGrid& grid, std::vector<double> expected, std::int64_t scan_ny, std::int64_t scan_nx,
              const LaneKernels& kernels);

  [[nodiscard]] int strips() const noexcept { return static_cast<int>(sums_.size()); }
  // Every second row of a scan is enough: a domain is seen in several.
  [[nodiscard]] static bool uses_row(std::int64_t row) noexcept { return row % 2 == 0; }
  // Patterns in the first lanes, one a reference; the rest is left out, as is one whose reference is not positive.
  void begin(std::span<const double> references);
  // Polar values of one bin, [angle][lane], and their sums over the angles.
  void add_bin(int bin, const float* values, const float* sums, const InterpolationTable& table);
  // Adds up what the bins since begin() said. Angles that miss a sample in a bin with others are left out.
  void end(const InterpolationTable& table);
  // Puts what was added since the last call into the sums of the row's strip: after each row, whose patterns are added
  // up in their order.
  void close_row(std::int64_t row);

  // Over all ranks, before matrix(). Once. Collective.
  void reduce(const Communicator& communicator);
  // (bins, bins), of all strips or of all but one. Zeros where nothing was added.
  [[nodiscard]] std::vector<double> matrix(std::optional<int> left_out = std::nullopt) const;

 private:
  [[nodiscard]] const std::vector<float>& whole_angles(const InterpolationTable& table);
  [[nodiscard]] std::size_t place_of(int bin, int column) const noexcept {
    return static_cast<std::size_t>(bin * columns_ + column);
  }
  PolarGrid grid_;
  std::vector<double> expected_;
  const LaneKernels& kernels_;
  int stride_;   // angles from one that is used to the next
  int columns_;  // angles used, of half a turn
  int near_;     // bins less than two pixels apart differ by less than this
  std::array<float, most_lanes> scale_{};
  std::map<std::uint64_t, std::vector<float>> whole_;  // 1 or 0 a column, by the table's identity
  AlignedValues<float> even_, odd_;                    // (bin, column, lane)
  // Of the row that is open, a lane of a group each: (pair, lane), (bin, near, lane), (bin, column, lane).
  AlignedValues<float> row_products_, row_near_, row_even_, row_odd_;
  std::vector<double> row_counts_;  // a column
  struct Sums {
    OrderFreeSums products, near_products, even, odd, counts;
  };
  std::int64_t scan_ny_;
  std::vector<Sums> sums_;  // a strip
};

}  // namespace mesoglass::diffraction
