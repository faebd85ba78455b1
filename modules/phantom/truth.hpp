// What is known of a phantom because it was made: the numbers that an analysis must find again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/communicator.hpp"
#include "core/hdf5_file.hpp"
#include "phantom/domains.hpp"
#include "phantom/phantom_model.hpp"

namespace mesoglass::phantom {

// Directions in which dark-field maps are taken, as the analysis does by default.
inline constexpr int map_directions = 126;

// By type. For direction phi_m = 2 pi m / 126 a probe position r counts as covered where any domain of the type has
//   exp(-|r - r_d|^2 / (2 s_image^2)) * exp(-|k(phi_m) - g|^2 / (2 s_speckle^2)) * excitation >= 1/2
// for one of its speckles g, with |k| the type's: where the noise-free signal reaches half of what that domain would
// give at its middle, on its Bragg condition, in the middle of its speckle. The mean over all positions and
// directions. Each rank does its share of the directions; exact sums of integers. Collective.
[[nodiscard]] std::vector<double> realised_area_fraction(const Communicator& communicator, const PhantomModel& model,
                                                         const PlantedDomains& planted);

// By type: the full width at half maximum over sqrt 2, probe removed in quadrature, of the ideal autocorrelation of its
// dark-field maps: what a perfect estimator finds without noise. Larger domains count more, since they scatter more.
[[nodiscard]] std::vector<double> realised_speckle_size_nm(const PhantomModel& model, const PlantedDomains& planted);

// (ky, kx) of the pixels that are always 0, and of those that always show the same; no pixel is both.
struct BadPixels {
  std::vector<std::pair<std::int32_t, std::int32_t>> dead;
  std::vector<std::pair<std::int32_t, std::int32_t>> hot;
};
[[nodiscard]] BadPixels draw_bad_pixels(const PhantomModel& model);

// Everything of the truth file but provenance, into a new file. Collective.
void write_truth(Hdf5File& file, const PhantomModel& model, const PlantedDomains& planted, const BadPixels& bad_pixels,
                 const std::vector<double>& area_fraction);

}  // namespace mesoglass::phantom
