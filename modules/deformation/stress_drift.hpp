// Bounds on how far the stress in every part of the sample has moved since it was last known exactly.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/distribution.hpp"
#include "core/voxel_grid.hpp"
#include "elasticity/stress_kernel.hpp"

namespace mesoglass::deformation {

using VoxelPlace = std::array<std::int64_t, 3>;  // x, y, z

// The sample is cut into bricks of a few voxels an axis. A transformation changes the stress of the voxels near it, in
// its window |dx|, |dy|, |dz| <= window(), by an amount that the engine adds at once. Of every brick this class keeps
//   drift  a bound on how far the stress of any voxel of the brick has moved by transformations outside whose window it
//          lay, since reset();
//   path   a bound on how far it has moved by all transformations and by changes of the mean stress, since reset().
// Both are the same for a brick on every rank that holds a part of it. The effect of a strain e at a distance (dx, dy,
// dz) or farther is bounded by |e| times the largest Frobenius norm of the kernel there, from a table over one octant.
class StressDrift {
 public:
  // Not collective.
  StressDrift(const VoxelGrid& grid, const elasticity::StressKernel& kernel, Range own_slabs, std::int64_t window,
              std::int64_t brick_edge);

  [[nodiscard]] bool in_window(const VoxelPlace& source, const VoxelPlace& target) const noexcept {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      std::int64_t distance = source[axis] > target[axis] ? source[axis] - target[axis] : target[axis] - source[axis];
      distance = distance < counts_[axis] - distance ? distance : counts_[axis] - distance;
      if (distance > window_) return false;
    }
    return true;
  }
  [[nodiscard]] std::int64_t window() const noexcept { return window_; }

  // A transformation with strain norm `strain_norm` at `source`; a change of the mean stress by `change_gpa`.
  void add_transformation(const VoxelPlace& source, double strain_norm) noexcept;
  void add_uniform(double change_gpa) noexcept { uniform_path_ += change_gpa; }
  void reset() noexcept;
  void make_all_due() noexcept { std::fill(due_at_.begin(), due_at_.end(), 0.0); }

  // This rank's bricks, also those of which it holds only a part.
  [[nodiscard]] std::size_t brick_count() const noexcept { return drift_.size(); }
  [[nodiscard]] std::size_t brick_of(const VoxelPlace& place) const noexcept;
  [[nodiscard]] float drift(std::size_t brick) const noexcept { return drift_[brick]; }
  [[nodiscard]] double path(std::size_t brick) const noexcept {
    return static_cast<double>(path_[brick]) + uniform_path_;
  }
  // Whether the brick's path has used up the slack given to it; always so after reset().
  [[nodiscard]] bool due(std::size_t brick) const noexcept { return path(brick) >= due_at_[brick]; }
  // No voxel of the brick needs a look before its stress has moved by `slack_gpa` more.
  void set_slack(std::size_t brick, double slack_gpa) noexcept;
  // One of its voxels needs a look before that.
  void limit_slack(std::size_t brick, double slack_gpa) noexcept;
  // Calls visit(first voxel's index in the grid, number of voxels along x) for the rows of this rank's part of a brick.
  template <typename Visit>
  void for_each_row(std::size_t brick, Visit&& visit) const;

  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  VoxelGrid grid_;
  std::array<std::int64_t, 3> counts_;  // voxels
  std::array<std::int64_t, 3> edge_;    // voxels of a brick
  std::array<std::int64_t, 3> bricks_;  // along each axis
  std::array<Range, 3> own_;            // bricks of this rank
  Range own_slabs_;
  std::size_t slab_axis_;
  std::int64_t window_;
  std::array<std::int64_t, 3> half_;  // entries of the tables along each axis: distances 0 to n / 2
  std::vector<float> beyond_;         // largest kernel norm (GPa) at these distances or farther, [dz][dy][dx]
  std::vector<float> beyond_window_;  // the same of the offsets outside the window
  std::vector<float> drift_;          // GPa
  std::vector<float> path_;
  std::vector<double> due_at_;
  double uniform_path_ = 0.0;
  std::array<std::vector<std::int32_t>, 3> gaps_;  // of the transformation at hand to each own brick, axis by axis
};

template <typename Visit>
void StressDrift::for_each_row(std::size_t brick, Visit&& visit) const {
  const auto index = static_cast<std::int64_t>(brick);
  const std::array<std::int64_t, 3> at = {index % own_[0].size() + own_[0].begin,
                                          index / own_[0].size() % own_[1].size() + own_[1].begin,
                                          index / (own_[0].size() * own_[1].size()) + own_[2].begin};
  std::array<Range, 3> voxels;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    voxels[axis] = {at[axis] * edge_[axis], std::min((at[axis] + 1) * edge_[axis], counts_[axis])};
  }
  voxels[slab_axis_].begin = std::max(voxels[slab_axis_].begin, own_slabs_.begin);
  voxels[slab_axis_].end = std::min(voxels[slab_axis_].end, own_slabs_.end);
  for (std::int64_t z = voxels[2].begin; z < voxels[2].end; ++z) {
    for (std::int64_t y = voxels[1].begin; y < voxels[1].end; ++y) {
      visit(grid_.index(voxels[0].begin, y, z), voxels[0].size());
    }
  }
}

}  // namespace mesoglass::deformation
