// What the fast engine chooses for a sample: sizes of bricks, of the log and of caches, and the bounds it starts from.
// None of it changes what is sampled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "catalog/stz_catalog.hpp"
#include "core/voxel_grid.hpp"
#include "deformation/deformation_parameters.hpp"
#include "elasticity/isotropic_moduli.hpp"

namespace mesoglass::deformation {

// A bound is this many times the rate it was found from: looser bounds cost rejected candidates, tighter ones looks.
inline constexpr double bound_margin = 8.0;

// The bricks of far_field.hpp that the engine takes for a sample: edges of the smallest and how near (voxels) an
// event's stress is added at once. Pure.
struct BrickChoice {
  std::array<std::int64_t, 3> edge;
  std::int64_t nearest_gap;
};
[[nodiscard]] BrickChoice brick_choice(const VoxelGrid& grid) noexcept;

// Events between two transforms of the whole field. Pure.
[[nodiscard]] std::size_t log_limit(const VoxelGrid& grid) noexcept;

// Voxels whose modes the engine keeps at hand on a rank with `own_voxels`; the others' are drawn anew when needed.
// Pure.
[[nodiscard]] std::size_t mode_cache_places(std::size_t own_voxels) noexcept;

// Rate (1/s) that every voxel may be given for free: once within the time in which the test strains the sample by a
// transformation's own strain, or within a creep test. Pure.
[[nodiscard]] double least_bound_per_s(const DeformationParameters& parameters, const catalog::Catalog& glass) noexcept;

// No bound (1/s) is larger: all modes without a barrier, with the margin. Pure.
[[nodiscard]] double largest_bound_per_s(const DeformationParameters& parameters,
                                         const catalog::Catalog& glass) noexcept;

// The stress at which a voxel's bound was found is kept in 16 bits a component, as a multiple of this, which reaches
// half the shear modulus: beyond the stresses that voxels bear, since their barriers vanish before. The radius gives up
// what rounding or a stress beyond takes, so that bounds hold in any case. Pure.
[[nodiscard]] double bound_stress_unit_gpa(const elasticity::IsotropicModuli& moduli) noexcept;

}  // namespace mesoglass::deformation
