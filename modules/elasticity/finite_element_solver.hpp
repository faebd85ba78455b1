// Stress of a heterogeneous body by PETSc: finite elements on a DMDA, conjugate gradients, geometric multigrid.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/petsc_handles.hpp"
#include "core/voxel_grid.hpp"
#include "elasticity/element_matrices.hpp"
#include "elasticity/finite_element_mesh.hpp"
#include "elasticity/heterogeneous_solver.hpp"
#include "elasticity/mean_conditions.hpp"
#include "elasticity/solve_report.hpp"
#include "elasticity/stiffness_matrix.hpp"
#include "elasticity/voxel_multigrid.hpp"

namespace mesoglass::elasticity {

// The same elements as the Fourier solvers: agrees with them to the solver tolerance. Conjugate gradients on the energy
// norm of the residual, preconditioned by geometric multigrid (VoxelMultigrid). The finest matrix is applied element by
// element and never stored: about 1.5 kB a node in all. Where the sizes do not divide by two at all, and for
// preconditioners of PETSc's that want the entries, it is assembled (about 9 kB a node); the default is then algebraic
// multigrid with the rigid-body modes. Everything can be changed by PETSc's options with the prefix "el_"
// (insert_petsc_options).
class FiniteElementSolver {
 public:
  // Moduli (GPa) of this rank's voxels as in HeterogeneousSolver, void voxels included. Throws InputError for
  // impossible moduli, fewer than 2 voxels along an axis that elements span, or grips across z of a flat grid. The
  // communicator must outlive the solver. Collective.
  FiniteElementSolver(const Communicator& communicator, const VoxelGrid& grid, Body body, Faces faces,
                      std::span<const double> lambda_gpa, std::span<const double> shear_gpa);

  // Starts from the last solution. A prescribed mean stress costs one further solve a component the first time (the
  // response to its unit strain, kept for the next call). PETSc's options -el_ksp_rtol and -el_ksp_max_it win over
  // `settings`. Throws InputError where the conditions do not suit the faces,
  // Failure with the residual's history where the solve does not converge. Collective.
  SolveReport solve(std::span<const Tensor> eigenstrain, const MeanConditions& conditions,
                    const SolverSettings& settings, ElasticFields& fields);

  // Levels of geometric multigrid, 1 where it is not used.
  [[nodiscard]] int levels() const noexcept { return levels_; }

 private:
  void create_stiffness();
  void create_solver();
  // Loads the right-hand side with the forces of (eigenstrain - mean strain) and solves into `solution`.
  void solve_for(std::span<const Tensor> eigenstrain, const Tensor& mean_strain, const SolverSettings& given,
                 Vec solution, SolveReport& report);
  void evaluate(Vec solution, std::span<const Tensor> eigenstrain, const Tensor& mean_strain, ElasticFields& fields);
  [[nodiscard]] Tensor average(std::span<const Tensor> values) const;

  const Communicator& communicator_;
  VoxelGrid grid_;
  Body body_;
  Faces faces_;
  ElementMatrices matrices_;
  IsotropicModuli reference_;
  double scale_;                        // the matrix is the stiffness times this, so that its entries are of order one
  std::vector<double> lambda_, shear_;  // this rank's voxels (slabs)
  int levels_ = 1;
  std::unique_ptr<FiniteElementMesh> mesh_;
  FiniteElementMesh::Exchange element_exchange_;  // of tensors
  std::unique_ptr<StiffnessMatrix> stiffness_;
  std::unique_ptr<VoxelMultigrid> multigrid_;
  PetscMatrix matrix_;
  PetscSolver solver_;
  PetscVector right_, solution_;
  std::map<std::size_t, PetscVector> unit_responses_;  // by strain component
};

}  // namespace mesoglass::elasticity
