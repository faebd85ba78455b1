// Electron correlation microscopy of one area: a time series of scans, g2(t) of the ring's speckles at every probe
// position, its relaxation time, and what the area says as a whole.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "core/logging.hpp"
#include "core/phase_timers.hpp"
#include "diffraction/analysis_settings.hpp"
#include "diffraction/map_correlation.hpp"
#include "diffraction/polar_sampling.hpp"
#include "diffraction/relaxation_fit.hpp"
#include "diffraction/survey.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::diffraction {

// Fewer frames are refused: g2 would have fewer lags than the fit has unknowns.
inline constexpr std::int64_t least_time_frames = 8;

// Times in seconds, or frames where no interval is known.
struct RelaxationResult {
  std::int64_t frames = 0;
  double frame_interval_s = 1.0;  // 1 where unknown
  bool interval_known = false;
  double k_low = 0.0, k_high = 0.0;  // first and last bin on the ring
  std::vector<std::int64_t> lags;    // frames
  std::vector<float> g2;             // (scan_y, scan_x, lag), NaN where not measured
  // (scan_y, scan_x), NaN unless the state is determined (significance: wherever measured).
  std::vector<double> time, time_error, stretching, stretching_error, contrast, contrast_error, significance;
  std::vector<RelaxationState> states;
  std::array<std::int64_t, 6> counts{};  // positions by state
  // Mean over the measured positions, fitted as a whole.
  std::vector<double> mean_g2, mean_g2_error, mean_fit;  // a lag
  MeasuredRelaxation mean;                               // its values in the units of `time`
  std::vector<double> mean_numbers, mean_number_errors;  // tau, beta, A of it
  [[nodiscard]] std::int64_t positions_in(RelaxationState state) const noexcept {
    return counts[static_cast<std::size_t>(state)];
  }
};

// How the series is worked: the samples of some positions in all frames are in memory at a time.
struct RelaxationPlan {
  PolarGrid ring;                 // the bins of k on the ring
  std::int64_t rows_a_block = 0;  // of the scan, read and kept in one piece
  std::vector<Range> columns;     // pieces of a row where a whole one is too much; each reads the row again
  std::vector<Range> blocks;      // this rank's rows
  Range own_rows;
  double position_bytes = 0.0;  // of one position's samples in all frames
  double total_bytes = 0.0;
};
// `k_grid` is the analysis' polar grid, of which the bins on the ring (--local-k-min, --local-k-max, else the ring's
// full width at half height) are taken. Throws input_error where there are fewer than least_time_frames frames, or
// where one position exceeds the memory limit. Pure.
[[nodiscard]] RelaxationPlan plan_relaxation(const scan::ScanDescription& scan, const AreaGeometry& geometry,
                                             const PolarGrid& k_grid, int rank, int ranks,
                                             const AnalysisSettings& settings);

// Throws input_error as plan_relaxation does. The same bits on any number of ranks. Collective.
[[nodiscard]] RelaxationResult analyse_relaxation(const Communicator& communicator, const scan::ScanReader& series,
                                                  const AreaGeometry& geometry, const PolarGrid& k_grid,
                                                  const AnalysisSettings& settings, const Log& log,
                                                  PhaseTimers& timers);

[[nodiscard]] const char* state_name(RelaxationState state) noexcept;

// The determined relaxation times as a map that is correlated with the others. Pure.
[[nodiscard]] LocalMap relaxation_time_map(const RelaxationResult& result);

}  // namespace mesoglass::diffraction
