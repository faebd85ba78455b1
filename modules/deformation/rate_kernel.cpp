#include "deformation/rate_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

// One binary that uses the wider registers where the processor has them. Nothing is contracted or reassociated, so the
// bits are the same with all of them.
#if defined(__x86_64__)
#define MESOGLASS_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MESOGLASS_VECTOR_CLONES
#endif

namespace mesoglass::deformation {

namespace {

static_assert(mode_group == 4);
using Group [[gnu::vector_size(32)]] = double;
using GroupBits [[gnu::vector_size(32)]] = std::int64_t;

// Vectors stay in registers: helpers work through references, because passing them by value would depend on the
// instruction set.
[[gnu::always_inline]] inline void load(const double* from, Group& to) noexcept {
  std::memcpy(&to, from, sizeof to);
}

// exp(x), written out because the C library's may not give the same bits from one processor to the next. Cody and
// Waite's reduction x = n ln 2 + r with |r| <= ln 2 / 2, then the Taylor polynomial of degree 13 (remainder 4e-18).
[[gnu::always_inline]] inline void exponential(Group& x) noexcept {
  constexpr double log2_e = 1.4426950408889634074;
  constexpr double ln2_high = 6.93147180369123816490e-01;  // fdlibm's split: 33 significant bits
  constexpr double ln2_low = 1.90821492927058770002e-10;
  constexpr double round_shift = 0x1.8p52;  // adding it leaves the nearest integer in the low bits
  x = x < -708.0 ? Group{-708.0, -708.0, -708.0, -708.0} : x;
  x = x > 708.0 ? Group{708.0, 708.0, 708.0, 708.0} : x;
  const Group shifted = x * log2_e + round_shift;
  const Group n = shifted - round_shift;
  const Group r = (x - n * ln2_high) - n * ln2_low;
  const Group r2 = r * r;
  const Group r4 = r2 * r2;
  const Group low = (1.0 + r) + r2 * (0.5 + r * (1.0 / 6.0));
  const Group middle = (1.0 / 24.0 + r * (1.0 / 120.0)) + r2 * (1.0 / 720.0 + r * (1.0 / 5040.0));
  const Group high = (1.0 / 40320.0 + r * (1.0 / 362880.0)) + r2 * (1.0 / 3628800.0 + r * (1.0 / 39916800.0));
  const Group highest = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0);
  const Group polynomial = low + r4 * (middle + r4 * (high + r4 * highest));
  GroupBits exponent;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  GroupBits bits;
  std::memcpy(&bits, &polynomial, sizeof bits);
  bits += exponent << 52;
  std::memcpy(&x, &bits, sizeof x);
}

// Barriers of one group of modes of a block.
template <int Components, bool Guard>
[[gnu::always_inline]] inline void group_barriers(const double* block, std::size_t padded, std::size_t first,
                                                  const double* stress, double half_work, Group& barrier) noexcept {
  Group strain;
  load(block + padded + first, strain);
  Group work = stress[0] * strain;
  for (int component = 1; component < Components; ++component) {
    load(block + static_cast<std::size_t>(component + 1) * padded + first, strain);
    work += stress[component] * strain;
  }
  work *= half_work;
  load(block + first, barrier);
  barrier -= work;
  if constexpr (Guard) {
    Group cost;
    load(block + static_cast<std::size_t>(Components + 1) * padded + first, cost);
    cost -= work + work;
    barrier = barrier < cost ? cost : barrier;
  }
}

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
