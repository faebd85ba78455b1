// The pass over patterns: several at once, those of a row with nearly the same centre, through polar coordinates and
// angular harmonics bin by bin while the bin's values are in the fastest cache.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "diffraction/aligned_values.hpp"
#include "diffraction/k_covariance.hpp"
#include "diffraction/lane_kernels.hpp"
#include "diffraction/local_measures.hpp"
#include "diffraction/map_stack.hpp"
#include "diffraction/order_free_sum.hpp"
#include "diffraction/pattern_statistics.hpp"
#include "diffraction/polar_sampling.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::diffraction {

// Patterns of a row that are read at once where the format allows: what is read is still in a cache when it is worked
// on. A multiple of the kernels' lanes, and the same on any number of ranks: so are the groups that sums are made of.
inline constexpr double piece_bytes = 2.0 * 1024.0 * 1024.0;
[[nodiscard]] inline std::int64_t patterns_a_piece(const scan::ScanDescription& scan) noexcept {
  const double pattern_bytes = static_cast<double>(scan.pixels()) * sizeof(float);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(piece_bytes / (pattern_bytes * most_lanes))) * most_lanes;
}

class PatternPass {
 public:
  // `statistics`, `pixel_sums` (of all patterns, (ky, kx)), `maps`, `local` and `covariance` may be null: what is null
  // is left out. Without statistics only the maps' bins are worked, and the last two must be null. All must outlive the
  // pass.
  PatternPass(const PolarGrid& grid, const PatternShape& shape, PatternStatistics* statistics,
              OrderFreeSums* pixel_sums, MapStack* maps, const LaneKernels& kernels = best_kernels(),
              LocalMeasures* local = nullptr, KCovariance* covariance = nullptr);

  // One pattern; columns of a row must ascend. `reference` is what its maps are divided by, `group` the statistics'
  // group. The pattern and the table must stay until settle() or flush(), or until a pattern of another row was
  // added.
  void add(std::int64_t row, std::int64_t column, std::span<const float> pattern, const InterpolationTable& table,
           double reference = 1.0, int group = 0);
  // Works off what waits. After the last pattern of a piece of a row that is in memory.
  void settle();
  // The same, and closes the sums. After the last pattern of a row or of all.
  void flush();

 private:
  void work();        // the waiting patterns
  void close_part();  // of a row, in one block of the statistics
  void close_row();
  PolarGrid grid_;
  std::size_t pixels_;
  PatternStatistics* statistics_;
  OrderFreeSums* pixel_sums_;
  MapStack* maps_;
  const LaneKernels& kernels_;
  LocalMeasures* local_;
  KCovariance* covariance_;
  std::int64_t row_ = -1;
  std::size_t block_ = 0;
  bool part_open_ = false;
  const InterpolationTable* table_ = nullptr;
  int waiting_ = 0;
  std::array<const float*, most_lanes> patterns_{};
  std::array<std::int64_t, most_lanes> columns_{};
  std::array<double, most_lanes> references_{};
  std::array<std::uint8_t, most_lanes> groups_{};
  AlignedValues<float> nothing_;  // what lanes without a pattern show
  AlignedValues<float> lanes_;    // [pixel][lane]
  AlignedValues<float> values_;   // [angle][lane]
  AlignedValues<float> sums_;     // [lane]
  AlignedValues<double> row_pixels_;
};

}  // namespace mesoglass::diffraction
