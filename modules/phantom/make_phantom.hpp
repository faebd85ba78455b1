// mg-phantom's work from the options to the files on disk.
#pragma once

#include "core/program.hpp"

namespace mesoglass::phantom {

[[nodiscard]] ProgramInformation phantom_information();

// Plants the domains, renders and counts every pattern, writes the scan and its truth. Collective.
void make_phantom(Run& run);

}  // namespace mesoglass::phantom
