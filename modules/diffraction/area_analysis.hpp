// One area (one scan): the pass over its patterns and the maps, and what they give.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "core/logging.hpp"
#include "core/phase_timers.hpp"
#include "diffraction/analysis_plan.hpp"
#include "diffraction/analysis_settings.hpp"
#include "diffraction/map_correlation.hpp"
#include "diffraction/mro_types.hpp"
#include "diffraction/pair_distribution.hpp"
#include "diffraction/pattern_judge.hpp"
#include "diffraction/pattern_statistics.hpp"
#include "diffraction/polar_sampling.hpp"
#include "diffraction/relaxation_map.hpp"
#include "diffraction/survey.hpp"
#include "diffraction/thickness_bins.hpp"
#include "diffraction/type_profiles.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::diffraction {

// The pass over the patterns, all its bands, of the slowest rank.
struct ReadingRecord {
  double seconds = 0.0;
  double waited_s = 0.0;     // for the disk
  double bytes = 0.0;        // read by all ranks
  double processor_s = 0.0;  // of all ranks, the reading threads' included: what the clock shows on an idle machine
  double maps_processor_s = 0.0;  // of all ranks in the maps
};

struct ExampleMap {
  int bin = 0;
  int angle = 0;
  std::vector<float> relative;  // (scan_y, scan_x), NaN where missing
};

// What the patterns of one bin of thickness say.
struct ThicknessBinResult {
  double patterns = 0.0;
  double mean_transmittance = 0.0;
  PatternAverages averages;
  // As in AreaResult, on request; else NaN.
  std::vector<double> size, size_error, area_fraction, area_fraction_error;
  PairDistribution pair_distribution;
};

struct AreaResult {
  std::string name;  // the file's
  AreaGeometry geometry;
  PatternCounts counts;
  ReadingRecord reading;
  PolarGrid grid;
  PatternAverages averages;
  std::int64_t scan_ny = 0, scan_nx = 0;
  double scan_step_nm = 1.0;  // 1 where unknown
  bool scan_step_known = false;
  double k_per_pixel = 1.0;  // 1 where unknown
  bool k_known = false;
  std::vector<double> size, size_error;  // nm (or scan steps), a bin; NaN where not found
  std::vector<double> size_diameter;     // of spheres that give this size; NaN where not found
  std::vector<double> area_fraction, area_fraction_error;
  std::vector<SeparatedType> separated;                  // by k; empty where none has a clear profile
  std::vector<WideKind> kinds;                           // by k, also a single one; empty where no profiles fit
  std::vector<double> map_variance, map_noise_variance;  // relative, a bin
  // The other estimators, a bin: nm (or scan steps) with the probe removed in quadrature, and of the null model.
  std::vector<double> region_diameter, region_diameter_error, null_region_diameter;
  std::vector<double> fit_width, fit_width_error, null_fit_width;
  std::vector<double> share_above, null_share;    // of the smoothed maps above the threshold
  std::vector<double> region_diameter_histogram;  // (bin, diameter_bins) regions
  std::vector<double> transmittance;              // (scan_y, scan_x), NaN where not measured
  std::vector<double> centre_x_px, centre_y_px;   // of the disc, (scan_y, scan_x)
  std::vector<double> mean_pattern;               // (ky, kx) of the kept patterns, detector units
  std::vector<ExampleMap> example_maps;
  ThicknessBins thickness_bins;
  std::vector<ThicknessBinResult> by_thickness;  // one a bin
  double local_k_low = 0.0, local_k_high = 0.0;  // that the local maps of symmetry were averaged over
  std::vector<LocalMap> local_maps;              // none in a preview
  MapRelations relations;                        // between the local maps
  PairDistribution pair_distribution;            // with a composition and a k calibration
  std::optional<RelaxationResult> relaxation;    // of a time series; none in a preview
  std::vector<std::string> warnings;
};

// Runs over the area. Its local maps are made, their relations are not. Collective.
[[nodiscard]] AreaResult analyse_area(const Communicator& communicator, const scan::ScanReader& reader,
                                      const AreaGeometry& geometry, const KRange& k_range,
                                      const ThicknessBins& thickness_bins, const AnalysisSettings& settings,
                                      const Log& log, PhaseTimers& timers);

// Of a time series: its relaxation (none in a preview), and the mean over its frames analysed as a scan, with the
// relaxation times as one more local map. Collective.
[[nodiscard]] AreaResult analyse_time_series(const Communicator& communicator, const scan::ScanReader& series,
                                             AreaGeometry geometry, const KRange& k_range,
                                             const ThicknessBins& thickness_bins, const AnalysisSettings& settings,
                                             const Log& log, PhaseTimers& timers);

}  // namespace mesoglass::diffraction
