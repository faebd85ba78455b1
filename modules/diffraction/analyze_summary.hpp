// What mg-analyze says: about its inputs, its plan and its results.
#pragma once

#include <vector>

#include "core/program.hpp"
#include "diffraction/area_analysis.hpp"
#include "diffraction/sample_result.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::diffraction {

void tell_scan(Run& run, const scan::ScanDescription& scan);
void tell_geometry(Run& run, const scan::ScanDescription& scan, const AreaGeometry& geometry);
void tell_memory(Run& run, const scan::ScanDescription& scan, const PolarGrid& grid, const MemoryPlan& memory);

void tell_time_series(Run& run, const scan::ScanDescription& scan, const RelaxationPlan& plan);

// Throws input_error for what cannot be analysed together: areas with and without calibration, or of different times.
void check_scans(const std::vector<const scan::ScanDescription*>& scans);

// How fast the patterns went through, and how long the disk was waited for.
void tell_reading(Run& run, const AreaResult& area);

// The headline numbers; warns of patterns left out, and of crystals (see crystalline_positions). Not collective.
void summarise(Run& run, const SampleResult& sample, double bragg_ratio);

}  // namespace mesoglass::diffraction
