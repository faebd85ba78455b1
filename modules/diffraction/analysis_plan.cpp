#include "diffraction/analysis_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "diffraction/local_measures.hpp"
#include "diffraction/map_descriptors.hpp"
#include "diffraction/map_stack.hpp"
#include "diffraction/pattern_judge.hpp"
#include "diffraction/pattern_pass.hpp"
#include "diffraction/type_profiles.hpp"
#include "scan/row_blocks.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double whole_rows_bytes = 8.0 * 1024.0 * 1024.0;  // read at once where a row comes as a whole
constexpr double chunk_buffer_share = 0.125;                // of the memory limit, for rows of whole HDF5 chunks

double buffer_bytes(const scan::ScanDescription& scan) {
  return scan.parts_of_rows ? piece_bytes : whole_rows_bytes;
}

double table_bytes(const PolarGrid& grid) {
  return static_cast<double>(grid.samples()) * (4.0 + 16.0 + 1.0);
}

}  // namespace

bool wants_maps(const scan::ScanDescription& scan, const AnalysisSettings& settings) {
  return !settings.preview && std::min(scan.scan_ny, scan.scan_nx) >= least_map_side;
}

bool tells_types_apart(const PolarGrid& grid) {
  constexpr int most_bins = 256;
  return grid.bins <= most_bins;
}

int largest_lag(const scan::ScanDescription& scan, const AnalysisSettings& settings) {
  constexpr int largest_lag_limit = 64;
  const double step = scan.scan_step_nm.value.value_or(1.0);
  const std::int64_t side = std::min(scan.scan_ny, scan.scan_nx);
  const double wanted = scan.scan_step_nm.value ? settings.correlation_range_nm / step : largest_lag_limit;
  return static_cast<int>(
      std::clamp(std::min(wanted, static_cast<double>(side / 3)), 4.0, static_cast<double>(largest_lag_limit)));
}

RowPlan plan_rows(const scan::ScanDescription& scan, const Communicator& communicator,
                  const AnalysisSettings& settings) {
  if (!settings.preview) {
    auto plan = scan::plan_row_blocks(scan, communicator.rank(), communicator.size(),
                                      static_cast<std::int64_t>(buffer_bytes(scan)),
                                      scan.pixels() * static_cast<std::int64_t>(sizeof(float)),
                                      static_cast<std::int64_t>(chunk_buffer_share * settings.memory_limit_bytes));
    return {std::move(plan.blocks), plan.own_rows};
  }
  constexpr std::int64_t preview_share = 100;  // 1 %
  const std::int64_t rows = std::max<std::int64_t>(1, scan.scan_ny / preview_share);
  const Range own = block_of(rows, communicator.rank(), communicator.size());
  RowPlan plan;
  for (std::int64_t i = own.begin; i < own.end; ++i) {
    const std::int64_t row = (2 * i + 1) * scan.scan_ny / (2 * rows);
    plan.blocks.push_back({row, row + 1});
  }
  return plan;
}

std::vector<double> KRange::values() const {
  std::vector<double> all(static_cast<std::size_t>(bins));
  for (int bin = 0; bin < bins; ++bin) all[static_cast<std::size_t>(bin)] = k(bin);
  return all;
}

KRange choose_k_range(const std::vector<AreaGeometry>& areas, const std::vector<double>& k_per_pixel,
                      const std::vector<const scan::ScanDescription*>& scans, const AnalysisSettings& settings) {
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  for (std::size_t area = 0; area < areas.size(); ++area) {
    const AreaGeometry& geometry = areas[area];
    const double inner = geometry.disc ? geometry.aperture_radius_px + 2.0
                                       : 0.1 * static_cast<double>(std::min(geometry.shape.nx, geometry.shape.ny));
    low = std::max(low, std::ceil(inner) * k_per_pixel[area]);
    // The largest whole circle about every corner of the scan, ellipse included.
    const double stretch = std::sqrt(geometry.ellipse.axis_ratio());
    for (const double row : {0.0, static_cast<double>(scans[area]->scan_ny - 1)}) {
      for (const double column : {0.0, static_cast<double>(scans[area]->scan_nx - 1)}) {
        const Point centre = geometry.centre_at(row, column);
        const double edge = std::min({centre.x, centre.y, static_cast<double>(geometry.shape.nx - 1) - centre.x,
                                      static_cast<double>(geometry.shape.ny - 1) - centre.y});
        high = std::min(high, std::floor(edge / stretch - 0.5) * k_per_pixel[area]);
      }
    }
  }
  if (settings.k_low) low = *settings.k_low;
  if (settings.k_high) high = *settings.k_high;
  KRange range;
  range.k_low = low;
  if (settings.k_bins > 0) {
    range.bins = settings.k_bins;
    range.k_step = settings.k_bins > 1 ? (high - low) / (settings.k_bins - 1) : k_per_pixel.front();
  } else {
    range.k_step = k_per_pixel.front();
    range.bins = static_cast<int>(std::floor((high - low) / range.k_step + 1e-9)) + 1;
  }
  constexpr int most_bins = 4096;
  if (!(low > 0.0) || !(high > low) || range.bins < 2 || range.bins > most_bins) {
    throw input_error(
        "no k range between the disc and the detector's edge: {:.4g} to {:.4g} in {} bins: set --k-min, --k-max and "
        "--k-bins, or the centre",
        low, high, range.bins);
  }
  return range;
}

MemoryPlan plan_memory(const scan::ScanDescription& scan, const PolarGrid& grid, int ranks,
                       const AnalysisSettings& settings) {
  MemoryPlan plan;
  const double row_bytes = static_cast<double>(scan.values_per_row()) * sizeof(float);
  const double least_bytes =
      scan.parts_of_rows
          ? std::min(row_bytes, static_cast<double>(patterns_a_piece(scan) * scan.pixels()) * sizeof(float))
          : row_bytes;
  const double chunk_bytes = row_bytes * static_cast<double>(scan.row_alignment);
  const bool whole_chunks = chunk_bytes <= chunk_buffer_share * settings.memory_limit_bytes;
  // One is read while one is worked on.
  plan.buffer_bytes = 2.0 * std::max({buffer_bytes(scan), least_bytes, whole_chunks ? chunk_bytes : 0.0});
  const double orders = grid.angles / 2 + 1;
  const double sums = 8.0 * grid.bins * orders * 57.0 * settings.thickness_bins +
                      16.0 * static_cast<double>(scan.pixels()) +
                      (40.0 + 4.0 * most_profiles) * static_cast<double>(scan.scan_ny * scan.scan_nx) +
                      LocalMeasures::bytes(scan.scan_ny * scan.scan_nx, settings.order_limit);
  plan.tables_bytes = static_cast<double>(tables_kept) * table_bytes(grid) + sums;
  if (wants_maps(scan, settings)) {
    const int lag = largest_lag(scan, settings);
    plan.one_bin_bytes = MapStack::bytes_per_bin(grid, scan.scan_ny, scan.scan_nx) +
                         MapDescriber::bytes(scan.scan_ny, scan.scan_nx, grid.angles, lag);
    const std::int64_t own_rows = (scan.scan_ny + ranks - 1) / ranks + scan.row_alignment;
    plan.stack_bin_bytes =
        MapStack::bytes_per_bin(grid, std::min(own_rows, scan.scan_ny), scan.scan_nx) + 64.0 * grid.angles;
  }
  // Reading and map work do not overlap: the larger of the two counts beside the stack.
  const double beside = plan.tables_bytes + std::max(plan.buffer_bytes, plan.one_bin_bytes);
  if (plan.one_bin_bytes > 0.0) {
    const double room = settings.memory_limit_bytes - beside;
    plan.bins_a_band = std::min(grid.bins, static_cast<int>(std::floor(room / plan.stack_bin_bytes)));
    if (plan.bins_a_band < grid.bins && tells_types_apart(grid)) {
      plan.type_bytes = most_profiles * plan.stack_bin_bytes;
      plan.bins_a_band = static_cast<int>(std::floor((room - plan.type_bytes) / plan.stack_bin_bytes));
    }
    if (plan.bins_a_band < 1) {
      throw input_error(
          "--memory-limit {} is too little for the maps of one k of {} x {} positions: give {} or more, or more ranks",
          bytes_text(settings.memory_limit_bytes), scan.scan_ny, scan.scan_nx,
          bytes_text(beside + plan.type_bytes + 2.0 * plan.stack_bin_bytes));
    }
    plan.bands = (grid.bins + plan.bins_a_band - 1) / plan.bins_a_band;
    plan.bins_a_band = (grid.bins + plan.bands - 1) / plan.bands;  // bands of equal size
  }
  plan.total_bytes = beside + plan.type_bytes + plan.bins_a_band * plan.stack_bin_bytes;
  return plan;
}

ThicknessBins choose_thickness_bins(const std::vector<AreaGeometry>& areas, const AnalysisSettings& settings) {
  std::vector<double> transmittances;
  for (const AreaGeometry& geometry : areas) {
    if (!geometry.disc) return {};
    const PatternJudge judge(geometry, settings);
    for (const double value : geometry.transmittances) {
      if (judge.judge_thickness(value) == Verdict::kept) transmittances.push_back(value);
    }
  }
  return equal_thickness_bins(std::move(transmittances), settings.thickness_bins);
}

}  // namespace mesoglass::diffraction
