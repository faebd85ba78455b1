#include "deformation/loading.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mesoglass::deformation {

using elasticity::xx;
using elasticity::xy;

elasticity::MeanConditions LoadingSegment::conditions(double time_s) const noexcept {
  elasticity::MeanConditions result = start;
  for (std::size_t component = 0; component < result.value.size(); ++component) {
    if (!result.is_stress[component]) result.value[component] += strain_rate[component] * time_s;
  }
  return result;
}

LoadingProgram::LoadingProgram(const LoadingParameters& loading, const ObservableParameters& observables,
                               const elasticity::IsotropicModuli& moduli, double rate_sensitivity_per_gpa)
    : loading_(loading), observables_(observables) {
  // The norm of the deviatoric stress grows by 2 mu (1 + nu) sqrt(2/3) < 2.5 mu a strain in uniaxial loading, and by
  // sqrt(2) mu in shear.
  const double stiffness = 2.5 * moduli.shear_gpa;
  const double bounded = std::log1p(loading.largest_rate_change) / (rate_sensitivity_per_gpa * stiffness);
  step_strain_ = std::min(loading.step_strain, bounded);
  strain_limit_ = std::numeric_limits<double>::infinity();
  const double rate = loading.strain_rate_per_s;
  const double final_strain = loading.final_strain;
  switch (loading.kind) {
    case LoadingKind::tension:
      segments_.push_back(axial(0.0, final_strain, rate));
      break;
    case LoadingKind::compression:
      segments_.push_back(axial(0.0, -final_strain, -rate));
      break;
    case LoadingKind::simple_shear: {
      LoadingSegment segment = axial(0.0, final_strain, rate);
      segment.start = elasticity::MeanConditions::zero_strain();
      segment.strain_rate = {};
      segment.strain_rate[xy] = 0.5 * rate;
      segments_.push_back(segment);
      break;
    }
    case LoadingKind::creep: {
      LoadingSegment segment;
      segment.start = elasticity::MeanConditions::zero_stress();
      segment.start.value[xx] = loading.creep_stress_gpa;
      segment.duration_s = loading.hold_time_s;
      segment.record_time_s = loading.hold_time_s / observables.hold_records;
      segment.step_time_s = loading.hold_time_s;
      segments_.push_back(segment);
      strain_limit_ = final_strain;
      break;
    }
    case LoadingKind::relaxation: {
      segments_.push_back(axial(0.0, final_strain, rate));
      LoadingSegment hold = axial(final_strain, final_strain, 0.0);
      hold.duration_s = loading.hold_time_s;
      hold.record_time_s = loading.hold_time_s / observables.hold_records;
      hold.step_time_s = loading.hold_time_s;
      segments_.push_back(hold);
      break;
    }
    case LoadingKind::cyclic:
      for (int cycle = 0; cycle < loading.cycles; ++cycle) {
        segments_.push_back(axial(0.0, final_strain, rate));
        segments_.push_back(axial(final_strain, -final_strain, -rate));
        segments_.push_back(axial(-final_strain, 0.0, rate));
      }
      break;
  }
}

LoadingSegment LoadingProgram::axial(double from, double to, double rate) const {
  LoadingSegment segment;
  segment.start = elasticity::MeanConditions::zero_stress();
  segment.start.is_stress[xx] = false;
  segment.start.value[xx] = from;
  segment.strain_rate[xx] = rate;
  if (rate != 0.0) {
    segment.duration_s = (to - from) / rate;
    segment.record_time_s = observables_.record_strain / std::fabs(rate);
    segment.step_time_s = step_strain_ / std::fabs(rate);
  }
  return segment;
}

double LoadingProgram::strain(const elasticity::Means& means) const noexcept {
  return loading_.kind == LoadingKind::simple_shear ? 2.0 * means.strain[xy] : means.strain[xx];
}

double LoadingProgram::true_strain(const elasticity::Means& means) const noexcept {
  return loading_.kind == LoadingKind::simple_shear ? strain(means) : std::log1p(strain(means));
}

double LoadingProgram::axial_stress(const elasticity::Means& means) const noexcept {
  return loading_.kind == LoadingKind::simple_shear ? means.stress[xy] : means.stress[xx];
}

}  // namespace mesoglass::deformation
