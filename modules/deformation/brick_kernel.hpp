// The kernel as linear fields at the centres of bricks, in single precision and in an order that lets the bricks of a
// row be done side by side.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "deformation/brick_tree.hpp"
#include "elasticity/stress_kernel.hpp"

namespace mesoglass::deformation {

// A transformation's strain (the kernel's rows, dimensionless) with the signs of every mirrored part of the kernel, and
// halved for differences. Pure.
class StrainFactors {
 public:
  StrainFactors(const elasticity::StressKernel& kernel, std::span<const double> strain) noexcept;

 private:
  friend class BrickKernel;
  static constexpr std::size_t most_rows = 6;
  using Factors = std::array<float, most_rows * most_rows>;  // [a * rows + b]: signs * strain_b
  // By mirrored axes (1: y, 2: z): as they are, half of them, minus half of them.
  std::array<std::array<Factors, 3>, 4> factors_;
};

// For bricks that are a multiple of `edge` voxels long along x. Offsets are stored up to half the cell (reach), along x
// with both signs and, by mirror symmetry, from 0 on along y and z, those a multiple of `edge` apart side by side and
// the kernel's entries after one another: rows (rows + 1) / 2 * 4 B an offset. Nothing here is collective.
class BrickKernel {
 public:
  // The kernel is read here only.
  BrickKernel(const elasticity::StressKernel& kernel, std::int64_t edge);

  // For `count` bricks in a row along x whose centres are at (dx + i * step * edge, dy, dz) from the source, all within
  // half the cell:
  // adds the stress (GPa) of a strain to fields[i * (1 + dimensions) * rows ...], and its central differences (GPa a
  // voxel) along x, y and in three dimensions z, each `rows` values.
  //
  // The value differs by at most `rounding` times the largest Frobenius norm K of the kernel within one voxel of the
  // place times |strain| from exact arithmetic, each difference likewise.
  void add(std::int64_t dx, std::int64_t dy, std::int64_t dz, const StrainFactors& strain, std::size_t step,
           std::size_t count, double* fields) const noexcept;
  // Half a unit each: of the entry, the strain, the product, at most five sums of a row and one of two rows: nine.
  static constexpr double rounding = 10.0 * 0x1p-24;

  [[nodiscard]] std::size_t memory_bytes() const noexcept { return table_.capacity() * sizeof(float); }
  // What a kernel of `rows` takes, in bytes.
  [[nodiscard]] static std::size_t bytes_needed(int rows, const VoxelGrid& grid, std::int64_t edge) noexcept;

 private:
  [[nodiscard]] static std::int64_t first_offset(std::int64_t edge, const VoxelGrid& grid) noexcept {
    return (grid.nx / 2 + edge) / edge * edge;
  }
  [[nodiscard]] static std::int64_t offsets_side_by_side(std::int64_t edge, const VoxelGrid& grid) noexcept {
    return (first_offset(edge, grid) + grid.nx / 2 + 1) / edge + 1;
  }
  // Where the row of the kernel at these offsets begins, and its mirrored axes.
  struct Row {
    const float* table = nullptr;
    std::size_t mirrored = 0;
  };
  [[nodiscard]] Row row(std::int64_t dy, std::int64_t dz) const noexcept;
  [[nodiscard]] std::ptrdiff_t place_along_x(std::int64_t dx) const noexcept {
    const std::int64_t from_start = dx + first_;
    return from_start % edge_ * pairs_ * length_ + from_start / edge_;
  }

  std::int64_t edge_;
  std::int64_t first_;   // the first stored offset along x is -first_, first_ a multiple of edge_
  std::int64_t length_;  // offsets along x that are side by side
  std::int64_t rows_y_;
  int rows_;
  std::int64_t pairs_;
  std::size_t axes_;
  std::vector<float> table_;  // [dz][dy][dx mod edge][pair][dx / edge]
};

}  // namespace mesoglass::deformation
