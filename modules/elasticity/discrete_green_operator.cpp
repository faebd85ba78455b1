#include "elasticity/discrete_green_operator.hpp"

#include <cmath>
#include <cstddef>

#include "core/error.hpp"
#include "core/units.hpp"

namespace mesoglass::elasticity {

DiscreteGreenOperator::Axis DiscreteGreenOperator::axis_of(std::int64_t count, double spacing) {
  Axis axis;
  for (std::int64_t n = 0; n < count; ++n) {
    const double theta = 2.0 * units::pi * static_cast<double>(n) / static_cast<double>(count);
    // Exactly zero where it is zero in exact arithmetic, so that hourglass modes carry no strain at all.
    const bool nyquist = 2 * n == count;
    const double half_cosine = nyquist ? 0.0 : std::cos(0.5 * theta);
    const double half_sine = std::sin(0.5 * theta);
    const double cosine = nyquist ? -1.0 : std::cos(theta);
    axis.mass.push_back(spacing * (2.0 + cosine) / 3.0);
    axis.stiffness.push_back(4.0 * half_sine * half_sine / spacing);
    axis.sine.push_back(nyquist ? 0.0 : std::sin(theta));
    axis.half_sine.push_back(2.0 * half_sine / spacing);
    axis.half_cosine.push_back(half_cosine);
    axis.half_phase.emplace_back(half_cosine, half_sine);
  }
  return axis;
}

DiscreteGreenOperator::DiscreteGreenOperator(const VoxelGrid& grid, const IsotropicModuli& moduli)
    : grid_(grid),
      moduli_(moduli),
      axes_{axis_of(grid.nx, grid.voxel_size_nm[0]), axis_of(grid.ny, grid.voxel_size_nm[1]),
            axis_of(grid.nz, grid.voxel_size_nm[2])} {
  if (moduli.dimensions == 2 && grid.nz != 1) {
    throw input_error("a two-dimensional body cannot have {} layers of voxels: take a solid body, or nz = 1", grid.nz);
  }
}

DiscreteGreenOperator::Symbol DiscreteGreenOperator::symbol(std::size_t x, std::size_t y,
                                                            std::size_t z) const noexcept {
  const Axis& ax = axes_[0];
  const Axis& ay = axes_[1];
  const Axis& az = axes_[2];
  const double lambda_plus_mu = moduli_.lambda_gpa + moduli_.shear_gpa;
  const double mu = moduli_.shear_gpa;
  // In two dimensions nz = 1: the mass factor of z is the thickness, and everything along z vanishes by itself.
  const double bxx = ax.stiffness[x] * ay.mass[y] * az.mass[z];
  const double byy = ax.mass[x] * ay.stiffness[y] * az.mass[z];
  const double bzz = ax.mass[x] * ay.mass[y] * az.stiffness[z];
  const double trace = mu * (bxx + byy + bzz);
  const double kxx = lambda_plus_mu * bxx + trace;
  const double kyy = lambda_plus_mu * byy + trace;
  const double kzz = lambda_plus_mu * bzz + trace;
  const double kyz = lambda_plus_mu * ax.mass[x] * ay.sine[y] * az.sine[z];
  const double kxz = lambda_plus_mu * ax.sine[x] * ay.mass[y] * az.sine[z];
  const double kxy = lambda_plus_mu * ax.sine[x] * ay.sine[y] * az.mass[z];

  const double cxx = kyy * kzz - kyz * kyz;
  const double cxy = kxz * kyz - kxy * kzz;
  const double cxz = kxy * kyz - kxz * kyy;
  const double scale = 1.0 / (kxx * cxx + kxy * cxy + kxz * cxz);
  Symbol result;
  result.inverse = {cxx * scale,
                    (kxx * kzz - kxz * kxz) * scale,
                    (kxx * kyy - kxy * kxy) * scale,
                    (kxy * kxz - kxx * kyz) * scale,
                    cxz * scale,
                    cxy * scale};
  result.d = {ax.half_sine[x] * ay.half_cosine[y] * az.half_cosine[z],
              ax.half_cosine[x] * ay.half_sine[y] * az.half_cosine[z],
              ax.half_cosine[x] * ay.half_cosine[y] * az.half_sine[z]};
  return result;
}

namespace {

ComplexVector contract(const ComplexTensor& t, const std::array<double, 3>& d) noexcept {
  return {t[xx] * d[0] + t[xy] * d[1] + t[xz] * d[2], t[xy] * d[0] + t[yy] * d[1] + t[yz] * d[2],
          t[xz] * d[0] + t[yz] * d[1] + t[zz] * d[2]};
}

ComplexVector multiply(const std::array<double, 6>& m, const ComplexVector& v, double scale) noexcept {
  return {scale * (m[xx] * v[0] + m[xy] * v[1] + m[xz] * v[2]), scale * (m[xy] * v[0] + m[yy] * v[1] + m[yz] * v[2]),
          scale * (m[xz] * v[0] + m[yz] * v[1] + m[zz] * v[2])};
}

}  // namespace

ComplexTensor DiscreteGreenOperator::strain(std::int64_t nx, std::int64_t ny, std::int64_t nz,
                                            const ComplexTensor& polarisation) const noexcept {
  if (nx == 0 && ny == 0 && nz == 0) return {};
  const Symbol s = symbol(static_cast<std::size_t>(nx), static_cast<std::size_t>(ny), static_cast<std::size_t>(nz));
  const ComplexVector w = multiply(s.inverse, contract(polarisation, s.d), grid_.voxel_volume_nm3());
  return {s.d[0] * w[0],
          s.d[1] * w[1],
          s.d[2] * w[2],
          0.5 * (s.d[1] * w[2] + s.d[2] * w[1]),
          0.5 * (s.d[0] * w[2] + s.d[2] * w[0]),
          0.5 * (s.d[0] * w[1] + s.d[1] * w[0])};
}

ComplexVector DiscreteGreenOperator::displacement(std::int64_t nx, std::int64_t ny, std::int64_t nz,
                                                  const ComplexTensor& polarisation) const noexcept {
  if (nx == 0 && ny == 0 && nz == 0) return {};
  const auto x = static_cast<std::size_t>(nx);
  const auto y = static_cast<std::size_t>(ny);
  const auto z = static_cast<std::size_t>(nz);
  const Symbol s = symbol(x, y, z);
  ComplexVector u = multiply(s.inverse, contract(polarisation, s.d), grid_.voxel_volume_nm3());
  const std::complex<double> phase =
      std::conj(axes_[0].half_phase[x] * axes_[1].half_phase[y] * axes_[2].half_phase[z]) *
      std::complex<double>(0.0, -1.0);
  for (auto& component : u) component *= phase;
  return u;
}

ComplexVector DiscreteGreenOperator::displacement_of_force(std::int64_t nx, std::int64_t ny, std::int64_t nz,
                                                           const ComplexVector& force) const noexcept {
  if (nx == 0 && ny == 0 && nz == 0) return {};
  return multiply(
      symbol(static_cast<std::size_t>(nx), static_cast<std::size_t>(ny), static_cast<std::size_t>(nz)).inverse, force,
      1.0);
}

ComplexTensor DiscreteGreenOperator::polarisation(const ComplexTensor& strain) const noexcept {
  const double two_mu = 2.0 * moduli_.shear_gpa;
  ComplexTensor result;
  for (std::size_t component = 0; component < tensor_components; ++component) {
    result[component] = two_mu * strain[component];
  }
  const std::complex<double> pressure =
      moduli_.lambda_gpa * (strain[xx] + strain[yy] + (moduli_.dimensions == 3 ? strain[zz] : 0.0));
  result[xx] += pressure;
  result[yy] += pressure;
  if (moduli_.dimensions == 3) result[zz] += pressure;
  return result;
}

ComplexTensor DiscreteGreenOperator::stress(std::int64_t nx, std::int64_t ny, std::int64_t nz,
                                            const ComplexTensor& eigenstrain) const noexcept {
  ComplexTensor elastic = strain(nx, ny, nz, polarisation(eigenstrain));
  for (std::size_t component = 0; component < tensor_components; ++component) {
    elastic[component] -= eigenstrain[component];
  }
  return polarisation(elastic);
}

}  // namespace mesoglass::elasticity
