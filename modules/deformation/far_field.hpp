// The stress of transformations far away, followed brick by brick instead of voxel by voxel, with a bound on the error.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "deformation/brick_kernel.hpp"
#include "deformation/brick_tree.hpp"
#include "deformation/voxel_state.hpp"
#include "elasticity/stress_kernel.hpp"

namespace mesoglass::deformation {

// What a brick of level 0 knows of the far transformations: at an offset d (voxels) from `centre` their stress is
// value + sum over axes of gradient * d, up to `deviation`.
struct LocalField {
  VoxelPlace centre{};
  StrainComponents value{};                    // GPa
  std::array<StrainComponents, 3> gradient{};  // GPa a voxel along x, y, z
  double deviation = 0.0;                      // GPa, basis norm, for every voxel of the brick

  // Component `c` of their stress at one of the brick's voxels.
  [[nodiscard]] double at(const VoxelPlace& voxel, std::size_t c) const noexcept {
    double stress = value[c];
    for (std::size_t axis = 0; axis < 3; ++axis) {
      stress += gradient[axis][c] * static_cast<double>(voxel[axis] - centre[axis]);
    }
    return stress;
  }
};

// A transformation is near the bricks of level 0 whose gap to it is less than `nearest_gap` voxels along every axis:
// the engine adds its stress to their voxels at once. To all other voxels it contributes through the largest brick
// around them that is not within nearest_gap * 2^level of it: each such brick adds the kernel at its centre, and
// central differences of it, to its own linear field. So an event touches about as many bricks on every level, and the
// number of levels grows with the logarithm of the sample's size.
//
// The error of a linear field is bounded by its largest Frobenius norm at places not far apart in and around the brick,
// and what it can be more in between, which is h^2 / 8 times the second difference of the kernel at most, for places
// h voxels apart along an axis; from tables over one octant of offsets.
//
// The tree's paths bound how far stress moves by each transformation: |e| times the largest Frobenius norm of the
// kernel at the brick's gap or farther, and twice what the deviation grew by, as this can be seen on both ends of a
// movement. Movements by many transformations mostly cancel, so a brick whose path has used up its slack is asked how
// far it really moved since its slack was set: by the difference of the linear fields, of near transformations too,
// which for this purpose have one of their own.
//
// Nothing here is collective, and every brick has the same field on every rank that holds a part of it.
class FarField {
 public:
  // The kernel must outlive the field.
  FarField(const elasticity::StressKernel& kernel, Range own_slabs, const std::array<std::int64_t, 3>& edge,
           std::int64_t nearest_gap);

  [[nodiscard]] BrickTree& tree() noexcept { return tree_; }
  [[nodiscard]] const BrickTree& tree() const noexcept { return tree_; }

  // No transformation has happened.
  void reset() noexcept;
  // The mean stress changes by these components.
  void add_uniform(std::span<const double> change) noexcept;
  // One with the strain rows `strain` at `source`; its stress near by is left to the caller, who finds the rows of own
  // voxels with for_each_near_run().
  void add_transformation(const VoxelPlace& source, std::span<const double> strain);
  // Calls visit(x, number of voxels along x, y, z) for the own voxels that the last transformation is near to.
  template <typename Visit>
  void for_each_near_run(Visit&& visit) const;
  // Whether a transformation at `source` is near the brick of level 0 with these voxels.
  [[nodiscard]] bool is_near(const VoxelPlace& source, const std::array<Range, 3>& brick) const noexcept;
  [[nodiscard]] LocalField local(std::size_t leaf) const noexcept;

  // For a brick of level 0 with its present field, as local() tells it. No voxel of it needs a look before its stress
  // has moved by `slack_gpa` more:
  void set_slack(std::size_t leaf, const LocalField& field, double slack_gpa) noexcept;
  // One of its voxels needs a look before that:
  void limit_slack(std::size_t leaf, const LocalField& field, double slack_gpa) noexcept;
  // Whether a due brick needs no look after all, since its stress moved by less than its path; then it is due later.
  [[nodiscard]] bool rests(std::size_t leaf, const LocalField& field) noexcept;
  // Every brick needs a look.
  void make_all_due() noexcept;

  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  // What a field with kernels of so many rows takes.
  [[nodiscard]] static std::size_t bytes_needed(const VoxelGrid& grid, int rows, Range own_slabs,
                                                const std::array<std::int64_t, 3>& edge, std::int64_t nearest_gap);

 private:
  // Own bricks of a level along one axis, as the last transformation sees them.
  struct AxisView {
    std::vector<std::int32_t> gap;
    std::vector<char> near, parent_near;
  };
  // Bricks in a row along x whose centres are an edge apart as the last transformation sees them.
  struct Run {
    std::int32_t first, count;
    std::int32_t offset;  // of the first one's centre from the source along x
  };
  struct LevelView {
    std::array<AxisView, 3> axes;
    std::vector<Run> all, near, not_near;
  };
  // Linear fields of bricks: [brick][value, gradient along x, y(, z)][component], and the largest errors of each.
  struct Fields {
    std::vector<double> values;      // GPa, GPa a voxel
    std::vector<double> deviations;  // GPa
    Fields(std::size_t bricks, std::size_t values_a_brick) : values(bricks * values_a_brick), deviations(bricks) {}
    void reset() noexcept;
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
      return (values.capacity() + deviations.capacity()) * sizeof(double);
    }
  };

  void view(const VoxelPlace& source);
  // Adds a transformation to the fields of a row of bricks; those that are near leave the deviation out of their path.
  void add_row(std::size_t level, std::int64_t y, std::int64_t z, std::span<const Run> runs, const VoxelPlace& source,
               const StrainFactors& strain, double norm, bool near);
  // How far the known stress of the brick's voxels moved at most since set_slack(), with what its deviation grew by.
  [[nodiscard]] double moved(std::size_t leaf, const LocalField& field) const noexcept;
  [[nodiscard]] VoxelPlace centre(std::size_t level, const std::array<std::int64_t, 3>& own_place) const noexcept;
  [[nodiscard]] std::size_t octant_row(std::int64_t gap_y, std::int64_t gap_z) const noexcept {
    return static_cast<std::size_t>((gap_z * half_[1] + gap_y) * half_[0]);
  }
  void fill_tables();
  // Bound on the error of the linear field around a centre at `offset` from a strain of norm 1, in GPa; `curvature` are
  // the largest second differences along each axis at a distance or farther.
  [[nodiscard]] double linear_error(const BrickLevel& level, const VoxelPlace& offset,
                                    const std::array<std::vector<float>, 3>& curvature) const;
  template <typename Visit>
  void for_each_octant_offset(Visit&& visit) const {
    for (std::int64_t z = 0; z < half_[2]; ++z) {
      for (std::int64_t y = 0; y < half_[1]; ++y) {
        for (std::int64_t x = 0; x < half_[0]; ++x) visit(VoxelPlace{x, y, z});
      }
    }
  }

  const elasticity::StressKernel& kernel_;
  BrickTree tree_;
  std::int64_t nearest_gap_;
  std::array<std::int64_t, 3> counts_;
  std::size_t axes_;  // 2 or 3
  std::size_t components_;
  std::array<std::int64_t, 3> half_;  // entries of the tables along each axis: distances 0 to n / 2
  std::vector<float> beyond_;         // largest kernel norm (GPa) at these distances or farther, [dz][dy][dx]
  std::vector<std::vector<float>> deviation_at_;      // of each level's linear field, by offset of the centre, GPa
  BrickKernel brick_kernel_;                          // for all levels
  Fields far_;                                        // of all levels
  Fields near_;                                       // of level 0, by near transformations
  Fields marks_;                                      // of level 0, all together when its slack was set
  std::vector<double> slack_at_mark_;                 // GPa
  StrainComponents uniform_{};                        // GPa
  std::vector<std::array<std::int32_t, 3>> centres_;  // of the bricks of all levels
  std::vector<LevelView> views_;
};

template <typename Visit>
void FarField::for_each_near_run(Visit&& visit) const {
  const BrickLevel& level = tree_.levels().front();
  const LevelView& view = views_.front();
  const auto ranges = [&](std::size_t axis, auto&& each) {
    for (std::int64_t brick = 0; brick < level.own[axis].size(); ++brick) {
      if (!view.axes[axis].near[static_cast<std::size_t>(brick)]) continue;
      std::int64_t begin = (brick + level.own[axis].begin) * level.edge[axis];
      while (brick + 1 < level.own[axis].size() && view.axes[axis].near[static_cast<std::size_t>(brick + 1)]) ++brick;
      std::int64_t end = std::min((brick + 1 + level.own[axis].begin) * level.edge[axis], counts_[axis]);
      if (axis == tree_.slab_axis()) {
        begin = std::max(begin, tree_.own_slabs().begin);
        end = std::min(end, tree_.own_slabs().end);
      }
      each(begin, end);
    }
  };
  ranges(2, [&](std::int64_t z_begin, std::int64_t z_end) {
    ranges(1, [&](std::int64_t y_begin, std::int64_t y_end) {
      for (std::int64_t z = z_begin; z < z_end; ++z) {
        for (std::int64_t y = y_begin; y < y_end; ++y) {
          ranges(0, [&](std::int64_t x_begin, std::int64_t x_end) { visit(x_begin, x_end - x_begin, y, z); });
        }
      }
    });
  });
}

}  // namespace mesoglass::deformation
