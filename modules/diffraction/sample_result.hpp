// A sample: its areas and their average.
#pragma once

#include <string>
#include <vector>

#include "diffraction/area_analysis.hpp"
#include "diffraction/mro_types.hpp"

namespace mesoglass::diffraction {

// A descriptor of every k (or n, k) with its standard error.
struct Curve {
  std::vector<double> value;
  std::vector<double> error;
};

struct SampleResult {
  KRange k_range;
  int angles = 126;
  bool k_known = false;          // nm^-1, else pixels
  bool scan_step_known = false;  // nm, else scan steps
  std::vector<AreaResult> areas;
  Curve size, size_diameter, area_fraction, order, odd_even_quality, radial_intensity;
  Curve power;  // (orders, bins)
  std::vector<double> power_variance;
  std::vector<MroType> types;

  [[nodiscard]] std::vector<double> k() const;
};

// Averages areas, each weighted by its kept patterns. Standard errors: from those of the areas, or from the scatter
// between areas where that is larger and there are at least three. NaN values take no part. Pure.
[[nodiscard]] SampleResult average_areas(std::vector<AreaResult> areas, const KRange& k_range,
                                         double peak_significance);

}  // namespace mesoglass::diffraction
