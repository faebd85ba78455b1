// Four modes at a time: the vector type and the operations of the rate kernel, for the sources that are compiled once a
// processor generation. Not part of the module's interface.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/vector_clones.hpp"
#include "deformation/rate_kernel.hpp"

namespace mesoglass::deformation {

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

}  // namespace mesoglass::deformation
