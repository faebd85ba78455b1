// Stress of a heterogeneous body by PETSc: assembled finite elements on a DMDA, conjugate gradients, geometric
// multigrid.
#pragma once

#include <array>
#include <map>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/petsc_handles.hpp"
#include "core/voxel_grid.hpp"
#include "elasticity/element_matrices.hpp"
#include "elasticity/heterogeneous_solver.hpp"
#include "elasticity/mean_conditions.hpp"
#include "elasticity/solve_report.hpp"

namespace mesoglass::elasticity {

// The specimen's faces. periodic: a cell of an endless body. gripped_x/y/z: the two faces across that axis are held by
// grips, which move apart along the axis and keep their shape; all other faces are free surfaces. (In a flat grid, z
// stays as the body says.) Then only the mean strain or mean stress along the axis can be prescribed.
enum class Faces { periodic, gripped_x, gripped_y, gripped_z };

// The same elements as the Fourier solvers: agrees with them to the solver tolerance. Defaults: CG on the energy norm
// of the residual; geometric multigrid with Galerkin coarse operators, Chebyshev/Jacobi smoothing, as many levels as
// the sizes divide by two; where they do not, algebraic multigrid with the rigid-body modes. Everything can be changed
// by PETSc's options with the prefix "el_" (insert_petsc_options). About 9 kB a node in all (27 x 3 x 3 matrix entries,
// twice while they are assembled, and the coarse levels).
class FiniteElementSolver {
 public:
  // Moduli (GPa) of this rank's voxels as in HeterogeneousSolver, void voxels included. Throws InputError for
  // impossible moduli, fewer than 2 voxels along an axis that elements span, or grips across z of a flat grid. The
  // communicator must outlive the solver. Collective.
  FiniteElementSolver(const Communicator& communicator, const VoxelGrid& grid, Body body, Faces faces,
                      std::span<const double> lambda_gpa, std::span<const double> shear_gpa);

  // Starts from the last solution. A prescribed mean stress costs one further solve a component the first time (the
  // response to its unit strain, kept for the next call). Throws InputError where the conditions do not suit the faces,
  // Failure with the residual's history where the solve does not converge. Collective.
  SolveReport solve(std::span<const Tensor> eigenstrain, const MeanConditions& conditions,
                    const SolverSettings& settings, ElasticFields& fields);

  // Levels of geometric multigrid, 1 where algebraic multigrid is used.
  [[nodiscard]] int levels() const noexcept { return levels_; }

 private:
  struct Corners {  // this rank's nodes and ghosted nodes
    std::array<PetscInt, 3> first{}, count{}, ghost_first{}, ghost_count{};
  };
  void create_mesh();
  void create_scatter(DM mesh, int freedoms, PetscVector& slab_vector, PetscScatter& scatter) const;
  void assemble_matrix();
  void create_solver();
  [[nodiscard]] bool is_gripped() const noexcept { return faces_ != Faces::periodic; }
  [[nodiscard]] int grip_axis() const noexcept { return static_cast<int>(faces_) - 1; }
  [[nodiscard]] bool node_is_held(const std::array<PetscInt, 3>& node) const noexcept;
  template <typename Visit>
  void for_each_own_element(Visit&& visit) const;
  // Loads the right-hand side with the forces of (strain - mean) and solves into `solution`.
  void solve_for(std::span<const Tensor> eigenstrain, const Tensor& mean_strain, const SolverSettings& settings,
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
  std::array<PetscInt, 3> nodes_{1, 1, 1};
  int levels_ = 1;
  PetscMesh mesh_, element_mesh_;
  Corners corners_;
  PetscVector slab_tensors_, slab_displacements_;
  PetscScatter to_elements_, to_nodes_;
  PetscVector element_moduli_, element_tensors_;
  PetscMatrix matrix_;
  PetscSolver solver_;
  PetscVector right_, solution_;
  std::map<std::size_t, PetscVector> unit_responses_;  // by strain component
};

}  // namespace mesoglass::elasticity
