// Real-space kernel of a homogeneous periodic body: the stress everywhere of one voxel's eigenstrain, added to a stress
// field without any transform.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/distribution.hpp"
#include "core/voxel_grid.hpp"
#include "elasticity/isotropic_moduli.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::elasticity {

// What is held fixed on average while one voxel transforms; the two kernels differ by the constant C / N (N voxels).
//   zero_strain  the cell keeps its shape: the mean stress changes by -C : e / N. sum_r K(r) = -C.
//   zero_stress  the cell strains freely: the mean strain changes by e / N. sum_r K(r) = 0.
enum class KernelMean { zero_strain, zero_stress };

// K_ab(r), GPa: row a of the mean stress of the element at r due to a unit strain in row b of the element at 0, rows as
// the orthonormal basis says. K_ab(r) = K_ba(r) = K_ab(-r). Exactly the same numbers as PeriodicSolver, to round-off.
// Mirror symmetry keeps only offsets up to half the cell along every axis: memory is count (count + 1) / 2 * 8 B *
// voxels / 4 in two dimensions, / 8 in three (32 MB for 128^3 with five rows), on every rank.
class StressKernel {
 public:
  // `kind` is deviatoric or full. Computed by one transform a pair of rows, on every rank alone; not collective.
  StressKernel(const VoxelGrid& grid, const IsotropicModuli& moduli, BasisKind kind, KernelMean mean);

  [[nodiscard]] const VoxelGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] const TensorBasis& basis() const noexcept { return basis_; }
  // Rows of a strain or stress: 2 or 5 (deviatoric), 3 or 6 (full).
  [[nodiscard]] int count() const noexcept { return basis_.count(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return table_.size() * sizeof(double); }

  // K_ab at an offset in voxels (any integers; taken periodically).
  [[nodiscard]] double value(int a, int b, std::int64_t dx, std::int64_t dy, std::int64_t dz) const noexcept;
  // All K_ab with a <= b at an offset (any integers), in the order (0, 0), (0, 1) ... (1, 1) ...: count() (count() + 1)
  // / 2 values.
  void values(std::int64_t dx, std::int64_t dy, std::int64_t dz, double* entries) const noexcept;
  // What row a and row b of K_ab(r) are multiplied with to give K_ab where y (1 in `mirrored`) or z (2) or both have
  // their other sign. For x it is 3, since K(-r) = K(r).
  [[nodiscard]] const std::array<double, tensor_components>& mirror_signs(std::size_t mirrored) const noexcept {
    return mirror_signs_[mirrored];
  }
  // Frobenius norm of K at an offset: no unit strain there raises the stress here by more.
  [[nodiscard]] double norm(std::int64_t dx, std::int64_t dy, std::int64_t dz) const noexcept;
  // e : K(0) : e for the rows `strain` (GPa): the stress that a transformation does work against in its own voxel.
  [[nodiscard]] double self_response(std::span<const double> strain) const noexcept;

  // Adds to stress[0 .. count()) the stress of the strain rows `strain` at an offset of less than one cell from them:
  // |dx| < nx, |dy| < ny, |dz| < nz. Not collective.
  void superpose_at(std::int64_t dx, std::int64_t dy, std::int64_t dz, std::span<const double> strain,
                    double* stress) const noexcept;

  // The strain rows `strain` (count() values) put into voxel `voxel` (index in the grid), prepared for many rows.
  class Source {
   public:
    Source(const StressKernel& kernel, std::int64_t voxel, std::span<const double> strain) noexcept;

   private:
    friend class StressKernel;
    std::array<std::int64_t, 3> place_;
    // By mirrored axes: what each of the kernel's entries is multiplied with, [a * count() + b].
    std::array<std::array<double, tensor_components * tensor_components>, 4> factor_;
  };

  // Adds the stress of a source to the voxels x_begin <= x < x_begin + x_count of row (y, z): row a of the i-th goes to
  // stress[a * stride + i]. The inner loop over x is vectorised and reads the table in order, backwards where x is
  // mirrored. Not collective.
  void superpose_row(const Source& source, std::int64_t x_begin, std::int64_t x_count, std::int64_t y, std::int64_t z,
                     double* stress, std::size_t stride) const noexcept;

  // The same for all voxels of these slabs (grid.slabs_of a rank); stress[a * own voxels + own voxel].
  void superpose(std::int64_t source, std::span<const double> strain, Range slabs,
                 std::span<double> stress) const noexcept;

 private:
  template <int Rows>
  void add_at(std::int64_t dx, std::int64_t dy, std::int64_t dz, const double* strain, double* stress) const noexcept;
  // Turns offsets from 0 to one cell along y and z, or all axes, into those that are stored; returns the place in
  // mirror_signs_.
  std::size_t mirror(std::int64_t& dy, std::int64_t& dz) const noexcept;
  std::size_t mirror(std::int64_t& dx, std::int64_t& dy, std::int64_t& dz) const noexcept;
  [[nodiscard]] std::size_t row_offset(std::int64_t dy, std::int64_t dz) const noexcept;
  [[nodiscard]] std::size_t pair(int a, int b) const noexcept;

  VoxelGrid grid_;
  TensorBasis basis_;
  std::int64_t half_x_, half_y_;  // stored offsets, 0 to nx / 2, 0 to ny / 2
  int pairs_;
  std::vector<double> table_;  // [dz][dy][pair][dx]
  // mirror_sign() of the rows for the mirrored axes: none, y, z, y and z.
  std::array<std::array<double, tensor_components>, 4> mirror_signs_{};
};

}  // namespace mesoglass::elasticity
