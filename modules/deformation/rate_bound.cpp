#include "deformation/rate_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deformation/rate_vectors.hpp"

namespace mesoglass::deformation {

namespace {

constexpr std::size_t most_padded_modes = 64;

struct GrowthAt {
  double sum = 0.0;    // of exp(x_m + sensitivity_m * distance)
  double slope = 0.0;  // its derivative
};

// `x` = -Q_m / kT at the voxel's stress.
[[gnu::always_inline]] inline void growth(const double* x, const double* sensitivity, std::size_t padded,
                                          double distance, GrowthAt& result) noexcept {
  Group sum = {0.0, 0.0, 0.0, 0.0};
  Group slope = {0.0, 0.0, 0.0, 0.0};
  for (std::size_t first = 0; first < padded; first += mode_group) {
    Group value;
    Group factor;
    load(x + first, value);
    load(sensitivity + first, factor);
    value += factor * distance;
    exponential(value);
    sum += value;
    slope += value * factor;
  }
  result.sum = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  result.slope = (slope[0] + slope[1]) + (slope[2] + slope[3]);
}

template <int Components, bool Guard>
[[gnu::always_inline]] inline void bound(const RateConstants& constants, const double* block, std::size_t padded,
                                         const double* stress, double margin, double least_bound,
                                         RateBound& result) noexcept {
  const double kt_a_strain_gpa = steepest_slope(constants) * constants.inverse_kt;
  alignas(64) double x[most_padded_modes];
  alignas(64) double sensitivity[most_padded_modes];
  Group least = {padding_barrier_ev, padding_barrier_ev, padding_barrier_ev, padding_barrier_ev};
  double certain = std::numeric_limits<double>::infinity();  // distance within which no barrier turns negative
  for (std::size_t first = 0; first < padded; first += mode_group) {
    Group barrier;
    group_barriers<Components, Guard>(block, padded, first, stress, constants.half_work, barrier);
    least = barrier < least ? barrier : least;
    barrier *= -constants.inverse_kt;
    std::memcpy(x + first, &barrier, sizeof barrier);
    Group square = {0.0, 0.0, 0.0, 0.0};
    for (std::size_t c = 1; c <= Components; ++c) {
      Group strain;
      load(block + c * padded + first, strain);
      square += strain * strain;
    }
    for (std::size_t i = 0; i < mode_group; ++i) square[i] = std::sqrt(square[i]);
    square *= kt_a_strain_gpa;
    std::memcpy(sensitivity + first, &square, sizeof square);
  }
  double most_sensitive = 0.0;
  for (std::size_t mode = 0; mode < padded; ++mode) {
    most_sensitive = std::max(most_sensitive, sensitivity[mode]);
    if (sensitivity[mode] > 0.0) certain = std::min(certain, -x[mode] / sensitivity[mode]);
  }
  result.steepest_kt = most_sensitive;
  GrowthAt here;
  growth(x, sensitivity, padded, 0.0, here);
  result.rate = constants.attempt_rate * here.sum;
  result.lowest_ev = std::min(std::min(least[0], least[1]), std::min(least[2], least[3]));
  result.bound_rate = std::max(margin * result.rate, least_bound);
  if (!(result.lowest_ev >= 0.0)) {
    result.radius_gpa = -1.0;
    return;
  }
  const double limit = std::log(result.bound_rate / constants.attempt_rate);
  // As if every mode grew as the most sensitive does, or each had its equal share of the bound: both are too near.
  double share_distance = std::numeric_limits<double>::infinity();
  const double share = limit - std::log(static_cast<double>(padded));
  for (std::size_t mode = 0; mode < padded; ++mode) {
    if (!(sensitivity[mode] > 0.0)) continue;
    share_distance = std::min(share_distance, (share - x[mode]) / sensitivity[mode]);
  }
  if (most_sensitive == 0.0) {
    result.radius_gpa = certain;
    return;
  }
  double near = std::max((limit - std::log(here.sum)) / most_sensitive, share_distance);
  if (near < certain) {
    GrowthAt at_near;
    growth(x, sensitivity, padded, near, at_near);
    const double log_near = std::log(at_near.sum);
    // Newton's step overshoots the solution of a convex function; the chord back to `near` falls short of it.
    const double far = near + (limit - log_near) * at_near.sum / at_near.slope;
    if (far > near) {
      GrowthAt at_far;
      growth(x, sensitivity, padded, far, at_far);
      const double log_far = std::log(at_far.sum);
      if (log_far > limit) {
        near += (limit - log_near) * (far - near) / (log_far - log_near);
      }
    }
  }
  result.radius_gpa = std::min(near, certain);
}

#define MESOGLASS_BOUND_FUNCTIONS(COMPONENTS)                                                                      \
  MESOGLASS_VECTOR_CLONES void bound_##COMPONENTS(const RateConstants& constants, const double* block,             \
                                                  std::size_t padded, const double* stress, double margin,         \
                                                  double least_bound, RateBound& result) {                         \
    bound<COMPONENTS, false>(constants, block, padded, stress, margin, least_bound, result);                       \
  }                                                                                                                \
  MESOGLASS_VECTOR_CLONES void bound_guarded_##COMPONENTS(const RateConstants& constants, const double* block,     \
                                                          std::size_t padded, const double* stress, double margin, \
                                                          double least_bound, RateBound& result) {                 \
    bound<COMPONENTS, true>(constants, block, padded, stress, margin, least_bound, result);                        \
  }
MESOGLASS_BOUND_FUNCTIONS(2)
MESOGLASS_BOUND_FUNCTIONS(3)
MESOGLASS_BOUND_FUNCTIONS(5)
MESOGLASS_BOUND_FUNCTIONS(6)
#undef MESOGLASS_BOUND_FUNCTIONS

}  // namespace

RateBound bound_rate_of_voxel(const RateConstants& constants, const double* block, std::size_t padded,
                              const double* stress, double margin, double least_bound) noexcept {
  const bool guard = constants.energy_guard;
  RateBound result;
  const auto function = [&] {
    switch (constants.components) {
      case 2:
        return guard ? bound_guarded_2 : bound_2;
      case 3:
        return guard ? bound_guarded_3 : bound_3;
      case 5:
        return guard ? bound_guarded_5 : bound_5;
      default:
        return guard ? bound_guarded_6 : bound_6;
    }
  }();
  function(constants, block, padded, stress, margin, least_bound, result);
  return result;
}

}  // namespace mesoglass::deformation
