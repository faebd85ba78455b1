#include "deformation/rate_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "deformation/rate_vectors.hpp"

namespace mesoglass::deformation {

namespace {

template <int Components, bool Guard>
[[gnu::always_inline]] inline void evaluate(const RateConstants& constants, const RateBatch& batch,
                                            std::span<const std::uint32_t> voxels, double* rate, double* lowest,
                                            double* evaluated_stress) noexcept {
  const double minus_inverse_kt = -constants.inverse_kt;
  for (const std::size_t voxel : voxels) {
    double stress[Components];
    for (int c = 0; c < Components; ++c) {
      stress[c] = batch.stress[static_cast<std::size_t>(c) * batch.stride + voxel] + batch.mean[c];
      evaluated_stress[voxel * Components + static_cast<std::size_t>(c)] = stress[c];
    }
    const double* block = batch.blocks + batch.block_begin[voxel];
    const std::size_t padded = batch.padded[voxel];
    Group sum = {0.0, 0.0, 0.0, 0.0};
    Group least = {padding_barrier_ev, padding_barrier_ev, padding_barrier_ev, padding_barrier_ev};
    for (std::size_t first = 0; first < padded; first += mode_group) {
      Group barrier;
      group_barriers<Components, Guard>(block, padded, first, stress, constants.half_work, barrier);
      least = barrier < least ? barrier : least;
      Group factor = barrier * minus_inverse_kt;
      exponential(factor);
      sum += factor;
    }
    rate[voxel] = constants.attempt_rate * ((sum[0] + sum[1]) + (sum[2] + sum[3]));
    lowest[voxel] = std::min(std::min(least[0], least[1]), std::min(least[2], least[3]));
  }
}

template <int Components>
[[gnu::always_inline]] inline void bound(const RateConstants& constants, const RateBatch& batch, std::size_t count,
                                         const double* lowest, const double* reach, const double* evaluated_stress,
                                         double* result) noexcept {
  const double slope = steepest_slope(constants);
  for (std::size_t voxel = 0; voxel < count; ++voxel) {
    double square = 0.0;
    for (int c = 0; c < Components; ++c) {
      const double change = batch.stress[static_cast<std::size_t>(c) * batch.stride + voxel] + batch.mean[c] -
                            evaluated_stress[voxel * Components + static_cast<std::size_t>(c)];
      square += change * change;
    }
    result[voxel] = lowest[voxel] - slope * reach[voxel] * std::sqrt(square);
  }
}

#define MESOGLASS_RATE_FUNCTIONS(COMPONENTS)                                                                         \
  MESOGLASS_VECTOR_CLONES void evaluate_##COMPONENTS(const RateConstants& constants, const RateBatch& batch,         \
                                                     std::span<const std::uint32_t> voxels, double* rate,            \
                                                     double* lowest, double* evaluated_stress) {                     \
    evaluate<COMPONENTS, false>(constants, batch, voxels, rate, lowest, evaluated_stress);                           \
  }                                                                                                                  \
  MESOGLASS_VECTOR_CLONES void evaluate_guarded_##COMPONENTS(const RateConstants& constants, const RateBatch& batch, \
                                                             std::span<const std::uint32_t> voxels, double* rate,    \
                                                             double* lowest, double* evaluated_stress) {             \
    evaluate<COMPONENTS, true>(constants, batch, voxels, rate, lowest, evaluated_stress);                            \
  }                                                                                                                  \
  MESOGLASS_VECTOR_CLONES void bound_##COMPONENTS(const RateConstants& constants, const RateBatch& batch,            \
                                                  std::size_t count, const double* lowest, const double* reach,      \
                                                  const double* evaluated_stress, double* result) {                  \
    bound<COMPONENTS>(constants, batch, count, lowest, reach, evaluated_stress, result);                             \
  }
MESOGLASS_RATE_FUNCTIONS(2)
MESOGLASS_RATE_FUNCTIONS(3)
MESOGLASS_RATE_FUNCTIONS(5)
MESOGLASS_RATE_FUNCTIONS(6)
#undef MESOGLASS_RATE_FUNCTIONS

template <int Components>
void barriers(const RateConstants& constants, const double* block, std::size_t padded, const double* stress,
              double* result) noexcept {
  for (std::size_t first = 0; first < padded; first += mode_group) {
    Group barrier;
    if (constants.energy_guard) {
      group_barriers<Components, true>(block, padded, first, stress, constants.half_work, barrier);
    } else {
      group_barriers<Components, false>(block, padded, first, stress, constants.half_work, barrier);
    }
    std::memcpy(result + first, &barrier, sizeof barrier);
  }
}

}  // namespace

void evaluate_voxels(const RateConstants& constants, const RateBatch& batch, std::span<const std::uint32_t> voxels,
                     double* rate, double* lowest, double* evaluated_stress) noexcept {
  const bool guard = constants.energy_guard;
  const auto function = [&] {
    switch (constants.components) {
      case 2:
        return guard ? evaluate_guarded_2 : evaluate_2;
      case 3:
        return guard ? evaluate_guarded_3 : evaluate_3;
      case 5:
        return guard ? evaluate_guarded_5 : evaluate_5;
      default:
        return guard ? evaluate_guarded_6 : evaluate_6;
    }
  }();
  function(constants, batch, voxels, rate, lowest, evaluated_stress);
}

void bound_voxels(const RateConstants& constants, const RateBatch& batch, std::size_t count, const double* lowest,
                  const double* reach, const double* evaluated_stress, double* result) noexcept {
  const auto function = [&] {
    switch (constants.components) {
      case 2:
        return bound_2;
      case 3:
        return bound_3;
      case 5:
        return bound_5;
      default:
        return bound_6;
    }
  }();
  function(constants, batch, count, lowest, reach, evaluated_stress, result);
}

void barriers_of_voxel(const RateConstants& constants, const double* block, std::size_t padded, const double* stress,
                       double* result) noexcept {
  switch (constants.components) {
    case 2:
      return barriers<2>(constants, block, padded, stress, result);
    case 3:
      return barriers<3>(constants, block, padded, stress, result);
    case 5:
      return barriers<5>(constants, block, padded, stress, result);
    default:
      return barriers<6>(constants, block, padded, stress, result);
  }
}

double rate_exponential(double x) noexcept {
  Group group = {x, x, x, x};
  exponential(group);
  return group[0];
}

}  // namespace mesoglass::deformation
