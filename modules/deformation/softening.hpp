// How a voxel softens by its own transformations: Q_m = Q0_m exp(-d_m s g), g = g_perm + g_temp exp(-age / tau).
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "core/units.hpp"
#include "deformation/deformation_parameters.hpp"

namespace mesoglass::deformation {

// Time constant of temporary softening in s: 1 / (nu0 exp(-recovery barrier / kT)); 1.6e-7 s at 300 K with 1e13 /s.
[[nodiscard]] inline double recovery_time_s(const KineticParameters& kinetics) noexcept {
  return std::exp(kinetics.recovery_barrier_ev / (units::boltzmann_ev_per_k * kinetics.temperature_k)) /
         kinetics.attempt_rate_per_s;
}

// After this many time constants temporary softening is zero: exp(-50) = 2e-22 changes no barrier in double precision.
inline constexpr double recovery_times_until_forgotten = 50.0;

// The directional factor d_m of a mode: components of the mode's and of the voxel's last strain in an orthonormal
// basis. A voxel that has never transformed has no last strain: its factor does not matter, since g is zero. Pure.
[[nodiscard]] inline double directional_factor(DirectionalSoftening law, std::span<const double> mode,
                                               std::span<const double> last) noexcept {
  if (law == DirectionalSoftening::isotropic) return 1.0;
  double product = 0.0;
  double mode_square = 0.0;
  double last_square = 0.0;
  for (std::size_t component = 0; component < mode.size(); ++component) {
    product += mode[component] * last[component];
    mode_square += mode[component] * mode[component];
    last_square += last[component] * last[component];
  }
  if (!(mode_square > 0.0 && last_square > 0.0)) return 1.0;
  const double cosine = std::clamp(product / std::sqrt(mode_square * last_square), -1.0, 1.0);
  const double linear = 0.5 * (1.0 + cosine);
  return law == DirectionalSoftening::linear ? linear : linear * linear;
}

// The permanent softening after one more transformation whose strain has e:e = `strain_square`. Pure.
[[nodiscard]] inline double permanent_softening_after(const KineticParameters& kinetics, double before,
                                                      double strain_square) noexcept {
  return std::min(before + kinetics.permanent_softening * strain_square, kinetics.softening_cap);
}

}  // namespace mesoglass::deformation
