// Parameters that cannot work, named before anything is computed.
#pragma once

#include <string>
#include <vector>

#include "catalog/stz_catalog.hpp"
#include "deformation/deformation_parameters.hpp"

namespace mesoglass::deformation {

// How close a parameter set is to endless avalanches. The barrier lets a transformation happen as soon as half its work
// reaches the barrier, whatever elastic energy it costs; where a typical transformation stores more elastic energy
// than twice a fully softened barrier, transformations feed each other with energy that nobody put in.
struct EnergyPumping {
  double self_energy_ev = 0.0;       // <E_self> = V mu (1 - beta) gamma0^2 of a matrix transformation (Eshelby)
  double softened_barrier_ev = 0.0;  // <Q0> exp(-g_cap - k_t gamma0^2)
  double chi = 0.0;                  // self_energy / (2 softened_barrier)
};
[[nodiscard]] EnergyPumping judge_energy_pumping(const DeformationParameters& parameters,
                                                 const catalog::Catalog& glass);

// Above these, warned of and refused (unless the energy guard is on). 3-D runs with chi up to 1.0 ended all their
// avalanches, one with 1.9 did not (docs/theory-deformation.md).
inline constexpr double doubtful_chi = 0.7;
inline constexpr double impossible_chi = 1.5;

// Warnings to tell the user. Throws InputError with the reason where the parameters cannot work. Not collective (every
// rank comes to the same verdict).
[[nodiscard]] std::vector<std::string> check_parameters(const DeformationParameters& parameters,
                                                        const catalog::Catalog& glass);

}  // namespace mesoglass::deformation
