// Structure factor and G(r) in mro.h5 (docs/formats.md).
#pragma once

#include <string>

#include "core/hdf5_file.hpp"
#include "diffraction/sample_result.hpp"

namespace mesoglass::diffraction {

// Of an area or of the sample, and of its bins of thickness, whose group must be there. Collective.
void write_pair_distribution(Hdf5File& file, const std::string& group, const AreaResult& area,
                             const PairDistributionMeter& meter);
void write_pair_distribution(Hdf5File& file, const std::string& group, const SampleResult& sample,
                             const PairDistributionMeter& meter);

}  // namespace mesoglass::diffraction
