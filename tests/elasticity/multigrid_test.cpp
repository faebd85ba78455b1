// PETSc's multigrid on voxel bodies: the element-by-element stiffness, iterations, contrasts, voids, sizes that do not
// divide, options, and what is said when a solve fails.
#include <petscsys.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/random_stream.hpp"
#include "elasticity/element_matrices.hpp"
#include "elasticity/element_rows.hpp"
#include "elasticity/finite_element_solver.hpp"
#include "elasticity/heterogeneous_solver.hpp"
#include "elasticity/voxel_multigrid.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::elasticity {
namespace {

using mesoglass::test::communicator;

struct Medium {
  VoxelGrid grid;
  Body body = Body::solid;
  std::vector<double> lambda, shear;  // own voxels
};

// young(x, y, z, random number in [0, 1)) in GPa; 0 = void.
template <typename Young>
Medium medium_of(const VoxelGrid& grid, Body body, Young&& young) {
  Medium medium{grid, body, {}, {}};
  const Range own = grid.voxels_of(communicator().rank(), communicator().size());
  for (std::int64_t voxel = own.begin; voxel < own.end; ++voxel) {
    const auto [x, y, z] = grid.coordinates(voxel);
    const double uniform = RandomStream(3, RandomPurpose::test, static_cast<std::uint64_t>(voxel)).uniform();
    const double modulus = young(x, y, z, uniform);
    const IsotropicModuli moduli = modulus > 0.0 ? isotropic_moduli(modulus, 0.371, body) : IsotropicModuli{};
    medium.lambda.push_back(moduli.lambda_gpa);
    medium.shear.push_back(moduli.shear_gpa);
  }
  return medium;
}

Medium random_medium(const VoxelGrid& grid, double contrast, Body body = Body::solid) {
  return medium_of(grid, body, [&](auto, auto, auto, double u) { return 70.0 * std::pow(contrast, u - 0.5); });
}

MeanConditions stretched() {
  MeanConditions conditions;
  conditions.value[xx] = 0.01;
  return conditions;
}

FiniteElementSolver petsc_solver(const Medium& medium, Faces faces = Faces::periodic) {
  return {communicator(), medium.grid, medium.body, faces, medium.lambda, medium.shear};
}

SolveReport solve(FiniteElementSolver& solver, const Medium& medium, const SolverSettings& settings,
                  ElasticFields& fields, const MeanConditions& conditions = stretched()) {
  return solver.solve(std::vector<Tensor>(medium.lambda.size()), conditions, settings, fields);
}

// Largest difference of the stresses of PETSc and the Fourier solver, over the largest stress.
double disagreement(const Medium& medium, const ElasticFields& fields, const SolverSettings& settings) {
  HeterogeneousSolver fourier(communicator(), medium.grid, medium.body, medium.lambda, medium.shear);
  ElasticFields expected;
  (void)fourier.solve(std::vector<Tensor>(medium.lambda.size()), stretched(), settings, expected);
  double difference = 0.0;
  double largest = 0.0;
  for (std::size_t voxel = 0; voxel < medium.lambda.size(); ++voxel) {
    for (std::size_t c = 0; c < tensor_components; ++c) {
      difference = std::max(difference, std::abs(fields.stress[voxel][c] - expected.stress[voxel][c]));
      largest = std::max(largest, std::abs(expected.stress[voxel][c]));
    }
  }
  return communicator().max(difference) / communicator().max(largest);
}

// PETSc options for one test.
class PetscOptions {
 public:
  explicit PetscOptions(std::vector<std::string> names_and_values) : options_(std::move(names_and_values)) {
    for (std::size_t i = 0; i < options_.size(); i += 2) {
      (void)PetscOptionsSetValue(nullptr, options_[i].c_str(), options_[i + 1].c_str());
    }
  }
  PetscOptions(const PetscOptions&) = delete;
  PetscOptions& operator=(const PetscOptions&) = delete;
  ~PetscOptions() {
    for (std::size_t i = 0; i < options_.size(); i += 2) (void)PetscOptionsClearValue(nullptr, options_[i].c_str());
  }

 private:
  std::vector<std::string> options_;
};

// Element by element in orthogonal modes against the dense element matrices, on rows of a length that fills no vector.
TEST(ElementRows, AreTheElementMatrices) {
  for (const auto& [body, layers] : {std::pair{Body::solid, 2}, {Body::solid, 1}, {Body::plane_stress, 1}}) {
    const std::int64_t count = 11;
    const VoxelGrid grid{count, 2, layers, {0.7, 1.1, 0.9}};
    const ElementMatrices element(grid, body);
    ElementRows rows(grid, body);
    const int freedoms = element.freedoms();
    const int row_count = element.nodes() / 2;
    RandomStream random(9, RandomPurpose::test, 0);
    std::vector<std::vector<double>> u(4), f(4), expected(4);
    for (int row = 0; row < row_count; ++row) {
      const auto size = static_cast<std::size_t>((count + 1) * freedoms);
      auto& values = u[static_cast<std::size_t>(row)];
      values.resize(size);
      for (double& value : values) value = random.normal();
      f[static_cast<std::size_t>(row)].assign(size, 0.0);
      expected[static_cast<std::size_t>(row)].assign(size, 0.0);
    }
    std::vector<double> lambda, shear;
    Tensor uniform{};
    for (std::size_t c = 0; c < tensor_components; ++c) {
      if (body == Body::solid || c == xx || c == yy || c == xy) uniform[c] = random.normal();
    }
    for (std::int64_t x = 0; x < count; ++x) {
      lambda.push_back(random.uniform());
      shear.push_back(random.uniform());
      ElementMatrices::Vector own(element.unknowns());
      const auto at = [&](int unknown) {
        const int node = unknown / freedoms;
        return std::pair{static_cast<std::size_t>(node / 2),
                         static_cast<std::size_t>((x + node % 2) * freedoms + unknown % freedoms)};
      };
      for (int i = 0; i < element.unknowns(); ++i) own[i] = u[at(i).first][at(i).second];
      const IsotropicModuli moduli{lambda.back(), shear.back(), dimensions_of(body)};
      const ElementMatrices::Vector force = moduli.lambda_gpa * element.stiffness_lambda() * own +
                                            moduli.shear_gpa * element.stiffness_mu() * own +
                                            element.force_of_stress(stress_of(moduli, uniform));
      for (int i = 0; i < element.unknowns(); ++i) expected[at(i).first][at(i).second] += force[i];
    }
    rows.add_forces({u[0].data(), u[1].data(), u[2].data(), u[3].data()},
                    {f[0].data(), f[1].data(), f[2].data(), f[3].data()}, lambda.data(), shear.data(), count,
                    count * freedoms, uniform);
    for (std::size_t row = 0; row < 4; ++row) {
      for (std::size_t i = 0; i < f[row].size(); ++i) EXPECT_NEAR(f[row][i], expected[row][i], 1e-13);
    }
  }
}

// Zeroes own entries of `vector` where `mask` is zero and returns how many.
std::int64_t zero_where_zero(Vec vector, Vec mask) {
  double* values = nullptr;
  const double* reached = nullptr;
  PetscInt own = 0;
  std::int64_t zeroed = 0;
  MESOGLASS_PETSC(VecGetLocalSize(vector, &own));
  MESOGLASS_PETSC(VecGetArray(vector, &values));
  MESOGLASS_PETSC(VecGetArrayRead(mask, &reached));
  for (PetscInt i = 0; i < own; ++i) {
    if (reached[i] != 0.0) continue;
    values[i] = 0.0;
    ++zeroed;
  }
  MESOGLASS_PETSC(VecRestoreArrayRead(mask, &reached));
  MESOGLASS_PETSC(VecRestoreArray(vector, &values));
  return zeroed;
}

// Every coarse operator against P^T A P of the next finer level's and the interpolation between them, applied to a
// random vector; the restriction against the interpolation's transpose. Voids that reach the coarse levels, and grips.
TEST(Multigrid, CoarseOperatorsAreTheGalerkinOnes) {
  struct Case {
    VoxelGrid grid;
    Body body;
    Faces faces;
  };
  for (const auto& [grid, body, faces] : {Case{{32, 16, 16, {0.7, 1.1, 0.9}}, Body::solid, Faces::periodic},
                                          {{16, 32, 16, {0.7, 1.1, 0.9}}, Body::solid, Faces::gripped_y},
                                          {{64, 64, 1, {0.7, 1.1, 0.9}}, Body::solid, Faces::periodic},
                                          {{32, 64, 1, {0.7, 1.1, 1.0}}, Body::plane_strain, Faces::gripped_x}}) {
    const Medium medium = medium_of(grid, body, [&](auto x, auto y, auto z, double u) {
      const bool is_void = x >= 1 && x < 13 && y >= 3 && y < 15 && (grid.nz == 1 || z < 12);
      return is_void ? 0.0 : std::pow(100.0, u - 0.5);
    });
    const FiniteElementMesh mesh(communicator(), grid, dimensions_of(body), faces);
    auto exchange = mesh.create_exchange(2);
    double* moduli = nullptr;
    MESOGLASS_PETSC(VecGetArray(exchange.slabs.get(), &moduli));
    for (std::size_t voxel = 0; voxel < medium.lambda.size(); ++voxel) {
      moduli[2 * voxel] = medium.lambda[voxel];
      moduli[2 * voxel + 1] = medium.shear[voxel];
    }
    MESOGLASS_PETSC(VecRestoreArray(exchange.slabs.get(), &moduli));
    exchange.to_elements();
    StiffnessMatrix fine(mesh, grid, body, exchange.elements.get());
    const PetscMatrix fine_matrix(fine.create_matrix_free());
    const int levels = VoxelMultigrid::largest_levels(mesh);
    // On one rank two operators from the moduli and one from matrices; several ranks in a row may stop earlier.
    ASSERT_GE(levels, communicator().size() == 1 ? 4 : 3);
    const VoxelMultigrid multigrid(communicator(), mesh, grid, body, fine, medium.lambda, medium.shear, levels);
    PetscSolver solver;
    MESOGLASS_PETSC(KSPCreate(communicator().get(), solver.put()));
    MESOGLASS_PETSC(KSPSetOperators(solver.get(), fine_matrix.get(), fine_matrix.get()));
    PC pc = nullptr;
    MESOGLASS_PETSC(KSPGetPC(solver.get(), &pc));
    multigrid.set_up(pc);
    MESOGLASS_PETSC(KSPSetUp(solver.get()));
    for (PetscInt level = 1; level < levels; ++level) {
      const auto operator_of = [&](PetscInt which) {
        KSP smoother = nullptr;
        Mat matrix = nullptr;
        MESOGLASS_PETSC(PCMGGetSmoother(pc, which, &smoother));
        MESOGLASS_PETSC(KSPGetOperators(smoother, &matrix, nullptr));
        return matrix;
      };
      const Mat finer = operator_of(level);
      const Mat coarser = operator_of(level - 1);
      Mat interpolation = nullptr;
      MESOGLASS_PETSC(PCMGGetInterpolation(pc, level, &interpolation));
      PetscVector x, ax, expected, px, apx, random, restricted;
      MESOGLASS_PETSC(MatCreateVecs(coarser, x.put(), ax.put()));
      MESOGLASS_PETSC(VecDuplicate(x.get(), expected.put()));
      MESOGLASS_PETSC(VecDuplicate(x.get(), restricted.put()));
      MESOGLASS_PETSC(MatCreateVecs(finer, px.put(), apx.put()));
      MESOGLASS_PETSC(VecDuplicate(px.get(), random.put()));
      MESOGLASS_PETSC(VecSetRandom(x.get(), nullptr));
      MESOGLASS_PETSC(VecSetRandom(random.get(), nullptr));
      MESOGLASS_PETSC(MatRestrict(interpolation, random.get(), restricted.get()));
      // Fixed unknowns take no part: nothing is restricted or interpolated to them.
      MESOGLASS_PETSC(MatInterpolate(interpolation, x.get(), px.get()));
      const std::int64_t fixed = zero_where_zero(random.get(), px.get()) + zero_where_zero(x.get(), restricted.get());
      MESOGLASS_PETSC(MatRestrict(interpolation, random.get(), restricted.get()));
      if (level == levels - 1) {
        EXPECT_GT(communicator().sum(fixed), 0);
      }
      MESOGLASS_PETSC(MatMult(coarser, x.get(), ax.get()));
      MESOGLASS_PETSC(MatInterpolate(interpolation, x.get(), px.get()));
      MESOGLASS_PETSC(MatMult(finer, px.get(), apx.get()));
      MESOGLASS_PETSC(MatRestrict(interpolation, apx.get(), expected.get()));
      PetscReal difference = 0.0;
      PetscReal largest = 0.0;
      PetscScalar forth = 0.0;
      PetscScalar back = 0.0;
      MESOGLASS_PETSC(VecDot(random.get(), px.get(), &forth));
      MESOGLASS_PETSC(VecDot(restricted.get(), x.get(), &back));
      EXPECT_NEAR(forth, back, 1e-12 * std::abs(forth));
      MESOGLASS_PETSC(VecNorm(expected.get(), NORM_INFINITY, &largest));
      MESOGLASS_PETSC(VecAXPY(ax.get(), -1.0, expected.get()));
      MESOGLASS_PETSC(VecNorm(ax.get(), NORM_INFINITY, &difference));
      EXPECT_GT(largest, 0.0);
      EXPECT_LT(difference, 1e-12 * largest) << "level " << level << " of " << levels;
    }
  }
}

// Sharp, stiff balls, the same at every size: what the coarse meshes follow worst.
TEST(Multigrid, StiffInclusions) {
  for (const std::int64_t size : {16, 32}) {
    if (size == 32 && communicator().size() > 1) continue;  // takes seconds
    const Medium medium =
        medium_of({size, size, size, {1.0, 1.0, 1.0}}, Body::solid, [&](auto x, auto y, auto z, double) {
          const auto off = [&](std::int64_t i, double centre) {
            const double apart = std::abs((static_cast<double>(i) + 0.5) / static_cast<double>(size) - centre);
            return std::min(apart, 1.0 - apart);
          };
          const bool inside = std::hypot(off(x, 0.2), off(y, 0.3), off(z, 0.15)) < 0.15 ||
                              std::hypot(off(x, 0.55), off(y, 0.75), off(z, 0.6)) < 0.15 ||
                              std::hypot(off(x, 0.85), off(y, 0.1), off(z, 0.7)) < 0.15;
          return inside ? 1e3 : 10.0;
        });
    auto solver = petsc_solver(medium);
    ElasticFields fields;
    EXPECT_LE(solve(solver, medium, {1e-8, 100}, fields).iterations, 15) << size;
  }
}

TEST(Multigrid, FewIterationsThatDoNotGrowWithTheMesh) {
  for (const auto& [contrast, most] : {std::pair{3.0, 8}, {100.0, 9}}) {
    for (const std::int64_t size : {8, 16, 32}) {
      const Medium medium = random_medium({size, size, size, {1.5, 1.5, 1.5}}, contrast);
      auto solver = petsc_solver(medium);
      ElasticFields fields;
      const SolveReport report = solve(solver, medium, {1e-8, 100}, fields);
      EXPECT_LE(report.iterations, most) << contrast << ", " << size;
      EXPECT_LE(report.residual, 1e-8);
      if (size == 16) {
        EXPECT_LT(disagreement(medium, fields, {1e-9, 500}), 1e-6);
      }
    }
  }
}

TEST(Multigrid, TwoDimensionsAndGrips) {
  const Medium plane = random_medium({64, 32, 1, {0.7, 0.9, 1.0}}, 100.0, Body::plane_stress);
  const Medium bar = random_medium({32, 16, 16, {1.0, 1.0, 1.2}}, 100.0);
  ElasticFields fields;
  auto flat = petsc_solver(plane);
  EXPECT_GT(flat.levels(), 3);
  EXPECT_LE(solve(flat, plane, {1e-8, 100}, fields).iterations, 15);
  EXPECT_LT(disagreement(plane, fields, {1e-10, 1000}), 1e-6);
  auto gripped = petsc_solver(bar, Faces::gripped_x);
  EXPECT_GT(gripped.levels(), 2);
  EXPECT_LE(solve(gripped, bar, {1e-8, 100}, fields).iterations, 15);
}

// Balls, in turn empty and 1000 times as stiff as what is between them.
TEST(Multigrid, VoidsAndStiffInclusions) {
  const VoxelGrid grid{16, 16, 16, {1.0, 1.0, 1.0}};
  const Medium medium = medium_of(grid, Body::solid, [](auto x, auto y, auto z, double) {
    const auto off = [](std::int64_t i) { return static_cast<double>(i % 8) - 3.5; };
    const bool inside = std::hypot(off(x), off(y), off(z)) < 3.0;
    return inside ? ((x / 8 + y / 8 + z / 8) % 2 == 0 ? 0.0 : 1e4) : 10.0;
  });
  auto solver = petsc_solver(medium);
  ElasticFields fields;
  const SolveReport report = solve(solver, medium, {1e-9, 200}, fields);
  EXPECT_LE(report.iterations, 28);
  EXPECT_LT(disagreement(medium, fields, {1e-9, 2000}), 1e-6);
  for (std::size_t voxel = 0; voxel < medium.shear.size(); ++voxel) {
    if (medium.shear[voxel] == 0.0) {
      EXPECT_EQ(fields.stress[voxel], Tensor{});
    }
  }
}

TEST(Multigrid, SizesThatDoNotDivide) {
  struct Sizes {
    VoxelGrid grid;
    int levels;  // geometric ones
  };
  // Odd: algebraic multigrid. Divisible twice only: algebraic multigrid on a coarsest level too large to be factorised.
  // (Four ranks in a row on seven coarse elements stop one level earlier.)
  for (const auto& [grid, levels] : {Sizes{{17, 15, 19, {1.0, 1.3, 0.7}}, 1},
                                     {{44, 36, 28, {1.0, 1.0, 1.0}}, 3},
                                     {{64, 48, 6, {1.0, 1.0, 1.0}}, 2}}) {
    const Medium medium = random_medium(grid, 100.0);
    auto solver = petsc_solver(medium);
    EXPECT_LE(solver.levels(), levels);
    if (communicator().size() == 1) {
      EXPECT_EQ(solver.levels(), levels);
    }
    ElasticFields fields;
    EXPECT_LE(solve(solver, medium, {1e-8, 100}, fields).iterations, levels == 1 ? 60 : 30);
    EXPECT_LT(disagreement(medium, fields, {1e-9, 500}), 1e-6);
  }
}

// What only an assembled matrix can do gets one; the same numbers either way.
TEST(PetscOptions, PreconditionersThatNeedEntriesGetThem) {
  const Medium medium = random_medium({8, 8, 12, {1.0, 1.3, 0.7}}, 10.0);
  for (const std::vector<std::string>& options : {std::vector<std::string>{"-el_pc_type", "gamg"},
                                                  {"-el_mg_levels_pc_type", "sor"},
                                                  {"-el_pc_type", "jacobi"},
                                                  {"-el_pc_type", "bjacobi"},
                                                  {"-el_ksp_type", "minres"},
                                                  {"-el_ksp_type", "gmres", "-el_pc_type", "asm"},
                                                  {"-el_pc_mg_levels", "2"}}) {
    const PetscOptions given(options);
    auto solver = petsc_solver(medium);
    ElasticFields fields;
    (void)solve(solver, medium, {1e-10, 2000}, fields);
    EXPECT_LT(disagreement(medium, fields, {1e-11, 500}), 1e-7) << options[0] << " " << options[1];
  }
  const PetscOptions too_many({"-el_pc_mg_levels", "9"});
  EXPECT_THROW((void)petsc_solver(medium), Error);
}

// PETSc's own tolerance and limit win over the caller's, in later solves too.
TEST(PetscOptions, ToleranceAndLimitAreTheUsers) {
  const Medium medium = random_medium({16, 16, 16, {1.0, 1.0, 1.0}}, 3.0);
  ElasticFields fields;
  MeanConditions other;
  other.value[yy] = -0.02;
  int usual = 0;
  {
    auto solver = petsc_solver(medium);
    usual = solve(solver, medium, {1e-8, 100}, fields).iterations;
    EXPECT_GT(usual, 5);
  }
  {
    const PetscOptions loose({"-el_ksp_rtol", "1e-3"});
    auto solver = petsc_solver(medium);
    for (const MeanConditions& conditions : {stretched(), other}) {
      const SolveReport report = solve(solver, medium, {1e-8, 100}, fields, conditions);
      EXPECT_LT(report.iterations, usual - 2);
      EXPECT_LE(report.residual, 1e-3);
      EXPECT_GT(report.residual, 1e-6);
    }
  }
  {
    const PetscOptions short_of_time({"-el_ksp_max_it", "2"});
    auto solver = petsc_solver(medium);
    for (int attempt = 0; attempt < 2; ++attempt) {
      try {
        (void)solve(solver, medium, {1e-8, 100}, fields);
        ADD_FAILURE() << "converged";
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("in 2 iterations"), std::string::npos) << error.what();
      }
    }
  }
  const PetscOptions longer({"-el_ksp_max_it", "100"});
  auto solver = petsc_solver(medium);
  EXPECT_EQ(solve(solver, medium, {1e-8, 2}, fields).iterations, usual);
}

TEST(FiniteElementSolver, StartsFromTheLastSolution) {
  const Medium medium = random_medium({16, 16, 16, {1.0, 1.0, 1.0}}, 10.0);
  auto solver = petsc_solver(medium);
  ElasticFields fields;
  const SolveReport cold = solve(solver, medium, {1e-8, 100}, fields);
  EXPECT_GT(cold.iterations, 4);
  const SolveReport same = solve(solver, medium, {1e-8, 100}, fields);
  EXPECT_LE(same.iterations, 1);
  EXPECT_LE(same.residual, 2e-8);
  MeanConditions more = stretched();
  more.value[xx] *= 1.0001;
  const SolveReport near = solve(solver, medium, {1e-8, 100}, fields, more);
  EXPECT_LT(near.iterations, cold.iterations - 2);
}

std::string refusal(const Medium& medium, const SolverSettings& settings) {
  try {
    auto solver = petsc_solver(medium);
    ElasticFields fields;
    (void)solve(solver, medium, settings, fields);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::failure);
    return error.what();
  }
  return "converged";
}

// Real solves that do not converge, each its own way, by the user's own doing.
TEST(FiniteElementSolver, SaysWhatTheResidualDid) {
  const Medium medium = random_medium({8, 8, 8, {1.0, 1.0, 1.0}}, 100.0);
  EXPECT_NE(refusal(medium, {1e-12, 6}).find("lately by a factor"), std::string::npos);
  {
    const PetscOptions overshoot(
        {"-el_ksp_type", "richardson", "-el_ksp_richardson_scale", "5", "-el_pc_type", "pbjacobi"});
    const std::string message = refusal(medium, {1e-8, 200});
    EXPECT_NE(message.find("grew"), std::string::npos) << message;
    EXPECT_NE(message.find("DIVERGED"), std::string::npos) << message;
  }
  {
    const PetscOptions crawl(
        {"-el_ksp_type", "richardson", "-el_ksp_richardson_scale", "1e-4", "-el_pc_type", "pbjacobi"});
    const std::string message = refusal(medium, {1e-8, 50});
    EXPECT_NE(message.find("stood still"), std::string::npos) << message;
  }
  // A failed solve leaves nothing behind: the solver starts from rest the next time.
  auto solver = petsc_solver(medium);
  ElasticFields fields;
  EXPECT_THROW((void)solve(solver, medium, {1e-12, 2}, fields), Error);
  EXPECT_LE(solve(solver, medium, {1e-8, 100}, fields).iterations, 15);
}

}  // namespace
}  // namespace mesoglass::elasticity
