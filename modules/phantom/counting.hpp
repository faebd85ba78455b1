// Counting electrons: Poisson numbers for a whole pattern, the same for any number of ranks.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include "core/random_stream.hpp"

namespace mesoglass::phantom {

// Replaces expected electrons by Poisson numbers drawn from the pattern's own stream, so that a pattern is a pure
// function of (seed, pattern number). Below a mean of 30 by inversion, which takes one random number a pixel where
// multiplication takes mean + 1; above by the stream's transformed rejection.
inline void count_electrons(std::uint64_t seed, std::uint64_t pattern_number, std::span<float> electrons) {
  constexpr double inversion_below = 30.0;
  constexpr int most_steps = 256;  // beyond mean + 30 sigma at the largest mean: the tail is below 2^-53
  static const auto inverse = [] {
    std::array<double, most_steps + 1> table{};
    for (int k = 1; k <= most_steps; ++k) table[static_cast<std::size_t>(k)] = 1.0 / k;
    return table;
  }();
  RandomStream stream(seed, RandomPurpose::phantom_counting, pattern_number);
  for (float& value : electrons) {
    const double mean = value;
    if (!(mean > 0.0)) {
      value = 0.0F;
    } else if (mean < inversion_below) {
      double remaining = stream.uniform();
      double probability = std::exp(-mean);
      int count = 0;
      while (remaining > probability && count < most_steps) {
        remaining -= probability;
        ++count;
        probability *= mean * inverse[static_cast<std::size_t>(count)];
      }
      value = static_cast<float>(count);
    } else {
      value = static_cast<float>(stream.poisson(mean));
    }
  }
}

}  // namespace mesoglass::phantom
