// The largest connected cluster of voxels that carry excess free volume, on the periodic grid.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/voxel_grid.hpp"

namespace mesoglass::deformation {

struct FreeVolumeClusters {
  std::int64_t count = 0;  // of face-connected clusters
  std::int64_t largest_voxels = 0;
  // The largest cluster meets its own periodic image along x, y, z: it runs through the sample. Always false along an
  // axis of one voxel.
  std::array<bool, 3> percolates{};
  std::vector<std::uint8_t>
      largest;  // 1 in the voxels of the largest cluster (of equal ones, that of the lowest voxel)
};

// `carries` holds one value a voxel of the whole grid, 0 = no excess free volume. Pure.
[[nodiscard]] FreeVolumeClusters find_clusters(const VoxelGrid& grid, std::span<const std::uint8_t> carries);

}  // namespace mesoglass::deformation
