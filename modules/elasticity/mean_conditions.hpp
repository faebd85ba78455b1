// What is prescribed of the mean strain and the mean stress of a periodic cell, component by component.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "elasticity/isotropic_moduli.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::elasticity {

// Each component (xx, yy, zz, yz, xz, xy) has either its mean strain or its mean stress prescribed; zero mean strain
// unless said otherwise. In two-dimensional bodies only xx, yy and xy count.
struct MeanConditions {
  std::array<bool, tensor_components> is_stress{};
  Tensor value{};  // strain (1) or stress (GPa)

  [[nodiscard]] static MeanConditions zero_strain() { return {}; }
  [[nodiscard]] static MeanConditions zero_stress() {
    MeanConditions conditions;
    conditions.is_stress.fill(true);
    return conditions;
  }
};

// From texts like "xx=0.01" (mean strain) and "yy=0" (mean stress, GPa). Throws InputError on another form, a component
// given twice or both ways (over-constrained), a component a two-dimensional body does not have, or a value that is not
// finite. A component that is not named has zero mean strain.
[[nodiscard]] MeanConditions parse_mean_conditions(const std::vector<std::string>& mean_strain,
                                                   const std::vector<std::string>& mean_stress, Body body);

struct Means {
  Tensor strain{};
  Tensor stress{};       // GPa
  Tensor eigenstrain{};  // plain average over the voxels
};

// Mean strain and stress of a homogeneous body whose mean eigenstrain is known: sigma = C : (eps - eps*) with each
// component's condition met exactly.
[[nodiscard]] Means homogeneous_means(const IsotropicModuli& moduli, const MeanConditions& conditions,
                                      const Tensor& mean_eigenstrain);

// sigma = C : eps, and eps = S : sigma. In two dimensions in-plane components only.
[[nodiscard]] Tensor stress_of(const IsotropicModuli& moduli, const Tensor& elastic_strain) noexcept;
[[nodiscard]] Tensor elastic_strain_of(const IsotropicModuli& moduli, const Tensor& stress) noexcept;

}  // namespace mesoglass::elasticity
