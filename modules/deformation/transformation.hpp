// What a transformation does to the state of its voxel, and what it costs: the same for every engine.
#pragma once

#include <cstddef>

#include "core/communicator.hpp"
#include "core/voxel_grid.hpp"
#include "deformation/deformation_parameters.hpp"
#include "deformation/voxel_state.hpp"

namespace mesoglass::deformation {

// The transformation of own voxel `own_voxel` by one of its modes, whose strain stands in its block of modes
// (rate_kernel.hpp; rows of `padded` modes). Pure.
[[nodiscard]] Transformation transformation_of(const VoxelState& state, std::size_t own_voxel, std::size_t mode,
                                               double barrier_ev, const double* block, std::size_t padded) noexcept;

// Strains, permanent softening and generation of the voxel, which must be this rank's; not stress, not temporary
// softening. Returns e:e of the transformation. Not collective.
double change_voxel(VoxelState& state, const KineticParameters& kinetics, const Transformation& flip) noexcept;

// Stress fluctuation : e of the transformation (GPa) at its voxel, which must be this rank's. Pure.
[[nodiscard]] double fluctuation_work_gpa(const VoxelState& state, const Transformation& flip) noexcept;

// - V/2 sum of plastic strain : stress fluctuation over all voxels, in eV, with `half_work` = V/2 in eV a GPa; the same
// bits on any number of ranks. Collective.
[[nodiscard]] double fluctuation_energy_ev(const Communicator& communicator, const VoxelGrid& grid,
                                           const VoxelState& state, double half_work);

// As allocated on this rank. Pure.
[[nodiscard]] double memory_bytes(const VoxelState& state) noexcept;

}  // namespace mesoglass::deformation
