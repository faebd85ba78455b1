// Stress of a homogeneous, isotropic, periodic body with eigenstrain: direct, by Fourier transform, no iteration.
#pragma once

#include <complex>
#include <optional>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/voxel_grid.hpp"
#include "elasticity/discrete_green_operator.hpp"
#include "elasticity/mean_conditions.hpp"
#include "elasticity/slab_transform.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::elasticity {

// Fields are row by row: row b of this rank's voxel v at values[b * own_voxel_count() + v], rows as `basis` says.
// Results are the same bit for bit on any number of ranks.
class PeriodicSolver {
 public:
  // The communicator must outlive the solver. Throws InputError where moduli, basis and grid do not suit each other.
  // Memory: about twice a field of doubles, once on a single rank: spectra stand in the results' own memory. Not
  // collective.
  PeriodicSolver(const Communicator& communicator, const VoxelGrid& grid, const IsotropicModuli& moduli,
                 const TensorBasis& basis);

  [[nodiscard]] std::size_t own_voxel_count() const noexcept { return transform_.own_voxel_count(); }
  [[nodiscard]] const TensorBasis& basis() const noexcept { return basis_; }
  [[nodiscard]] const DiscreteGreenOperator& green_operator() const noexcept { return operator_; }

  // Of its buffers, on this rank.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  struct Results {
    std::span<double> stress;                 // GPa, basis.count() rows; must not overlap the eigenstrain
    std::optional<std::span<double>> strain;  // basis.count() rows; not with a deviatoric basis
    // nm, 3 rows (ux, uy, uz) at the voxels' low corners, mean zero, without the mean strain's linear part.
    std::optional<std::span<double>> displacement;
  };
  // Stress, and on request strain and displacement, of `eigenstrain` (1) under the mean conditions, which are met to
  // round-off. Collective.
  Means solve(std::span<const double> eigenstrain, const MeanConditions& conditions, const Results& results);

 private:
  IsotropicModuli moduli_;
  TensorBasis basis_;
  DiscreteGreenOperator operator_;
  const Communicator& communicator_;
  SlabTransform transform_;
  // Each row's spectrum stands in the memory of its stress, as many whole lines as fit; the others here.
  [[nodiscard]] SpectrumParts spectrum_of(std::size_t row, std::span<double> stress);
  std::size_t values_in_stress_;
  std::vector<ComplexBuffer> remainders_;
};

}  // namespace mesoglass::elasticity
