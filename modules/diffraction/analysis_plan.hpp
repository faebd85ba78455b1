// What is settled before the patterns of a sample are read: the range of k, bins of thickness, rows and memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "diffraction/analysis_settings.hpp"
#include "diffraction/polar_sampling.hpp"
#include "diffraction/survey.hpp"
#include "diffraction/thickness_bins.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::diffraction {

// The polar grid for all areas of a sample: k from the disc's skirt to the largest circle that is whole on every area's
// detector, one bin a pixel of the first area, or as the settings say, in nm^-1 or pixels as `k_per_pixel` (one an
// area) is. Throws input_error where that leaves no bins. Pure.
struct KRange {
  double k_low = 0.0;
  double k_step = 1.0;
  int bins = 0;
  [[nodiscard]] double k(int bin) const noexcept { return k_low + k_step * bin; }
  [[nodiscard]] std::vector<double> values() const;
  [[nodiscard]] int nearest(double place) const noexcept {
    return std::clamp(static_cast<int>(std::lround((place - k_low) / k_step)), 0, bins - 1);
  }
};
[[nodiscard]] KRange choose_k_range(const std::vector<AreaGeometry>& areas, const std::vector<double>& k_per_pixel,
                                    const std::vector<const scan::ScanDescription*>& scans,
                                    const AnalysisSettings& settings);

// How the maps are worked: in bands of k bins that fit into memory; every band after the first reads the scan again.
struct MemoryPlan {
  double buffer_bytes = 0.0;     // patterns being read
  double tables_bytes = 0.0;     // interpolation tables and sums
  double one_bin_bytes = 0.0;    // whole maps of one bin, and their autocorrelation
  double stack_bin_bytes = 0.0;  // this rank's rows of one bin's maps
  double type_bytes = 0.0;  // copies of the bins that kinds of MRO are told apart with, where there are several bands
  int bins_a_band = 0;
  int bands = 0;  // 0 = the scan is too small for maps
  double total_bytes = 0.0;
};
// Throws input_error where not even one bin fits, naming the limit that would do. Pure.
[[nodiscard]] MemoryPlan plan_memory(const scan::ScanDescription& scan, const PolarGrid& grid, int ranks,
                                     const AnalysisSettings& settings);

// Bins of thickness for all areas of a sample: equal numbers of the surveyed patterns that will be kept. One bin where
// an area has no disc. Pure.
[[nodiscard]] ThicknessBins choose_thickness_bins(const std::vector<AreaGeometry>& areas,
                                                  const AnalysisSettings& settings);

// Scans of fewer positions a side have no maps.
inline constexpr std::int64_t least_map_side = 16;
// Interpolation tables, one a centre, kept at a time.
inline constexpr std::size_t tables_kept = 48;

// Not in a preview, nor of a scan that is too small. Pure.
[[nodiscard]] bool wants_maps(const scan::ScanDescription& scan, const AnalysisSettings& settings);
// With very many bins their pairs would take longer than all else. Pure.
[[nodiscard]] bool tells_types_apart(const PolarGrid& grid);
// Of the maps' autocorrelation, in scan steps. Pure.
[[nodiscard]] int largest_lag(const scan::ScanDescription& scan, const AnalysisSettings& settings);

// The rows that a rank reads, in blocks, and those whose maps it holds: the same, but none in a preview.
struct RowPlan {
  std::vector<Range> blocks;
  Range own_rows;
};
// Of this rank. Not collective.
[[nodiscard]] RowPlan plan_rows(const scan::ScanDescription& scan, const Communicator& communicator,
                                const AnalysisSettings& settings);

}  // namespace mesoglass::diffraction
