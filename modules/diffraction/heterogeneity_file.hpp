// The parts of mro.h5 beyond the sample's curves: bins of thickness, local maps and how they are related
// (docs/formats.md).
#pragma once

#include <string>

#include "diffraction/emd_arrays.hpp"
#include "diffraction/sample_result.hpp"

namespace mesoglass::diffraction {

// All collective; every rank passes the same result. `k`, `n` are the sample's axes, `length` the unit of sizes.
void write_thickness_bins(Hdf5File& file, const std::string& group, const AreaResult& area, const Axis& k,
                          const Axis& n, const std::string& length);
void write_local_maps(Hdf5File& file, const std::string& group, const AreaResult& area, const std::string& length);
void write_sample_heterogeneity(Hdf5File& file, const std::string& group, const SampleResult& sample);

}  // namespace mesoglass::diffraction
