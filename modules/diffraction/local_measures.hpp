// What one pattern says by itself, for maps over the scan: symmetry, variance within the ring, density, strain, Bragg
// discs. Measured while the pattern's polar values pass by.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "diffraction/lane_kernels.hpp"
#include "diffraction/pattern_statistics.hpp"
#include "diffraction/polar_sampling.hpp"

namespace mesoglass::diffraction {

// Where on the polar grid local measures are taken, and what the mean pattern has there.
struct LocalWindow {
  Range ring;                   // bins of the halo that symmetry is averaged over
  Range strain;                 // bins whose profile the strain is fitted to; empty = no strain
  Range outer;                  // bins of the annular dark field that the density comes from
  double radius_px;             // of the ring
  std::vector<double> profile;  // mean over the angles of the mean pattern, a bin; any unit
};

// The ring's full width at half height for symmetry, twice its half width on either side for strain, the outermost
// quarter of the bins, as far as they are three half widths beyond the ring, for density (empty where none are);
// without a ring all bins and no strain. `low_px` and `high_px`, where not NaN, replace the ring's limits for
// symmetry. Pure.
[[nodiscard]] LocalWindow local_window(const PolarGrid& grid, double ring_radius_px, double ring_half_width_px,
                                       double low_px, double high_px, std::vector<double> profile);

// Maps of measures, in this order; c_n follow for n = 2, 4, ... order_limit (12 at most).
enum class LocalMeasure : std::uint8_t {
  order,             // sum of even c_n, mean over the ring's bins
  ring_variance,     // <I^2>/<I>^2 - 1 over the angles, mean over the ring's bins
  outer_share,       // mean over the outer bins (a pixel) over what the pattern scatters
  dilatation,        // (e_xx + e_yy)/2 relative to the mean pattern
  shear_difference,  // (e_xx - e_yy)/2
  shear_xy,          // e_xy
  bragg_ratio,       // highest polar value over its ring's mean, where counting cannot explain it; else 1
  first_c_n,
};

// Strain: the pattern's radial profile in harmonics n = 0 and 2 of the angle, m_n(r), is fitted with
// a + b P(r) - d P'(r), P the mean pattern's profile, least squares with weights 1/P; the ring has moved by
// delta(phi) = (d_0 + d_2c cos 2 phi + d_2s sin 2 phi) / b_0, and e = -delta / R (first order in the strain).
class LocalMeasures {
 public:
  // `positions` of the own rows are kept: rows x scan_nx.
  LocalMeasures(const PolarGrid& grid, LocalWindow window, double gain, int order_limit, Range rows,
                std::int64_t scan_nx, const LaneKernels& kernels);

  [[nodiscard]] int maps() const noexcept { return static_cast<int>(LocalMeasure::first_c_n) + symmetries_; }
  // n of the map of index first_c_n + i.
  [[nodiscard]] static int symmetry(int index) noexcept { return 2 * (index + 1); }

  // The patterns of `columns` in `row` come next, one a lane; they scatter `scattered` (detector units).
  void begin(std::int64_t row, std::span<const std::int64_t> columns, std::span<const double> scattered);
  // Polar values [angle][lane] of a bin, their sums over the angles, and what PatternStatistics made of them.
  void add_bin(int bin, const float* values, const float* sums, const LanePowers& powers,
               const InterpolationTable& table);
  void end();

  // A measure over the whole scan on every rank; NaN where no pattern was added. Collective.
  [[nodiscard]] std::vector<float> gather(const Communicator& communicator, int map) const;
  [[nodiscard]] static double bytes(std::int64_t positions, int order_limit) noexcept;

 private:
  static constexpr std::size_t harmonics = 3;  // 1, cos 2 phi, sin 2 phi
  void plan_strain();

  PolarGrid grid_;
  LocalWindow window_;
  double gain_;
  int order_limit_;
  int symmetries_;
  Range rows_;
  std::int64_t scan_nx_;
  const LaneKernels& kernels_;
  std::vector<double> shift_weights_, height_weights_;  // a bin: d and b from m_n(r)
  std::vector<float> cosine_, sine_;                    // of 2 phi, an angle
  std::int64_t row_ = 0;
  std::vector<std::int64_t> columns_;
  // Of the patterns in the lanes.
  struct Lane {
    double ring_bins = 0.0, ring_variance = 0.0;
    double scattered = 0.0, outer = 0.0, outer_bins = 0.0;
    std::array<double, harmonics> shift{};
    double height = 0.0;
    double bragg = 1.0;
    bool whole = true;  // every bin of the strain's window had all of its angles
    std::vector<double> powers;
  };
  std::vector<Lane> lanes_;
  std::vector<std::vector<float>> values_;  // a map: (own rows, columns)
};

}  // namespace mesoglass::diffraction
