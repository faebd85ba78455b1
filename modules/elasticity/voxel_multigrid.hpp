// The coarse levels of geometric multigrid for a voxel body.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/petsc_handles.hpp"
#include "core/voxel_grid.hpp"
#include "elasticity/finite_element_mesh.hpp"
#include "elasticity/stiffness_matrix.hpp"

namespace mesoglass::elasticity {

// Each level's elements are cubes of 2 x 2 x 2 of the next finer one's. The coarse operators are the exact Galerkin
// ones: trilinear functions of the coarse mesh are trilinear on each voxel too, so the coarse element's stiffness is a
// sum over its voxels, lambda * A_i + mu * B_i with matrices A_i, B_i that depend on the voxel's place in it alone. The
// first coarse levels are added up so, straight from the moduli, and no fine matrix is ever made; further ones, which
// are small, by PETSc's triple product. Fixed unknowns of every level are left out of its corrections.
class VoxelMultigrid {
 public:
  // How often `mesh` can be coarsened, plus one: until an axis does not divide by two, or few unknowns are left.
  // Collective.
  [[nodiscard]] static int largest_levels(const FiniteElementMesh& mesh);

  // `lambda`, `shear`: moduli of this rank's voxels (slabs), in the units of `fine`. `levels` from 2 to
  // largest_levels(). Sizes must allow for it. Collective.
  VoxelMultigrid(const Communicator& communicator, const FiniteElementMesh& mesh, const VoxelGrid& grid, Body body,
                 const StiffnessMatrix& fine, std::span<const double> lambda, std::span<const double> shear,
                 int levels);
  VoxelMultigrid(const VoxelMultigrid&) = delete;
  VoxelMultigrid& operator=(const VoxelMultigrid&) = delete;
  ~VoxelMultigrid() = default;

  // Makes `preconditioner` a cycle over these levels: Chebyshev smoothing with point-block Jacobi, a V-cycle for moduli
  // within a factor of ten, a W-cycle with stronger smoothing beyond (voids do not count); the coarsest level
  // solved directly where it is small, else by one cycle of algebraic multigrid. Collective.
  void set_up(PC preconditioner) const;

 private:
  // Interpolation from a coarser level that leaves out fixed unknowns.
  struct Interpolation {
    PetscMatrix plain;   // PETSc's, of the mesh
    PetscMatrix masked;  // shell around it; null where nothing is fixed
    std::vector<PetscInt> fine_fixed, coarse_fixed;
  };
  struct Level {
    std::unique_ptr<FiniteElementMesh> mesh;
    PetscMatrix matrix;
    bool any_fixed = false;
    std::unique_ptr<Interpolation> to_finer;
  };
  static PetscErrorCode interpolate_callback(Mat matrix, Vec coarse, Vec fine);
  static PetscErrorCode restrict_callback(Mat matrix, Vec fine, Vec coarse);

  const Communicator& communicator_;
  double contrast_;            // of the moduli of all voxels but voids
  std::vector<Level> coarse_;  // from the finest coarse level to the coarsest
};

}  // namespace mesoglass::elasticity
