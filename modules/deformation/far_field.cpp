#include "deformation/far_field.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace mesoglass::deformation {

namespace {

// Bounds kept in single precision are made larger by this, which covers their rounding and that of ten thousand
// additions.
constexpr double rounding_up = 1.0 + 1e-3;

// A brick gets its look where less than this share of its slack is left, rather than be asked again soon.
constexpr double least_share_left = 0.1;

// The error of a linear field is computed at so many places from the centre of a brick to its faces, along each axis.
constexpr std::int64_t samples_to_a_side = 2;

// The same offset on a periodic axis, from -count / 2 to count / 2.
std::int64_t shortest(std::int64_t offset, std::int64_t count) noexcept {
  const std::int64_t remainder = offset % count;
  if (2 * remainder > count) return remainder - count;
  return 2 * remainder < -count ? remainder + count : remainder;
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

VoxelPlace beside(VoxelPlace place, std::size_t axis, std::int64_t by) noexcept {
  place[axis] += by;
  return place;
}

}  // namespace

FarField::FarField(const elasticity::StressKernel& kernel, Range own_slabs, const std::array<std::int64_t, 3>& edge,
                   std::int64_t nearest_gap)
    : kernel_(kernel),
      tree_(kernel.grid(), own_slabs, edge, nearest_gap),
      nearest_gap_(nearest_gap),
      counts_{kernel.grid().nx, kernel.grid().ny, kernel.grid().nz},
      axes_(static_cast<std::size_t>(kernel.grid().dimensions())),
      components_(static_cast<std::size_t>(kernel.count())),
      brick_kernel_(kernel, edge[0]),
      far_(tree_.count(), (1 + axes_) * components_),
      near_(tree_.leaf_count(), (1 + axes_) * components_),
      marks_(tree_.leaf_count(), (1 + axes_) * components_),
      slack_at_mark_(tree_.leaf_count()),
      views_(tree_.levels().size()) {
  for (std::size_t axis = 0; axis < 3; ++axis) half_[axis] = counts_[axis] / 2 + 1;
  fill_tables();
  for (std::size_t level = 0; level < tree_.levels().size(); ++level) {
    const BrickLevel& bricks = tree_.levels()[level];
    for (std::size_t brick = bricks.first; brick < bricks.first + bricks.count(); ++brick) {
      const VoxelPlace place = centre(level, bricks.place(brick));
      centres_.push_back({static_cast<std::int32_t>(place[0]), static_cast<std::int32_t>(place[1]),
                          static_cast<std::int32_t>(place[2])});
    }
  }
}

void FarField::fill_tables() {
  const auto at = [&](const VoxelPlace& offset) { return KernelEntries(kernel_, offset); };
  // Norms of the kernel and of its second differences along the axes.
  std::array<std::vector<float>, 3> curvature;
  for_each_octant_offset([&](const VoxelPlace& offset) {
    const KernelEntries here = at(offset);
    beyond_.push_back(static_cast<float>(here.norm() * rounding_up));
    for (std::size_t axis = 0; axis < axes_; ++axis) {
      const double norm = at(beside(offset, axis, 1)).add(1.0, at(beside(offset, axis, -1))).add(-2.0, here).norm();
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
      // No field is needed where the brick's parent is far as well, or above level 0 where a brick is near.
      bool near = index > 0;
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
    field[axis + 1] = KernelEntries(kernel_, beside(offset, axis, 1));
    field[axis + 1].add(-1.0, KernelEntries(kernel_, beside(offset, axis, -1)));
  }
  std::array<std::int64_t, 3> reach{};
  std::array<std::int64_t, 3> spacing = {1, 1, 1};
  std::size_t nearest = 0;
  double between = 0.0;
  double roundings = BrickKernel::rounding;
  std::size_t stride = 1;
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    reach[axis] = level.edge[axis] / 2;
    spacing[axis] = std::max<std::int64_t>(1, reach[axis] / samples_to_a_side);
    nearest += static_cast<std::size_t>(std::max<std::int64_t>(0, offset[axis] - reach[axis])) * stride;
    stride *= static_cast<std::size_t>(half_[axis]);
    roundings += BrickKernel::rounding * static_cast<double>(reach[axis]);
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
  return (largest + between + roundings * static_cast<double>(beyond_[nearest])) * rounding_up;
}

void FarField::Fields::reset() noexcept {
  std::fill(values.begin(), values.end(), 0.0);
  std::fill(deviations.begin(), deviations.end(), 0.0);
}

void FarField::reset() noexcept {
  far_.reset();
  near_.reset();
  tree_.reset();
  make_all_due();
}

void FarField::make_all_due() noexcept {
  std::fill(slack_at_mark_.begin(), slack_at_mark_.end(), -std::numeric_limits<double>::infinity());
  tree_.make_all_due();
}

void FarField::add_uniform(std::span<const double> change) noexcept {
  double square = 0.0;
  for (std::size_t c = 0; c < change.size(); ++c) {
    uniform_[c] += change[c];
    square += change[c] * change[c];
  }
  tree_.add_uniform(std::sqrt(square));
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
      if (!along_x.parent_near[i]) continue;
      const auto offset = static_cast<std::int32_t>(
          shortest(centre(index, {static_cast<std::int64_t>(i), 0, 0})[0] - source[0], counts_[0]));
      for (std::vector<Run>* runs : {&now.all, along_x.near[i] ? &now.near : &now.not_near}) {
        if (!runs->empty()) {
          Run& last = runs->back();
          const auto edges = static_cast<std::int32_t>(level.edge[0]) * last.count;
          if (last.first + last.count == brick && last.offset + edges == offset) {
            ++last.count;
            continue;
          }
        }
        runs->push_back({brick, 1, offset});
      }
    }
  }
}

void FarField::add_row(std::size_t level, std::int64_t y, std::int64_t z, std::span<const Run> runs,
                       const VoxelPlace& source, const StrainFactors& strain, double norm, bool near) {
  const BrickLevel& bricks = tree_.levels()[level];
  const VoxelPlace middle = centre(level, {0, y, z});
  const std::int64_t dy = shortest(middle[1] - source[1], counts_[1]);
  const std::int64_t dz = shortest(middle[2] - source[2], counts_[2]);
  const LevelView& now = views_[level];
  const float* beyond = beyond_.data() + octant_row(now.axes[1].gap[static_cast<std::size_t>(y)],
                                                    now.axes[2].gap[static_cast<std::size_t>(z)]);
  const float* deviation_at = deviation_at_[level].data() + octant_row(std::abs(dy), std::abs(dz));
  const std::size_t row = bricks.at(0, y, z);
  Fields& fields = near ? near_ : far_;
  for (const Run& run : runs) {
    const std::size_t first = row + static_cast<std::size_t>(run.first);
    brick_kernel_.add(run.offset, dy, dz, strain, std::size_t{1} << level, static_cast<std::size_t>(run.count),
                      fields.values.data() + first * (1 + axes_) * components_);
    for (std::int32_t i = 0; i < run.count; ++i) {
      const std::size_t brick = first + static_cast<std::size_t>(i);
      const std::int64_t distance = std::abs(run.offset + i * bricks.edge[0]);
      const double deviation = norm * static_cast<double>(deviation_at[distance]);
      fields.deviations[brick] += deviation;
      const std::int32_t gap = now.axes[0].gap[static_cast<std::size_t>(run.first + i)];
      tree_.add_path(brick, norm * static_cast<double>(beyond[gap]) + (near ? 0.0 : 2.0 * deviation));
    }
  }
}

void FarField::add_transformation(const VoxelPlace& source, std::span<const double> strain) {
  double square = 0.0;
  for (const double component : strain) square += component * component;
  const double norm = std::sqrt(square) * rounding_up;
  const StrainFactors factors(kernel_, strain);
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
        add_row(level, y, z, near_row ? now.not_near : now.all, source, factors, norm, false);
        if (!near_row) continue;
        if (level == 0) {
          add_row(level, y, z, now.near, source, factors, norm, true);
        } else {
          for (const Run& run : now.near) {
            const std::size_t first = bricks.at(run.first, y, z);
            for (std::size_t i = 0; i < static_cast<std::size_t>(run.count); ++i) tree_.refresh(level, first + i);
          }
        }
      }
    }
  }
}

double FarField::moved(std::size_t leaf, const LocalField& field) const noexcept {
  const std::size_t values = (1 + axes_) * components_;
  const double* near = near_.values.data() + leaf * values;
  const double* mark = marks_.values.data() + leaf * values;
  const BrickLevel& level = tree_.levels().front();
  double total = field.deviation + near_.deviations[leaf] - marks_.deviations[leaf];
  for (std::size_t part = 0; part <= axes_; ++part) {
    double square = 0.0;
    for (std::size_t c = 0; c < components_; ++c, ++near, ++mark) {
      const double far = part == 0 ? field.value[c] + uniform_[c] : field.gradient[part - 1][c];
      const double difference = far + *near - *mark;
      square += difference * difference;
    }
    total += std::sqrt(square) * (part == 0 ? 1.0 : static_cast<double>(level.edge[part - 1] / 2));
  }
  return total;
}

void FarField::set_slack(std::size_t leaf, const LocalField& field, double slack_gpa) noexcept {
  const std::size_t values = (1 + axes_) * components_;
  const double* near = near_.values.data() + leaf * values;
  double* mark = marks_.values.data() + leaf * values;
  for (std::size_t c = 0; c < components_; ++c) mark[c] = field.value[c] + uniform_[c] + near[c];
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    for (std::size_t c = 0; c < components_; ++c) {
      const std::size_t at = (1 + axis) * components_ + c;
      mark[at] = field.gradient[axis][c] + near[at];
    }
  }
  marks_.deviations[leaf] = field.deviation + near_.deviations[leaf];
  slack_at_mark_[leaf] = slack_gpa;
  tree_.set_slack(leaf, slack_gpa);
}

void FarField::limit_slack(std::size_t leaf, const LocalField& field, double slack_gpa) noexcept {
  // From the mark a later movement may lead back here first.
  slack_at_mark_[leaf] = std::min(slack_at_mark_[leaf], slack_gpa - moved(leaf, field));
  tree_.limit_slack(leaf, slack_gpa);
}

bool FarField::rests(std::size_t leaf, const LocalField& field) noexcept {
  const double left = slack_at_mark_[leaf] - moved(leaf, field);
  if (!(left > least_share_left * slack_at_mark_[leaf])) return false;
  tree_.set_slack(leaf, left);
  return true;
}

LocalField FarField::local(std::size_t leaf) const noexcept {
  LocalField result;
  for (std::size_t axis = 0; axis < 3; ++axis) result.centre[axis] = centres_[leaf][axis];
  std::size_t brick = leaf;
  for (std::size_t level = 0; level < views_.size(); ++level) {
    if (level > 0) brick = tree_.parent(brick);
    const double* field = far_.values.data() + brick * (1 + axes_) * components_;
    for (std::size_t c = 0; c < components_; ++c) result.value[c] += *field++;
    for (std::size_t axis = 0; axis < axes_; ++axis) {
      const auto offset = static_cast<double>(centres_[leaf][axis] - centres_[brick][axis]);
      for (std::size_t c = 0; c < components_; ++c) {
        const double gradient = *field++;
        result.gradient[axis][c] += gradient;
        result.value[c] += gradient * offset;
      }
    }
    result.deviation += far_.deviations[brick];
  }
  return result;
}

std::size_t FarField::memory_bytes() const noexcept {
  std::size_t tables = beyond_.capacity();
  for (const auto& table : deviation_at_) tables += table.capacity();
  return tree_.memory_bytes() + brick_kernel_.memory_bytes() + tables * sizeof(float) + far_.memory_bytes() +
         near_.memory_bytes() + marks_.memory_bytes() + slack_at_mark_.capacity() * sizeof(double) +
         centres_.capacity() * sizeof(centres_[0]);
}

std::size_t FarField::bytes_needed(const VoxelGrid& grid, int rows, Range own_slabs,
                                   const std::array<std::int64_t, 3>& edge, std::int64_t nearest_gap) {
  const auto levels = brick_levels(grid, own_slabs, edge, nearest_gap);
  const auto octant = static_cast<std::size_t>((grid.nx / 2 + 1) * (grid.ny / 2 + 1) * (grid.nz / 2 + 1));
  const std::size_t bytes =
      octant * (levels.size() + 1) * sizeof(float) + BrickKernel::bytes_needed(rows, grid, edge[0]);
  const std::size_t field = static_cast<std::size_t>((1 + grid.dimensions()) * rows) + 1;
  const std::size_t leaves = levels.front().count();
  const std::size_t bricks = levels.back().first + levels.back().count();
  // Far fields of every brick; near fields, marks and slacks of the smallest.
  return bytes + bricks * (BrickTree::bytes_a_brick + sizeof(centres_[0])) +
         sizeof(double) * (bricks * field + leaves * (2 * field + 1));
}

}  // namespace mesoglass::deformation
