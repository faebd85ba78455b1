// The sample cut into bricks, which are joined into larger bricks, and those again; and which bricks want a look
// because the stress of their voxels may have moved too far.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/distribution.hpp"
#include "core/voxel_grid.hpp"

namespace mesoglass::deformation {

using VoxelPlace = std::array<std::int64_t, 3>;  // x, y, z

// Shortest periodic distance from `from` to any of the voxels first <= i < last of an axis of `count`. Pure.
[[nodiscard]] std::int64_t axis_gap(std::int64_t from, std::int64_t first, std::int64_t last,
                                    std::int64_t count) noexcept;

// The bricks of one size: `edge` voxels along each axis, the last of an axis may be smaller.
struct BrickLevel {
  std::array<std::int64_t, 3> edge;
  std::array<std::int64_t, 3> bricks;  // of the whole sample
  std::array<Range, 3> own;            // of this rank, also those of which it holds only a part
  std::size_t first = 0;               // number of its first own brick among those of all levels

  [[nodiscard]] std::size_t count() const noexcept {
    return static_cast<std::size_t>(own[0].size() * own[1].size() * own[2].size());
  }
  // Number of the brick at these places along the axes, counted in own bricks.
  [[nodiscard]] std::size_t at(std::int64_t x, std::int64_t y, std::int64_t z) const noexcept {
    return first + static_cast<std::size_t>((z * own[1].size() + y) * own[0].size() + x);
  }
  // The other way round.
  [[nodiscard]] std::array<std::int64_t, 3> place(std::size_t brick) const noexcept {
    const auto index = static_cast<std::int64_t>(brick - first);
    return {index % own[0].size(), index / own[0].size() % own[1].size(), index / (own[0].size() * own[1].size())};
  }
};

// Bricks of all levels of a sample, the smallest first: each level's have twice the edges of those before. Levels end
// where a next one's bricks would all lie nearer than `nearest_gap` * 2^level voxels to everybody. Pure.
[[nodiscard]] std::vector<BrickLevel> brick_levels(const VoxelGrid& grid, Range own_slabs,
                                                   const std::array<std::int64_t, 3>& edge, std::int64_t nearest_gap);

// Level 0 has the smallest bricks; a brick of the next level joins two along each axis. Bricks of a level have the same
// extent on every rank that holds a part of them. Nothing here is collective.
//
// Of every brick the tree keeps a path: how far the stress of its voxels has moved at most, by contributions that were
// given to this brick. A voxel's whole path is the sum over its bricks of all levels and what is uniform. A brick of
// level 0 is due when the path since set_slack() has used up its slack; finding those that are due takes a look at
// their larger bricks only.
class BrickTree {
 public:
  // With the levels of brick_levels().
  BrickTree(const VoxelGrid& grid, Range own_slabs, const std::array<std::int64_t, 3>& edge, std::int64_t nearest_gap);

  [[nodiscard]] const VoxelGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] const std::vector<BrickLevel>& levels() const noexcept { return levels_; }
  // Own bricks of level 0, which have the numbers 0 to that; of all levels.
  [[nodiscard]] std::size_t leaf_count() const noexcept { return levels_.front().count(); }
  [[nodiscard]] std::size_t count() const noexcept { return path_.size(); }
  // Level-0 brick of an own voxel.
  [[nodiscard]] std::size_t leaf_of(const VoxelPlace& place) const noexcept;
  // The voxels along each axis that a brick has, on all ranks together.
  [[nodiscard]] std::array<Range, 3> extent(std::size_t level, std::size_t brick) const noexcept;
  // The brick of the next level that a brick of any level but the last belongs to.
  [[nodiscard]] std::size_t parent(std::size_t brick) const noexcept { return parents_[brick]; }
  // This rank's part of a brick of level 0.
  [[nodiscard]] std::array<Range, 3> own_extent(std::size_t leaf) const noexcept;
  [[nodiscard]] Range own_slabs() const noexcept { return own_slabs_; }
  [[nodiscard]] std::size_t slab_axis() const noexcept { return slab_axis_; }

  // What a tree takes for each brick.
  static constexpr std::size_t bytes_a_brick = 2 * sizeof(double) + 3 * sizeof(std::uint32_t);

  // All bricks are due, and nothing has moved.
  void reset() noexcept;
  void add_uniform(double change_gpa) noexcept { uniform_ += change_gpa; }
  // refresh() has to follow for the larger bricks, level by level upwards.
  void add_path(std::size_t brick, double change_gpa) noexcept {
    path_[brick] += change_gpa;
    rest_[brick] -= change_gpa;
  }
  void refresh(std::size_t level, std::size_t brick) noexcept;
  // No voxel of the level-0 brick needs a look before its stress has moved by `slack_gpa` more.
  void set_slack(std::size_t leaf, double slack_gpa) noexcept;
  // One of its voxels needs a look before that.
  void limit_slack(std::size_t leaf, double slack_gpa) noexcept;
  void make_all_due() noexcept;
  // Appends the level-0 bricks that are due, in their order within larger bricks.
  void find_due(std::vector<std::uint32_t>& leaves) const;
  // Path of the voxels of a level-0 brick since reset().
  [[nodiscard]] double path(std::size_t leaf) const noexcept;

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return (path_.capacity() + rest_.capacity()) * sizeof(double) + parents_.capacity() * sizeof(std::uint32_t) +
           children_.capacity() * sizeof(Children);
  }

 private:
  // Paths of the larger bricks around a level-0 brick, and what is uniform.
  [[nodiscard]] double path_around(std::size_t leaf) const noexcept;
  void find_due(std::size_t level, std::size_t brick, double around, std::vector<std::uint32_t>& leaves) const;
  // Own bricks inside a brick, one level lower: the first, and how many along each axis.
  struct Children {
    std::uint32_t first = 0;
    std::array<std::uint8_t, 3> count{};
  };
  [[nodiscard]] Children children_of(std::size_t level, std::size_t brick) const noexcept;
  template <typename Visit>
  void for_each_child(std::size_t level, std::size_t brick, Visit&& visit) const;

  VoxelGrid grid_;
  std::array<std::int64_t, 3> counts_;  // voxels
  Range own_slabs_;
  std::size_t slab_axis_;
  std::vector<BrickLevel> levels_;
  std::vector<std::uint32_t> parents_;  // of the bricks of all levels but the last
  std::vector<Children> children_;      // of the bricks of all levels but the first
  std::vector<double> path_;            // GPa
  // Value of uniform_ at which the first brick inside is due, less the paths of this brick and those inside it, as if
  // the bricks around it did not move.
  std::vector<double> rest_;
  double uniform_ = 0.0;
};

}  // namespace mesoglass::deformation
