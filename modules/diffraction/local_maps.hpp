// The local maps of an area, made of what single patterns say (local_measures.hpp), with the physics' names and units.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "diffraction/analysis_settings.hpp"
#include "diffraction/local_measures.hpp"
#include "diffraction/map_correlation.hpp"
#include "diffraction/survey.hpp"

namespace mesoglass::diffraction {

// Where local measures are taken: at the ring of the survey, or where the settings say. `shares` is the mean pattern's
// profile over the grid's bins. Pure.
[[nodiscard]] LocalWindow choose_local_window(const AreaGeometry& geometry, const PolarGrid& grid,
                                              const AnalysisSettings& settings, double k_per_pixel,
                                              const std::vector<double>& shares);

// thickness (t / lambda, or nm with a mean free path) comes first; then density, order, c_2, c_4, ..., ring variance,
// dilatation, shear, its components, and the Bragg ratio. NaN where the pattern was not kept. Collective.
[[nodiscard]] std::vector<LocalMap> local_maps_of(const Communicator& communicator, const LocalMeasures& measures,
                                                  std::span<const double> transmittance,
                                                  std::span<const std::uint8_t> kept, const AnalysisSettings& settings);

// Adds a map that the user measured otherwise (modulus, relaxation time, ...): FILE.h5:/dataset of the scan's shape.
// Throws input_error on every rank. Collective.
void add_user_map(const Communicator& communicator, const std::string& name, const std::string& source, std::int64_t ny,
                  std::int64_t nx, std::vector<LocalMap>& maps);

// Positions whose highest polar value exceeds `ratio` times its ring's mean: Bragg discs of crystallites.
[[nodiscard]] std::int64_t crystalline_positions(const std::vector<LocalMap>& maps, double ratio);

}  // namespace mesoglass::diffraction
