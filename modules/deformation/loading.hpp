// What is done to the sample as a whole, as a sequence of segments.
#pragma once

#include <vector>

#include "deformation/deformation_parameters.hpp"
#include "elasticity/isotropic_moduli.hpp"
#include "elasticity/mean_conditions.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::deformation {

// One part of the loading: which mean strains are prescribed, and how they grow; the other components have a constant
// mean stress.
struct LoadingSegment {
  elasticity::MeanConditions start;
  elasticity::Tensor strain_rate{};  // 1/s, of the strain-controlled components
  double duration_s = 0.0;
  double record_time_s = 0.0;  // distance of history rows
  double step_time_s = 0.0;    // longest time between two updates of the load

  [[nodiscard]] elasticity::MeanConditions conditions(double time_s) const noexcept;
};

// The segments of a loading, and which scalars describe it.
class LoadingProgram {
 public:
  // `rate_sensitivity` is d ln(rate) / d stress (1/GPa) of the fastest changing mode, which with the elastic modulus
  // bounds the loading step.
  LoadingProgram(const LoadingParameters& loading, const ObservableParameters& observables,
                 const elasticity::IsotropicModuli& moduli, double rate_sensitivity_per_gpa);

  [[nodiscard]] const std::vector<LoadingSegment>& segments() const noexcept { return segments_; }
  // Engineering strain along the loading (xx, or 2 e_xy in shear), signed.
  [[nodiscard]] double strain(const elasticity::Means& means) const noexcept;
  // ln(1 + strain); in simple shear the strain itself.
  [[nodiscard]] double true_strain(const elasticity::Means& means) const noexcept;
  // Mean stress that does work on it (xx or xy), signed, GPa.
  [[nodiscard]] double axial_stress(const elasticity::Means& means) const noexcept;
  // Strain at which the run ends even within a segment (creep), in absolute value.
  [[nodiscard]] double strain_limit() const noexcept { return strain_limit_; }

 private:
  [[nodiscard]] LoadingSegment axial(double from, double to, double rate) const;
  LoadingParameters loading_;
  ObservableParameters observables_;
  double step_strain_ = 0.0;
  double strain_limit_ = 0.0;
  std::vector<LoadingSegment> segments_;
};

}  // namespace mesoglass::deformation
