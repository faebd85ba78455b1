// Local heating: the temperature rise of every voxel, fed by transformations, spread by conduction.
#pragma once

#include <span>

#include "core/communicator.hpp"
#include "core/voxel_grid.hpp"
#include "deformation/deformation_parameters.hpp"
#include "elasticity/slab_transform.hpp"

namespace mesoglass::deformation {

// K a GPa of stress times strain: work a volume over density and specific heat.
[[nodiscard]] inline double heating_k_per_gpa(const HeatParameters& heat) noexcept {
  constexpr double pascal_per_gpa = 1e9;
  return pascal_per_gpa / (heat.density_kg_per_m3 * heat.specific_heat_j_per_kg_k);
}

// dT/dt = diffusivity * Laplacian T - T / exchange time on the periodic grid, T the rise above the surroundings, the
// Laplacian of nearest neighbours. Each Fourier component decays with its own rate, so a step is exact for any length,
// heat is conserved but for the exchange, and no rise ever overshoots (the matrix exponential of a Laplacian has no
// negative entry). The same bits on any number of ranks.
class HeatField {
 public:
  // The communicator must outlive the field. Not collective.
  HeatField(const Communicator& communicator, const VoxelGrid& grid, const HeatParameters& heat);

  // Lets time pass for the own voxels' temperature rise (K). Collective.
  void pass(double time_s, std::span<double> rise);
  // Time in which the differences between voxels change by about a quarter: 0.25 / rate, rate = sum over components of
  // decay rate * square / sum of squares (mean left out). Infinite where no voxel differs from the mean, or the mean
  // from the surroundings, by more than `smallest_k`. Collective.
  [[nodiscard]] double time_scale_s(std::span<const double> rise, double smallest_k);
  // Mean over all voxels. Collective.
  [[nodiscard]] double mean(std::span<const double> rise) const;

 private:
  [[nodiscard]] double decay_rate(std::int64_t nx, std::int64_t ny, std::int64_t nz) const noexcept;

  const Communicator& communicator_;
  VoxelGrid grid_;
  double diffusivity_nm2_per_s_;
  double exchange_rate_per_s_;
  elasticity::SlabTransform transform_;
  ComplexBuffer spectrum_;
};

}  // namespace mesoglass::deformation
