#include "deformation/stress_drift.hpp"

#include <algorithm>

#include "deformation/rate_vectors.hpp"

namespace mesoglass::deformation {

namespace {

// Sums of single-precision bounds are rounded; bounds are made larger by this, which covers ten thousand additions.
constexpr float rounding_up = 1.0F + 1e-3F;
// A brick is looked at a little before its slack is used up, so that rounding cannot make it late.
constexpr double slack_used = 0.999;

MESOGLASS_VECTOR_CLONES void add_drift(float* drift, float* path, const float* beyond_window, const float* beyond,
                                       const std::int32_t* gaps, std::size_t count, float strain_norm) {
  for (std::size_t brick = 0; brick < count; ++brick) {
    drift[brick] += strain_norm * beyond_window[gaps[brick]];
    path[brick] += strain_norm * beyond[gaps[brick]];
  }
}

// Shortest periodic distance from `from` to any of the voxels first <= i < last of an axis of `count`.
std::int64_t gap(std::int64_t from, std::int64_t first, std::int64_t last, std::int64_t count) noexcept {
  if (from >= first && from < last) return 0;
  const std::int64_t up = first > from ? first - from : first - from + count;
  const std::int64_t down = from > last - 1 ? from - last + 1 : from - last + 1 + count;
  return std::min(up, down);
}

// value[i] = max of value[j] for j >= i along every axis.
void take_largest_beyond(std::vector<float>& values, const std::array<std::int64_t, 3>& shape) {
  std::int64_t stride = 1;
  for (const std::int64_t length : shape) {
    for (std::int64_t index = static_cast<std::int64_t>(values.size()) - 1; index >= 0; --index) {
      if (index / stride % length == length - 1) continue;
      auto& value = values[static_cast<std::size_t>(index)];
      value = std::max(value, values[static_cast<std::size_t>(index + stride)]);
    }
    stride *= length;
  }
}

}  // namespace

StressDrift::StressDrift(const VoxelGrid& grid, const elasticity::StressKernel& kernel, Range own_slabs,
                         std::int64_t window, std::int64_t brick_edge)
    : grid_(grid),
      counts_{grid.nx, grid.ny, grid.nz},
      edge_{brick_edge, brick_edge, grid.dimensions() == 3 ? brick_edge : 1},
      own_slabs_(own_slabs),
      slab_axis_(grid.dimensions() == 3 ? 2 : 1),
      window_(window) {
  std::size_t bricks = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    half_[axis] = counts_[axis] / 2 + 1;
    bricks_[axis] = (counts_[axis] + edge_[axis] - 1) / edge_[axis];
    own_[axis] = {0, bricks_[axis]};
    if (axis == slab_axis_) {
      own_[axis] = own_slabs.size() == 0
                       ? Range{}
                       : Range{own_slabs.begin / edge_[axis], (own_slabs.end + edge_[axis] - 1) / edge_[axis]};
    }
    gaps_[axis].resize(static_cast<std::size_t>(own_[axis].size()));
    bricks *= static_cast<std::size_t>(own_[axis].size());
  }
  drift_.assign(bricks, 0.0F);
  path_.assign(bricks, 0.0F);
  due_at_.assign(bricks, 0.0);

  for (std::int64_t z = 0; z < half_[2]; ++z) {
    for (std::int64_t y = 0; y < half_[1]; ++y) {
      for (std::int64_t x = 0; x < half_[0]; ++x) {
        const float norm = static_cast<float>(kernel.norm(x, y, z)) * rounding_up;
        beyond_.push_back(norm);
        beyond_window_.push_back(x <= window && y <= window && z <= window ? 0.0F : norm);
      }
    }
  }
  take_largest_beyond(beyond_, half_);
  take_largest_beyond(beyond_window_, half_);
}

void StressDrift::add_transformation(const VoxelPlace& source, double strain_norm) noexcept {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    for (std::size_t brick = 0; brick < gaps_[axis].size(); ++brick) {
      const std::int64_t first = (own_[axis].begin + static_cast<std::int64_t>(brick)) * edge_[axis];
      gaps_[axis][brick] = static_cast<std::int32_t>(
          gap(source[axis], first, std::min(first + edge_[axis], counts_[axis]), counts_[axis]));
    }
  }
  const auto norm = static_cast<float>(strain_norm) * rounding_up;
  const std::size_t row = gaps_[0].size();
  std::size_t brick = 0;
  for (const std::int32_t z : gaps_[2]) {
    for (const std::int32_t y : gaps_[1]) {
      const auto at = static_cast<std::size_t>((z * half_[1] + y) * half_[0]);
      add_drift(drift_.data() + brick, path_.data() + brick, beyond_window_.data() + at, beyond_.data() + at,
                gaps_[0].data(), row, norm);
      brick += row;
    }
  }
}

void StressDrift::reset() noexcept {
  std::fill(drift_.begin(), drift_.end(), 0.0F);
  std::fill(path_.begin(), path_.end(), 0.0F);
  std::fill(due_at_.begin(), due_at_.end(), 0.0);
  uniform_path_ = 0.0;
}

std::size_t StressDrift::brick_of(const VoxelPlace& place) const noexcept {
  std::array<std::int64_t, 3> at;
  for (std::size_t axis = 0; axis < 3; ++axis) at[axis] = place[axis] / edge_[axis] - own_[axis].begin;
  return static_cast<std::size_t>((at[2] * own_[1].size() + at[1]) * own_[0].size() + at[0]);
}

void StressDrift::set_slack(std::size_t brick, double slack_gpa) noexcept {
  due_at_[brick] = path(brick) + slack_used * slack_gpa;
}

void StressDrift::limit_slack(std::size_t brick, double slack_gpa) noexcept {
  due_at_[brick] = std::min(due_at_[brick], path(brick) + slack_used * slack_gpa);
}

std::size_t StressDrift::memory_bytes() const noexcept {
  return (beyond_.capacity() + beyond_window_.capacity() + drift_.capacity() + path_.capacity()) * sizeof(float) +
         due_at_.capacity() * sizeof(double);
}

}  // namespace mesoglass::deformation
