#include "deformation/connected_free_volume.hpp"

namespace mesoglass::deformation {

namespace {

// How often a voxel's copy of the cluster lies beyond the periodic boundary, seen from the cluster's first voxel.
using Image = std::array<std::int16_t, 3>;

struct ClusterWalk {
  const VoxelGrid& grid;
  std::span<const std::uint8_t> carries;
  std::vector<std::int32_t> label;  // 0 = not visited
  std::vector<Image> image;
  std::vector<std::int64_t> members;  // of the cluster being walked, in the order found
  std::array<bool, 3> percolates{};

  void visit(std::int64_t voxel, const Image& from, std::int32_t name) {
    label[static_cast<std::size_t>(voxel)] = name;
    image[static_cast<std::size_t>(voxel)] = from;
    members.push_back(voxel);
  }

  void walk(std::int64_t first, std::int32_t name) {
    members.clear();
    percolates = {};
    visit(first, {0, 0, 0}, name);
    const std::array<std::int64_t, 3> extent = {grid.nx, grid.ny, grid.nz};
    for (std::size_t next = 0; next < members.size(); ++next) {
      const std::int64_t voxel = members[next];
      const auto position = grid.coordinates(voxel);
      for (std::size_t axis = 0; axis < 3; ++axis) {
        if (extent[axis] == 1) continue;
        for (const int step : {-1, 1}) {
          auto neighbour = position;
          Image beyond = image[static_cast<std::size_t>(voxel)];
          neighbour[axis] += step;
          if (neighbour[axis] < 0 || neighbour[axis] == extent[axis]) {
            neighbour[axis] -= step * extent[axis];
            beyond[axis] = static_cast<std::int16_t>(beyond[axis] + step);
          }
          const std::int64_t other = grid.index(neighbour[0], neighbour[1], neighbour[2]);
          const auto o = static_cast<std::size_t>(other);
          if (carries[o] == 0) continue;
          if (label[o] == 0) {
            visit(other, beyond, name);
            continue;
          }
          // Reached again by another way around: where the two ways differ by whole cells, the cluster is endless.
          for (std::size_t a = 0; a < 3; ++a) percolates[a] = percolates[a] || image[o][a] != beyond[a];
        }
      }
    }
  }
};

}  // namespace

FreeVolumeClusters find_clusters(const VoxelGrid& grid, std::span<const std::uint8_t> carries) {
  const auto count = static_cast<std::size_t>(grid.voxel_count());
  ClusterWalk walk{grid, carries, std::vector<std::int32_t>(count, 0), std::vector<Image>(count), {}, {}};
  FreeVolumeClusters result;
  result.largest.assign(count, 0);
  std::vector<std::int64_t> largest;
  std::int32_t name = 0;
  for (std::int64_t voxel = 0; voxel < grid.voxel_count(); ++voxel) {
    const auto v = static_cast<std::size_t>(voxel);
    if (carries[v] == 0 || walk.label[v] != 0) continue;
    walk.walk(voxel, ++name);
    ++result.count;
    const auto size = static_cast<std::int64_t>(walk.members.size());
    if (size <= result.largest_voxels) continue;
    result.largest_voxels = size;
    result.percolates = walk.percolates;
    largest = walk.members;
  }
  for (const std::int64_t voxel : largest) result.largest[static_cast<std::size_t>(voxel)] = 1;
  return result;
}

}  // namespace mesoglass::deformation
