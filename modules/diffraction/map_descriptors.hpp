// Speckle size and area fraction of the maps of one k.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "diffraction/map_autocorrelation.hpp"
#include "diffraction/map_stack.hpp"

namespace mesoglass::diffraction {

struct MapDescriptors {
  double size = 0.0;  // FWHM of the autocorrelation / sqrt 2, scan steps; NaN where not found
  double size_error = 0.0;
  double area_fraction = 0.0;
  double area_fraction_error = 0.0;
  double variance = 0.0;  // of the relative intensity, noise removed
  double noise_variance = 0.0;
};

// Angles fall into groups of neighbours together with their Friedel opposites: what one group sees is nearly
// independent of the others, and the errors come from leaving out one group at a time.
inline constexpr int angle_groups = 9;
[[nodiscard]] inline int angle_group(int angle, int angles) noexcept {
  const int half = angles / 2;
  return (angle % half) * angle_groups / half;
}

// Measures the maps of a bin. `correlation` has the maps' shape, the kept positions and angle_groups groups.
[[nodiscard]] MapDescriptors describe_maps(const BinMaps& maps, MapAutocorrelation& correlation, double most_false);

}  // namespace mesoglass::diffraction
