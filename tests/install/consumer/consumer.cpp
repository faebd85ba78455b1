#include <fmt/format.h>

#include "core/units.hpp"

int main() {
  fmt::print("{:.5f}\n", mesoglass::units::ev_per_gpa_nm3);
}
