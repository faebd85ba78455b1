// The finite elements' own Green operator of a homogeneous, isotropic, periodic medium, frequency by frequency.
#pragma once

#include <array>
#include <complex>
#include <cstdint>
#include <vector>

#include "core/voxel_grid.hpp"
#include "elasticity/isotropic_moduli.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::elasticity {

using ComplexTensor = std::array<std::complex<double>, tensor_components>;
using ComplexVector = std::array<std::complex<double>, 3>;

// One voxel is one trilinear hexahedron (bilinear quadrilateral in two dimensions) with fully integrated stiffness;
// node (x, y, z) is the low corner of voxel (x, y, z); the eigenstrain is constant in an element; strain and stress are
// the element's averages. Fields over voxels and nodes have the Fourier components f_k = sum_r f(r) exp(-i theta . r)
// with theta_a = 2 pi n_a / N_a.
//
// Stiffness symbol: K_ij = (lambda + mu) B_ij + mu tr(B) delta_ij, where B_pq is the symbol of the integral of
// d_p N_a d_q N_b: with m(t) = h (2 + cos t)/3, s(t) = (2 - 2 cos t)/h and sin t from the one-dimensional integrals,
// B_pp = s(t_p) prod m(t_other), B_pq = sin t_p sin t_q m(t_third). It is real, and regular but at theta = 0.
// Element mean of the gradient: D_p = i exp(i sum theta / 2) d_p, d_p = (2 / h_p) sin(t_p / 2) prod cos(t_other / 2).
// So u = -i exp(-i sum theta / 2) V K^-1 (tau . d) with the polarisation tau = C : eps*, and the mean strain of the
// element is sym(d w), w = V K^-1 (tau . d): a real operator. The derivation is in docs/theory-elasticity.md.
class DiscreteGreenOperator {
 public:
  // `moduli.dimensions` must suit the grid: 2 needs nz = 1 (InputError otherwise); 3 may have nz = 1.
  DiscreteGreenOperator(const VoxelGrid& grid, const IsotropicModuli& moduli);

  [[nodiscard]] const VoxelGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] const IsotropicModuli& moduli() const noexcept { return moduli_; }
  [[nodiscard]] int dimensions() const noexcept { return moduli_.dimensions; }

  // Response at frequency (nx, ny, nz), 0 <= n < N of each axis, to a stress polarisation tau (GPa): the periodic
  // strain fluctuation eps that balances div(C : eps - tau) = 0. Zero at the zero frequency, whose strain is the
  // caller's to prescribe.
  [[nodiscard]] ComplexTensor strain(std::int64_t nx, std::int64_t ny, std::int64_t nz,
                                     const ComplexTensor& polarisation) const noexcept;
  // The same as nodal displacement (nm).
  [[nodiscard]] ComplexVector displacement(std::int64_t nx, std::int64_t ny, std::int64_t nz,
                                           const ComplexTensor& polarisation) const noexcept;
  // Displacement (nm) at the nodes under the nodal forces (GPa nm^2): the inverse stiffness, zero at zero frequency.
  [[nodiscard]] ComplexVector displacement_of_force(std::int64_t nx, std::int64_t ny, std::int64_t nz,
                                                    const ComplexVector& force) const noexcept;

  // Stress C : (eps - eps*) of an eigenstrain at a frequency other than zero; at zero frequency its value under zero
  // mean strain, -C : eps*.
  [[nodiscard]] ComplexTensor stress(std::int64_t nx, std::int64_t ny, std::int64_t nz,
                                     const ComplexTensor& eigenstrain) const noexcept;

  // C : strain.
  [[nodiscard]] ComplexTensor polarisation(const ComplexTensor& strain) const noexcept;

 private:
  struct Axis {
    std::vector<double> mass, stiffness, sine, half_sine, half_cosine;  // of each frequency
    std::vector<std::complex<double>> half_phase;                       // exp(i theta / 2)
  };
  struct Symbol {
    std::array<double, 3> d{};        // real gradient factors, 1/nm
    std::array<double, 6> inverse{};  // K^-1, components xx, yy, zz, yz, xz, xy
  };
  [[nodiscard]] static Axis axis_of(std::int64_t count, double spacing);
  [[nodiscard]] Symbol symbol(std::size_t x, std::size_t y, std::size_t z) const noexcept;

  VoxelGrid grid_;
  IsotropicModuli moduli_;
  std::array<Axis, 3> axes_;
};

}  // namespace mesoglass::elasticity
