// From the measured speckle size to the diameter of the domains that make such speckles.
#pragma once

#include <string>
#include <vector>

namespace mesoglass::diffraction {

// How a domain's brightness falls from its middle in a map.
enum class DomainProfile {
  gaussian,  // diameter = full width at half maximum
  sphere,    // brightness = thickness of a sphere of that diameter along the beam
  disc,      // uniform
};

[[nodiscard]] DomainProfile domain_profile_named(const std::string& name);

// FWHM of the autocorrelation over sqrt 2, the probe (a Gaussian of full width `probe_fwhm`) taken out in quadrature,
// of a domain of the given diameter: what speckle_size gives for many of them, in the same unit as the inputs. Computed
// by numerical convolution to better than 0.3 %. 0 where the probe hides the domain. Pure.
[[nodiscard]] double estimated_size(DomainProfile profile, double diameter, double probe_fwhm);

// The inverse: diameter for a measured size; NaN for sizes that are not positive. For a Gaussian it is the size itself.
[[nodiscard]] double calibrated_diameter(DomainProfile profile, double size, double probe_fwhm);

// calibrated_diameter of many sizes; NaN stays NaN. Interpolates in a table, so that a curve costs little.
[[nodiscard]] std::vector<double> calibrated_diameters(DomainProfile profile, const std::vector<double>& sizes,
                                                       double probe_fwhm);

}  // namespace mesoglass::diffraction
