// What is averaged over patterns: angular power spectra with their counting noise removed, radial intensity, order.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "diffraction/angular_harmonics.hpp"
#include "diffraction/polar_sampling.hpp"

namespace mesoglass::diffraction {

// Means over the kept patterns; arrays over n and k have the shape (orders, bins), n = 0 ... angles / 2.
struct PatternAverages {
  int orders = 0;
  int bins = 0;
  std::vector<double> power, power_variance, power_error;
  std::vector<double> noise_bias;          // (orders, bins): what was removed, G beta_n / I_0
  std::vector<double> order, order_error;  // sum of even n from 2 to order_limit
  std::vector<double> odd_even_quality;    // sum of odd n over sum of even n, same limit
  std::vector<double> radial_intensity;    // electrons a pixel
  std::vector<double> patterns;            // that entered each bin
};

// Sums over patterns in double precision, kept in blocks of the scan: the standard errors come from leaving out one
// block at a time, so that neighbouring probe positions that see the same domain are not counted as independent.
class PatternStatistics {
 public:
  // `gain` in detector units an electron. `scan_ny`, `scan_nx`: shape of the scan.
  PatternStatistics(const PolarGrid& grid, double gain, int order_limit, std::int64_t scan_ny, std::int64_t scan_nx);

  // One pattern's polar values at (row, column). Bins without usable angles or with a mean that is not positive are
  // left out for this pattern.
  void add(std::int64_t row, std::int64_t column, std::span<const float> polar, const InterpolationTable& table);

  // Sums over ranks and divides. Collective.
  [[nodiscard]] PatternAverages averages(const Communicator& communicator);

 private:
  // What a table with missing angles needs in the bins it concerns.
  struct PartialBin {
    MaskedHarmonics masked;
    std::vector<double> noise;  // takes the place of the table's noise_power
  };
  using PartialBins = std::map<int, PartialBin>;
  [[nodiscard]] const PartialBins& partial_bins(const InterpolationTable& table);

  PolarGrid grid_;
  double gain_;
  int order_limit_;
  std::int64_t scan_ny_;
  std::int64_t scan_nx_;
  HarmonicPowers harmonics_;
  std::map<std::uint64_t, PartialBins> partial_;
  std::vector<float> powers_;
  std::vector<float> masked_powers_;
  std::vector<double> sums_;       // (block, bin, order) of c_n
  std::vector<double> squares_;    // (bin, order) of c_n^2
  std::vector<double> bias_;       // (bin, order)
  std::vector<double> counts_;     // (block, bin)
  std::vector<double> intensity_;  // (bin)
};

}  // namespace mesoglass::diffraction
