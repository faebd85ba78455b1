// From measured medium-range order (mro.h5) to shear transformation zones: the two rules of the Zr-MRO paper made
// numbers. Rule (i): the number of shear modes falls with the degree of order. Rule (ii): the softening that an
// activation brings falls with the degree of order.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "catalog/glass_recipe.hpp"

namespace mesoglass::catalog {

// A row of /mro/types.
struct MeasuredMro {
  double k_peak = 0.0;  // nm^-1
  double k_low = 0.0;
  double k_high = 0.0;
  double size_nm = 0.0;
  double size_error_nm = 0.0;
  double area_fraction = 0.0;
  double area_fraction_error = 0.0;
  double order = 0.0;
  double order_error = 0.0;
};

// Where a kind of MRO stands between the paper's two cases: 0 at `weak` (x = 0: 12 modes, A = 0.5, s = 0.9), 1 at
// `strong` (x = 1: 2 modes, A = 0.8, s = 0.01), on a logarithmic scale of the measured degree of order, and limited to
// [-0.25, 1]: below 'weak' towards the matrix (20 modes), above 'strong' as 'strong'.
struct OrderCalibration {
  double weak = 0.0;    // degree of order of x = 0, in the measurement's own unit
  double strong = 0.0;  // degree of order of x = 1
};
// What mg-analyze finds for the shipped phantoms of x = 0 and x = 1 (inputs/phantom-x0.cfg, phantom-x1.cfg).
inline constexpr OrderCalibration phantom_calibration = {0.003, 0.01};

// What the rules make of a degree of order. All monotone: `modes` and `softening` fall, `amplitude` rises with order.
//   t         = ln(order / weak) / ln(strong / weak), limited to [-0.25, 1]
//   modes     = 12 (2 / 12)^t, rounded to the nearest even number from 2 to 18
//   softening = 0.9 (0.01 / 0.9)^t, at most 1
//   amplitude = 0.5 + 0.3 t
// Throws InputError unless order > 0 and 0 < weak < strong, all finite. Pure.
[[nodiscard]] OrderedZone zone_for_order(double order, const OrderCalibration& calibration);

// How measured area fractions become volume fractions.
enum class FractionRule {
  total,  // they share the total fraction in proportion to their area fractions (the paper: 20 % in every glass)
  area,   // each is its area fraction times the factor
};

struct MeasurementRules {
  OrderCalibration calibration;
  double size_factor = 1.0;       // domain diameter = size_factor * measured size
  double relative_spread = 0.15;  // standard deviation of the diameter, relative to its mean
  FractionRule fraction_rule = FractionRule::total;
  double fraction = 0.2;  // `total`: of all MRO; `area`: factor on each area fraction
  double k_low = 0.0;     // only types with k_peak in [k_low, k_high] become zones
  double k_high = 1e9;
  SizeLaw size_law = SizeLaw::normal;  // of the diameters about size_factor * measured size
};

// Reads /mro/types. Rows whose size, area fraction or order is not a positive number are left out (they carry no zone).
// Throws InputError where the file is of another kind, damaged or without usable types. Collective.
[[nodiscard]] std::vector<MeasuredMro> read_measured_mro(const Communicator& communicator,
                                                         const std::filesystem::path& path);

// The degree of order of a reference glass: the mean over its types with k_peak in [k_low, k_high], weighted by area
// fraction. Throws InputError where there is none. Pure.
[[nodiscard]] double reference_order(const std::vector<MeasuredMro>& measured, double k_low, double k_high);

// The glass that the rules make of a measurement; types are named "MRO k = 4.30" and carry their source descriptors
// with their errors, and what these make of size, fraction, modes, amplitude and softening (first order in the errors
// of size and fraction; the rules at order -+ its error, since they are monotone). An error that is not known stays
// NaN. Throws InputError where nothing is left or a rule cannot work. Pure.
[[nodiscard]] GlassRecipe recipe_from_measurement(const std::vector<MeasuredMro>& measured,
                                                  const MeasurementRules& rules, const ParameterSet& set);

}  // namespace mesoglass::catalog
