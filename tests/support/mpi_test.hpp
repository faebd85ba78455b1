// GoogleTest under MPI: every rank runs every test; rank 0 prints; a failure on any rank fails the program.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/communicator.hpp"

namespace mesoglass::test {

// All ranks of this test executable.
[[nodiscard]] const Communicator& communicator();

// An empty folder of the running test's own, shared by all ranks, removed with the executable's scratch folder at the
// end. Collective.
[[nodiscard]] std::filesystem::path scratch_folder();

// Folder of other projects' sample files, or empty where it is absent (then GTEST_SKIP with a message).
[[nodiscard]] std::filesystem::path shared_data_folder();

// The root of the source tree (for shipped inputs).
[[nodiscard]] std::filesystem::path source_folder();

}  // namespace mesoglass::test
