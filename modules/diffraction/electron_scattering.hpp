// How strongly atoms scatter electrons: elastic scattering factors of neutral atoms and their means over an alloy.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "diffraction/composition.hpp"

namespace mesoglass::diffraction {

inline constexpr std::size_t known_elements = 103;  // H to Lr

// A row of the table: f_e(g) = sum a_i (2 + b_i g^2) / (1 + b_i g^2)^2, g = 1/d in angstrom^-1, f_e and a_i in
// angstrom, b_i in angstrom^2.
struct ScatteringCoefficients {
  const char* symbol;
  std::array<double, 5> a, b;
};

// Rows by atomic number less 1. Source: Lobato and Van Dyck, Acta Cryst. A70 (2014) 636, equation 16 and the
// supplementary table.
[[nodiscard]] std::span<const ScatteringCoefficients> lobato_coefficients() noexcept;

// Elastic electron scattering factor in the first Born approximation, in nm, for an electron at rest (a fast one
// scatters gamma times as much, at every k alike). `k` = 1/d = 2 sin(theta) / lambda in nm^-1, at least 0. Pure.
[[nodiscard]] double electron_scattering_factor_nm(int atomic_number, double k_inverse_nm) noexcept;

// Over the atoms of an alloy.
struct MeanScattering {
  double square_of_mean = 0.0;  // <f>^2, nm^2
  double mean_of_square = 0.0;  // <f^2>, nm^2
};
[[nodiscard]] MeanScattering mean_scattering(const Composition& composition, double k_inverse_nm) noexcept;

}  // namespace mesoglass::diffraction
