// Stress of a heterogeneous periodic body: conjugate gradients preconditioned by the Green operator of a homogeneous
// reference medium of the same elements.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/voxel_grid.hpp"
#include "elasticity/discrete_green_operator.hpp"
#include "elasticity/mean_conditions.hpp"
#include "elasticity/slab_elements.hpp"
#include "elasticity/slab_transform.hpp"
#include "elasticity/solve_report.hpp"

namespace mesoglass::elasticity {

// What a solve gives, for this rank's voxels: stress (GPa) and strain, element averages; displacement (nm), three
// values a node, periodic part with mean zero.
struct ElasticFields {
  std::vector<Tensor> stress;
  std::vector<Tensor> strain;
  std::vector<std::array<double, 3>> displacement;
  Means means;
};

// Preconditioned by the reference medium's exact inverse, the number of iterations depends on the contrast of the
// moduli and not on the mesh (Leute et al., J. Comput. Phys. 453 (2022) 110931; Ladecky et al., Appl. Math. Comput. 446
// (2023) 127835); one iteration where the moduli are uniform. Mean strains whose mean stress is prescribed are unknowns
// of the same conjugate gradients. The same bits on any number of ranks.
class HeterogeneousSolver {
 public:
  // Moduli of this rank's voxels (GPa), zero for voids, negative or not finite: InputError on every rank; also where
  // all are void. The communicator must outlive the solver. Collective.
  HeterogeneousSolver(const Communicator& communicator, const VoxelGrid& grid, Body body,
                      std::span<const double> lambda_gpa, std::span<const double> shear_gpa);

  // Starts from the last solution. Throws Failure with the residual's history where `settings` is not reached.
  // Collective.
  SolveReport solve(std::span<const Tensor> eigenstrain, const MeanConditions& conditions,
                    const SolverSettings& settings, ElasticFields& fields);

 private:
  using Nodal = std::vector<double>;
  void precondition(const Nodal& residual, Nodal& result);
  [[nodiscard]] Tensor precondition(const Tensor& residual, const MeanConditions& conditions) const;

  const Communicator& communicator_;
  VoxelGrid grid_;
  Body body_;
  SlabElements elements_;
  IsotropicModuli reference_;
  DiscreteGreenOperator green_;
  SlabTransform transform_;
  std::vector<ComplexBuffer> spectra_;
  std::vector<double> component_;
  Nodal displacement_;  // warm start
  Tensor mean_strain_{};
};

// Checks moduli of own voxels and returns the reference medium (half-way between the extremes). Collective.
[[nodiscard]] IsotropicModuli checked_reference_medium(const Communicator& communicator, Body body,
                                                       std::span<const double> lambda_gpa,
                                                       std::span<const double> shear_gpa);

}  // namespace mesoglass::elasticity
