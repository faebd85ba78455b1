#include "elasticity/finite_element_solver.hpp"

#include <petscao.h>
#include <petscdmda.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>

// The error names the call as it is written here.
#define MESOGLASS_PETSC(call) check_petsc((call), #call)

namespace mesoglass::elasticity {

namespace {

// A coarsest level of a few hundred unknowns is solved directly on every rank in no time.
constexpr PetscInt coarsest_unknowns = 1500;

}  // namespace

FiniteElementSolver::FiniteElementSolver(const Communicator& communicator, const VoxelGrid& grid, Body body,
                                         Faces faces, std::span<const double> lambda_gpa,
                                         std::span<const double> shear_gpa)
    : communicator_(communicator),
      grid_(grid),
      body_(body),
      faces_(faces),
      matrices_(grid, body),
      reference_(checked_reference_medium(communicator, body, lambda_gpa, shear_gpa)),
      scale_(1.0 / (reference_.shear_gpa * std::cbrt(grid.voxel_volume_nm3()))),
      lambda_(lambda_gpa.begin(), lambda_gpa.end()),
      shear_(shear_gpa.begin(), shear_gpa.end()) {
  const bool flat = grid.nz == 1;
  if (flat && faces == Faces::gripped_z) {
    throw input_error("grips across z need more than one layer of voxels: grip x or y of a flat grid");
  }
  const std::array<std::int64_t, 3> voxels = {grid.nx, grid.ny, grid.nz};
  for (std::size_t axis = 0; axis < (flat ? 2U : 3U); ++axis) {
    if (voxels[axis] < 2) {
      throw input_error("the PETSc solver needs at least 2 voxels along {}, the grid has {}: take --solver fft",
                        "xyz"[axis], voxels[axis]);
    }
    nodes_[axis] = static_cast<PetscInt>(voxels[axis] + (is_gripped() ? 1 : 0));
  }
  create_mesh();
  assemble_matrix();
  create_solver();
}

void FiniteElementSolver::create_mesh() {
  const DMBoundaryType boundary = is_gripped() ? DM_BOUNDARY_NONE : DM_BOUNDARY_PERIODIC;
  const auto freedoms = static_cast<PetscInt>(matrices_.freedoms());
  const MPI_Comm comm = communicator_.get();
  if (grid_.nz == 1) {
    MESOGLASS_PETSC(DMDACreate2d(comm, boundary, boundary, DMDA_STENCIL_BOX, nodes_[0], nodes_[1], PETSC_DECIDE,
                                 PETSC_DECIDE, freedoms, 1, nullptr, nullptr, mesh_.put()));
  } else {
    MESOGLASS_PETSC(DMDACreate3d(comm, boundary, boundary, boundary, DMDA_STENCIL_BOX, nodes_[0], nodes_[1], nodes_[2],
                                 PETSC_DECIDE, PETSC_DECIDE, PETSC_DECIDE, freedoms, 1, nullptr, nullptr, nullptr,
                                 mesh_.put()));
  }
  MESOGLASS_PETSC(DMSetUp(mesh_.get()));
  MESOGLASS_PETSC(DMDASetUniformCoordinates(mesh_.get(), 0.0, static_cast<double>(grid_.nx) * grid_.voxel_size_nm[0],
                                            0.0, static_cast<double>(grid_.ny) * grid_.voxel_size_nm[1], 0.0,
                                            static_cast<double>(grid_.nz) * grid_.voxel_size_nm[2]));
  MESOGLASS_PETSC(DMDACreateCompatibleDMDA(mesh_.get(), tensor_components, element_mesh_.put()));
  auto& c = corners_;
  MESOGLASS_PETSC(
      DMDAGetCorners(mesh_.get(), &c.first[0], &c.first[1], &c.first[2], &c.count[0], &c.count[1], &c.count[2]));
  MESOGLASS_PETSC(DMDAGetGhostCorners(mesh_.get(), &c.ghost_first[0], &c.ghost_first[1], &c.ghost_first[2],
                                      &c.ghost_count[0], &c.ghost_count[1], &c.ghost_count[2]));
  create_scatter(element_mesh_.get(), tensor_components, slab_tensors_, to_elements_);
  create_scatter(mesh_.get(), matrices_.freedoms(), slab_displacements_, to_nodes_);
  MESOGLASS_PETSC(DMCreateGlobalVector(element_mesh_.get(), element_moduli_.put()));
  MESOGLASS_PETSC(DMCreateGlobalVector(element_mesh_.get(), element_tensors_.put()));

  // Levels: as often as every axis divides by two, until the coarsest mesh is small, and no smaller than the ranks.
  std::array<PetscInt, 3> ranks{1, 1, 1};
  MESOGLASS_PETSC(DMDAGetInfo(mesh_.get(), nullptr, nullptr, nullptr, nullptr, &ranks[0], &ranks[1], &ranks[2], nullptr,
                              nullptr, nullptr, nullptr, nullptr, nullptr));
  std::array<PetscInt, 3> spans{};
  const std::size_t axes = grid_.nz == 1 ? 2 : 3;
  for (std::size_t axis = 0; axis < axes; ++axis) spans[axis] = nodes_[axis] - (is_gripped() ? 1 : 0);
  const auto unknowns = [&] {
    PetscInt product = freedoms;
    for (std::size_t axis = 0; axis < axes; ++axis) product *= spans[axis] + (is_gripped() ? 1 : 0);
    return product;
  };
  while (unknowns() > 200) {
    bool divides = true;
    for (std::size_t axis = 0; axis < axes; ++axis) {
      divides = divides && spans[axis] % 2 == 0 && spans[axis] / 2 >= std::max<PetscInt>(2, ranks[axis]);
    }
    if (!divides) break;
    for (std::size_t axis = 0; axis < axes; ++axis) spans[axis] /= 2;
    ++levels_;
  }
  if (unknowns() > coarsest_unknowns) levels_ = 1;
}

// Between this rank's slabs of voxels (as everywhere in mesoglass) and PETSc's own distribution of the mesh.
void FiniteElementSolver::create_scatter(DM mesh, int freedoms, PetscVector& slab_vector, PetscScatter& scatter) const {
  const Range own = grid_.voxels_of(communicator_.rank(), communicator_.size());
  std::vector<PetscInt> nodes;
  for (std::int64_t voxel = own.begin; voxel < own.end; ++voxel) {
    const auto [x, y, z] = grid_.coordinates(voxel);
    nodes.push_back(static_cast<PetscInt>((z * nodes_[1] + y) * nodes_[0] + x) * freedoms);
  }
  AO ordering = nullptr;
  MESOGLASS_PETSC(DMDAGetAO(mesh, &ordering));
  MESOGLASS_PETSC(AOApplicationToPetsc(ordering, static_cast<PetscInt>(nodes.size()), nodes.data()));
  for (PetscInt& node : nodes) node /= freedoms;  // the ordering counts unknowns, an index set of blocks counts nodes
  MESOGLASS_PETSC(VecCreateMPI(communicator_.get(), static_cast<PetscInt>(own.size()) * freedoms, PETSC_DETERMINE,
                               slab_vector.put()));
  PetscIndexSet targets;
  MESOGLASS_PETSC(ISCreateBlock(communicator_.get(), freedoms, static_cast<PetscInt>(nodes.size()), nodes.data(),
                                PETSC_COPY_VALUES, targets.put()));
  PetscVector mesh_vector;
  MESOGLASS_PETSC(DMCreateGlobalVector(mesh, mesh_vector.put()));
  MESOGLASS_PETSC(VecScatterCreate(slab_vector.get(), nullptr, mesh_vector.get(), targets.get(), scatter.put()));
}

bool FiniteElementSolver::node_is_held(const std::array<PetscInt, 3>& node) const noexcept {
  if (!is_gripped()) return false;
  const auto axis = static_cast<std::size_t>(grip_axis());
  return node[axis] == 0 || node[axis] == nodes_[axis] - 1;
}

// visit(offset of the element's tensors in the owned part of element vectors, local (ghosted) node numbers, node
// count).
template <typename Visit>
void FiniteElementSolver::for_each_own_element(Visit&& visit) const {
  const auto& c = corners_;
  const std::array<PetscInt, 3> voxels = {static_cast<PetscInt>(grid_.nx), static_cast<PetscInt>(grid_.ny),
                                          static_cast<PetscInt>(grid_.nz)};
  std::array<PetscInt, 8> local{};
  PetscInt offset = 0;
  for (PetscInt z = c.first[2]; z < c.first[2] + c.count[2]; ++z) {
    for (PetscInt y = c.first[1]; y < c.first[1] + c.count[1]; ++y) {
      for (PetscInt x = c.first[0]; x < c.first[0] + c.count[0]; ++x, ++offset) {
        if (x >= voxels[0] || y >= voxels[1] || z >= voxels[2]) continue;  // the last nodes of a finite body
        for (int node = 0; node < matrices_.nodes(); ++node) {
          const PetscInt nx = x + (node & 1) - c.ghost_first[0];
          const PetscInt ny = y + ((node >> 1) & 1) - c.ghost_first[1];
          const PetscInt nz = z + ((node >> 2) & 1) - c.ghost_first[2];
          local[static_cast<std::size_t>(node)] = (nz * c.ghost_count[1] + ny) * c.ghost_count[0] + nx;
        }
        visit(offset * tensor_components,
              std::span<const PetscInt>(local.data(), static_cast<std::size_t>(matrices_.nodes())));
      }
    }
  }
}

void FiniteElementSolver::assemble_matrix() {
  double* values = nullptr;
  MESOGLASS_PETSC(VecGetArray(slab_tensors_.get(), &values));
  for (std::size_t voxel = 0; voxel < lambda_.size(); ++voxel) {
    values[voxel * tensor_components] = lambda_[voxel];
    values[voxel * tensor_components + 1] = shear_[voxel];
  }
  MESOGLASS_PETSC(VecRestoreArray(slab_tensors_.get(), &values));
  MESOGLASS_PETSC(
      VecScatterBegin(to_elements_.get(), slab_tensors_.get(), element_moduli_.get(), INSERT_VALUES, SCATTER_FORWARD));
  MESOGLASS_PETSC(
      VecScatterEnd(to_elements_.get(), slab_tensors_.get(), element_moduli_.get(), INSERT_VALUES, SCATTER_FORWARD));

  MESOGLASS_PETSC(DMSetMatType(mesh_.get(), MATAIJ));
  MESOGLASS_PETSC(DMCreateMatrix(mesh_.get(), matrix_.put()));
  MESOGLASS_PETSC(MatSetOption(matrix_.get(), MAT_SYMMETRIC, PETSC_TRUE));
  MESOGLASS_PETSC(MatSetOption(matrix_.get(), MAT_SPD, PETSC_TRUE));
  const double* moduli = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(element_moduli_.get(), &moduli));
  const int n = matrices_.unknowns();
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> element(n, n);
  for_each_own_element([&](PetscInt offset, std::span<const PetscInt> nodes) {
    element = scale_ * (moduli[offset] * matrices_.stiffness_lambda() + moduli[offset + 1] * matrices_.stiffness_mu());
    const auto count = static_cast<PetscInt>(nodes.size());
    MESOGLASS_PETSC(
        MatSetValuesBlockedLocal(matrix_.get(), count, nodes.data(), count, nodes.data(), element.data(), ADD_VALUES));
  });
  MESOGLASS_PETSC(VecRestoreArrayRead(element_moduli_.get(), &moduli));
  MESOGLASS_PETSC(MatAssemblyBegin(matrix_.get(), MAT_FINAL_ASSEMBLY));
  MESOGLASS_PETSC(MatAssemblyEnd(matrix_.get(), MAT_FINAL_ASSEMBLY));

  // Nodes that nothing but voids touch, and held nodes, get a unit row of their own.
  PetscVector diagonal;
  MESOGLASS_PETSC(MatCreateVecs(matrix_.get(), diagonal.put(), nullptr));
  MESOGLASS_PETSC(MatGetDiagonal(matrix_.get(), diagonal.get()));
  PetscInt first = 0;
  PetscInt last = 0;
  MESOGLASS_PETSC(VecGetOwnershipRange(diagonal.get(), &first, &last));
  const double* own = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(diagonal.get(), &own));
  std::vector<PetscInt> rows;
  const auto& c = corners_;
  const auto freedoms = static_cast<PetscInt>(matrices_.freedoms());
  PetscInt row = 0;
  for (PetscInt z = c.first[2]; z < c.first[2] + c.count[2]; ++z) {
    for (PetscInt y = c.first[1]; y < c.first[1] + c.count[1]; ++y) {
      for (PetscInt x = c.first[0]; x < c.first[0] + c.count[0]; ++x) {
        for (PetscInt axis = 0; axis < freedoms; ++axis, ++row) {
          if (own[row] == 0.0 || node_is_held({x, y, z})) rows.push_back(first + row);
        }
      }
    }
  }
  MESOGLASS_PETSC(VecRestoreArrayRead(diagonal.get(), &own));
  MESOGLASS_PETSC(
      MatZeroRowsColumns(matrix_.get(), static_cast<PetscInt>(rows.size()), rows.data(), 1.0, nullptr, nullptr));

  PetscVector coordinates_owner;  // rigid-body modes help algebraic multigrid
  Vec coordinates = nullptr;
  if (freedoms == (grid_.nz == 1 ? 2 : 3)) {
    MESOGLASS_PETSC(DMGetCoordinates(mesh_.get(), &coordinates));
    PetscNullSpace near;
    MESOGLASS_PETSC(MatNullSpaceCreateRigidBody(coordinates, near.put()));
    MESOGLASS_PETSC(MatSetNearNullSpace(matrix_.get(), near.get()));
  }
  if (is_gripped()) return;
  // A periodic body may be shifted as a whole: the rows of nodes inside voids stay out of that.
  const bool any_void = communicator_.any(!rows.empty());
  if (any_void) return;
  std::vector<PetscVector> shifts(static_cast<std::size_t>(freedoms));
  std::vector<Vec> handles;
  for (PetscInt axis = 0; axis < freedoms; ++axis) {
    auto& shift = shifts[static_cast<std::size_t>(axis)];
    MESOGLASS_PETSC(DMCreateGlobalVector(mesh_.get(), shift.put()));
    MESOGLASS_PETSC(VecStrideSet(shift.get(), axis, 1.0));
    MESOGLASS_PETSC(VecNormalize(shift.get(), nullptr));
    handles.push_back(shift.get());
  }
  PetscNullSpace translations;
  MESOGLASS_PETSC(MatNullSpaceCreate(communicator_.get(), PETSC_FALSE, freedoms, handles.data(), translations.put()));
  MESOGLASS_PETSC(MatSetNullSpace(matrix_.get(), translations.get()));
}

void FiniteElementSolver::create_solver() {
  MESOGLASS_PETSC(KSPCreate(communicator_.get(), solver_.put()));
  KSP ksp = solver_.get();
  MESOGLASS_PETSC(KSPSetOptionsPrefix(ksp, "el_"));
  MESOGLASS_PETSC(KSPSetDM(ksp, mesh_.get()));
  MESOGLASS_PETSC(KSPSetDMActive(ksp, PETSC_FALSE));
  MESOGLASS_PETSC(KSPSetOperators(ksp, matrix_.get(), matrix_.get()));
  MESOGLASS_PETSC(KSPSetType(ksp, KSPCG));
  MESOGLASS_PETSC(KSPSetNormType(ksp, KSP_NORM_NATURAL));
  MESOGLASS_PETSC(KSPSetInitialGuessNonzero(ksp, PETSC_TRUE));
  PC pc = nullptr;
  MESOGLASS_PETSC(KSPGetPC(ksp, &pc));
  if (levels_ > 1) {
    MESOGLASS_PETSC(PCSetType(pc, PCMG));
    MESOGLASS_PETSC(PCMGSetLevels(pc, levels_, nullptr));
    MESOGLASS_PETSC(PCMGSetGalerkin(pc, PC_MG_GALERKIN_BOTH));
    for (PetscInt level = 1; level < levels_; ++level) {
      KSP smoother = nullptr;
      PC smoother_pc = nullptr;
      MESOGLASS_PETSC(PCMGGetSmoother(pc, level, &smoother));
      MESOGLASS_PETSC(KSPSetType(smoother, KSPCHEBYSHEV));
      MESOGLASS_PETSC(KSPGetPC(smoother, &smoother_pc));
      MESOGLASS_PETSC(PCSetType(smoother_pc, PCJACOBI));
    }
    // The coarsest operator of a periodic body is singular (shifts): singular value decomposition leaves them out.
    KSP coarse = nullptr;
    PC coarse_pc = nullptr;
    PC inner_pc = nullptr;
    MESOGLASS_PETSC(PCMGGetCoarseSolve(pc, &coarse));
    MESOGLASS_PETSC(KSPSetType(coarse, KSPPREONLY));
    MESOGLASS_PETSC(KSPGetPC(coarse, &coarse_pc));
    MESOGLASS_PETSC(PCSetType(coarse_pc, PCREDUNDANT));
    KSP inner = nullptr;
    MESOGLASS_PETSC(PCRedundantGetKSP(coarse_pc, &inner));
    MESOGLASS_PETSC(KSPSetType(inner, KSPPREONLY));
    MESOGLASS_PETSC(KSPGetPC(inner, &inner_pc));
    MESOGLASS_PETSC(PCSetType(inner_pc, PCSVD));
  } else {
    MESOGLASS_PETSC(PCSetType(pc, PCGAMG));
  }
  MESOGLASS_PETSC(KSPSetFromOptions(ksp));
  MESOGLASS_PETSC(DMCreateGlobalVector(mesh_.get(), right_.put()));
  MESOGLASS_PETSC(DMCreateGlobalVector(mesh_.get(), solution_.put()));
}

void FiniteElementSolver::solve_for(std::span<const Tensor> eigenstrain, const Tensor& mean_strain,
                                    const SolverSettings& settings, Vec solution, SolveReport& report) {
  double* values = nullptr;
  MESOGLASS_PETSC(VecGetArray(slab_tensors_.get(), &values));
  for (std::size_t voxel = 0; voxel < eigenstrain.size(); ++voxel) {
    for (std::size_t c = 0; c < tensor_components; ++c) {
      values[voxel * tensor_components + c] = eigenstrain[voxel][c] - mean_strain[c];
    }
  }
  MESOGLASS_PETSC(VecRestoreArray(slab_tensors_.get(), &values));
  MESOGLASS_PETSC(
      VecScatterBegin(to_elements_.get(), slab_tensors_.get(), element_tensors_.get(), INSERT_VALUES, SCATTER_FORWARD));
  MESOGLASS_PETSC(
      VecScatterEnd(to_elements_.get(), slab_tensors_.get(), element_tensors_.get(), INSERT_VALUES, SCATTER_FORWARD));

  Vec local = nullptr;
  double* force = nullptr;
  const double* moduli = nullptr;
  const double* strains = nullptr;
  MESOGLASS_PETSC(DMGetLocalVector(mesh_.get(), &local));
  MESOGLASS_PETSC(VecSet(local, 0.0));
  MESOGLASS_PETSC(VecGetArray(local, &force));
  MESOGLASS_PETSC(VecGetArrayRead(element_moduli_.get(), &moduli));
  MESOGLASS_PETSC(VecGetArrayRead(element_tensors_.get(), &strains));
  const int freedoms = matrices_.freedoms();
  for_each_own_element([&](PetscInt offset, std::span<const PetscInt> nodes) {
    Tensor strain;
    std::copy_n(strains + offset, tensor_components, strain.begin());
    const auto added =
        matrices_.force_of_stress(stress_of({moduli[offset], moduli[offset + 1], dimensions_of(body_)}, strain));
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      for (int axis = 0; axis < freedoms; ++axis) {
        force[nodes[node] * freedoms + axis] += scale_ * added[static_cast<int>(node) * freedoms + axis];
      }
    }
  });
  MESOGLASS_PETSC(VecRestoreArrayRead(element_tensors_.get(), &strains));
  MESOGLASS_PETSC(VecRestoreArrayRead(element_moduli_.get(), &moduli));
  MESOGLASS_PETSC(VecRestoreArray(local, &force));
  MESOGLASS_PETSC(VecSet(right_.get(), 0.0));
  MESOGLASS_PETSC(DMLocalToGlobal(mesh_.get(), local, ADD_VALUES, right_.get()));
  MESOGLASS_PETSC(DMRestoreLocalVector(mesh_.get(), &local));
  if (is_gripped()) {
    double* right = nullptr;
    MESOGLASS_PETSC(VecGetArray(right_.get(), &right));
    const auto& c = corners_;
    PetscInt node = 0;
    for (PetscInt z = c.first[2]; z < c.first[2] + c.count[2]; ++z) {
      for (PetscInt y = c.first[1]; y < c.first[1] + c.count[1]; ++y) {
        for (PetscInt x = c.first[0]; x < c.first[0] + c.count[0]; ++x, ++node) {
          if (node_is_held({x, y, z})) std::fill_n(right + node * freedoms, freedoms, 0.0);
        }
      }
    }
    MESOGLASS_PETSC(VecRestoreArray(right_.get(), &right));
  }
  PetscReal norm = 0.0;
  MESOGLASS_PETSC(VecNorm(right_.get(), NORM_INFINITY, &norm));
  // Entries of the right-hand side are strains times nm here: below this it is round-off of a balanced load.
  double largest_strain = 0.0;
  for (const Tensor& strain : eigenstrain) {
    for (std::size_t c = 0; c < tensor_components; ++c)
      largest_strain = std::max(largest_strain, std::abs(strain[c] - mean_strain[c]));
  }
  largest_strain = communicator_.max(largest_strain);
  const double edge = std::cbrt(grid_.voxel_volume_nm3());
  if (norm <=
      1e-13 * largest_strain * edge * (reference_.lambda_gpa + 2.0 * reference_.shear_gpa) / reference_.shear_gpa) {
    MESOGLASS_PETSC(VecSet(solution, 0.0));
    report.history.assign(1, 0.0);
    return;
  }
  KSP ksp = solver_.get();
  MESOGLASS_PETSC(KSPSetTolerances(ksp, settings.tolerance, PETSC_DEFAULT, PETSC_DEFAULT, settings.maximum_iterations));
  std::vector<PetscReal> history(static_cast<std::size_t>(settings.maximum_iterations) + 1);
  MESOGLASS_PETSC(KSPSetResidualHistory(ksp, history.data(), static_cast<PetscInt>(history.size()), PETSC_TRUE));
  MESOGLASS_PETSC(KSPSolve(ksp, right_.get(), solution));
  PetscInt iterations = 0;
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  PetscInt kept = 0;
  const PetscReal* kept_history = nullptr;
  MESOGLASS_PETSC(KSPGetIterationNumber(ksp, &iterations));
  MESOGLASS_PETSC(KSPGetConvergedReason(ksp, &reason));
  MESOGLASS_PETSC(KSPGetResidualHistory(ksp, &kept_history, &kept));
  history.resize(static_cast<std::size_t>(std::max<PetscInt>(kept, 0)));
  MESOGLASS_PETSC(KSPSetResidualHistory(ksp, nullptr, 0, PETSC_TRUE));
  const double start = history.empty() || history.front() == 0.0 ? 1.0 : history.front();
  report.history.clear();
  for (const PetscReal value : history) report.history.push_back(value / start);
  ++report.solves;
  report.iterations = std::max(report.iterations, static_cast<int>(iterations));
  report.residual = std::max(report.residual, report.history.empty() ? 0.0 : report.history.back());
  if (reason < 0) {
    MESOGLASS_PETSC(VecSet(solution, 0.0));
    throw_not_converged(
        report, settings,
        fmt::format("PETSc calls it {}; look at --petsc \"-el_ksp_monitor -el_ksp_view\", raise "
                    "--iterations, try --petsc \"-el_pc_type gamg\", or lower the contrast of the moduli",
                    KSPConvergedReasons[reason]));
  }
}

void FiniteElementSolver::evaluate(Vec solution, std::span<const Tensor> eigenstrain, const Tensor& mean_strain,
                                   ElasticFields& fields) {
  Vec local = nullptr;
  MESOGLASS_PETSC(DMGetLocalVector(mesh_.get(), &local));
  MESOGLASS_PETSC(DMGlobalToLocal(mesh_.get(), solution, INSERT_VALUES, local));
  const double* displacement = nullptr;
  double* strains = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(local, &displacement));
  MESOGLASS_PETSC(VecGetArray(element_tensors_.get(), &strains));
  const int freedoms = matrices_.freedoms();
  ElementMatrices::Vector unknowns(matrices_.unknowns());
  for_each_own_element([&](PetscInt offset, std::span<const PetscInt> nodes) {
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      for (int axis = 0; axis < freedoms; ++axis) {
        unknowns[static_cast<int>(node) * freedoms + axis] = displacement[nodes[node] * freedoms + axis];
      }
    }
    const Eigen::Matrix<double, tensor_components, 1> strain = matrices_.mean_strain() * unknowns;
    for (int c = 0; c < tensor_components; ++c) strains[offset + c] = strain[c];
  });
  MESOGLASS_PETSC(VecRestoreArray(element_tensors_.get(), &strains));
  MESOGLASS_PETSC(VecRestoreArrayRead(local, &displacement));
  MESOGLASS_PETSC(DMRestoreLocalVector(mesh_.get(), &local));
  MESOGLASS_PETSC(
      VecScatterBegin(to_elements_.get(), element_tensors_.get(), slab_tensors_.get(), INSERT_VALUES, SCATTER_REVERSE));
  MESOGLASS_PETSC(
      VecScatterEnd(to_elements_.get(), element_tensors_.get(), slab_tensors_.get(), INSERT_VALUES, SCATTER_REVERSE));
  MESOGLASS_PETSC(
      VecScatterBegin(to_nodes_.get(), solution, slab_displacements_.get(), INSERT_VALUES, SCATTER_REVERSE));
  MESOGLASS_PETSC(VecScatterEnd(to_nodes_.get(), solution, slab_displacements_.get(), INSERT_VALUES, SCATTER_REVERSE));

  const std::size_t voxels = lambda_.size();
  fields.strain.resize(voxels);
  fields.stress.resize(voxels);
  fields.displacement.assign(voxels, {});
  const double* values = nullptr;
  const double* nodal = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(slab_tensors_.get(), &values));
  MESOGLASS_PETSC(VecGetArrayRead(slab_displacements_.get(), &nodal));
  for (std::size_t voxel = 0; voxel < voxels; ++voxel) {
    Tensor elastic;
    for (std::size_t c = 0; c < tensor_components; ++c) {
      fields.strain[voxel][c] = values[voxel * tensor_components + c] + mean_strain[c];
      elastic[c] = fields.strain[voxel][c] - eigenstrain[voxel][c];
    }
    fields.stress[voxel] = stress_of({lambda_[voxel], shear_[voxel], dimensions_of(body_)}, elastic);
    for (int axis = 0; axis < freedoms; ++axis) {
      fields.displacement[voxel][static_cast<std::size_t>(axis)] =
          nodal[voxel * static_cast<std::size_t>(freedoms) + static_cast<std::size_t>(axis)];
    }
  }
  MESOGLASS_PETSC(VecRestoreArrayRead(slab_displacements_.get(), &nodal));
  MESOGLASS_PETSC(VecRestoreArrayRead(slab_tensors_.get(), &values));
  fields.means.strain = average(fields.strain);
  fields.means.stress = average(fields.stress);
  fields.means.eigenstrain = average(eigenstrain);
}

Tensor FiniteElementSolver::average(std::span<const Tensor> values) const {
  Tensor total{};
  for (const Tensor& value : values) {
    for (std::size_t c = 0; c < tensor_components; ++c) total[c] += value[c];
  }
  communicator_.sum_in_place(std::span<double>(total));
  for (double& component : total) component /= static_cast<double>(grid_.voxel_count());
  return total;
}

SolveReport FiniteElementSolver::solve(std::span<const Tensor> eigenstrain, const MeanConditions& conditions,
                                       const SolverSettings& settings, ElasticFields& fields) {
  if (eigenstrain.size() != lambda_.size()) throw std::logic_error("eigenstrain does not suit the grid");
  std::vector<std::size_t> free;
  Tensor mean{};
  for (std::size_t c = 0; c < tensor_components; ++c) {
    if (dimensions_of(body_) == 2 && (c == zz || c == yz || c == xz)) continue;
    const bool along_grips = is_gripped() && c == static_cast<std::size_t>(grip_axis());
    if (is_gripped() && !along_grips) {
      if (conditions.is_stress[c] || conditions.value[c] != 0.0) {
        throw input_error(
            "the mean {} {} of a gripped specimen cannot be prescribed: only {} (along the grips' axis) can",
            conditions.is_stress[c] ? "stress" : "strain", component_names[c],
            component_names[static_cast<std::size_t>(grip_axis())]);
      }
      continue;
    }
    if (conditions.is_stress[c]) {
      free.push_back(c);
    } else {
      mean[c] = conditions.value[c];
    }
  }
  SolveReport report;
  solve_for(eigenstrain, mean, settings, solution_.get(), report);
  evaluate(solution_.get(), eigenstrain, mean, fields);
  if (free.empty()) return report;

  // The body is linear: add the responses to unit strains until the prescribed mean stresses are met.
  const std::vector<Tensor> none(lambda_.size());
  const auto count = static_cast<int>(free.size());
  Eigen::MatrixXd stiffness(count, count);
  Eigen::VectorXd missing(count);
  for (int column = 0; column < count; ++column) {
    const std::size_t component = free[static_cast<std::size_t>(column)];
    Tensor unit{};
    unit[component] = 1.0;
    auto& response = unit_responses_[component];
    if (response.get() == nullptr) {
      MESOGLASS_PETSC(DMCreateGlobalVector(mesh_.get(), response.put()));
      MESOGLASS_PETSC(VecSet(response.get(), 0.0));
      solve_for(none, unit, settings, response.get(), report);
    }
    ElasticFields unit_fields;
    evaluate(response.get(), none, unit, unit_fields);
    for (int row = 0; row < count; ++row) {
      stiffness(row, column) = unit_fields.means.stress[free[static_cast<std::size_t>(row)]];
    }
    missing[column] = conditions.value[component] - fields.means.stress[component];
  }
  const Eigen::VectorXd strains = stiffness.fullPivLu().solve(missing);
  PetscVector total;
  MESOGLASS_PETSC(VecDuplicate(solution_.get(), total.put()));
  MESOGLASS_PETSC(VecCopy(solution_.get(), total.get()));
  for (int row = 0; row < count; ++row) {
    const std::size_t component = free[static_cast<std::size_t>(row)];
    mean[component] = strains[row];
    MESOGLASS_PETSC(VecAXPY(total.get(), strains[row], unit_responses_[component].get()));
  }
  evaluate(total.get(), eigenstrain, mean, fields);
  return report;
}

}  // namespace mesoglass::elasticity
