// Both iterative solvers against the dense finite-element solution, against each other, and on what has a closed form.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/random_stream.hpp"
#include "dense_finite_elements.hpp"
#include "elasticity/finite_element_solver.hpp"
#include "elasticity/heterogeneous_solver.hpp"
#include "elasticity/periodic_solver.hpp"
#include "support/mpi_test.hpp"
#include "verification_table.hpp"

namespace mesoglass::elasticity {
namespace {

using mesoglass::test::communicator;
using test::below;
using test::table_row;

// Fields over the whole grid; own(...) is this rank's part.
struct Problem {
  VoxelGrid grid;
  Body body = Body::solid;
  std::vector<Tensor> eigenstrain;
  std::vector<double> lambda;
  std::vector<double> shear;
};

template <typename T>
std::vector<T> own(const VoxelGrid& grid, const std::vector<T>& all) {
  const Range range = grid.voxels_of(communicator().rank(), communicator().size());
  return {all.begin() + range.begin, all.begin() + range.end};
}

// Random eigenstrain of 0.1 and Young's modulus 70 GPa times 1 +- variation.
Problem random_problem(const VoxelGrid& grid, Body body, double variation) {
  Problem problem{grid, body, {}, {}, {}};
  for (std::int64_t voxel = 0; voxel < grid.voxel_count(); ++voxel) {
    RandomStream random(11, RandomPurpose::test, static_cast<std::uint64_t>(voxel));
    Tensor strain{};
    for (std::size_t c = 0; c < tensor_components; ++c) {
      if (body == Body::solid || c == xx || c == yy || c == xy) strain[c] = 0.1 * random.normal();
    }
    const auto moduli = isotropic_moduli(70.0 * (1.0 + variation * random.uniform(-1.0, 1.0)),
                                         0.3 + 0.1 * variation * random.uniform(-1.0, 1.0), body);
    problem.eigenstrain.push_back(strain);
    problem.lambda.push_back(moduli.lambda_gpa);
    problem.shear.push_back(moduli.shear_gpa);
  }
  return problem;
}

constexpr SolverSettings tight{1e-11, 300};

SolveReport solve_fourier(const Problem& problem, const MeanConditions& conditions, const SolverSettings& settings,
                          ElasticFields& fields) {
  HeterogeneousSolver solver(communicator(), problem.grid, problem.body, own(problem.grid, problem.lambda),
                             own(problem.grid, problem.shear));
  return solver.solve(own(problem.grid, problem.eigenstrain), conditions, settings, fields);
}

SolveReport solve_petsc(const Problem& problem, const MeanConditions& conditions, const SolverSettings& settings,
                        ElasticFields& fields, Faces faces = Faces::periodic) {
  FiniteElementSolver solver(communicator(), problem.grid, problem.body, faces, own(problem.grid, problem.lambda),
                             own(problem.grid, problem.shear));
  return solver.solve(own(problem.grid, problem.eigenstrain), conditions, settings, fields);
}

double largest_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double largest = 0.0;
  for (std::size_t voxel = 0; voxel < a.size(); ++voxel) {
    for (std::size_t c = 0; c < tensor_components; ++c)
      largest = std::max(largest, std::abs(a[voxel][c] - b[voxel][c]));
  }
  return communicator().max(largest);
}

double largest(const std::vector<Tensor>& a) {
  return largest_difference(a, std::vector<Tensor>(a.size()));
}

struct Case {
  const char* name;
  VoxelGrid grid;
  Body body;
};

class HeterogeneousSolvers : public ::testing::TestWithParam<Case> {};

MeanConditions mixed_conditions(Body body) {
  return body == Body::solid
             ? parse_mean_conditions({"xx=0.02", "xy=-0.01", "yz=0.005"}, {"yy=0", "zz=0.3", "xz=-0.2"}, body)
             : parse_mean_conditions({"xx=0.02"}, {"yy=0", "xy=0.1"}, body);
}

TEST_P(HeterogeneousSolvers, EqualDenseFiniteElements) {
  const auto& [name, grid, body] = GetParam();
  const Problem problem = random_problem(grid, body, 0.5);
  MeanConditions conditions;
  conditions.value = {0.02, -0.01, body == Body::solid ? 0.015 : 0.0, 0.0, 0.0, 0.03};
  std::vector<Eigen::Matrix<double, 6, 6>> stiffness;
  for (std::size_t voxel = 0; voxel < problem.lambda.size(); ++voxel) {
    stiffness.push_back(test::voigt_stiffness(problem.lambda[voxel], problem.shear[voxel]));
    if (body != Body::solid) {
      stiffness.back().row(2).setZero();
      stiffness.back().col(2).setZero();
    }
  }
  const auto expected =
      test::DenseFiniteElements(grid, body != Body::solid).solve(stiffness, problem.eigenstrain, conditions.value);
  const std::vector<Tensor> stress = own(grid, expected.stress);
  ElasticFields fields;
  (void)solve_fourier(problem, conditions, tight, fields);
  // Solved to 1e-11 of the load: ten times that of the largest stress.
  const double fourier_error = largest_difference(fields.stress, stress) / largest(stress);
  EXPECT_LT(fourier_error, 1e-10);
  (void)solve_petsc(problem, conditions, tight, fields);
  const double petsc_error = largest_difference(fields.stress, stress) / largest(stress);
  EXPECT_LT(petsc_error, 1e-10);
  table_row("dense", "{} x {} x {} | {} | {} | {}", grid.nx, grid.ny, grid.nz, body_name(body),
            below(fourier_error, 1e-10), below(petsc_error, 1e-10));
}

// The third, direct, solver joins in where the moduli are uniform.
TEST_P(HeterogeneousSolvers, AgreeUnderMixedMeans) {
  const auto& [name, grid, body] = GetParam();
  for (const double variation : {0.0, 0.5}) {
    const Problem problem = random_problem(grid, body, variation);
    const MeanConditions conditions = mixed_conditions(body);
    ElasticFields fourier;
    ElasticFields petsc;
    const SolveReport report = solve_fourier(problem, conditions, tight, fourier);
    (void)solve_petsc(problem, conditions, tight, petsc);
    const double difference = largest_difference(fourier.stress, petsc.stress) / largest(fourier.stress);
    EXPECT_LT(difference, 1e-9);
    if (variation != 0.0) {
      table_row("agreement", "{} x {} x {} | {} | +-50 % | {}", grid.nx, grid.ny, grid.nz, body_name(body),
                below(difference, 1e-9));
    }
    EXPECT_LT(largest_difference(fourier.strain, petsc.strain), 1e-9 * largest(fourier.strain));
    for (std::size_t c = 0; c < tensor_components; ++c) {
      if (body != Body::solid && (c == zz || c == yz || c == xz)) continue;
      for (const Means& means : {fourier.means, petsc.means}) {
        EXPECT_NEAR(conditions.is_stress[c] ? means.stress[c] : means.strain[c], conditions.value[c], 1e-9);
      }
    }
    if (variation != 0.0) continue;
    EXPECT_EQ(report.iterations, 1) << "the reference medium is the medium itself";
    const TensorBasis basis(BasisKind::components, dimensions_of(body));
    PeriodicSolver direct(communicator(), grid, {problem.lambda[0], problem.shear[0], dimensions_of(body)}, basis);
    const std::size_t n = direct.own_voxel_count();
    const auto rows = static_cast<std::size_t>(basis.count());
    const auto strains = own(grid, problem.eigenstrain);
    std::vector<double> eigenstrain(rows * n), stress(rows * n), row(rows);
    for (std::size_t v = 0; v < n; ++v) {
      basis.from_tensor(strains[v], row);
      for (std::size_t r = 0; r < rows; ++r) eigenstrain[r * n + v] = row[r];
    }
    (void)direct.solve(eigenstrain, conditions, {stress, {}, {}});
    std::vector<Tensor> tensors(n);
    for (std::size_t v = 0; v < n; ++v) {
      for (std::size_t r = 0; r < rows; ++r) row[r] = stress[r * n + v];
      tensors[v] = basis.to_tensor(row);
    }
    const double direct_difference = largest_difference(tensors, petsc.stress) / largest(tensors);
    EXPECT_LT(direct_difference, 1e-8);
    table_row("agreement", "{} x {} x {} | {} | uniform | {}", grid.nx, grid.ny, grid.nz, body_name(body),
              below(direct_difference, 1e-8));
    EXPECT_LT(largest_difference(tensors, fourier.stress), 1e-10 * largest(tensors));
  }
}

INSTANTIATE_TEST_SUITE_P(Grids, HeterogeneousSolvers,
                         ::testing::Values(Case{"even", {4, 6, 4, {0.7, 1.1, 0.9}}, Body::solid},
                                           Case{"odd", {5, 3, 5, {1.5, 1.5, 1.5}}, Body::solid},
                                           Case{"flat_solid", {4, 6, 1, {0.7, 0.8, 1.3}}, Body::solid},
                                           Case{"plane_strain", {8, 6, 1, {0.7, 0.9, 1.0}}, Body::plane_strain},
                                           Case{"plane_stress", {5, 7, 1, {0.7, 0.7, 1.0}}, Body::plane_stress},
                                           Case{"legacy_2d", {6, 8, 1, {0.7, 0.7, 1.0}}, Body::legacy_2d}),
                         [](const auto& instance) { return std::string(instance.param.name); });

// Layers across x: equal normal stress and shear across them, equal strain along them.
TEST(Laminate, ClosedForm) {
  const VoxelGrid grid{8, 4, 4, {1.0, 1.3, 0.7}};
  Problem problem{grid, Body::solid, std::vector<Tensor>(static_cast<std::size_t>(grid.voxel_count())), {}, {}};
  const IsotropicModuli soft = isotropic_moduli(20.0, 0.4, Body::solid);
  const IsotropicModuli stiff = isotropic_moduli(100.0, 0.2, Body::solid);
  for (std::int64_t voxel = 0; voxel < grid.voxel_count(); ++voxel) {
    const bool is_soft = grid.coordinates(voxel)[0] < 2;
    problem.lambda.push_back(is_soft ? soft.lambda_gpa : stiff.lambda_gpa);
    problem.shear.push_back(is_soft ? soft.shear_gpa : stiff.shear_gpa);
  }
  const double fraction = 0.25;
  MeanConditions conditions;
  conditions.value = {0.01, 0.002, -0.003, 0.004, 0.005, 0.006};
  const auto& e = conditions.value;
  // sigma_xx = (lambda + 2 mu) e_xx + lambda (e_yy + e_zz) the same in both, <e_xx> given; shear likewise.
  const auto p_wave = [](const IsotropicModuli& m) { return m.lambda_gpa + 2.0 * m.shear_gpa; };
  const double transverse = e[yy] + e[zz];
  const double compliance = fraction / p_wave(soft) + (1.0 - fraction) / p_wave(stiff);
  const double sigma_xx = (e[xx] + transverse * (fraction * soft.lambda_gpa / p_wave(soft) +
                                                 (1.0 - fraction) * stiff.lambda_gpa / p_wave(stiff))) /
                          compliance;
  const double shear = 1.0 / (fraction / soft.shear_gpa + (1.0 - fraction) / stiff.shear_gpa);
  for (const bool with_petsc : {false, true}) {
    ElasticFields fields;
    (void)(with_petsc ? solve_petsc(problem, conditions, tight, fields)
                      : solve_fourier(problem, conditions, tight, fields));
    if (!with_petsc) {
      table_row("laminate", "mean sigma_xx (GPa) | {:.9f} | {:.9f}", fields.means.stress[xx], sigma_xx);
      table_row("laminate", "mean sigma_xy (GPa) | {:.9f} | {:.9f}", fields.means.stress[xy], 2.0 * shear * e[xy]);
    }
    const Range range = grid.voxels_of(communicator().rank(), communicator().size());
    for (std::int64_t voxel = range.begin; voxel < range.end; ++voxel) {
      const Tensor& stress = fields.stress[static_cast<std::size_t>(voxel - range.begin)];
      const IsotropicModuli& m = grid.coordinates(voxel)[0] < 2 ? soft : stiff;
      const double own_xx = (sigma_xx - m.lambda_gpa * transverse) / p_wave(m);
      EXPECT_NEAR(stress[xx], sigma_xx, 1e-10);
      EXPECT_NEAR(stress[yy], 2.0 * m.shear_gpa * e[yy] + m.lambda_gpa * (own_xx + transverse), 1e-10);
      EXPECT_NEAR(stress[xy], 2.0 * shear * e[xy], 1e-10);
      EXPECT_NEAR(stress[xz], 2.0 * shear * e[xz], 1e-10);
      EXPECT_NEAR(stress[yz], 2.0 * m.shear_gpa * e[yz], 1e-10);
    }
  }
}

TEST(PatchTest, UniformStrainIsReproducedToRoundOff) {
  const VoxelGrid grid{6, 4, 5, {0.7, 1.1, 0.9}};
  Problem problem = random_problem(grid, Body::solid, 0.0);
  std::fill(problem.eigenstrain.begin(), problem.eigenstrain.end(), Tensor{0.01, 0.0, -0.02, 0.003, 0.0, 0.001});
  MeanConditions conditions;
  conditions.value = {0.02, -0.01, 0.015, 0.01, -0.02, 0.03};
  Tensor elastic;
  for (std::size_t c = 0; c < tensor_components; ++c) elastic[c] = conditions.value[c] - problem.eigenstrain[0][c];
  const Tensor expected = stress_of({problem.lambda[0], problem.shear[0], 3}, elastic);
  for (const bool with_petsc : {false, true}) {
    ElasticFields fields;
    (void)(with_petsc ? solve_petsc(problem, conditions, tight, fields)
                      : solve_fourier(problem, conditions, tight, fields));
    const std::vector<Tensor> uniform(fields.stress.size(), expected);
    const double error = largest_difference(fields.stress, uniform) / 70.0;
    EXPECT_LT(error, 1e-13);
    table_row("round-off", "patch test, {}: stress error over Young's modulus | {}", with_petsc ? "PETSc" : "Fourier",
              below(error, 1e-13));
  }
}

TEST(ElementMatrices, RigidMotionGivesNoForceAndNoStrain) {
  for (const VoxelGrid& grid : {VoxelGrid{2, 2, 2, {0.7, 1.1, 0.9}}, VoxelGrid{2, 2, 1, {0.7, 1.1, 0.9}}}) {
    const ElementMatrices element(grid, grid.nz == 1 ? Body::plane_strain : Body::solid);
    double largest_force = 0.0;
    double largest_strain = 0.0;
    for (int motion = 0; motion < 6; ++motion) {
      ElementMatrices::Vector u(element.unknowns());
      for (int node = 0; node < element.nodes(); ++node) {
        const Eigen::Vector3d at((node & 1) * 0.7, ((node >> 1) & 1) * 1.1, ((node >> 2) & 1) * 0.9);
        const Eigen::Vector3d axis = Eigen::Vector3d::Unit(motion % 3);
        const Eigen::Vector3d moved = motion < 3 ? axis : Eigen::Vector3d(axis.cross(at));
        for (int i = 0; i < element.freedoms(); ++i) u[node * element.freedoms() + i] = moved[i];
      }
      if (element.freedoms() == 2 && (motion == 3 || motion == 4)) continue;  // these turn out of the plane
      const double force = std::max((element.stiffness_lambda() * u).norm(), (element.stiffness_mu() * u).norm());
      const double strain = (element.mean_strain() * u).norm();
      EXPECT_LT(force, 1e-14);
      EXPECT_LT(strain, 1e-14);
      largest_force = std::max(largest_force, force);
      largest_strain = std::max(largest_strain, strain);
    }
    table_row("round-off", "rigid motions of a {}: force, strain | {}, {}",
              grid.nz == 1 ? "quadrilateral" : "hexahedron", below(largest_force, 1e-14), below(largest_strain, 1e-14));
  }
}

// A random two-phase composite's bulk and shear modulus lie inside the Hashin-Shtrikman bounds (J. Mech. Phys. Solids
// 11 (1963) 127), themselves strictly inside Voigt's and Reuss's. Cells of 3 x 3 x 3 elements: finite elements are too
// stiff, and with one element a cell they pass the upper bound.
TEST(TwoPhaseComposite, LiesWithinHashinShtrikmanBounds) {
  const VoxelGrid grid{24, 24, 24, {1.0, 1.0, 1.0}};
  const IsotropicModuli soft = isotropic_moduli(30.0, 0.35, Body::solid);
  const IsotropicModuli stiff = isotropic_moduli(120.0, 0.25, Body::solid);
  Problem problem{grid, Body::solid, std::vector<Tensor>(static_cast<std::size_t>(grid.voxel_count())), {}, {}};
  double fraction = 0.0;
  for (std::int64_t voxel = 0; voxel < grid.voxel_count(); ++voxel) {
    const auto [x, y, z] = grid.coordinates(voxel);
    const std::int64_t cell = (z / 3 * 8 + y / 3) * 8 + x / 3;
    const bool is_stiff = RandomStream(5, RandomPurpose::test, static_cast<std::uint64_t>(cell)).uniform() < 0.4;
    fraction += is_stiff ? 1.0 / static_cast<double>(grid.voxel_count()) : 0.0;
    problem.lambda.push_back(is_stiff ? stiff.lambda_gpa : soft.lambda_gpa);
    problem.shear.push_back(is_stiff ? stiff.shear_gpa : soft.shear_gpa);
  }
  const auto bulk_bound = [&](const IsotropicModuli& a, double fa, const IsotropicModuli& b) {
    return a.bulk_gpa() +
           (1.0 - fa) / (1.0 / (b.bulk_gpa() - a.bulk_gpa()) + 3.0 * fa / (3.0 * a.bulk_gpa() + 4.0 * a.shear_gpa));
  };
  const auto shear_bound = [&](const IsotropicModuli& a, double fa, const IsotropicModuli& b) {
    return a.shear_gpa + (1.0 - fa) / (1.0 / (b.shear_gpa - a.shear_gpa) +
                                       6.0 * fa * (a.bulk_gpa() + 2.0 * a.shear_gpa) /
                                           (5.0 * a.shear_gpa * (3.0 * a.bulk_gpa() + 4.0 * a.shear_gpa)));
  };
  HeterogeneousSolver solver(communicator(), grid, Body::solid, own(grid, problem.lambda), own(grid, problem.shear));
  const auto response = [&](const Tensor& strain) {
    MeanConditions conditions;
    conditions.value = strain;
    ElasticFields fields;
    (void)solver.solve(own(grid, problem.eigenstrain), conditions, {1e-5, 200}, fields);
    return fields.means.stress;
  };
  const Tensor dilated = response({0.01, 0.01, 0.01, 0.0, 0.0, 0.0});
  const double bulk = (dilated[xx] + dilated[yy] + dilated[zz]) / 0.09;
  // The isotropic average over the five deviatoric strains.
  const TensorBasis basis(BasisKind::deviatoric, 3);
  double shear = 0.0;
  for (int row = 0; row < basis.count(); ++row) {
    shear += double_dot(basis.tensor(row), response(basis.tensor(row))) / (2.0 * basis.count());
  }
  table_row("hashin-shtrikman", "bulk modulus (GPa) | {:.2f} | {:.2f} | {:.2f}",
            bulk_bound(soft, 1.0 - fraction, stiff), bulk, bulk_bound(stiff, fraction, soft));
  table_row("hashin-shtrikman", "shear modulus (GPa) | {:.2f} | {:.2f} | {:.2f}",
            shear_bound(soft, 1.0 - fraction, stiff), shear, shear_bound(stiff, fraction, soft));
  EXPECT_GT(bulk, bulk_bound(soft, 1.0 - fraction, stiff));
  EXPECT_LT(bulk, bulk_bound(stiff, fraction, soft));
  EXPECT_GT(shear, shear_bound(soft, 1.0 - fraction, stiff));
  EXPECT_LT(shear, shear_bound(stiff, fraction, soft));
}

// A gripped bar that could contract sideways freely (Poisson's ratio 0) is in exactly uniaxial, uniform stress.
TEST(GrippedSpecimen, IsUniformWithoutLateralContraction) {
  for (const Faces faces : {Faces::gripped_x, Faces::gripped_y, Faces::gripped_z}) {
    const VoxelGrid grid{6, 4, 5, {0.7, 1.1, 0.9}};
    Problem problem = random_problem(grid, Body::solid, 0.0);
    std::fill(problem.eigenstrain.begin(), problem.eigenstrain.end(), Tensor{});
    std::fill(problem.lambda.begin(), problem.lambda.end(), 0.0);
    std::fill(problem.shear.begin(), problem.shear.end(), 35.0);
    const auto axis = static_cast<std::size_t>(faces) - 1;
    MeanConditions conditions;
    conditions.value[axis] = 0.01;
    ElasticFields fields;
    (void)solve_petsc(problem, conditions, tight, fields, faces);
    Tensor expected{};
    expected[axis] = 0.7;
    EXPECT_LT(largest_difference(fields.stress, std::vector<Tensor>(fields.stress.size(), expected)), 1e-9);
  }
}

// Surfaces are free and the force is the same through every section across the grips' axis.
TEST(GrippedSpecimen, CarriesTheSameForceThroughEverySection) {
  const VoxelGrid grid{16, 8, 8, {1.0, 1.0, 1.0}};
  Problem problem = random_problem(grid, Body::solid, 0.5);
  std::fill(problem.eigenstrain.begin(), problem.eigenstrain.end(), Tensor{});
  MeanConditions conditions;
  conditions.is_stress[xx] = true;
  conditions.value[xx] = 1.0;
  ElasticFields fields;
  (void)solve_petsc(problem, conditions, tight, fields, Faces::gripped_x);
  std::vector<double> force(static_cast<std::size_t>(grid.nx));
  const Range range = grid.voxels_of(communicator().rank(), communicator().size());
  for (std::int64_t voxel = range.begin; voxel < range.end; ++voxel) {
    force[static_cast<std::size_t>(grid.coordinates(voxel)[0])] +=
        fields.stress[static_cast<std::size_t>(voxel - range.begin)][xx] / 64.0;
  }
  communicator().sum_in_place(std::span<double>(force));
  double worst = 0.0;
  for (const double mean : force) worst = std::max(worst, std::abs(mean - 1.0));
  EXPECT_LT(worst, 1e-8);
  table_row("round-off", "gripped specimen: force through every section | {}", below(worst, 1e-8));
  // Softer than the periodic cell that keeps its sides, and contraction is free: the mean lateral stress is small.
  EXPECT_LT(std::abs(fields.means.stress[yy]), 0.1);
}

TEST(Voids, BothSolversAgreeAndVoidsCarryNothing) {
  const VoxelGrid grid{8, 8, 8, {1.0, 1.0, 1.0}};
  Problem problem = random_problem(grid, Body::solid, 0.2);
  for (std::int64_t voxel = 0; voxel < grid.voxel_count(); ++voxel) {
    const auto [x, y, z] = grid.coordinates(voxel);
    if (x >= 2 && x < 5 && y >= 2 && y < 5 && z >= 2 && z < 5) {
      problem.lambda[static_cast<std::size_t>(voxel)] = 0.0;
      problem.shear[static_cast<std::size_t>(voxel)] = 0.0;
    }
  }
  MeanConditions conditions;
  conditions.value[xx] = 0.01;
  ElasticFields fourier;
  ElasticFields petsc;
  (void)solve_fourier(problem, conditions, {1e-10, 300}, fourier);
  (void)solve_petsc(problem, conditions, {1e-10, 300}, petsc);
  EXPECT_LT(largest_difference(fourier.stress, petsc.stress), 1e-7 * largest(fourier.stress));
}

TEST(HeterogeneousSolver, SameBitsOnAnyNumberOfRanksAndWarmStart) {
  const VoxelGrid grid{6, 5, 7, {1.0, 1.2, 0.8}};
  const Problem problem = random_problem(grid, Body::solid, 0.5);
  const MeanConditions conditions = mixed_conditions(Body::solid);
  const Communicator alone = Communicator::self();
  HeterogeneousSolver single(alone, grid, Body::solid, problem.lambda, problem.shear);
  ElasticFields together;
  (void)single.solve(problem.eigenstrain, conditions, {1e-8, 100}, together);
  HeterogeneousSolver shared(communicator(), grid, Body::solid, own(grid, problem.lambda), own(grid, problem.shear));
  ElasticFields fields;
  const SolveReport cold = shared.solve(own(grid, problem.eigenstrain), conditions, {1e-8, 100}, fields);
  EXPECT_EQ(fields.stress, own(grid, together.stress));
  EXPECT_GT(cold.iterations, 4);
  const SolveReport warm = shared.solve(own(grid, problem.eigenstrain), conditions, {1e-8, 100}, fields);
  EXPECT_EQ(warm.iterations, 0);
}

TEST(HeterogeneousSolver, SaysWhyItStopped) {
  const VoxelGrid grid{6, 5, 7, {1.0, 1.2, 0.8}};
  const Problem problem = random_problem(grid, Body::solid, 0.5);
  ElasticFields fields;
  for (const bool with_petsc : {false, true}) {
    try {
      (void)(with_petsc ? solve_petsc(problem, {}, {1e-12, 3}, fields)
                        : solve_fourier(problem, {}, {1e-12, 3}, fields));
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::failure);
      EXPECT_NE(std::string(error.what()).find("fell from"), std::string::npos) << error.what();
    }
  }
}

TEST(HeterogeneousSolver, ImpossibleModuliAreRefused) {
  const VoxelGrid grid{4, 4, 4, {1.0, 1.0, 1.0}};
  const auto refused = [&](const std::function<void(Problem&)>& spoil, const char* mentions) {
    Problem problem = random_problem(grid, Body::solid, 0.0);
    spoil(problem);
    try {
      HeterogeneousSolver solver(communicator(), grid, Body::solid, own(grid, problem.lambda),
                                 own(grid, problem.shear));
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(mentions), std::string::npos) << error.what();
    }
  };
  refused([](Problem& p) { p.shear[5] = -1.0; }, "shear modulus -1");
  refused([](Problem& p) { p.shear[63] = std::nan(""); }, "nan");
  refused([](Problem& p) { p.lambda[17] = -1000.0; }, "bulk modulus");
  refused(
      [](Problem& p) {
        std::fill(p.shear.begin(), p.shear.end(), 0.0);
        std::fill(p.lambda.begin(), p.lambda.end(), 0.0);
      },
      "every voxel is a void");
}

}  // namespace
}  // namespace mesoglass::elasticity
