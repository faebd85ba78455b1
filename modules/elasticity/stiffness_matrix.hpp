// The stiffness of a voxel body as a PETSc matrix: assembled, or applied element by element.
#pragma once

#include <span>
#include <vector>

#include "core/petsc_handles.hpp"
#include "elasticity/element_matrices.hpp"
#include "elasticity/element_rows.hpp"
#include "elasticity/finite_element_mesh.hpp"

namespace mesoglass::elasticity {

// Unknowns of nodes that the grips hold, or that nothing but voids touch, are fixed: they have a unit row and column of
// their own. Symmetric and, without the shifts of a periodic body, positive definite (but for parts that voids cut
// off).
class StiffnessMatrix {
 public:
  // Moduli of the elements in the order of the mesh's element vectors, lambda and mu in turn, in units that make the
  // stiffness of order one; zero where a node has no element. The mesh must outlive the matrix. Collective.
  StiffnessMatrix(const FiniteElementMesh& mesh, const VoxelGrid& grid, Body body, Vec element_moduli);
  StiffnessMatrix(const StiffnessMatrix&) = delete;
  StiffnessMatrix& operator=(const StiffnessMatrix&) = delete;
  ~StiffnessMatrix() = default;

  // A shell that knows its product, its diagonal and the inverse of its diagonal blocks: all that Krylov methods,
  // Chebyshev smoothing and (point-block) Jacobi need. 16 B an element and 72 B a node. Collective.
  [[nodiscard]] Mat create_matrix_free();
  // MATAIJ, about 3 kB a node, twice that while it is assembled: for every other preconditioner. Collective.
  [[nodiscard]] Mat create_assembled();

  // Own unknowns with a row of their own.
  [[nodiscard]] const std::vector<PetscInt>& fixed() const noexcept { return fixed_; }
  [[nodiscard]] bool any_fixed() const noexcept { return any_fixed_; }

 private:
  static PetscErrorCode multiply_callback(Mat matrix, Vec x, Vec y);
  static PetscErrorCode diagonal_callback(Mat matrix, Vec diagonal);
  static PetscErrorCode inverse_blocks_callback(Mat matrix, const PetscScalar** values);
  void multiply(Vec x, Vec y);
  void diagonal(Vec result) const;
  void invert_blocks();
  // The diagonal block of every own node, row by row, before anything is fixed.
  [[nodiscard]] std::vector<double> diagonal_blocks() const;

  const FiniteElementMesh& mesh_;
  ElementMatrices elements_;
  ElementRows rows_;
  std::vector<double> lambda_, shear_;  // at own node numbers
  std::vector<PetscInt> fixed_;
  bool any_fixed_ = false;
  std::vector<PetscInt> held_local_;  // ghosted node numbers that the grips hold
  std::vector<double> inverse_blocks_;
};

// Gives `matrix` unit rows and columns at its own unknowns without any stiffness and at held nodes of `mesh`, and
// returns them. Collective.
std::vector<PetscInt> fix_unknowns(const FiniteElementMesh& mesh, Mat matrix);

// Tells `matrix` the rigid motions (for algebraic multigrid) and, where nothing holds the body or is fixed, the shifts
// that leave it unstrained. Collective.
void set_null_spaces(const Communicator& communicator, const FiniteElementMesh& mesh, Mat matrix, bool any_fixed);

}  // namespace mesoglass::elasticity
