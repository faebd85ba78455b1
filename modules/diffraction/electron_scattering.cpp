#include "diffraction/electron_scattering.hpp"

#include "core/units.hpp"

namespace mesoglass::diffraction {

double electron_scattering_factor_nm(int atomic_number, double k_inverse_nm) noexcept {
  const ScatteringCoefficients& row = lobato_coefficients()[static_cast<std::size_t>(atomic_number - 1)];
  const double g = units::nm_per_angstrom * k_inverse_nm;  // angstrom^-1
  double sum = 0.0;
  for (std::size_t i = 0; i < row.a.size(); ++i) {
    const double x = row.b[i] * g * g;
    sum += row.a[i] * (2.0 + x) / ((1.0 + x) * (1.0 + x));
  }
  return units::nm_per_angstrom * sum;
}

MeanScattering mean_scattering(const Composition& composition, double k_inverse_nm) noexcept {
  double mean = 0.0;
  MeanScattering result;
  for (const Composition::Part& part : composition.parts) {
    const double factor = electron_scattering_factor_nm(part.atomic_number, k_inverse_nm);
    mean += part.fraction * factor;
    result.mean_of_square += part.fraction * factor * factor;
  }
  result.square_of_mean = mean * mean;
  return result;
}

}  // namespace mesoglass::diffraction
