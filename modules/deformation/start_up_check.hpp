// Parameters that cannot work, named before anything is computed.
#pragma once

#include <string>
#include <vector>

#include "catalog/stz_catalog.hpp"
#include "deformation/deformation_parameters.hpp"

namespace mesoglass::deformation {

// How close a parameter set is to endless avalanches. The barrier lets a transformation happen as soon as half its work
// reaches the barrier, so a zone whose barrier has just vanished gets the work 2 Q. Where it stores more elastic energy
// than that (chi > 1), its transformations take energy from the surroundings that nobody put in, and feed each other.
struct EnergyPumping {
  std::string type;                  // the kind of zone for which chi is largest
  double self_energy_ev = 0.0;       // <E_self> = -(V/2) <e:K(0):e> of a transformation, K the elements' own kernel
  double barrier_ev = 0.0;           // <Q0>
  double softened_barrier_ev = 0.0;  // <Q0> exp(-s (g_cap + k_t <e:e>))
  double chi = 0.0;                  // self_energy / (2 softened_barrier)
};
[[nodiscard]] EnergyPumping judge_energy_pumping(const DeformationParameters& parameters,
                                                 const catalog::Catalog& glass);

// Above these, warned of and refused (unless the energy guard is on). What was seen is in docs/theory-deformation.md.
inline constexpr double doubtful_chi = 1.0;
inline constexpr double impossible_chi = 2.0;

// Warnings to tell the user. Throws InputError with the reason where the parameters cannot work. Not collective (every
// rank comes to the same verdict).
[[nodiscard]] std::vector<std::string> check_parameters(const DeformationParameters& parameters,
                                                        const catalog::Catalog& glass);

}  // namespace mesoglass::deformation
