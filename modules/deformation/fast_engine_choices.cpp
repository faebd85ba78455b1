#include "deformation/fast_engine_choices.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "catalog/shear_modes.hpp"

namespace mesoglass::deformation {

namespace {

// All least bounds together make about as many candidates as there are events when the whole sample flows, which then
// are rejected; but nobody whose rate is below the least bound has to be looked at.
constexpr double least_bounds_an_event = 1.0;

// Chosen by time an event (docs/deformation.md). Bricks are longer along x, where voxels are neighbours in memory.
constexpr BrickChoice planar_bricks = {{8, 8, 1}, 32};
constexpr BrickChoice solid_bricks = {{8, 4, 4}, 12};

}  // namespace

BrickChoice brick_choice(const VoxelGrid& grid) noexcept {
  return grid.dimensions() == 2 ? planar_bricks : solid_bricks;
}

// A transform costs time in proportion to the number of voxels N, and replaying the log in proportion to its length:
// the best length grows as sqrt(N). In small samples the deviation of far fields, which grows as length / N, sets the
// limit. Not from a clock: the bits of a run depend on it.
std::size_t log_limit(const VoxelGrid& grid) noexcept {
  const bool planar = grid.dimensions() == 2;
  const double a_root = planar ? 2.0 : 3.0;
  const double voxels_an_event = planar ? 64.0 : 1200.0;
  constexpr double least = 64.0;
  const auto voxels = static_cast<double>(grid.voxel_count());
  return static_cast<std::size_t>(std::max(least, std::min(a_root * std::sqrt(voxels), voxels / voxels_an_event)));
}

std::size_t mode_cache_places(std::size_t own_voxels) noexcept {
  return std::clamp<std::size_t>(own_voxels / 48, 512, 65536);
}

double least_bound_per_s(const DeformationParameters& parameters, const catalog::Catalog& glass) noexcept {
  const auto& loading = parameters.loading;
  const double time_s =
      loading.kind == LoadingKind::creep ? loading.hold_time_s : glass.types.front().gamma0 / loading.strain_rate_per_s;
  return least_bounds_an_event / time_s;
}

double largest_bound_per_s(const DeformationParameters& parameters, const catalog::Catalog& glass) noexcept {
  const double volume = parameters.kinetics.rate_volume ? glass.grid.voxel_volume_nm3() : 1.0;
  return 2.0 * bound_margin * catalog::most_modes * parameters.kinetics.attempt_rate_per_s * volume;
}

double bound_stress_unit_gpa(const elasticity::IsotropicModuli& moduli) noexcept {
  return 0.5 * moduli.shear_gpa / static_cast<double>(std::numeric_limits<std::int16_t>::max());
}

}  // namespace mesoglass::deformation
