// A sample whose kinds of zones have elastic constants of their own.
#pragma once

#include <Eigen/Dense>
#include <span>
#include <vector>

#include "catalog/stz_catalog.hpp"
#include "core/communicator.hpp"
#include "deformation/voxel_state.hpp"
#include "elasticity/heterogeneous_solver.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::deformation {

// Whether all types share their elastic constants. Pure.
[[nodiscard]] bool has_uniform_moduli(const catalog::Catalog& glass) noexcept;
// The solver for the catalog's own voxels, each with the constants of its type. Collective.
[[nodiscard]] elasticity::HeterogeneousSolver heterogeneous_solver(const Communicator& communicator,
                                                                   const catalog::Catalog& glass,
                                                                   elasticity::Body body);

// The local stress is sigma_v = A_v : Sigma + f_v, with Sigma the mean stress, A_v the voxel's stress concentration
// (mean over the voxels: the identity) and f_v what plastic strain leaves at Sigma = 0. The mean strain is
// E = S : Sigma + E*, S the effective compliance and E* = <A^T : eps*> (Levin; Colonnetti: the elastic energy is that
// of Sigma plus that of f). A and S come from one elastic solution a component of Sigma, when the medium is made; f is
// added up event by event, each by a solve that starts from rest: the same residual as going on from the last solution
// of all of them, and the same bits after a restart. Solutions are converged to 1e-10.
class HeterogeneousMedium {
 public:
  // `basis` is that of the engine's strains. Communicator and catalog must outlive the medium. Collective.
  HeterogeneousMedium(const Communicator& communicator, const catalog::Catalog& glass, elasticity::Body body,
                      const elasticity::TensorBasis& basis);

  // Adds the transformations' share of f to `stress` (basis rows, own voxels). Collective.
  void superpose(std::span<const Transformation> transformations, std::span<double> stress);
  // stress = residual + (A - 1) : Sigma, basis rows. Not collective.
  void add_load(const elasticity::Tensor& mean_stress, std::span<const double> residual,
                std::span<double> stress) const noexcept;
  // What the transformations add to E*. Collective.
  [[nodiscard]] elasticity::Tensor effective_strain(std::span<const Transformation> transformations) const;
  // Mean strain and stress that meet the conditions at a given E*. Not collective.
  [[nodiscard]] elasticity::Means means(const elasticity::MeanConditions& conditions,
                                        const elasticity::Tensor& effective_strain) const;
  [[nodiscard]] double memory_bytes() const noexcept {
    return static_cast<double>((concentration_.capacity() * sizeof(double)));
  }

 private:
  [[nodiscard]] double concentration(int row, std::size_t load, std::size_t voxel) const noexcept {
    return concentration_[(load * static_cast<std::size_t>(basis_.count()) + static_cast<std::size_t>(row)) * own_ +
                          voxel];
  }

  const Communicator& communicator_;
  Range own_voxels_;
  std::size_t own_;
  double voxel_count_;
  elasticity::TensorBasis basis_;
  elasticity::HeterogeneousSolver solver_;
  std::vector<int> loads_;             // components that a mean stress can have
  std::vector<double> concentration_;  // [load][basis row][own voxel]
  Eigen::MatrixXd compliance_;         // of loads: E_c a Sigma_d, shear as tensor components
  std::vector<elasticity::Tensor> eigenstrain_;
  elasticity::ElasticFields fields_;
};

}  // namespace mesoglass::deformation
