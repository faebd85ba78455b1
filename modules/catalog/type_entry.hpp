// "--type" entries: a kind of MRO in one line of text.
#pragma once

#include <string>

#include "catalog/glass_recipe.hpp"

namespace mesoglass::catalog {

// "NAME: key=value, key=value ...", for example
//   "strongly ordered: modes=2, amplitude=0.8, softening=0.01, fraction=0.1, diameter=2.8, spread=0.4, minimum=1"
// Keys: modes, amplitude, softening (all three needed), fraction, diameter, spread, minimum (nm), barrier-law (normal
// or uniform), barrier-mean (eV), barrier-spread, young-modulus (GPa), poisson-ratio, gamma0. Keys that are not given
// keep the values of `defaults`. Throws InputError that quotes the entry.
[[nodiscard]] MroPopulation parse_type_entry(const std::string& entry, const MroPopulation& defaults);

}  // namespace mesoglass::catalog
