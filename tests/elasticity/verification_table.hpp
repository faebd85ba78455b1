// Figures of docs/verification-elasticity.md: tests print them, verification_page.py puts them into the page.
#pragma once

#include <fmt/format.h>

#include <iostream>
#include <string>
#include <utility>

#include "support/mpi_test.hpp"

namespace mesoglass::elasticity::test {

// One row of the page's table `table`: cells separated by " | ".
template <typename... Arguments>
void table_row(const char* table, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (!mesoglass::test::communicator().is_root()) return;
  std::cout << "verification " << table << ": | " << fmt::format(format, std::forward<Arguments>(arguments)...) << " |"
            << std::endl;
}

// Round-off differs from machine to machine: what is below the tolerance it is tested against is told as just that.
inline std::string below(double value, double tolerance) {
  return value < tolerance ? fmt::format("< {:.0e}", tolerance) : fmt::format("{:.1e}", value);
}

}  // namespace mesoglass::elasticity::test
