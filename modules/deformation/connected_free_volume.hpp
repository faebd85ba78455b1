// Connected clusters of voxels that carry excess free volume, on the periodic grid.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/voxel_grid.hpp"

namespace mesoglass::deformation {

struct FreeVolumeClusters {
  std::int64_t count = 0;  // of face-connected clusters
  std::int64_t largest_voxels = 0;
  // Mean size in voxels of the cluster that a voxel with excess free volume is part of: sum s^2 / sum s; 0 for none.
  double mean_voxels = 0.0;
  // The largest cluster meets its own periodic image along x, y, z: it runs through the sample. Always false along an
  // axis of one voxel.
  std::array<bool, 3> percolates{};
  std::map<std::int64_t, std::int64_t> distribution;  // size in voxels -> number of clusters
  // Own voxels: 1 in those of the largest cluster (of equal ones, that with the lowest voxel).
  std::vector<std::uint8_t> largest;
};

// `carries` holds one value for each of this rank's voxels (grid.voxels_of), 0 = no excess free volume. Each rank joins
// its own voxels; clusters that reach a neighbour's slabs are then joined by all. Memory: 42 bytes an own voxel while
// it lasts, and 16 bytes a voxel of one slab a rank. The same on any number of ranks. Collective.
[[nodiscard]] FreeVolumeClusters find_clusters(const Communicator& communicator, const VoxelGrid& grid,
                                               std::span<const std::uint8_t> carries);

}  // namespace mesoglass::deformation
