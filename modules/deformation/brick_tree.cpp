#include "deformation/brick_tree.hpp"

#include <limits>

namespace mesoglass::deformation {

namespace {

// A brick is looked at a little before its slack is used up, so that rounding cannot make it late.
constexpr double slack_used = 0.999;

std::size_t slab_axis_of(const VoxelGrid& grid) noexcept {
  return grid.dimensions() == 3 ? 2 : 1;
}

}  // namespace

std::int64_t axis_gap(std::int64_t from, std::int64_t first, std::int64_t last, std::int64_t count) noexcept {
  if (from >= first && from < last) return 0;
  const std::int64_t up = first > from ? first - from : first - from + count;
  const std::int64_t down = from > last - 1 ? from - last + 1 : from - last + 1 + count;
  return std::min(up, down);
}

std::vector<BrickLevel> brick_levels(const VoxelGrid& grid, Range own_slabs, const std::array<std::int64_t, 3>& edge,
                                     std::int64_t nearest_gap) {
  const std::array<std::int64_t, 3> counts = {grid.nx, grid.ny, grid.nz};
  const std::size_t slab_axis = slab_axis_of(grid);
  const std::int64_t farthest = std::max({grid.nx, grid.ny, grid.nz}) / 2;
  std::vector<BrickLevel> levels;
  std::size_t first = 0;
  for (std::int64_t scale = 1; scale == 1 || scale * nearest_gap < farthest; scale *= 2) {
    BrickLevel level;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      level.edge[axis] = edge[axis] * scale;
      level.bricks[axis] = (counts[axis] + level.edge[axis] - 1) / level.edge[axis];
      level.own[axis] = {0, level.bricks[axis]};
    }
    const std::int64_t slab_edge = level.edge[slab_axis];
    level.own[slab_axis] = own_slabs.size() == 0
                               ? Range{}
                               : Range{own_slabs.begin / slab_edge, (own_slabs.end + slab_edge - 1) / slab_edge};
    level.first = first;
    first += level.count();
    levels.push_back(level);
  }
  return levels;
}

BrickTree::BrickTree(const VoxelGrid& grid, Range own_slabs, const std::array<std::int64_t, 3>& edge,
                     std::int64_t nearest_gap)
    : grid_(grid),
      counts_{grid.nx, grid.ny, grid.nz},
      own_slabs_(own_slabs),
      slab_axis_(slab_axis_of(grid)),
      levels_(brick_levels(grid, own_slabs, edge, nearest_gap)),
      path_(levels_.back().first + levels_.back().count(), 0.0),
      rest_(path_.size(), 0.0) {
  parents_.resize(levels_.back().first);
  for (std::size_t level = 1; level < levels_.size(); ++level) {
    for (std::size_t brick = levels_[level].first; brick < levels_[level].first + levels_[level].count(); ++brick) {
      children_.push_back(children_of(level, brick));
      for_each_child(level, brick, [&](std::size_t child) { parents_[child] = static_cast<std::uint32_t>(brick); });
    }
  }
}

double BrickTree::path_around(std::size_t leaf) const noexcept {
  double sum = uniform_;
  std::size_t brick = leaf;
  for (std::size_t level = 0; level + 1 < levels_.size(); ++level) {
    brick = parent(brick);
    sum += path_[brick];
  }
  return sum;
}

std::size_t BrickTree::leaf_of(const VoxelPlace& place) const noexcept {
  const BrickLevel& level = levels_.front();
  return level.at(place[0] / level.edge[0] - level.own[0].begin, place[1] / level.edge[1] - level.own[1].begin,
                  place[2] / level.edge[2] - level.own[2].begin);
}

std::array<Range, 3> BrickTree::extent(std::size_t level, std::size_t brick) const noexcept {
  const BrickLevel& bricks = levels_[level];
  const auto place = bricks.place(brick);
  std::array<Range, 3> voxels;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t begin = (place[axis] + bricks.own[axis].begin) * bricks.edge[axis];
    voxels[axis] = {begin, std::min(begin + bricks.edge[axis], counts_[axis])};
  }
  return voxels;
}

std::array<Range, 3> BrickTree::own_extent(std::size_t leaf) const noexcept {
  auto voxels = extent(0, leaf);
  voxels[slab_axis_].begin = std::max(voxels[slab_axis_].begin, own_slabs_.begin);
  voxels[slab_axis_].end = std::min(voxels[slab_axis_].end, own_slabs_.end);
  return voxels;
}

BrickTree::Children BrickTree::children_of(std::size_t level, std::size_t brick) const noexcept {
  const BrickLevel& here = levels_[level];
  const BrickLevel& below = levels_[level - 1];
  const auto place = here.place(brick);
  Children children;
  std::array<std::int64_t, 3> first;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t begin = 2 * (place[axis] + here.own[axis].begin);
    const Range own = {std::max(begin, below.own[axis].begin), std::min(begin + 2, below.own[axis].end)};
    first[axis] = own.begin - below.own[axis].begin;
    children.count[axis] = static_cast<std::uint8_t>(own.size());
  }
  children.first = static_cast<std::uint32_t>(below.at(first[0], first[1], first[2]));
  return children;
}

template <typename Visit>
void BrickTree::for_each_child(std::size_t level, std::size_t brick, Visit&& visit) const {
  const BrickLevel& below = levels_[level - 1];
  const Children& children = children_[brick - leaf_count()];
  const auto row = static_cast<std::size_t>(below.own[0].size());
  const std::size_t layer = row * static_cast<std::size_t>(below.own[1].size());
  for (std::size_t z = 0; z < children.count[2]; ++z) {
    for (std::size_t y = 0; y < children.count[1]; ++y) {
      for (std::size_t x = 0; x < children.count[0]; ++x) visit(children.first + z * layer + y * row + x);
    }
  }
}

void BrickTree::reset() noexcept {
  std::fill(path_.begin(), path_.end(), 0.0);
  uniform_ = 0.0;
  make_all_due();
}

void BrickTree::make_all_due() noexcept {
  std::fill(rest_.begin(), rest_.end(), -std::numeric_limits<double>::infinity());
}

void BrickTree::refresh(std::size_t level, std::size_t brick) noexcept {
  double least = std::numeric_limits<double>::infinity();
  for_each_child(level, brick, [&](std::size_t child) { least = std::min(least, rest_[child]); });
  rest_[brick] = least - path_[brick];
}

void BrickTree::set_slack(std::size_t leaf, double slack_gpa) noexcept {
  rest_[leaf] = path_around(leaf) + slack_used * slack_gpa;
  std::size_t brick = leaf;
  for (std::size_t level = 0; level + 1 < levels_.size(); ++level) {
    brick = parent(brick);
    refresh(level + 1, brick);
  }
}

void BrickTree::limit_slack(std::size_t leaf, double slack_gpa) noexcept {
  double rest = path_around(leaf) + slack_used * slack_gpa;
  rest_[leaf] = std::min(rest_[leaf], rest);
  std::size_t brick = leaf;
  for (std::size_t level = 0; level + 1 < levels_.size(); ++level) {
    brick = parent(brick);
    rest -= path_[brick];
    rest_[brick] = std::min(rest_[brick], rest);
  }
}

void BrickTree::find_due(std::size_t level, std::size_t brick, double around,
                         std::vector<std::uint32_t>& leaves) const {
  // A brick's rest knows nothing of the paths around it.
  if (rest_[brick] - around > uniform_) return;
  if (level == 0) {
    leaves.push_back(static_cast<std::uint32_t>(brick));
    return;
  }
  const double inside = around + path_[brick];
  for_each_child(level, brick, [&](std::size_t child) { find_due(level - 1, child, inside, leaves); });
}

void BrickTree::find_due(std::vector<std::uint32_t>& leaves) const {
  const std::size_t top = levels_.size() - 1;
  const BrickLevel& level = levels_[top];
  for (std::size_t brick = level.first; brick < level.first + level.count(); ++brick) find_due(top, brick, 0.0, leaves);
}

double BrickTree::path(std::size_t leaf) const noexcept {
  return path_around(leaf) + path_[leaf];
}

}  // namespace mesoglass::deformation
