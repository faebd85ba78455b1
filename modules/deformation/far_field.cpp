#include "deformation/far_field.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mesoglass::deformation {

namespace {

// Bounds kept in single precision are made larger by this, which covers their rounding and that of ten thousand
// additions.
constexpr double rounding_up = 1.0 + 1e-3;

// The error of a linear field is computed at so many places from the centre of a brick to its faces, along each axis.
constexpr std::int64_t samples_to_a_side = 2;

std::int64_t wrapped(std::int64_t offset, std::int64_t count) noexcept {
  const std::int64_t remainder = offset % count;
  return remainder < 0 ? remainder + count : remainder;
}

// Shortest periodic distance of an offset of less than a whole axis.
std::int64_t axis_distance(std::int64_t offset, std::int64_t count) noexcept {
  const std::int64_t distance = offset < 0 ? -offset : offset;
  return std::min(distance, count - distance);
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

// Kernel entries a <= b at one offset, and the Frobenius norm of a symmetric tensor of them.
class KernelEntries {
 public:
  KernelEntries(const elasticity::StressKernel& kernel, const VoxelPlace& offset) : rows_(kernel.count()) {
    kernel.values(offset[0], offset[1], offset[2], values_.data());
  }
  KernelEntries& add(double factor, const KernelEntries& other) noexcept {
    for (std::size_t entry = 0; entry < values_.size(); ++entry) values_[entry] += factor * other.values_[entry];
    return *this;
  }
  [[nodiscard]] double norm() const noexcept {
    double sum = 0.0;
    std::size_t entry = 0;
    for (int a = 0; a < rows_; ++a) {
      for (int b = a; b < rows_; ++b, ++entry) sum += (a == b ? 1.0 : 2.0) * values_[entry] * values_[entry];
    }
    return std::sqrt(sum);
  }

 private:
  int rows_;
  std::array<double, most_strain_components*(most_strain_components + 1) / 2> values_{};
};

VoxelPlace moved(VoxelPlace place, std::size_t axis, std::int64_t by) noexcept {
  place[axis] += by;
  return place;
}

}  // namespace

void FarField::Visited::clear() noexcept {
  brick.clear();
  distance.clear();
  offset.clear();
}

FarField::FarField(const elasticity::StressKernel& kernel, Range own_slabs, const std::array<std::int64_t, 3>& edge,
                   std::int64_t nearest_gap)
    : kernel_(kernel),
      tree_(kernel.grid(), own_slabs, edge, nearest_gap),
      nearest_gap_(nearest_gap),
      counts_{kernel.grid().nx, kernel.grid().ny, kernel.grid().nz},
      axes_(static_cast<std::size_t>(kernel.grid().dimensions())),
      components_(static_cast<std::size_t>(kernel.count())),
      fields_(tree_.count() * (1 + axes_) * components_),
      deviations_(tree_.count()),
      views_(tree_.levels().size()) {
  for (std::size_t axis = 0; axis < 3; ++axis) half_[axis] = counts_[axis] / 2 + 1;
  fill_tables();
}

void FarField::fill_tables() {
  const auto at = [&](const VoxelPlace& offset) { return KernelEntries(kernel_, offset); };
  // Norms of the kernel and of its second differences along the axes.
  std::array<std::vector<float>, 3> curvature;
  for_each_octant_offset([&](const VoxelPlace& offset) {
    const KernelEntries here = at(offset);
    beyond_.push_back(static_cast<float>(here.norm() * rounding_up));
    for (std::size_t axis = 0; axis < axes_; ++axis) {
      const double norm = at(moved(offset, axis, 1)).add(1.0, at(moved(offset, axis, -1))).add(-2.0, here).norm();
      curvature[axis].push_back(static_cast<float>(norm * rounding_up));
    }
  });
  take_largest_beyond(beyond_, half_);
  for (std::size_t axis = 0; axis < axes_; ++axis) take_largest_beyond(curvature[axis], half_);

  for (std::size_t index = 0; index < tree_.levels().size(); ++index) {
    const BrickLevel& level = tree_.levels()[index];
    const bool top = index + 1 == tree_.levels().size();
    const std::int64_t near_gap = nearest_gap_ << index;
    std::vector<float>& bound = deviation_at_.emplace_back();
    for_each_octant_offset([&](const VoxelPlace& offset) {
      // No brick with its centre there is far from the source, or its parent is far as well.
      bool near = true;
      bool parent_far = false;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        near = near && offset[axis] + level.edge[axis] / 2 < near_gap;
        parent_far = parent_far || (!top && offset[axis] - 2 * level.edge[axis] >= 2 * near_gap);
      }
      bound.push_back(near || parent_far ? std::numeric_limits<float>::infinity()
                                         : static_cast<float>(linear_error(level, offset, curvature)));
    });
  }
}

double FarField::linear_error(const BrickLevel& level, const VoxelPlace& offset,
                              const std::array<std::vector<float>, 3>& curvature) const {
  std::array<KernelEntries, 4> field = {KernelEntries(kernel_, offset), KernelEntries(kernel_, offset),
                                        KernelEntries(kernel_, offset), KernelEntries(kernel_, offset)};
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    field[axis + 1] = KernelEntries(kernel_, moved(offset, axis, 1));
    field[axis + 1].add(-1.0, KernelEntries(kernel_, moved(offset, axis, -1)));
  }
  std::array<std::int64_t, 3> reach{};
  std::array<std::int64_t, 3> spacing = {1, 1, 1};
  std::size_t nearest = 0;
  double between = 0.0;
  std::size_t stride = 1;
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    reach[axis] = level.edge[axis] / 2;
    spacing[axis] = std::max<std::int64_t>(1, reach[axis] / samples_to_a_side);
    nearest += static_cast<std::size_t>(std::max<std::int64_t>(0, offset[axis] - reach[axis])) * stride;
    stride *= static_cast<std::size_t>(half_[axis]);
  }
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    if (spacing[axis] == 1) continue;
    between += static_cast<double>(spacing[axis] * spacing[axis]) / 8.0 * static_cast<double>(curvature[axis][nearest]);
  }
  double largest = 0.0;
  for (std::int64_t z = -reach[2]; z <= reach[2]; z += spacing[2]) {
    for (std::int64_t y = -reach[1]; y <= reach[1]; y += spacing[1]) {
      for (std::int64_t x = -reach[0]; x <= reach[0]; x += spacing[0]) {
        KernelEntries error(kernel_, {offset[0] + x, offset[1] + y, offset[2] + z});
        error.add(-1.0, field[0]);
        const std::array<std::int64_t, 3> by = {x, y, z};
        for (std::size_t axis = 0; axis < axes_; ++axis) {
          error.add(-0.5 * static_cast<double>(by[axis]), field[axis + 1]);
        }
        largest = std::max(largest, error.norm());
      }
    }
  }
  return (largest + between) * rounding_up;
}

void FarField::reset() noexcept {
  std::fill(fields_.begin(), fields_.end(), 0.0);
  std::fill(deviations_.begin(), deviations_.end(), 0.0);
  tree_.reset();
}

VoxelPlace FarField::centre(std::size_t level, const std::array<std::int64_t, 3>& own_place) const noexcept {
  const BrickLevel& bricks = tree_.levels()[level];
  VoxelPlace middle;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t begin = (own_place[axis] + bricks.own[axis].begin) * bricks.edge[axis];
    middle[axis] = (begin + std::min(begin + bricks.edge[axis], counts_[axis])) / 2;
  }
  return middle;
}

bool FarField::is_near(const VoxelPlace& source, const std::array<Range, 3>& brick) const noexcept {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (axis_gap(source[axis], brick[axis].begin, brick[axis].end, counts_[axis]) >= nearest_gap_) return false;
  }
  return true;
}

void FarField::view(const VoxelPlace& source) {
  const auto& levels = tree_.levels();
  for (std::size_t index = levels.size(); index-- > 0;) {
    const BrickLevel& level = levels[index];
    LevelView& now = views_[index];
    const std::int64_t near_gap = nearest_gap_ << index;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      AxisView& bricks = now.axes[axis];
      const auto count = static_cast<std::size_t>(level.own[axis].size());
      bricks.gap.resize(count);
      bricks.near.resize(count);
      bricks.parent_near.assign(count, 1);
      for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t place = level.own[axis].begin + static_cast<std::int64_t>(i);
        const std::int64_t begin = place * level.edge[axis];
        const std::int64_t gap =
            axis_gap(source[axis], begin, std::min(begin + level.edge[axis], counts_[axis]), counts_[axis]);
        bricks.gap[i] = static_cast<std::int32_t>(gap);
        bricks.near[i] = gap < near_gap ? 1 : 0;
        if (index + 1 < levels.size()) {
          const std::int64_t parent = place / 2 - levels[index + 1].own[axis].begin;
          bricks.parent_near[i] = views_[index + 1].axes[axis].near[static_cast<std::size_t>(parent)];
        }
      }
    }
    now.all.clear();
    now.not_near.clear();
    now.near.clear();
    const AxisView& along_x = now.axes[0];
    for (std::size_t i = 0; i < along_x.gap.size(); ++i) {
      const auto brick = static_cast<std::int32_t>(i);
      if (along_x.near[i]) now.near.push_back(brick);
      if (!along_x.parent_near[i]) continue;
      const std::int64_t offset = centre(index, {static_cast<std::int64_t>(i), 0, 0})[0] - source[0];
      for (Visited* list : {&now.all, &now.not_near}) {
        if (list == &now.not_near && along_x.near[i]) continue;
        list->brick.push_back(brick);
        list->distance.push_back(static_cast<std::int32_t>(axis_distance(offset, counts_[0])));
        list->offset.push_back(static_cast<std::int32_t>(wrapped(offset, counts_[0])));
      }
    }
  }
}

void FarField::add_row(std::size_t level, std::int64_t y, std::int64_t z, const Visited& visited,
                       const VoxelPlace& source, std::span<const double> strain, double norm) {
  const std::size_t count = visited.brick.size();
  if (count == 0) return;
  const VoxelPlace middle = centre(level, {0, y, z});
  const std::int64_t dy = middle[1] - source[1];
  const std::int64_t dz = middle[2] - source[2];
  const LevelView& now = views_[level];
  const std::size_t row =
      octant_row(now.axes[1].gap[static_cast<std::size_t>(y)], now.axes[2].gap[static_cast<std::size_t>(z)]);
  const std::size_t offset_row = octant_row(axis_distance(dy, counts_[1]), axis_distance(dz, counts_[2]));
  const std::size_t first = tree_.levels()[level].at(0, y, z);
  kernel_.superpose_linear(visited.offset, dy, dz, strain, visited.brick,
                           fields_.data() + first * (1 + axes_) * components_);
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<std::size_t>(visited.brick[i]);
    const std::size_t brick = first + x;
    const std::size_t at = row + static_cast<std::size_t>(now.axes[0].gap[x]);
    const double deviation =
        norm * static_cast<double>(deviation_at_[level][offset_row + static_cast<std::size_t>(visited.distance[i])]);
    deviations_[brick] += deviation;
    tree_.add_path(brick, norm * static_cast<double>(beyond_[at]) + 2.0 * deviation);
  }
}

void FarField::add_transformation(const VoxelPlace& source, std::span<const double> strain) {
  double square = 0.0;
  for (const double component : strain) square += component * component;
  const double norm = std::sqrt(square) * rounding_up;
  view(source);
  for (std::size_t level = 0; level < views_.size(); ++level) {
    const LevelView& now = views_[level];
    const BrickLevel& bricks = tree_.levels()[level];
    for (std::int64_t z = 0; z < bricks.own[2].size(); ++z) {
      const auto at_z = static_cast<std::size_t>(z);
      if (!now.axes[2].parent_near[at_z]) continue;
      for (std::int64_t y = 0; y < bricks.own[1].size(); ++y) {
        const auto at_y = static_cast<std::size_t>(y);
        if (!now.axes[1].parent_near[at_y]) continue;
        const bool near_row = now.axes[1].near[at_y] && now.axes[2].near[at_z];
        add_row(level, y, z, near_row ? now.not_near : now.all, source, strain, norm);
        if (!near_row) continue;
        const std::size_t first = bricks.at(0, y, z);
        const std::size_t row = octant_row(now.axes[1].gap[at_y], now.axes[2].gap[at_z]);
        for (const std::int32_t x : now.near) {
          const auto at_x = static_cast<std::size_t>(x);
          if (level > 0) {
            tree_.refresh(level, first + at_x);
          } else {
            const auto gap = static_cast<std::size_t>(now.axes[0].gap[at_x]);
            tree_.add_path(first + at_x, norm * static_cast<double>(beyond_[row + gap]));
          }
        }
      }
    }
  }
}

LocalField FarField::local(std::size_t leaf) const noexcept {
  LocalField result;
  result.centre = centre(0, tree_.levels().front().place(leaf));
  std::size_t brick = leaf;
  for (std::size_t level = 0; level < views_.size(); ++level) {
    const VoxelPlace middle = centre(level, tree_.levels()[level].place(brick));
    const double* field = fields_.data() + brick * (1 + axes_) * components_;
    for (std::size_t c = 0; c < components_; ++c) {
      result.value[c] += field[c];
      for (std::size_t axis = 0; axis < axes_; ++axis) {
        const double gradient = field[(axis + 1) * components_ + c];
        result.gradient[axis][c] += gradient;
        result.value[c] += gradient * static_cast<double>(result.centre[axis] - middle[axis]);
      }
    }
    result.deviation += deviations_[brick];
    if (level + 1 < views_.size()) brick = tree_.parent(level, brick);
  }
  return result;
}

std::size_t FarField::memory_bytes() const noexcept {
  std::size_t tables = beyond_.capacity();
  for (const auto& table : deviation_at_) tables += table.capacity();
  return tree_.memory_bytes() + tables * sizeof(float) + (fields_.capacity() + deviations_.capacity()) * sizeof(double);
}

}  // namespace mesoglass::deformation
