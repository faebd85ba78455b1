// Elasticity against exact solutions. Each test also prints its figures for docs/verification-elasticity.md.
#include <array>
#include <cmath>
#include <vector>

#include "core/units.hpp"
#include "dense_finite_elements.hpp"
#include "elasticity/periodic_solver.hpp"
#include "elasticity/stress_kernel.hpp"
#include "support/mpi_test.hpp"
#include "verification_table.hpp"

namespace mesoglass::elasticity {
namespace {

using mesoglass::test::communicator;
using test::table_row;

constexpr double young = 88.6;
constexpr double nu = 0.371;

struct InclusionStrain {
  double deviatoric;  // inclusion's mean strain over its eigenstrain, mean over the deviatoric basis
  double dilatation;
  double fraction;
};

// Eigenstrain in all voxels whose centre lies within `radius` voxels of the cell's centre, zero mean strain.
InclusionStrain inclusion(const VoxelGrid& grid, Body body, double radius) {
  const IsotropicModuli moduli = isotropic_moduli(young, nu, body);
  const TensorBasis basis(BasisKind::full, moduli.dimensions);
  PeriodicSolver solver(communicator(), grid, moduli, basis);
  const std::size_t n = solver.own_voxel_count();
  const auto rows = static_cast<std::size_t>(basis.count());
  const Range own = grid.voxels_of(communicator().rank(), communicator().size());
  std::vector<std::size_t> inside;
  for (std::int64_t voxel = own.begin; voxel < own.end; ++voxel) {
    const auto [x, y, z] = grid.coordinates(voxel);
    const auto from_centre = [](std::int64_t i, std::int64_t count) {
      return count == 1 ? 0.0 : static_cast<double>(i) + 0.5 - 0.5 * static_cast<double>(count);
    };
    if (std::hypot(from_centre(x, grid.nx), from_centre(y, grid.ny), from_centre(z, grid.nz)) < radius) {
      inside.push_back(static_cast<std::size_t>(voxel - own.begin));
    }
  }
  const double count = communicator().sum(static_cast<double>(inside.size()));
  InclusionStrain result{0.0, 0.0, count / static_cast<double>(grid.voxel_count())};
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<double> eigenstrain(rows * n), stress(rows * n), strain(rows * n);
    for (const std::size_t voxel : inside) eigenstrain[row * n + voxel] = 1.0;
    (void)solver.solve(eigenstrain, MeanConditions::zero_strain(), {stress, strain, {}});
    double sum = 0.0;
    for (const std::size_t voxel : inside) sum += strain[row * n + voxel];
    const double mean = communicator().sum(sum) / count;
    (row + 1 == rows ? result.dilatation : result.deviatoric) +=
        row + 1 == rows ? mean : mean / static_cast<double>(rows - 1);
  }
  return result;
}

// Eshelby, Proc. R. Soc. A 241 (1957) 376: the strain inside a sphere is beta e (deviatoric) and alpha e (dilatation).
// In a periodic cell held at zero mean strain the mean over the deviatoric basis, and the dilatation, are exactly (1 -
// f) times that at volume fraction f, because the trace of the isotropic Green operator is the same for every wave
// vector. The staircase surface leaves an error of first order in the voxel size.
TEST(Eshelby, SphereTendsToTheUniformInteriorStrain) {
  const double beta = 2.0 * (4.0 - 5.0 * nu) / (15.0 * (1.0 - nu));
  const double alpha = (1.0 + nu) / (3.0 * (1.0 - nu));
  std::array<double, 2> previous{};
  for (const std::int64_t radius : {2, 4, 8, 16}) {
    const std::int64_t n = 4 * radius;
    const auto result = inclusion({n, n, n, {1.5, 1.5, 1.5}}, Body::solid, static_cast<double>(radius));
    const std::array<double, 2> error = {result.deviatoric / (beta * (1.0 - result.fraction)) - 1.0,
                                         result.dilatation / (alpha * (1.0 - result.fraction)) - 1.0};
    const auto order = [&](std::size_t i) {
      return radius > 2 ? fmt::format("{:.2f}", std::log2(previous[i] / error[i])) : std::string();
    };
    table_row("inclusions", "sphere | {} | {:.5f} | {:+.2e} | {} | {:+.2e} | {}", radius, result.fraction, error[0],
              order(0), error[1], order(1));
    for (std::size_t i = 0; i < 2; ++i) {
      // First order: halving the voxel halves the error (within 1.6 to 2.6 on the way there).
      if (radius > 2) {
        EXPECT_GT(previous[i] / error[i], 1.6);
        EXPECT_LT(previous[i] / error[i], 2.6);
      }
      previous[i] = error[i];
    }
  }
  EXPECT_LT(std::abs(previous[0]), 0.05);
  EXPECT_LT(std::abs(previous[1]), 0.05);
}

// The same for an endless circular cylinder in plane strain: (3 - 4 nu) / (4 (1 - nu)) in plane shear, 1 / (2 (1 - nu))
// for in-plane dilatation.
TEST(Eshelby, CylinderTendsToTheUniformInteriorStrain) {
  const double shear = (3.0 - 4.0 * nu) / (4.0 * (1.0 - nu));
  const double dilatation = 1.0 / (2.0 * (1.0 - nu));
  std::array<double, 2> previous{};
  for (const std::int64_t radius : {4, 8, 16, 32}) {
    const std::int64_t n = 4 * radius;
    const auto result = inclusion({n, n, 1, {0.7, 0.7, 1.0}}, Body::plane_strain, static_cast<double>(radius));
    const std::array<double, 2> error = {result.deviatoric / (shear * (1.0 - result.fraction)) - 1.0,
                                         result.dilatation / (dilatation * (1.0 - result.fraction)) - 1.0};
    const auto order = [&](std::size_t i) {
      return radius > 4 ? fmt::format("{:.2f}", std::log2(previous[i] / error[i])) : std::string();
    };
    table_row("inclusions", "cylinder | {} | {:.5f} | {:+.2e} | {} | {:+.2e} | {}", radius, result.fraction, error[0],
              order(0), error[1], order(1));
    for (std::size_t i = 0; i < 2; ++i) {
      if (radius > 4) {
        EXPECT_GT(previous[i] / error[i], 1.6);
        EXPECT_LT(previous[i] / error[i], 2.6);
      }
      previous[i] = error[i];
    }
  }
  EXPECT_LT(std::abs(previous[0]), 0.02);
  EXPECT_LT(std::abs(previous[1]), 0.02);
}

// Far from a voxel of area A with shear strain e_xy = e, sigma_xy = mu A e cos(4 theta) / (pi (1 - nu) r^2): the
// transform of -(E' / 4)(1 - cos 4 theta_k) e, E' = 2 mu / (1 - nu). The voxel's own size counts as (1/r)^2, the
// periodic images as (r / 512)^2.
TEST(FarField, SingleVoxelInThePlaneIsTheQuadrupole) {
  const VoxelGrid grid{512, 512, 1, {0.7, 0.7, 1.0}};
  const IsotropicModuli moduli = isotropic_moduli(young, nu, Body::plane_strain);
  const StressKernel kernel(grid, moduli, BasisKind::deviatoric, KernelMean::zero_stress);
  const double prefactor = moduli.shear_gpa / (units::pi * (1.0 - nu));  // A / r^2 in voxels
  double previous = 1.0;
  for (const std::int64_t r : {2, 4, 8}) {
    double largest = 0.0;
    for (const auto& [dx, dy, cosine] :
         {std::tuple{r, std::int64_t{0}, 1.0}, {std::int64_t{0}, r, 1.0}, {r, r, -1.0}, {r, -r, -1.0}}) {
      const double squared = static_cast<double>(dx * dx + dy * dy);
      // Row 1 is sqrt 2 xy: the ratio of stress to strain in it is that of sigma_xy to e_xy.
      const double expected = prefactor * cosine / squared;
      largest = std::max(largest, std::abs(kernel.value(1, 1, dx, dy, 0) / expected - 1.0));
    }
    table_row("far-field", "plane | {} | {:.2e}", r, largest);
    EXPECT_LT(largest, 0.5 * previous);
    previous = largest;
  }
  EXPECT_LT(previous, 0.005);
}

// In three dimensions, voxel volume V: sigma_xy = mu V e / (2 pi r^3) [3 z^2/r^2 - 1 + (3 (x^2 + y^2)/r^2 - 1 -
// 15 x^2 y^2/r^4) / (1 - nu)], the transform of -2 mu e [n_z^2 + 2 n_x^2 n_y^2 / (1 - nu)].
TEST(FarField, SingleVoxelInSpaceIsTheQuadrupole) {
  const VoxelGrid grid{64, 64, 64, {1.5, 1.5, 1.5}};
  const IsotropicModuli moduli = isotropic_moduli(young, nu, Body::solid);
  const StressKernel kernel(grid, moduli, BasisKind::deviatoric, KernelMean::zero_stress);
  const double amplitude = 1.0 + 1.75 / (1.0 - nu);  // of the angular part, along the diagonals of the xy plane
  double previous = 1.0;
  for (const std::int64_t r : {2, 4, 8}) {
    double largest = 0.0;
    for (const auto& [dx, dy, dz] :
         {std::array<std::int64_t, 3>{r, 0, 0}, {0, 0, r}, {r, r, 0}, {r, -r, 0}, {0, r, r}}) {
      const auto x = static_cast<double>(dx);
      const auto y = static_cast<double>(dy);
      const auto z = static_cast<double>(dz);
      const double squared = x * x + y * y + z * z;
      const double angular =
          3.0 * z * z / squared - 1.0 +
          (3.0 * (x * x + y * y) / squared - 1.0 - 15.0 * x * x * y * y / (squared * squared)) / (1.0 - nu);
      const double expected = moduli.shear_gpa / (2.0 * units::pi * std::pow(squared, 1.5)) * angular;
      largest = std::max(largest, std::abs(kernel.value(4, 4, dx, dy, dz) - expected) /
                                      (moduli.shear_gpa / (2.0 * units::pi * std::pow(squared, 1.5)) * amplitude));
    }
    table_row("far-field", "space | {} | {:.2e}", r, largest);
    EXPECT_LT(largest, 0.5 * previous);
    previous = largest;
  }
  EXPECT_LT(previous, 0.025);
}

// (1/5) sum over the deviatoric basis of K_aa(0) / (2 mu). A spectral kernel on a cubic grid would have -(1 - beta)(1 -
// 1/N), -0.54527 for 24^3 at nu = 0.371; the element kernel's own value is larger, because part of what one voxel's
// eigenstrain would have to do is a short wave that trilinear elements cannot follow and that stays locked.
double mean_self_response(const VoxelGrid& grid) {
  const IsotropicModuli moduli = isotropic_moduli(young, nu, Body::solid);
  const StressKernel kernel(grid, moduli, BasisKind::deviatoric, KernelMean::zero_stress);
  double trace = 0.0;
  for (int a = 0; a < 5; ++a) trace += kernel.value(a, a, 0, 0, 0) / (10.0 * moduli.shear_gpa);
  return trace;
}

TEST(TraceIdentity, ElementKernelHasItsOwnValue) {
  const double beta = 2.0 * (4.0 - 5.0 * nu) / (15.0 * (1.0 - nu));
  EXPECT_NEAR((1.0 - beta) * (1.0 - 1.0 / 13824.0), 0.54527, 1e-5);
  for (const std::int64_t n : {8, 16, 32}) {
    const double trace = mean_self_response({n, n, n, {1.5, 1.5, 1.5}});
    table_row("trace", "{} | {:.6f} | {:.6f}", n, trace / (1.0 - 1.0 / static_cast<double>(n * n * n)), -(1.0 - beta));
    // The value of a large cell to five digits; smaller cells approach it.
    EXPECT_NEAR(trace / (1.0 - 1.0 / static_cast<double>(n * n * n)), -0.78202, n == 32 ? 1e-5 : 1e-3);
  }
}

// The same number from the dense finite elements of a small cell, which share no code with the kernel.
TEST(TraceIdentity, EqualsDenseFiniteElements) {
  const VoxelGrid grid{4, 4, 4, {1.5, 1.5, 1.5}};
  const IsotropicModuli moduli = isotropic_moduli(young, nu, Body::solid);
  const TensorBasis basis(BasisKind::deviatoric, 3);
  const test::DenseFiniteElements dense(grid, false);
  const std::vector<Eigen::Matrix<double, 6, 6>> stiffness(64,
                                                           test::voigt_stiffness(moduli.lambda_gpa, moduli.shear_gpa));
  double trace = 0.0;
  for (int a = 0; a < 5; ++a) {
    std::vector<Tensor> eigenstrain(64);
    eigenstrain[0] = basis.tensor(a);
    Tensor mean{};  // zero mean stress: the cell takes the mean eigenstrain
    for (std::size_t c = 0; c < tensor_components; ++c) mean[c] = basis.tensor(a)[c] / 64.0;
    trace +=
        double_dot(basis.tensor(a), dense.solve(stiffness, eigenstrain, mean).stress[0]) / (10.0 * moduli.shear_gpa);
  }
  EXPECT_NEAR(mean_self_response(grid), trace, 1e-12);
}

}  // namespace
}  // namespace mesoglass::elasticity
