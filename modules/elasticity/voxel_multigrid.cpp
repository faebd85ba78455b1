#include "elasticity/voxel_multigrid.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <limits>
#include <utility>

namespace mesoglass::elasticity {

namespace {

// Levels whose operators are summed from the moduli: a voxel costs the same on each, the matrices A_i, B_i grow by 8.
constexpr std::size_t levels_from_moduli = 2;
// Coarsening ends here; a level of so few unknowns is solved directly on every rank in no time.
constexpr PetscInt few_unknowns = 200;
constexpr PetscInt directly_solved_unknowns = 1500;

// Chebyshev smoothing of the part [lowest_share, highest_share] of the largest eigenvalue's spectrum, and the cycle.
struct Cycle {
  PCMGCycleType type;
  PetscInt degree;
  double lowest_share;
};
constexpr double highest_share = 1.1;  // the estimate of the largest eigenvalue is from below
constexpr Cycle plain_cycle{PC_MG_CYCLE_V, 3, 0.06};
// Interfaces that the coarse meshes cannot follow leave slow modes to the smoother, and coarse problems that one cycle
// does not solve: stiff inclusions take half the iterations so, at about the same cost.
constexpr Cycle strong_cycle{PC_MG_CYCLE_W, 6, 0.025};
constexpr double contrast_of_plain_cycle = 10.0;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Displacements of a voxel's nodes, given those of the element of `side` voxels a side in which it has the place `at`.
Matrix voxel_within_element(const std::array<int, 3>& at, int side, int nodes, int freedoms) {
  const int axes = nodes == 8 ? 3 : 2;
  Matrix result = Matrix::Zero(nodes * freedoms, nodes * freedoms);
  for (int fine = 0; fine < nodes; ++fine) {
    for (int coarse = 0; coarse < nodes; ++coarse) {
      double weight = 1.0;
      for (int axis = 0; axis < axes; ++axis) {
        const double position =
            static_cast<double>(at[static_cast<std::size_t>(axis)] + ((fine >> axis) & 1)) / static_cast<double>(side);
        weight *= ((coarse >> axis) & 1) != 0 ? position : 1.0 - position;
      }
      for (int i = 0; i < freedoms; ++i) result(fine * freedoms + i, coarse * freedoms + i) = weight;
    }
  }
  return result;
}

// Assembles the level's operator from the moduli of its elements' voxels (pairs lambda, mu; x fastest). Void nodes keep
// empty rows.
void assemble_from_moduli(const FiniteElementMesh& mesh, const ElementMatrices& elements, int side, Vec element_moduli,
                          Mat matrix) {
  const int layers = mesh.axes() == 3 ? side : 1;
  const int n = elements.unknowns();
  std::vector<Matrix> by_lambda, by_shear;
  for (int z = 0; z < layers; ++z) {
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const Matrix within = voxel_within_element({x, y, z}, side, elements.nodes(), elements.freedoms());
        by_lambda.emplace_back(within.transpose() * elements.stiffness_lambda() * within);
        by_shear.emplace_back(within.transpose() * elements.stiffness_mu() * within);
      }
    }
  }
  const double* moduli = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(element_moduli, &moduli));
  Matrix sum(n, n);
  mesh.for_each_own_element([&](PetscInt own, std::span<const PetscInt> nodes) {
    const double* voxel = moduli + 2 * static_cast<std::size_t>(own) * by_lambda.size();
    sum.setZero();
    for (std::size_t i = 0; i < by_lambda.size(); ++i, voxel += 2) {
      if (voxel[1] != 0.0) sum += voxel[0] * by_lambda[i] + voxel[1] * by_shear[i];
    }
    const auto count = static_cast<PetscInt>(nodes.size());
    MESOGLASS_PETSC(MatSetValuesBlockedLocal(matrix, count, nodes.data(), count, nodes.data(), sum.data(), ADD_VALUES));
  });
  MESOGLASS_PETSC(VecRestoreArrayRead(element_moduli, &moduli));
  MESOGLASS_PETSC(MatAssemblyBegin(matrix, MAT_FINAL_ASSEMBLY));
  MESOGLASS_PETSC(MatAssemblyEnd(matrix, MAT_FINAL_ASSEMBLY));
}

// Largest over smallest shear modulus of all voxels but voids. Collective.
double contrast_of(const Communicator& communicator, std::span<const double> shear) {
  double low = std::numeric_limits<double>::max();
  double high = 0.0;
  for (const double modulus : shear) {
    if (modulus == 0.0) continue;
    low = std::min(low, modulus);
    high = std::max(high, modulus);
  }
  return communicator.max(high) / communicator.min(low);
}

void zero_entries(Vec vector, const std::vector<PetscInt>& entries) {
  double* values = nullptr;
  MESOGLASS_PETSC(VecGetArray(vector, &values));
  for (const PetscInt entry : entries) values[entry] = 0.0;
  MESOGLASS_PETSC(VecRestoreArray(vector, &values));
}

}  // namespace

int VoxelMultigrid::largest_levels(const FiniteElementMesh& mesh) {
  if (mesh.unknowns() <= few_unknowns || !mesh.can_be_coarsened()) return 1;
  return 1 + largest_levels(mesh.coarsened());
}

VoxelMultigrid::VoxelMultigrid(const Communicator& communicator, const FiniteElementMesh& mesh, const VoxelGrid& grid,
                               Body body, const StiffnessMatrix& fine, std::span<const double> lambda,
                               std::span<const double> shear, int levels)
    : communicator_(communicator), contrast_(contrast_of(communicator, shear)) {
  const ElementMatrices elements(grid, body);
  const FiniteElementMesh* finer = &mesh;
  std::vector<PetscInt> finer_fixed = fine.fixed();
  bool any_finer_fixed = fine.any_fixed();
  for (std::size_t level = 1; level < static_cast<std::size_t>(levels); ++level) {
    Level next;
    next.mesh = std::make_unique<FiniteElementMesh>(finer->coarsened());
    next.to_finer = std::make_unique<Interpolation>();
    MESOGLASS_PETSC(DMCreateInterpolation(next.mesh->dm(), finer->dm(), next.to_finer->plain.put(), nullptr));
    // Stored in blocks where it is only to be multiplied with vectors: that is faster so.
    const bool blocked = level < levels_from_moduli && level + 1 < static_cast<std::size_t>(levels);
    if (level <= levels_from_moduli) {
      auto exchange = next.mesh->create_exchange(2);
      double* moduli = nullptr;
      MESOGLASS_PETSC(VecGetArray(exchange.slabs.get(), &moduli));
      for (std::size_t voxel = 0; voxel < lambda.size(); ++voxel) {
        moduli[2 * voxel] = lambda[voxel];
        moduli[2 * voxel + 1] = shear[voxel];
      }
      MESOGLASS_PETSC(VecRestoreArray(exchange.slabs.get(), &moduli));
      exchange.to_elements();
      if (blocked) MESOGLASS_PETSC(DMSetMatType(next.mesh->dm(), MATBAIJ));
      MESOGLASS_PETSC(DMCreateMatrix(next.mesh->dm(), next.matrix.put()));
      assemble_from_moduli(*next.mesh, elements, 1 << level, exchange.elements.get(), next.matrix.get());
    } else {
      MESOGLASS_PETSC(MatPtAP(coarse_.back().matrix.get(), next.to_finer->plain.get(), MAT_INITIAL_MATRIX,
                              PETSC_DEFAULT, next.matrix.put()));
    }
    // The finer level's unit rows would stiffen this one: they are set only now that it is made.
    if (!coarse_.empty()) finer_fixed = fix_unknowns(*finer, coarse_.back().matrix.get());
    next.to_finer->fine_fixed = std::move(finer_fixed);
    if (!coarse_.empty()) {
      any_finer_fixed = communicator.any(!next.to_finer->fine_fixed.empty());
      coarse_.back().any_fixed = any_finer_fixed;
      coarse_.back().to_finer->coarse_fixed = next.to_finer->fine_fixed;
    }
    // PETSc's distributed blocked matrices do not know the option.
    if (!blocked) MESOGLASS_PETSC(MatSetOption(next.matrix.get(), MAT_SPD, PETSC_TRUE));
    coarse_.push_back(std::move(next));
    finer = coarse_.back().mesh.get();
  }
  Level& coarsest = coarse_.back();
  coarsest.to_finer->coarse_fixed = fix_unknowns(*coarsest.mesh, coarsest.matrix.get());
  coarsest.any_fixed = communicator.any(!coarsest.to_finer->coarse_fixed.empty());
  set_null_spaces(communicator, *coarsest.mesh, coarsest.matrix.get(), coarsest.any_fixed);
  for (Level& level : coarse_) {
    Interpolation& interpolation = *level.to_finer;
    if (!communicator.any(!interpolation.fine_fixed.empty() || !interpolation.coarse_fixed.empty())) continue;
    PetscInt rows = 0;
    PetscInt columns = 0;
    MESOGLASS_PETSC(MatGetLocalSize(interpolation.plain.get(), &rows, &columns));
    MESOGLASS_PETSC(MatCreateShell(communicator.get(), rows, columns, PETSC_DETERMINE, PETSC_DETERMINE, &interpolation,
                                   interpolation.masked.put()));
    MESOGLASS_PETSC(MatShellSetOperation(interpolation.masked.get(), MATOP_MULT,
                                         reinterpret_cast<void (*)(void)>(interpolate_callback)));
    MESOGLASS_PETSC(MatShellSetOperation(interpolation.masked.get(), MATOP_MULT_TRANSPOSE,
                                         reinterpret_cast<void (*)(void)>(restrict_callback)));
  }
}

PetscErrorCode VoxelMultigrid::interpolate_callback(Mat matrix, Vec coarse, Vec fine) {
  return guarded_petsc_callback([&] {
    const auto* interpolation = shell_context<Interpolation>(matrix);
    MESOGLASS_PETSC(MatMult(interpolation->plain.get(), coarse, fine));
    zero_entries(fine, interpolation->fine_fixed);
  });
}

PetscErrorCode VoxelMultigrid::restrict_callback(Mat matrix, Vec fine, Vec coarse) {
  // Residuals at the finer level's fixed unknowns are zero from the start, and smoothing keeps them so.
  return guarded_petsc_callback([&] {
    const auto* interpolation = shell_context<Interpolation>(matrix);
    MESOGLASS_PETSC(MatMultTranspose(interpolation->plain.get(), fine, coarse));
    zero_entries(coarse, interpolation->coarse_fixed);
  });
}

void VoxelMultigrid::set_up(PC preconditioner) const {
  const auto levels = static_cast<PetscInt>(coarse_.size()) + 1;
  MESOGLASS_PETSC(PCSetType(preconditioner, PCMG));
  MESOGLASS_PETSC(PCMGSetLevels(preconditioner, levels, nullptr));
  const Cycle& cycle = contrast_ > contrast_of_plain_cycle ? strong_cycle : plain_cycle;
  MESOGLASS_PETSC(PCMGSetCycleType(preconditioner, cycle.type));
  MESOGLASS_PETSC(PCMGSetGalerkin(preconditioner, PC_MG_GALERKIN_NONE));
  for (PetscInt level = 1; level < levels; ++level) {
    const Level& coarser = coarse_[static_cast<std::size_t>(levels - 1 - level)];
    const Mat interpolation =
        coarser.to_finer->masked.get() != nullptr ? coarser.to_finer->masked.get() : coarser.to_finer->plain.get();
    MESOGLASS_PETSC(PCMGSetInterpolation(preconditioner, level, interpolation));
    KSP smoother = nullptr;
    PC smoother_pc = nullptr;
    MESOGLASS_PETSC(PCMGGetSmoother(preconditioner, level, &smoother));
    if (level < levels - 1) {
      const Mat matrix = coarse_[static_cast<std::size_t>(levels - 2 - level)].matrix.get();
      MESOGLASS_PETSC(KSPSetOperators(smoother, matrix, matrix));
    }
    MESOGLASS_PETSC(KSPSetType(smoother, KSPCHEBYSHEV));
    MESOGLASS_PETSC(KSPSetTolerances(smoother, PETSC_DEFAULT, PETSC_DEFAULT, PETSC_DEFAULT, cycle.degree));
    MESOGLASS_PETSC(KSPChebyshevEstEigSet(smoother, 0.0, cycle.lowest_share, 0.0, highest_share));
    MESOGLASS_PETSC(KSPGetPC(smoother, &smoother_pc));
    MESOGLASS_PETSC(PCSetType(smoother_pc, PCPBJACOBI));
  }
  const Level& coarsest = coarse_.back();
  KSP coarse = nullptr;
  PC coarse_pc = nullptr;
  MESOGLASS_PETSC(PCMGGetCoarseSolve(preconditioner, &coarse));
  MESOGLASS_PETSC(KSPSetOperators(coarse, coarsest.matrix.get(), coarsest.matrix.get()));
  MESOGLASS_PETSC(KSPSetType(coarse, KSPPREONLY));
  MESOGLASS_PETSC(KSPGetPC(coarse, &coarse_pc));
  if (coarsest.mesh->unknowns() > directly_solved_unknowns) {
    MESOGLASS_PETSC(PCSetType(coarse_pc, PCGAMG));
    return;
  }
  // The coarsest operator of a periodic body is singular (shifts): singular value decomposition leaves them out.
  KSP inner = nullptr;
  PC inner_pc = nullptr;
  MESOGLASS_PETSC(PCSetType(coarse_pc, PCREDUNDANT));
  MESOGLASS_PETSC(PCRedundantGetKSP(coarse_pc, &inner));
  MESOGLASS_PETSC(KSPSetType(inner, KSPPREONLY));
  MESOGLASS_PETSC(KSPGetPC(inner, &inner_pc));
  MESOGLASS_PETSC(PCSetType(inner_pc, PCSVD));
}

}  // namespace mesoglass::elasticity
