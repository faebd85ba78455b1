#include "core/normal_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/units.hpp"
#include "core/vector_clones.hpp"

namespace mesoglass {

namespace {

using Group [[gnu::vector_size(32)]] = double;
using GroupBits [[gnu::vector_size(32)]] = std::uint64_t;
constexpr std::size_t group = 4;
constexpr std::size_t most_pairs = 64;  // at a time

constexpr double shift = 0x1.8p52;  // a whole number added to it stands in its low bits

template <typename To, typename From>
[[gnu::always_inline]] inline void copy_bits(const From& from, To& to) noexcept {
  static_assert(sizeof to == sizeof from);
  std::memcpy(&to, &from, sizeof to);
}

// Natural logarithm of positive normal numbers x = 2^n m, m from sqrt(1/2) to sqrt 2: ln m = 2 artanh s with s = (m -
// 1) / (m + 1), |s| < 0.172, whose series to s^21 leaves 2e-18.
[[gnu::always_inline]] inline void logarithm(Group& x) noexcept {
  constexpr double ln2_high = 6.93147180369123816490e-01;  // fdlibm's split: 33 significant bits
  constexpr double ln2_low = 1.90821492927058770002e-10;
  constexpr std::uint64_t bits_of_one = 0x3FF0000000000000;
  constexpr std::uint64_t bits_of_sqrt_half = 0x3FE6A09E667F3BCD;
  constexpr std::uint64_t bias = 1023;
  constexpr int mantissa_bits = 52;
  GroupBits bits;
  copy_bits(x, bits);
  const GroupBits biased = (bits + (bits_of_one - bits_of_sqrt_half)) >> mantissa_bits;  // n + 1023
  Group m;
  copy_bits(bits - ((biased - bias) << mantissa_bits), m);
  const Group shifts = {shift, shift, shift, shift};
  GroupBits number;
  copy_bits(shifts, number);
  Group n;
  copy_bits(number + biased, n);
  n -= shift + static_cast<double>(bias);
  const Group s = (m - 1.0) / (m + 1.0);
  const Group z = s * s;
  Group series = 1.0 / 19.0 + z * (1.0 / 21.0);
  for (const double divisor : {17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0}) series = 1.0 / divisor + z * series;
  const Group twice = s + s;
  x = n * ln2_high + (twice + (twice * (z * series) + n * ln2_low));
}

// Cosine and sine of 2 pi u, 0 <= u <= 1: Taylor's polynomials of degree 16 and 17 in the nearest quadrant's middle,
// which leave 2e-18 and 4e-19.
[[gnu::always_inline]] inline void cosine_and_sine(const Group& u, Group& cosine, Group& sine) noexcept {
  const Group shifted = 4.0 * u + shift;
  const Group x = (u - 0.25 * (shifted - shift)) * (2.0 * units::pi);
  const Group z = x * x;
  Group even = 1.0 / 87178291200.0 - z * (1.0 / 20922789888000.0);
  even = 1.0 / 479001600.0 - z * even;
  even = 1.0 / 3628800.0 - z * even;
  even = 1.0 / 40320.0 - z * even;
  even = 1.0 / 720.0 - z * even;
  even = 1.0 / 24.0 - z * even;
  even = 1.0 - z * (0.5 - z * even);
  Group odd = 1.0 / 1307674368000.0 - z * (1.0 / 355687428096000.0);
  odd = 1.0 / 6227020800.0 - z * odd;
  odd = 1.0 / 39916800.0 - z * odd;
  odd = 1.0 / 362880.0 - z * odd;
  odd = 1.0 / 5040.0 - z * odd;
  odd = 1.0 / 120.0 - z * odd;
  odd = x - x * (z * (1.0 / 6.0 - z * odd));
  GroupBits quadrant;
  copy_bits(shifted, quadrant);
  GroupBits even_bits;
  GroupBits odd_bits;
  copy_bits(even, even_bits);
  copy_bits(odd, odd_bits);
  // In every second quadrant they change places; signs by quadrant: + - - + for the cosine, + + - - for the sine.
  const GroupBits swapped = (even_bits ^ odd_bits) & (GroupBits{} - (quadrant & 1));
  copy_bits((even_bits ^ swapped) ^ (((quadrant + 1) & 2) << 62), cosine);
  copy_bits((odd_bits ^ swapped) ^ ((quadrant & 2) << 62), sine);
}

// values[2 i] and values[2 i + 1] from uniform numbers radius[i] and turn[i], for i < pairs rounded up to whole groups.
MESOGLASS_VECTOR_CLONES void box_and_muller(const double* radius, const double* turn, std::size_t pairs,
                                            double* values) {
  for (std::size_t first = 0; first < pairs; first += group) {
    Group length;
    Group u;
    std::memcpy(&length, radius + first, sizeof length);
    std::memcpy(&u, turn + first, sizeof u);
    logarithm(length);
    length *= -2.0;
    for (std::size_t i = 0; i < group; ++i) length[i] = std::sqrt(length[i]);
    Group cosine;
    Group sine;
    cosine_and_sine(u, cosine, sine);
    cosine *= length;
    sine *= length;
    for (std::size_t i = 0; i < group; ++i) {
      values[2 * (first + i)] = cosine[i];
      values[2 * (first + i) + 1] = sine[i];
    }
  }
}

}  // namespace

void fill_with_normals(RandomStream& stream, std::span<double> values, std::size_t first) noexcept {
  alignas(64) double radius[most_pairs];
  alignas(64) double turn[most_pairs];
  alignas(64) double normals[2 * most_pairs];
  // A pair takes one block of the stream.
  stream.skip_to_block(static_cast<std::uint32_t>(first / 2));
  std::size_t dropped = first % 2;
  for (std::size_t begin = 0; begin < values.size();) {
    const std::size_t wanted = std::min(2 * most_pairs - dropped, values.size() - begin);
    const std::size_t pairs = (dropped + wanted + 1) / 2;
    for (std::size_t i = 0; i < pairs; ++i) {
      radius[i] = stream.uniform();
      turn[i] = stream.uniform();
    }
    for (std::size_t i = pairs; i % group != 0; ++i) radius[i] = turn[i] = 0.5;
    box_and_muller(radius, turn, pairs, normals);
    std::copy_n(normals + dropped, wanted, values.begin() + static_cast<std::ptrdiff_t>(begin));
    begin += wanted;
    dropped = 0;
  }
}

}  // namespace mesoglass
