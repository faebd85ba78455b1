// mg-analyze as a library: its options and its body, callable by tests.
#pragma once

#include "core/option_table.hpp"
#include "core/program.hpp"
#include "diffraction/analysis_settings.hpp"

namespace mesoglass::diffraction {

[[nodiscard]] ProgramInformation analyze_information();
void add_analyze_options(OptionTable& table);
// Throws input_error for values that contradict each other.
[[nodiscard]] AnalysisSettings read_analysis_settings(const Options& options);
// The body of mg-analyze. Collective.
void run_analyze(Run& run);

}  // namespace mesoglass::diffraction
