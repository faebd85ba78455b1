// What mg-analyze says about structure factor and G(r).
#pragma once

#include <string>

#include "core/program.hpp"
#include "diffraction/sample_result.hpp"

namespace mesoglass::diffraction {

// What a small k_max does to G(r), or empty from 20 nm^-1 on. Pure.
[[nodiscard]] std::string resolution_warning(const PairDistributionMeter& meter);

// Its lines of the plan, with the warning. Not collective.
void tell_pair_distribution(Run& run, const PairDistributionMeter& meter);

// Why an area has none, where that is so. Not collective.
void warn_of_trouble(Run& run, const AreaResult& area);

// The headline numbers. Not collective.
void summarise_pair_distribution(Run& run, const SampleResult& sample, const PairDistributionMeter& meter);

}  // namespace mesoglass::diffraction
