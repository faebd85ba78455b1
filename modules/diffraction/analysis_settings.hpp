// What the user decides about an analysis, in the project's units.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diffraction/pattern_geometry.hpp"

namespace mesoglass::diffraction {

enum class CentreSource {
  plane,    // the plane through the discs' centres of mass, moved so that the ring is centred
  pattern,  // every pattern's own disc, moved by the same amount
};

struct AnalysisSettings {
  // Geometry.
  CentreSource centre_source = CentreSource::plane;
  std::optional<Point> centre;     // for every pattern, instead of measuring it
  std::optional<Ellipse> ellipse;  // instead of measuring it
  bool fit_ring = true;
  std::optional<double> ring_radius_px;  // where to look for the ring
  std::optional<double> disc_radius_px;  // aperture of the unscattered disc
  std::string mask;                      // source of a pixel mask, empty = none
  bool find_bad_pixels = true;

  // Polar coordinates; k in nm^-1, or pixels without calibration.
  std::optional<double> k_low, k_high;
  int k_bins = 0;  // 0 = one a pixel
  int angles = 126;

  // Thickness.
  double transmittance_min = 0.6;
  bool transmittance_min_given = false;    // by the user: then it is never set aside
  std::optional<double> vacuum_intensity;  // disc without specimen, detector units
  std::optional<double> mean_free_path_nm;
  std::optional<double> thickness_low_nm, thickness_high_nm;
  int thickness_bins = 4;
  bool sizes_by_thickness = false;  // also sizes and area fractions in every bin

  // Descriptors.
  int order_limit = 12;
  double correlation_range_nm = 4.0;  // 4 nm; in scan steps where no step is known
  double probe_fwhm_nm = 0.0;
  double false_positives = 0.005;
  double peak_significance = 2.0;
  int example_maps = 4;

  // Local maps; k as above.
  bool local_maps = true;
  std::optional<double> local_k_low, local_k_high;  // instead of the ring's width
  double bragg_ratio = 5.0;

  // Time series.
  std::optional<double> relaxation_stretching;  // instead of fitting it
  double relaxation_significance = 4.0;         // that a decay needs to be one

  bool preview = false;
  double memory_limit_bytes = 1024.0 * 1024.0 * 1024.0;
};

}  // namespace mesoglass::diffraction
