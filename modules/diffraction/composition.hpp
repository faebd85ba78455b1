// What an alloy is made of.
#pragma once

#include <string>
#include <vector>

namespace mesoglass::diffraction {

struct Composition {
  struct Part {
    int atomic_number = 0;
    double fraction = 0.0;  // of the atoms; all parts sum to 1
  };
  std::vector<Part> parts;  // one an element, in the order given
  std::string text;         // as typed
};

// "Zr45Cu50Al5", "Cu64.5Zr35.5", "CuZr": symbols, each with its share of the atoms in any unit (1 where none stands).
// Spaces do not count; an element that is named twice has the sum. Throws input_error naming what is wrong and
// `option`. Pure.
[[nodiscard]] Composition parse_composition(const std::string& typed, const std::string& option);

}  // namespace mesoglass::diffraction
