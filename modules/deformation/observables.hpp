// What is read off the voxels' state.
#pragma once

#include <cstdint>
#include <vector>

#include "core/communicator.hpp"
#include "core/voxel_grid.hpp"
#include "deformation/deformation_parameters.hpp"
#include "deformation/voxel_state.hpp"

namespace mesoglass::deformation {

// sqrt(2/3 e':e') of the plastic strain's deviatoric part e', for own voxel v. Pure.
[[nodiscard]] double von_mises_strain(const VoxelState& state, int dimensions, std::size_t voxel) noexcept;

// 1 where the own voxel carries excess free volume by the criterion. Pure.
[[nodiscard]] std::vector<std::uint8_t> free_volume_voxels(const VoxelState& state, int dimensions,
                                                           const ObservableParameters& observables,
                                                           double softening_cap);

// (sum w)^2 / (N sum w^2) with w the von Mises plastic strain of the N voxels: 1 where all voxels deform alike, 1/N
// where one does all; 1 for no strain at all. The same bits on any number of ranks. Collective.
[[nodiscard]] double participation_ratio(const Communicator& communicator, const VoxelGrid& grid,
                                         const VoxelState& state);

}  // namespace mesoglass::deformation
