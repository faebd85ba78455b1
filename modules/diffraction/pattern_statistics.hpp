// What is averaged over patterns: angular power spectra with their counting noise removed, radial intensity, order.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "diffraction/aligned_values.hpp"
#include "diffraction/angular_harmonics.hpp"
#include "diffraction/lane_kernels.hpp"
#include "diffraction/order_free_sum.hpp"
#include "diffraction/polar_sampling.hpp"

namespace mesoglass::diffraction {

// Means over the kept patterns; arrays over n and k have the shape (orders, bins), n = 0 ... angles / 2.
struct PatternAverages {
  int orders = 0;
  int bins = 0;
  std::vector<double> power, power_variance, power_error;
  std::vector<double> noise_bias;                                // (orders, bins): what was removed, G beta_n / I_0
  std::vector<double> order, order_error;                        // sum of even n from 2 to order_limit
  std::vector<double> odd_even_quality;                          // sum of odd n over sum of even n, same limit
  std::vector<double> radial_intensity, radial_intensity_error;  // electrons a pixel
  // (blocks, bins): radial_intensity with one block of the scan left out; NaN where the block says nothing.
  std::vector<double> radial_intensity_without;
  std::vector<double> patterns;  // that entered each bin
  // Fluctuation electron microscopy, counting noise removed: variance between patterns of the mean over the angles,
  // <Ibar^2>/<Ibar>^2 - 1, and mean over patterns of the variance within the ring, <I^2>/<I>^2 - 1.
  std::vector<double> variance_between, variance_between_error;
  std::vector<double> variance_within, variance_within_error;
};

// The powers of one bin of several patterns, as PatternStatistics worked them out: a pattern's
// c_n = powers[n * lanes + lane] scale[lane] - noise_scale[lane] noise[n], counting noise removed.
struct LanePowers {
  const float* powers = nullptr;  // null where the bin says nothing
  const float* scale = nullptr;   // 0 in lanes without a pattern, or with nothing in this bin
  const float* noise_scale = nullptr;
  const float* noise = nullptr;
};

// Sums over patterns in double precision, kept in blocks of the scan: the standard errors come from leaving out one
// block at a time, so that neighbouring probe positions that see the same domain are not counted as independent. A
// row's part of a block is summed in the order of its patterns, these sums are added so that their order does not
// matter: the averages have the same bits on any number of ranks.
class PatternStatistics {
 public:
  // `gain` in detector units an electron. `scan_ny`, `scan_nx`: shape of the scan. Patterns come in `groups` (bins of
  // thickness) that can be averaged apart.
  PatternStatistics(const PolarGrid& grid, double gain, int order_limit, std::int64_t scan_ny, std::int64_t scan_nx,
                    const LaneKernels& kernels, int groups = 1);

  // The block that a position belongs to: patterns added together must share one.
  [[nodiscard]] std::size_t block_at(std::int64_t row, std::int64_t column) const noexcept;

  // What the polar values of one bin, [angle][lane], say of the patterns in the first `count` lanes, whose sums over
  // the angles are `sums`. Patterns without usable angles or with a mean that is not positive are left out.
  // `lane_groups` holds the group of every lane below `count`; null = all in group 0. Valid until the next call.
  LanePowers add_bin(int bin, const float* values, const float* sums, int count, const InterpolationTable& table,
                     const std::uint8_t* lane_groups = nullptr);
  // Puts what was added since the last call into its block.
  void close_part(std::size_t block);

  // Sums over ranks and divides. Once, before group_averages. Collective.
  [[nodiscard]] PatternAverages averages(const Communicator& communicator);
  // Of one group alone. Not collective.
  [[nodiscard]] PatternAverages group_averages(int group) const { return averages_of(group, group + 1); }
  [[nodiscard]] double bytes() const noexcept;

 private:
  // What a table with missing angles needs in the bins it concerns.
  struct PartialBin {
    MaskedHarmonics masked;
    std::vector<double> noise;  // takes the place of the table's noise_power
  };
  using PartialBins = std::map<int, PartialBin>;
  [[nodiscard]] const PartialBins& partial_bins(const InterpolationTable& table);
  [[nodiscard]] PatternAverages averages_of(int first_group, int last_group) const;

  PolarGrid grid_;
  double gain_;
  int order_limit_;
  std::int64_t scan_ny_;
  std::int64_t scan_nx_;
  const LaneKernels& kernels_;
  HarmonicPowers harmonics_;
  std::size_t orders_;  // padded to what the kernels work in
  std::map<std::uint64_t, PartialBins> partial_;
  std::size_t groups_;
  AlignedValues<float> work_, powers_, masked_powers_, noise_;
  std::array<float, most_lanes> scale_{}, noise_scale_{};
  // Of the part that is open, and the groups that entered it.
  std::vector<std::uint8_t> part_used_;
  std::vector<double> part_sums_, part_squares_, part_bias_;  // (group, bin, order)
  std::vector<double> part_counts_;                           // (group, bin)
  std::vector<double> part_intensity_, part_intensity_squares_, part_intensity_noise_;
  OrderFreeSums sums_;                                             // (group, block, bin, order) of c_n
  OrderFreeSums squares_;                                          // (group, bin, order) of c_n^2
  OrderFreeSums bias_;                                             // (group, bin, order)
  OrderFreeSums counts_;                                           // (group, block, bin)
  OrderFreeSums intensity_, intensity_squares_, intensity_noise_;  // (group, block, bin) of the mean over the angles
};

}  // namespace mesoglass::diffraction
