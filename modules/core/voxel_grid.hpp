// The periodic voxel grid that catalog, elasticity and deformation share.
#pragma once

#include <array>
#include <cstdint>

#include "core/distribution.hpp"

namespace mesoglass {

// nz = 1 is the two-dimensional case (one voxel thick, x-y plane). Arrays over the grid are (nz, ny, nx), x fastest:
// index = (z * ny + y) * nx + x. Distributed arrays are cut into slabs of the slowest axis with more than one voxel
// (z in 3-D, y in 2-D).
struct VoxelGrid {
  std::int64_t nx = 1;
  std::int64_t ny = 1;
  std::int64_t nz = 1;
  std::array<double, 3> voxel_size_nm = {1.0, 1.0, 1.0};  // x, y, z

  [[nodiscard]] int dimensions() const noexcept { return nz == 1 ? 2 : 3; }
  [[nodiscard]] std::int64_t voxel_count() const noexcept { return nx * ny * nz; }
  [[nodiscard]] double voxel_volume_nm3() const noexcept {
    return voxel_size_nm[0] * voxel_size_nm[1] * voxel_size_nm[2];
  }
  [[nodiscard]] std::int64_t index(std::int64_t x, std::int64_t y, std::int64_t z) const noexcept {
    return (z * ny + y) * nx + x;
  }
  [[nodiscard]] std::array<std::int64_t, 3> coordinates(std::int64_t index) const noexcept {
    return {index % nx, (index / nx) % ny, index / (nx * ny)};
  }
  // Number of slabs (nz in 3-D, ny in 2-D) and voxels in one.
  [[nodiscard]] std::int64_t slab_count() const noexcept { return dimensions() == 3 ? nz : ny; }
  [[nodiscard]] std::int64_t voxels_per_slab() const noexcept { return voxel_count() / slab_count(); }
  // This rank's slabs.
  [[nodiscard]] Range slabs_of(int rank, int size) const noexcept { return block_of(slab_count(), rank, size); }
  // This rank's voxels: contiguous in index.
  [[nodiscard]] Range voxels_of(int rank, int size) const noexcept {
    const Range slabs = slabs_of(rank, size);
    return {slabs.begin * voxels_per_slab(), slabs.end * voxels_per_slab()};
  }

  // Throws InputError unless counts are 1 to 2^31 - 1 in all (PETSc's index) and sizes are finite and positive.
  void validate() const;
};

}  // namespace mesoglass
