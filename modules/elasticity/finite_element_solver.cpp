#include "elasticity/finite_element_solver.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string_view>

namespace mesoglass::elasticity {

namespace {

constexpr const char* options_prefix = "el_";

// The user's choice of one of PETSc's options, empty where there is none.
std::string petsc_option(const char* prefix, const std::string& name) {
  std::array<char, 128> value{};
  PetscBool given = PETSC_FALSE;
  MESOGLASS_PETSC(PetscOptionsGetString(nullptr, prefix, name.c_str(), value.data(), value.size(), &given));
  return given == PETSC_TRUE ? value.data() : "";
}

// What --petsc says wins over `settings`.
SolverSettings settings_in_force(SolverSettings settings) {
  PetscReal tolerance = settings.tolerance;
  PetscInt iterations = settings.maximum_iterations;
  MESOGLASS_PETSC(PetscOptionsGetReal(nullptr, options_prefix, "-ksp_rtol", &tolerance, nullptr));
  MESOGLASS_PETSC(PetscOptionsGetInt(nullptr, options_prefix, "-ksp_max_it", &iterations, nullptr));
  return {tolerance, static_cast<int>(iterations)};
}

// Residuals kept of one solve.
constexpr int longest_history = 1000000;

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

// Whether all that the user asks PETSc for can be had without the entries of the finest matrix.
bool works_without_entries(int levels) {
  if (!is_one_of(petsc_option(options_prefix, "-pc_type"), {"", "mg", "jacobi", "pbjacobi", "none"})) return false;
  std::vector<std::string> smoothers = {"-mg_levels_pc_type", "-mg_fine_pc_type"};
  smoothers.push_back(fmt::format("-mg_levels_{}_pc_type", levels - 1));
  return std::all_of(smoothers.begin(), smoothers.end(), [](const std::string& name) {
    return is_one_of(petsc_option(options_prefix, name), {"", "jacobi", "pbjacobi", "none"});
  });
}

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
  }
  mesh_ = std::make_unique<FiniteElementMesh>(communicator, grid, matrices_.freedoms(), faces);
  element_exchange_ = mesh_->create_exchange(tensor_components);
  create_stiffness();
  create_solver();
}

void FiniteElementSolver::create_stiffness() {
  auto exchange = mesh_->create_exchange(2);
  double* values = nullptr;
  MESOGLASS_PETSC(VecGetArray(exchange.slabs.get(), &values));
  for (std::size_t voxel = 0; voxel < lambda_.size(); ++voxel) {
    values[2 * voxel] = scale_ * lambda_[voxel];
    values[2 * voxel + 1] = scale_ * shear_[voxel];
  }
  MESOGLASS_PETSC(VecRestoreArray(exchange.slabs.get(), &values));
  exchange.to_elements();
  stiffness_ = std::make_unique<StiffnessMatrix>(*mesh_, grid_, body_, exchange.elements.get());
}

void FiniteElementSolver::create_solver() {
  levels_ = VoxelMultigrid::largest_levels(*mesh_);
  PetscInt wanted_levels = 0;
  PetscBool levels_given = PETSC_FALSE;
  MESOGLASS_PETSC(PetscOptionsGetInt(nullptr, options_prefix, "-pc_mg_levels", &wanted_levels, &levels_given));
  const std::string pc_type = petsc_option(options_prefix, "-pc_type");
  const bool multigrid = is_one_of(pc_type, {"", "mg"});
  if (levels_given == PETSC_TRUE && multigrid) {
    if (wanted_levels < 2 || wanted_levels > levels_) {
      throw input_error("-el_pc_mg_levels {} cannot be had ({}): give a number within, or leave it out", wanted_levels,
                        levels_ < 2 ? std::string("the sizes do not divide by two, there is one level")
                                    : fmt::format("these sizes divide for 2 to {} levels", levels_));
    }
    levels_ = static_cast<int>(wanted_levels);
  }
  if (levels_ == 1 && pc_type == "mg") {
    throw input_error(
        "-el_pc_type mg cannot be had (the sizes do not divide by two): leave it out for algebraic multigrid");
  }
  if (!multigrid) levels_ = 1;
  const bool assembled = (levels_ == 1 && multigrid) || !works_without_entries(levels_);
  *matrix_.put() = assembled ? stiffness_->create_assembled() : stiffness_->create_matrix_free();
  set_null_spaces(communicator_, *mesh_, matrix_.get(), stiffness_->any_fixed());

  MESOGLASS_PETSC(KSPCreate(communicator_.get(), solver_.put()));
  KSP ksp = solver_.get();
  MESOGLASS_PETSC(KSPSetOptionsPrefix(ksp, options_prefix));
  MESOGLASS_PETSC(KSPSetOperators(ksp, matrix_.get(), matrix_.get()));
  MESOGLASS_PETSC(KSPSetType(ksp, KSPCG));
  // The energy norm; most other methods do not know it.
  if (is_one_of(petsc_option(options_prefix, "-ksp_type"), {"", "cg"})) {
    MESOGLASS_PETSC(KSPSetNormType(ksp, KSP_NORM_NATURAL));
  }
  MESOGLASS_PETSC(KSPSetInitialGuessNonzero(ksp, PETSC_TRUE));
  PC pc = nullptr;
  MESOGLASS_PETSC(KSPGetPC(ksp, &pc));
  if (levels_ > 1) {
    std::vector<double> lambda(lambda_);
    std::vector<double> shear(shear_);
    for (double& value : lambda) value *= scale_;
    for (double& value : shear) value *= scale_;
    multigrid_ =
        std::make_unique<VoxelMultigrid>(communicator_, *mesh_, grid_, body_, *stiffness_, lambda, shear, levels_);
    multigrid_->set_up(pc);
  } else {
    MESOGLASS_PETSC(PCSetType(pc, PCGAMG));
  }
  MESOGLASS_PETSC(KSPSetFromOptions(ksp));
  MESOGLASS_PETSC(DMCreateGlobalVector(mesh_->dm(), right_.put()));
  MESOGLASS_PETSC(DMCreateGlobalVector(mesh_->dm(), solution_.put()));
}

void FiniteElementSolver::solve_for(std::span<const Tensor> eigenstrain, const Tensor& mean_strain,
                                    const SolverSettings& given, Vec solution, SolveReport& report) {
  const SolverSettings settings = settings_in_force(given);
  double* values = nullptr;
  MESOGLASS_PETSC(VecGetArray(element_exchange_.slabs.get(), &values));
  for (std::size_t voxel = 0; voxel < eigenstrain.size(); ++voxel) {
    Tensor strain;
    for (std::size_t c = 0; c < tensor_components; ++c) strain[c] = eigenstrain[voxel][c] - mean_strain[c];
    const Tensor stress = stress_of({lambda_[voxel], shear_[voxel], dimensions_of(body_)}, strain);
    std::copy(stress.begin(), stress.end(), values + voxel * tensor_components);
  }
  MESOGLASS_PETSC(VecRestoreArray(element_exchange_.slabs.get(), &values));
  element_exchange_.to_elements();

  Vec local = nullptr;
  double* force = nullptr;
  const double* stresses = nullptr;
  MESOGLASS_PETSC(DMGetLocalVector(mesh_->dm(), &local));
  MESOGLASS_PETSC(VecSet(local, 0.0));
  MESOGLASS_PETSC(VecGetArray(local, &force));
  MESOGLASS_PETSC(VecGetArrayRead(element_exchange_.elements.get(), &stresses));
  const int freedoms = matrices_.freedoms();
  mesh_->for_each_own_element([&](PetscInt own, std::span<const PetscInt> nodes) {
    Tensor stress;
    std::copy_n(stresses + own * tensor_components, tensor_components, stress.begin());
    const auto added = matrices_.force_of_stress(stress);
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      for (int axis = 0; axis < freedoms; ++axis) {
        force[nodes[node] * freedoms + axis] += scale_ * added[static_cast<int>(node) * freedoms + axis];
      }
    }
  });
  MESOGLASS_PETSC(VecRestoreArrayRead(element_exchange_.elements.get(), &stresses));
  MESOGLASS_PETSC(VecRestoreArray(local, &force));
  MESOGLASS_PETSC(VecSet(right_.get(), 0.0));
  MESOGLASS_PETSC(DMLocalToGlobal(mesh_->dm(), local, ADD_VALUES, right_.get()));
  MESOGLASS_PETSC(DMRestoreLocalVector(mesh_->dm(), &local));
  double* right = nullptr;
  MESOGLASS_PETSC(VecGetArray(right_.get(), &right));
  for (const PetscInt unknown : stiffness_->fixed()) right[unknown] = 0.0;
  MESOGLASS_PETSC(VecRestoreArray(right_.get(), &right));
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
  // From a cold start the first residual is the load's; from a warm one that is worth one preconditioning more.
  PetscReal start_norm = 0.0;
  MESOGLASS_PETSC(VecNorm(solution, NORM_INFINITY, &start_norm));
  KSPNormType norm_type = KSP_NORM_DEFAULT;
  MESOGLASS_PETSC(KSPGetNormType(ksp, &norm_type));
  const bool is_warm = start_norm > 0.0 && norm_type == KSP_NORM_NATURAL;
  double load_norm = 0.0;
  if (is_warm) {
    PC preconditioner = nullptr;
    PetscVector conditioned;
    PetscScalar product = 0.0;
    MESOGLASS_PETSC(KSPSetUp(ksp));
    MESOGLASS_PETSC(KSPGetPC(ksp, &preconditioner));
    MESOGLASS_PETSC(VecDuplicate(right_.get(), conditioned.put()));
    MESOGLASS_PETSC(PCApply(preconditioner, right_.get(), conditioned.get()));
    MESOGLASS_PETSC(VecDot(right_.get(), conditioned.get(), &product));
    load_norm = std::sqrt(std::max(0.0, product));
  }
  std::vector<PetscReal> history(static_cast<std::size_t>(std::clamp(settings.maximum_iterations, 0, longest_history)) +
                                 1);
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
  const double start = is_warm ? load_norm : (history.empty() ? 0.0 : history.front());
  report.history.clear();
  for (const PetscReal value : history) report.history.push_back(start > 0.0 ? value / start : value);
  ++report.solves;
  report.iterations = std::max(report.iterations, static_cast<int>(iterations));
  report.residual = std::max(report.residual, report.history.empty() ? 0.0 : report.history.back());
  if (reason < 0) {
    MESOGLASS_PETSC(VecSet(solution, 0.0));
    throw_not_converged(
        report, settings,
        fmt::format(
            "PETSc calls it {}; look at --petsc \"-el_ksp_monitor -el_ksp_view\", raise "
            "--iterations (or -el_ksp_max_it), try --petsc \"-el_pc_type gamg\", or lower the contrast of the moduli",
            KSPConvergedReasons[reason]));
  }
}

void FiniteElementSolver::evaluate(Vec solution, std::span<const Tensor> eigenstrain, const Tensor& mean_strain,
                                   ElasticFields& fields) {
  Vec local = nullptr;
  MESOGLASS_PETSC(DMGetLocalVector(mesh_->dm(), &local));
  MESOGLASS_PETSC(DMGlobalToLocal(mesh_->dm(), solution, INSERT_VALUES, local));
  const double* displacement = nullptr;
  double* strains = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(local, &displacement));
  MESOGLASS_PETSC(VecGetArray(element_exchange_.elements.get(), &strains));
  const int freedoms = matrices_.freedoms();
  ElementMatrices::Vector unknowns(matrices_.unknowns());
  mesh_->for_each_own_element([&](PetscInt own, std::span<const PetscInt> nodes) {
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      for (int axis = 0; axis < freedoms; ++axis) {
        unknowns[static_cast<int>(node) * freedoms + axis] = displacement[nodes[node] * freedoms + axis];
      }
    }
    const Eigen::Matrix<double, tensor_components, 1> strain = matrices_.mean_strain() * unknowns;
    for (int c = 0; c < tensor_components; ++c) strains[own * tensor_components + c] = strain[c];
  });
  MESOGLASS_PETSC(VecRestoreArray(element_exchange_.elements.get(), &strains));
  MESOGLASS_PETSC(VecRestoreArrayRead(local, &displacement));
  MESOGLASS_PETSC(DMRestoreLocalVector(mesh_->dm(), &local));
  element_exchange_.to_slabs();

  const std::size_t voxels = lambda_.size();
  fields.strain.resize(voxels);
  fields.stress.resize(voxels);
  fields.displacement.assign(voxels, {});
  const double* values = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(element_exchange_.slabs.get(), &values));
  for (std::size_t voxel = 0; voxel < voxels; ++voxel) {
    Tensor elastic;
    for (std::size_t c = 0; c < tensor_components; ++c) {
      fields.strain[voxel][c] = values[voxel * tensor_components + c] + mean_strain[c];
      elastic[c] = fields.strain[voxel][c] - eigenstrain[voxel][c];
    }
    fields.stress[voxel] = stress_of({lambda_[voxel], shear_[voxel], dimensions_of(body_)}, elastic);
  }
  MESOGLASS_PETSC(VecRestoreArrayRead(element_exchange_.slabs.get(), &values));
  // Displacements of the voxels' low corners go the same way.
  const double* own = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(solution, &own));
  MESOGLASS_PETSC(VecGetArray(element_exchange_.elements.get(), &strains));
  for (PetscInt node = 0; node < mesh_->own_nodes(); ++node) {
    std::copy_n(own + node * freedoms, freedoms, strains + node * tensor_components);
  }
  MESOGLASS_PETSC(VecRestoreArray(element_exchange_.elements.get(), &strains));
  MESOGLASS_PETSC(VecRestoreArrayRead(solution, &own));
  element_exchange_.to_slabs();
  MESOGLASS_PETSC(VecGetArrayRead(element_exchange_.slabs.get(), &values));
  for (std::size_t voxel = 0; voxel < voxels; ++voxel) {
    std::copy_n(values + voxel * tensor_components, freedoms, fields.displacement[voxel].begin());
  }
  MESOGLASS_PETSC(VecRestoreArrayRead(element_exchange_.slabs.get(), &values));
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
    const bool along_grips = mesh_->is_gripped() && c == static_cast<std::size_t>(mesh_->grip_axis());
    if (mesh_->is_gripped() && !along_grips) {
      if (conditions.is_stress[c] || conditions.value[c] != 0.0) {
        throw input_error(
            "the mean {} {} of a gripped specimen cannot be prescribed: only {} (along the grips' axis) can",
            conditions.is_stress[c] ? "stress" : "strain", component_names[c],
            component_names[static_cast<std::size_t>(mesh_->grip_axis())]);
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
      MESOGLASS_PETSC(DMCreateGlobalVector(mesh_->dm(), response.put()));
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
