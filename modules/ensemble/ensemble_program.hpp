// What mg-ensemble does, callable by tests.
#pragma once

#include <cstdint>
#include <string>

#include "core/option_table.hpp"
#include "core/program.hpp"

namespace mesoglass::ensemble {

// A slice "i/n" of an ensemble: the runs whose number leaves the remainder i when divided by n.
struct Slice {
  std::int64_t index = 0;
  std::int64_t count = 1;
  [[nodiscard]] bool whole() const noexcept { return count == 1; }
};
// Throws InputError. Pure.
[[nodiscard]] Slice parse_slice(const std::string& text);

[[nodiscard]] ProgramInformation ensemble_program_information();
[[nodiscard]] OptionTable ensemble_program_options();
// The body of mg-ensemble. Collective.
void run_ensemble_program(Run& run);

}  // namespace mesoglass::ensemble
