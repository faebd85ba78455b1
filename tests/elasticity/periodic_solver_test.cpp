// The direct Fourier solver against a dense finite-element solution, and its means, bits and refusals.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random_stream.hpp"
#include "dense_finite_elements.hpp"
#include "elasticity/periodic_solver.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::elasticity {
namespace {

using mesoglass::test::communicator;

// The rows of every voxel, filled from a counter-based stream: the same field on any number of ranks.
std::vector<double> random_rows(const VoxelGrid& grid, int rows) {
  std::vector<double> values(static_cast<std::size_t>(rows * grid.voxel_count()));
  for (std::int64_t voxel = 0; voxel < grid.voxel_count(); ++voxel) {
    RandomStream random(7, RandomPurpose::test, static_cast<std::uint64_t>(voxel));
    for (int row = 0; row < rows; ++row) {
      values[static_cast<std::size_t>(row * grid.voxel_count() + voxel)] = 0.1 * random.normal();
    }
  }
  return values;
}

std::vector<double> own_part(const VoxelGrid& grid, const std::vector<double>& all, int rows) {
  const Range own = grid.voxels_of(communicator().rank(), communicator().size());
  std::vector<double> part;
  for (int row = 0; row < rows; ++row) {
    const auto first = all.begin() + row * grid.voxel_count();
    part.insert(part.end(), first + own.begin, first + own.end);
  }
  return part;
}

struct Case {
  const char* name;
  VoxelGrid grid;
  Body body;
};

class PeriodicSolverTest : public ::testing::TestWithParam<Case> {};

TEST_P(PeriodicSolverTest, EqualsDenseFiniteElements) {
  const auto& [name, grid, body] = GetParam();
  const IsotropicModuli moduli = isotropic_moduli(70.0, 0.36, body);
  const TensorBasis basis(BasisKind::components, moduli.dimensions);
  const int rows = basis.count();
  const auto all = random_rows(grid, rows);
  const auto eigenstrain = own_part(grid, all, rows);
  std::vector<double> stress(eigenstrain.size());
  std::vector<double> strain(eigenstrain.size());
  PeriodicSolver solver(communicator(), grid, moduli, basis);
  std::vector<double> displacement(3 * solver.own_voxel_count());
  MeanConditions conditions;
  conditions.value = {0.02,
                      -0.01,
                      body == Body::solid ? 0.015 : 0.0,
                      body == Body::solid ? 0.01 : 0.0,
                      body == Body::solid ? -0.02 : 0.0,
                      0.03};
  (void)solver.solve(eigenstrain, conditions, {stress, strain, displacement});

  const test::DenseFiniteElements dense(grid, body != Body::solid);
  const auto voxels = static_cast<std::size_t>(grid.voxel_count());
  std::vector<std::array<double, 6>> tensors(voxels);
  for (std::size_t voxel = 0; voxel < voxels; ++voxel) {
    std::vector<double> own(static_cast<std::size_t>(rows));
    for (std::size_t row = 0; row < own.size(); ++row) own[row] = all[row * voxels + voxel];
    tensors[voxel] = basis.to_tensor(own);
  }
  auto c = test::voigt_stiffness(moduli.lambda_gpa, moduli.shear_gpa);
  if (body != Body::solid) {
    c.row(2).setZero();
    c.col(2).setZero();
  }
  const auto expected = dense.solve(std::vector<Eigen::Matrix<double, 6, 6>>(voxels, c), tensors, conditions.value);

  const Range own = grid.voxels_of(communicator().rank(), communicator().size());
  for (std::int64_t voxel = own.begin; voxel < own.end; ++voxel) {
    const auto at = static_cast<std::size_t>(voxel - own.begin);
    std::vector<double> stress_rows(static_cast<std::size_t>(rows));
    std::vector<double> strain_rows(static_cast<std::size_t>(rows));
    basis.from_tensor(expected.stress[static_cast<std::size_t>(voxel)], stress_rows);
    basis.from_tensor(expected.strain[static_cast<std::size_t>(voxel)], strain_rows);
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      // Stresses are tens of GPa: this is 1e-12 relative, the dense factorisation's own round-off.
      EXPECT_NEAR(stress[row * solver.own_voxel_count() + at], stress_rows[row], 2e-11);
      EXPECT_NEAR(strain[row * solver.own_voxel_count() + at], strain_rows[row], 1e-12);
    }
    for (std::size_t axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(displacement[axis * solver.own_voxel_count() + at],
                  expected.displacement[static_cast<std::size_t>(voxel)][axis], 1e-12);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Grids, PeriodicSolverTest,
                         ::testing::Values(Case{"even", {4, 6, 2, {0.7, 1.1, 0.9}}, Body::solid},
                                           Case{"odd", {5, 3, 3, {1.5, 1.5, 1.5}}, Body::solid},
                                           Case{"flat_solid", {4, 5, 1, {0.7, 0.8, 1.3}}, Body::solid},
                                           Case{"plane_strain", {6, 4, 1, {0.7, 0.9, 1.0}}, Body::plane_strain},
                                           Case{"plane_stress", {5, 7, 1, {0.7, 0.7, 1.0}}, Body::plane_stress},
                                           Case{"legacy_2d", {3, 8, 1, {0.7, 0.7, 1.0}}, Body::legacy_2d}),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(PeriodicSolver, PlaneStrainIsTheFlatSolidHeldAlongZ) {
  const VoxelGrid grid{6, 5, 1, {0.7, 0.9, 1.0}};
  const IsotropicModuli flat = isotropic_moduli(69.46, 0.365, Body::plane_strain);
  const IsotropicModuli solid = isotropic_moduli(69.46, 0.365, Body::solid);
  const auto in_plane = own_part(grid, random_rows(grid, 3), 3);
  PeriodicSolver flat_solver(communicator(), grid, flat, TensorBasis(BasisKind::components, 2));
  PeriodicSolver solid_solver(communicator(), grid, solid, TensorBasis(BasisKind::components, 3));
  const std::size_t n = flat_solver.own_voxel_count();
  std::vector<double> full(6 * n);
  std::copy_n(in_plane.begin(), 2 * n, full.begin());
  std::copy_n(in_plane.begin() + static_cast<std::ptrdiff_t>(2 * n), n,
              full.begin() + static_cast<std::ptrdiff_t>(5 * n));
  std::vector<double> flat_stress(3 * n);
  std::vector<double> solid_stress(6 * n);
  MeanConditions conditions;
  conditions.value[xx] = 0.01;
  conditions.is_stress[yy] = true;
  (void)flat_solver.solve(in_plane, conditions, {flat_stress, {}, {}});
  (void)solid_solver.solve(full, conditions, {solid_stress, {}, {}});
  for (std::size_t v = 0; v < n; ++v) {
    EXPECT_NEAR(flat_stress[v], solid_stress[v], 1e-12);
    EXPECT_NEAR(flat_stress[n + v], solid_stress[n + v], 1e-12);
    EXPECT_NEAR(flat_stress[2 * n + v], solid_stress[5 * n + v], 1e-12);
  }
}

TEST(PeriodicSolver, MixedMeansAreMetExactly) {
  const VoxelGrid grid{6, 5, 4, {1.0, 1.2, 0.8}};
  const IsotropicModuli moduli = isotropic_moduli(88.6, 0.371, Body::solid);
  PeriodicSolver solver(communicator(), grid, moduli, TensorBasis(BasisKind::components, 3));
  const auto eigenstrain = own_part(grid, random_rows(grid, 6), 6);
  std::vector<double> stress(eigenstrain.size());
  std::vector<double> strain(eigenstrain.size());
  const auto conditions =
      parse_mean_conditions({"xx=0.02", "xy=-0.01", "yz=0.005"}, {"yy=0", "zz=0.3", "xz=-0.2"}, Body::solid);
  const Means means = solver.solve(eigenstrain, conditions, {stress, strain, {}});
  const std::size_t n = solver.own_voxel_count();
  for (std::size_t c = 0; c < 6; ++c) {
    double stress_sum = 0.0;
    double strain_sum = 0.0;
    for (std::size_t v = 0; v < n; ++v) {
      stress_sum += stress[c * n + v];
      strain_sum += strain[c * n + v];
    }
    const double mean_stress = communicator().sum(stress_sum) / static_cast<double>(grid.voxel_count());
    const double mean_strain = communicator().sum(strain_sum) / static_cast<double>(grid.voxel_count());
    EXPECT_NEAR(mean_stress, means.stress[c], 1e-12);
    EXPECT_NEAR(mean_strain, means.strain[c], 1e-14);
    EXPECT_EQ(conditions.is_stress[c] ? means.stress[c] : means.strain[c], conditions.value[c]);
  }
}

TEST(PeriodicSolver, SameBitsOnAnyNumberOfRanks) {
  for (const VoxelGrid& grid : {VoxelGrid{12, 10, 7, {1.0, 1.0, 1.0}}, VoxelGrid{15, 9, 1, {0.7, 0.7, 1.0}}}) {
    const Body body = grid.nz == 1 ? Body::plane_stress : Body::solid;
    const IsotropicModuli moduli = isotropic_moduli(70.0, 0.36, body);
    const TensorBasis basis(BasisKind::deviatoric, moduli.dimensions);
    const auto all = random_rows(grid, basis.count());
    std::vector<double> together(all.size());
    const Communicator alone = Communicator::self();
    PeriodicSolver single(alone, grid, moduli, basis);
    (void)single.solve(all, MeanConditions::zero_stress(), {together, {}, {}});

    PeriodicSolver shared(communicator(), grid, moduli, basis);
    const auto own = own_part(grid, all, basis.count());
    std::vector<double> stress(own.size());
    (void)shared.solve(own, MeanConditions::zero_stress(), {stress, {}, {}});
    EXPECT_EQ(stress, own_part(grid, together, basis.count()));
  }
}

TEST(MeanConditions, ImpossibleOnesAreRefused) {
  const auto refused = [](std::vector<std::string> strain, std::vector<std::string> stress, Body body,
                          const char* mentions) {
    try {
      (void)parse_mean_conditions(strain, stress, body);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(mentions), std::string::npos) << error.what();
    }
  };
  refused({"xx=0.01"}, {"xx=0"}, Body::solid, "twice");
  refused({"xx=0.01", "xx=0.02"}, {}, Body::solid, "twice");
  refused({"xw=0.01"}, {}, Body::solid, "xw");
  refused({"xx"}, {}, Body::solid, "COMPONENT=VALUE");
  refused({"xx="}, {}, Body::solid, "finite number");
  refused({"xx=nan"}, {}, Body::solid, "finite number");
  refused({"xx=0.1GPa"}, {}, Body::solid, "finite number");
  refused({}, {"zz=0"}, Body::plane_stress, "plane-stress");
}

TEST(IsotropicModuli, ConstantsAndRefusals) {
  const double e = 70.0;
  const double nu = 0.36;
  EXPECT_DOUBLE_EQ(isotropic_moduli(e, nu, Body::solid).bulk_gpa(), e / (3.0 * (1.0 - 2.0 * nu)));
  // In-plane tension of every flat body: slope E (plane stress, legacy), E / (1 - nu^2) (plane strain).
  for (const Body body : {Body::plane_strain, Body::plane_stress, Body::legacy_2d}) {
    const IsotropicModuli m = isotropic_moduli(e, nu, body);
    const double slope = 4.0 * m.bulk_gpa() * m.shear_gpa / (m.bulk_gpa() + m.shear_gpa);
    EXPECT_NEAR(slope, body == Body::plane_strain ? e / (1.0 - nu * nu) : e, 1e-12 * e);
    Tensor stress{};
    stress[xx] = 1.0;
    EXPECT_NEAR(1.0 / elastic_strain_of(m, stress)[xx], slope, 1e-12 * e);
  }
  EXPECT_DOUBLE_EQ(isotropic_moduli(e, nu, Body::legacy_2d).shear_gpa, e / (2.0 + 4.0 * nu));
  EXPECT_THROW((void)isotropic_moduli(-1.0, nu, Body::solid), Error);
  EXPECT_THROW((void)isotropic_moduli(e, 0.5, Body::solid), Error);
  EXPECT_THROW((void)isotropic_moduli(e, std::nan(""), Body::solid), Error);
  EXPECT_THROW((void)isotropic_moduli(e, -0.5, Body::legacy_2d), Error);
}

}  // namespace
}  // namespace mesoglass::elasticity
