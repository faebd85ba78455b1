// The real-space kernel against the Fourier solver, its symmetries, its trace identity and its far field.
#include <cmath>
#include <vector>

#include "core/random_stream.hpp"
#include "elasticity/periodic_solver.hpp"
#include "elasticity/stress_kernel.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::elasticity {
namespace {

using mesoglass::test::communicator;

struct Case {
  const char* name;
  VoxelGrid grid;
  Body body;
  BasisKind kind;
};

class StressKernelTest : public ::testing::TestWithParam<Case> {};

// Many events, superposed one by one on this rank's slabs, against one transform of the whole eigenstrain field.
TEST_P(StressKernelTest, SuperpositionEqualsTransform) {
  const auto& [name, grid, body, kind] = GetParam();
  const IsotropicModuli moduli = isotropic_moduli(88.6, 0.371, body);
  for (const KernelMean mean : {KernelMean::zero_stress, KernelMean::zero_strain}) {
    const StressKernel kernel(grid, moduli, kind, mean);
    const auto rows = static_cast<std::size_t>(kernel.count());
    PeriodicSolver solver(communicator(), grid, moduli, kernel.basis());
    const std::size_t n = solver.own_voxel_count();
    const Range own = grid.voxels_of(communicator().rank(), communicator().size());
    const Range slabs = grid.slabs_of(communicator().rank(), communicator().size());
    std::vector<double> eigenstrain(rows * n);
    std::vector<double> superposed(rows * n);
    RandomStream random(3, RandomPurpose::test);
    for (int event = 0; event < 20; ++event) {
      const std::int64_t source = random.index(grid.voxel_count());
      std::vector<double> strain(rows);
      for (double& value : strain) value = 0.1 * random.normal();
      kernel.superpose(source, strain, slabs, superposed);
      if (!own.contains(source)) continue;
      for (std::size_t row = 0; row < rows; ++row) {
        eigenstrain[row * n + static_cast<std::size_t>(source - own.begin)] += strain[row];
      }
    }
    std::vector<double> stress(rows * n);
    (void)solver.solve(eigenstrain,
                       mean == KernelMean::zero_stress ? MeanConditions::zero_stress() : MeanConditions::zero_strain(),
                       {stress, {}, {}});
    for (std::size_t i = 0; i < stress.size(); ++i) EXPECT_NEAR(superposed[i], stress[i], 1e-12) << i;
  }
}

// A part of a row that wraps round the cell, and value(), say the same as whole rows.
TEST_P(StressKernelTest, PartsOfRowsAndSingleValuesAgree) {
  const auto& [name, grid, body, kind] = GetParam();
  const StressKernel kernel(grid, isotropic_moduli(88.6, 0.371, body), kind, KernelMean::zero_stress);
  const auto rows = static_cast<std::size_t>(kernel.count());
  const std::int64_t source = grid.index(grid.nx - 1, 1, grid.nz / 2);
  std::vector<double> strain(rows);
  for (std::size_t row = 0; row < rows; ++row) strain[row] = 0.1 + 0.03 * static_cast<double>(row);
  const auto [sx, sy, sz] = grid.coordinates(source);
  for (std::int64_t y = 0; y < grid.ny; ++y) {
    for (std::int64_t z = 0; z < grid.nz; ++z) {
      std::vector<double> part(rows * 3);
      kernel.superpose_row(StressKernel::Source(kernel, source, strain), 1, 3, y, z, part.data(), 3);
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t a = 0; a < rows; ++a) {
          double expected = 0.0;
          for (std::size_t b = 0; b < rows; ++b) {
            expected += strain[b] * kernel.value(static_cast<int>(a), static_cast<int>(b),
                                                 static_cast<std::int64_t>(i) + 1 - sx, y - sy, z - sz);
          }
          EXPECT_NEAR(part[a * 3 + i], expected, 1e-14);
        }
      }
    }
  }
}

TEST_P(StressKernelTest, SumsToTheStatedMean) {
  const auto& [name, grid, body, kind] = GetParam();
  const IsotropicModuli moduli = isotropic_moduli(88.6, 0.371, body);
  const StressKernel free(grid, moduli, kind, KernelMean::zero_stress);
  const StressKernel held(grid, moduli, kind, KernelMean::zero_strain);
  const auto voxels = static_cast<double>(grid.voxel_count());
  for (int a = 0; a < free.count(); ++a) {
    for (int b = 0; b < free.count(); ++b) {
      double free_sum = 0.0;
      for (std::int64_t v = 0; v < grid.voxel_count(); ++v) {
        const auto [x, y, z] = grid.coordinates(v);
        free_sum += free.value(a, b, x, y, z);
      }
      const bool dilatation = kind == BasisKind::full && a == free.count() - 1;
      const double c = a != b ? 0.0 : (dilatation ? moduli.dimensions * moduli.bulk_gpa() : 2.0 * moduli.shear_gpa);
      EXPECT_NEAR(free_sum, 0.0, 1e-11);
      EXPECT_NEAR(held.value(a, b, 1, 2, 0) - free.value(a, b, 1, 2, 0), -c / voxels, 1e-12);
      EXPECT_DOUBLE_EQ(free.value(a, b, 2, 1, 1), free.value(b, a, 2, 1, 1));
      EXPECT_NEAR(free.value(a, b, 2, 1, 1), free.value(a, b, -2, -1, -1), 1e-13);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Grids, StressKernelTest,
    ::testing::Values(Case{"even_solid", {8, 6, 4, {1.5, 1.5, 1.5}}, Body::solid, BasisKind::deviatoric},
                      Case{"odd_solid", {5, 7, 3, {1.5, 1.0, 1.2}}, Body::solid, BasisKind::full},
                      Case{"plane_stress", {10, 8, 1, {0.7, 0.7, 1.0}}, Body::plane_stress, BasisKind::deviatoric},
                      Case{"plane_strain", {9, 7, 1, {0.7, 0.8, 1.0}}, Body::plane_strain, BasisKind::full},
                      Case{"legacy_2d", {7, 10, 1, {0.7, 0.7, 1.0}}, Body::legacy_2d, BasisKind::deviatoric}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace mesoglass::elasticity
