// What mg-deform does, callable by tests.
#pragma once

#include "core/option_table.hpp"
#include "core/program.hpp"

namespace mesoglass::deformation {

[[nodiscard]] ProgramInformation deformation_program_information();
[[nodiscard]] OptionTable deformation_program_options();
// The body of mg-deform. Collective.
void run_deformation_program(Run& run);

}  // namespace mesoglass::deformation
