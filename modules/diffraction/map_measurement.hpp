// What the maps of all ranks tell, and what is taken off it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "diffraction/area_analysis.hpp"
#include "diffraction/k_covariance.hpp"
#include "diffraction/map_descriptors.hpp"
#include "diffraction/type_maps.hpp"

namespace mesoglass::diffraction {

// What all ranks' maps of one round of MapStack::exchange tell, a bin each. Collective.
[[nodiscard]] std::vector<MapDescriptors> describe_all(const Communicator& communicator, std::span<const BinMaps> here,
                                                       MapDescriber& describer, const AnalysisSettings& settings,
                                                       MapDetail detail);

// The kinds of MRO that the covariance, reduced, shows into result.kinds. Where their profiles over k are found and
// differ, also into result.separated, and how their maps are made; else nothing. `expected` is what the covariance is
// relative to.
[[nodiscard]] TypesUnmixing separate_types(const KRange& k_range, const KCovariance& covariance,
                                           std::span<const double> expected, AreaResult& result);

// Makes the maps of the kinds told apart, once all bands are added, and puts their area fractions
// and sizes (in scan steps) into result.separated. Collective.
void describe_separated(const Communicator& communicator, TypeMaps& maps, std::span<const Range> row_ranges,
                        MapDescriber& describer, const AnalysisSettings& settings, AreaResult& result);

// Takes off what interpolation between pixels adds to the area of the speckles: of every k, and of the kinds told apart
// in `result`, its bins of thickness included. Pure but for `result`.
void narrow_area_fractions(const KRange& k_range, AreaResult& result);

}  // namespace mesoglass::diffraction
