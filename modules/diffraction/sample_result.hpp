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

// Structure factor and what follows from it; empty where none was asked for.
struct PairDistributionCurves {
  Curve structure_factor, reduced;  // a bin of k
  Curve distribution;               // a distance
  Curve peak;                       // one value: the mean of the areas' distances at which G(r) is highest
};

// One bin of thickness over all areas.
struct ThicknessBinCurves {
  double patterns = 0.0;
  double mean_transmittance = 0.0;
  Curve order, odd_even_quality, radial_intensity, variance_between, variance_within, size, area_fraction, power;
  PairDistributionCurves pair_distribution;
};

// A correlation between two local maps over the areas: Fisher's z of each, weighted by its independent places less 3.
struct PooledCorrelations {
  std::vector<std::string> names;
  // (maps, maps): r, its standard error (from the independent places, or from the scatter between areas where that is
  // larger and there are at least three), that scatter alone (NaN for one area), and the independent places of all.
  std::vector<double> correlation, error, area_scatter, independent;
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
  Curve variance_between, variance_within;
  // Standard deviation between areas of single areas' values; NaN with fewer than two.
  std::vector<double> size_scatter, area_fraction_scatter, order_scatter;
  std::vector<ThicknessBinCurves> by_thickness;
  PairDistributionCurves pair_distribution;
  PooledCorrelations correlations;
  std::vector<SeparatedType> separated;  // seen in areas with more than half of the kept patterns
  // Of time series, else empty: mean g2 at every lag, its fit, and tau, beta, A of the fit.
  Curve g2, g2_fit, relaxation;
  std::vector<MroType> types;

  [[nodiscard]] std::vector<double> k() const { return k_range.values(); }
};

// Averages areas, each weighted by its kept patterns. Standard errors: from those of the areas, or from the scatter
// between areas where that is larger and there are at least three. NaN values take no part. Pure.
[[nodiscard]] SampleResult average_areas(std::vector<AreaResult> areas, const KRange& k_range,
                                         double peak_significance);

}  // namespace mesoglass::diffraction
