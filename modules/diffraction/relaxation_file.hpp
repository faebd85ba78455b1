// The part of mro.h5 that a time series adds (docs/formats.md).
#pragma once

#include <string>

#include "diffraction/emd_arrays.hpp"
#include "diffraction/sample_result.hpp"

namespace mesoglass::diffraction {

// Both collective; every rank passes the same result; nothing is written without a time series. `length` is the unit of
// the scan's axes.
void write_relaxation(Hdf5File& file, const std::string& area_group, const AreaResult& area, const std::string& length);
void write_sample_relaxation(Hdf5File& file, const std::string& sample_group, const SampleResult& sample);

}  // namespace mesoglass::diffraction
